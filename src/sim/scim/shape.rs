//! How answers look.

use async_compression::tokio::bufread::GzipEncoder;
use axum::{
    body::{Body, Bytes, to_bytes},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::{
    routes::PATH,
    switches::{Locations, Page, Switches},
};
use crate::scim::error::{self, Error, ScimType};

/// The longest answer that the simulator itself makes.
const LONGEST: usize = 64 * 1024 * 1024;

/// Why a request is not done.
#[derive(Debug)]
pub(super) enum Refusal {
    Scim(Error),
    NotFound,
    Method,
    VersionMismatch,
    Unauthorized,
    /// For an account whose SCIM is not switched on; in words of ours: the vendor's are not known.
    SamlFirst,
    Bug,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Scim(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, scim_type, detail) = match self {
            Self::Scim(error) if error.scim_type == ScimType::Uniqueness => {
                (StatusCode::CONFLICT, Some(error.scim_type), error.detail)
            }
            Self::Scim(error) => (StatusCode::BAD_REQUEST, Some(error.scim_type), error.detail),
            Self::NotFound => (StatusCode::NOT_FOUND, None, "There is no such thing here.".into()),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, None, "That cannot be done to it.".into()),
            Self::VersionMismatch => {
                (StatusCode::PRECONDITION_FAILED, None, "The version is another one.".into())
            }
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, None, "The token is not known here.".into()),
            Self::SamlFirst => (StatusCode::FORBIDDEN, None, "SAML SSO is not configured.".into()),
            Self::Bug => (StatusCode::INTERNAL_SERVER_ERROR, None, "The simulator failed.".into()),
        };
        json(status, error::message(status.as_u16(), scim_type, &detail).to_string())
    }
}

pub(super) fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/scim+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

pub(super) fn empty(status: StatusCode) -> Response {
    status.into_response()
}

/// A page for people.
pub(super) fn page(page: Page) -> Response {
    let mut response = Response::new(Body::from("<!DOCTYPE html><html><body><h1>Sorry</h1></body></html>\n"));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Some(seconds) = page.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Gives an answer the shape that the switches ask for.
pub(super) async fn shaped(response: Response, switches: &Switches) -> Response {
    let (mut parts, body) = response.into_parts();
    // A body in memory does not fail.
    let mut bytes = to_bytes(body, LONGEST).await.unwrap_or_default();
    if switches.locations == Locations::PathOnly
        && let Some(location) = parts.headers.get_mut(header::LOCATION)
    {
        let text = location.to_str().unwrap_or_default();
        let path = text.find(PATH).map_or(text, |start| &text[start..]);
        *location = HeaderValue::from_str(path).unwrap_or_else(|_| HeaderValue::from_static("/"));
    }
    if bytes.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    if !switches.names_schemas
        && let Ok(Value::Object(mut object)) = serde_json::from_slice(&bytes)
    {
        object.shift_remove("schemas");
        bytes = Value::Object(object).to_string().into();
    }
    if switches.locations == Locations::EscapedSlashes {
        bytes = String::from_utf8_lossy(&bytes).replace('/', "\\/").into();
    }
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(switches.media_type));
    if switches.compresses {
        bytes = compressed(&bytes).await;
        parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes))
}

async fn compressed(bytes: &[u8]) -> Bytes {
    let mut coded = Vec::new();
    // To compress what is in memory does not fail either.
    let _ = GzipEncoder::new(bytes).read_to_end(&mut coded).await;
    coded.into()
}
