//! The answers that are no records: errors, empty ones, and broken ones.

use axum::body::Bytes;
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use serde_json::{Value, json};

use super::{
    log::Outcome,
    switches::{Outsider, SeatRefusal, Switches, ValidationShape, ValidationStatus},
};

/// Why Aha! does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No such record: 404 in JSON.
    RecordNotFound,
    /// No such route, or not with this verb: 404 in HTML.
    RouteNotFound,
    /// No API key, or a wrong one: 401 in HTML.
    Unauthorized,
    /// The caller may not do this.
    NotPermitted,
    /// What was sent is not right; one message for each problem.
    Invalid(Vec<String>),
    /// All paid seats are taken.
    NoSeatLeft,
    /// The body cannot be read as JSON.
    Malformed,
    /// The body is too long.
    TooLarge,
}

impl Refusal {
    /// A validation error with one message.
    pub(super) fn invalid(message: &str) -> Self {
        Self::Invalid(vec![message.to_owned()])
    }

    /// The answer that the switches ask for. Texts other than `Record not found.` and `Validation failed` are ours:
    /// the vendor's are not known.
    pub(super) fn answer(self, switches: &Switches) -> Response {
        match self {
            Self::RecordNotFound => error(StatusCode::NOT_FOUND, "Record not found."),
            Self::RouteNotFound => html(StatusCode::NOT_FOUND, "The page you were looking for doesn't exist"),
            Self::Unauthorized => html(StatusCode::UNAUTHORIZED, "You need to sign in"),
            Self::NotPermitted => match switches.outsider {
                Outsider::Forbidden => error(StatusCode::FORBIDDEN, "You do not have permission to do this."),
                Outsider::NotFound => error(StatusCode::NOT_FOUND, "Record not found."),
            },
            Self::Invalid(messages) => invalid(&messages, switches),
            Self::NoSeatLeft => match &switches.seats.refusal {
                SeatRefusal::Validation => invalid(&["No paid seats are available".to_owned()], switches),
                SeatRefusal::Status(status, message) => {
                    error(StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST), message)
                }
            },
            Self::Malformed => error(StatusCode::BAD_REQUEST, "The request body is not valid JSON."),
            Self::TooLarge => html(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large"),
        }
    }
}

fn invalid(messages: &[String], switches: &Switches) -> Response {
    let status = match switches.validation_status {
        ValidationStatus::BadRequest => StatusCode::BAD_REQUEST,
        ValidationStatus::UnprocessableEntity => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let joined = messages.join(", ");
    let body = match switches.validation_shape {
        ValidationShape::Hash => json!({"error": "Validation failed", "errors": {"message": joined}}),
        ValidationShape::Array => {
            let errors: Vec<Value> = messages.iter().map(|message| json!({"message": message})).collect();
            json!({"error": "Validation failed", "errors": errors})
        }
        ValidationShape::MessageOnly => json!({"error": joined}),
    };
    json(status, &body)
}

fn error(status: StatusCode, message: &str) -> Response {
    json(status, &json!({"error": message}))
}

/// 200 with a record.
pub(super) fn ok(body: &Value) -> Response {
    json(StatusCode::OK, body)
}

/// 204.
pub(super) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    text(status, "application/json; charset=utf-8", body.to_string())
}

/// One of Aha!'s HTML pages.
pub(super) fn html(status: StatusCode, message: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{message}</title></head><body><h1>{message}</h1></body></html>\n"
    );
    text(status, "text/html; charset=utf-8", page)
}

/// An answer of any type.
pub(super) fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What the log notes about a broken answer; absent on a whole one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken(pub(super) Outcome);

/// No answer: the connection closes without a byte.
///
/// The body fails when it is polled first. hyper has then written the head to its buffer only, and closes the
/// connection on the error without flushing.
pub(super) fn dropped() -> Response {
    let mut response = Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(cut()) })));
    response.extensions_mut().insert(Broken(Outcome::Dropped));
    response
}

/// Head and `start` of an answer whose `Content-Length` is `length`; then the connection closes.
pub(super) fn truncated(
    status: StatusCode,
    content_type: HeaderValue,
    length: usize,
    start: Bytes,
) -> Response {
    let parts = stream::unfold(Some(start), |start| async move {
        match start {
            Some(start) if !start.is_empty() => Some((Ok(start), Some(Bytes::new()))),
            Some(_) => {
                // hyper flushes what it has when the body makes it wait: the start must be on its way before the end.
                tokio::task::yield_now().await;
                Some((Err(cut()), None))
            }
            None => None,
        }
    });
    let mut response = Response::new(Body::from_stream(parts));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response.extensions_mut().insert(Broken(Outcome::Truncated(status.as_u16())));
    response
}

fn cut() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "the connection was cut on purpose")
}
