//! A target's answer on its way to the client.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use hyper::{body::Incoming, ext::ReasonPhrase};
use tokio::sync::OwnedSemaphorePermit;

use crate::clock::Time;

use super::{
    Below, Failure, PassedThrough,
    beginning::{self, Beginning},
    body::{AnswerBody, AnswerLimits, BodyError, Deadline, Download, Interruption, Rewritten, data},
    call::Call,
    coding::{self, Coding},
    head,
    request::is_json,
    rewrite::Rewriter,
};

/// What an answer is to.
pub(super) struct Asked<'a> {
    pub(super) below: &'a Below,
    /// When the exchange must be over.
    pub(super) deadline: Time,
    /// When a small answer must be there as a whole: before the client is told that it took too long.
    pub(super) whole_by: Time,
}

/// What the client gets of `response`.
///
/// # Errors
/// When it is not SCIM, leads elsewhere, or is too large or broken off where that shows before it went on.
pub(super) async fn pass(
    app: &Arc<PassedThrough>,
    asked: &Asked<'_>,
    response: Response<Incoming>,
    (place, call): (OwnedSemaphorePermit, Call),
) -> Result<Response<AnswerBody>, Failure> {
    let (parts, body) = response.into_parts();
    refuse_redirect(app, asked, &parts)?;
    let has_body = !body.is_end_stream();
    refuse_page(app, &parts, has_body)?;
    let length = content_length(&parts.headers);
    let limit = app.max_answer_bytes;
    if has_body && length.is_some_and(|length| length > limit) {
        return Err(Failure::AnswerTooLarge { target: app.target.clone(), limit });
    }
    let mut headers = head::of_answer(&parts.headers, &app.allowed);
    head::translate(&mut headers, &app.to_client);
    let body = if has_body {
        let limits = AnswerLimits { idle: app.idle_timeout, deadline: asked.deadline, bytes: limit };
        let body = Download::new(body, (place, call), limits, app.clock.clone());
        body_of(app, &mut headers, body, (length, asked.whole_by)).await?
    } else {
        AnswerBody::empty()
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = headers;
    if let Some(reason) = parts.extensions.get::<ReasonPhrase>() {
        answer.extensions_mut().insert(reason.clone());
    }
    Ok(answer)
}

/// A redirect out of the base would lead the client, and its token, elsewhere; one to where it came from, for ever in a circle.
fn refuse_redirect(
    app: &PassedThrough,
    asked: &Asked<'_>,
    parts: &http::response::Parts,
) -> Result<(), Failure> {
    let location = parts.headers.get(header::LOCATION);
    let is_followed = matches!(parts.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = location.filter(|_| is_followed) else { return Ok(()) };
    let location = head::text(location);
    let is_relative = !location.starts_with('/') && !location.contains(':');
    // Many clients take a backslash for a slash, so that two of them lead to another host.
    let is_plain = !location.contains('\\');
    let stays = match app.to_client.find_reference(&location) {
        Some(below) => below != asked.below.as_str(),
        None => is_relative,
    };
    if is_plain && stays {
        return Ok(());
    }
    let location = location.chars().take(200).collect();
    Err(Failure::Redirected { target: app.target.clone(), location })
}

/// A page for people, where a client wants JSON, is the mark of a wrong URL, of a login, or of a proxy whose server is down.
fn refuse_page(app: &PassedThrough, parts: &http::response::Parts, has_body: bool) -> Result<(), Failure> {
    let media_type = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let media_type = String::from_utf8_lossy(media_type).to_ascii_lowercase();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is_page = has_body && matches!(media_type, "text/html" | "application/xhtml+xml");
    if !is_page || parts.status.is_redirection() {
        return Ok(());
    }
    let retry_after =
        parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(Failure::WebPage {
        target: app.target.clone(),
        status: parts.status.as_u16(),
        retry_after: retry_after.map(Duration::from_secs),
    })
}

/// The body with the target's URLs turned into ours, where it is JSON. What does not tell its length is held back a moment.
async fn body_of(
    app: &Arc<PassedThrough>,
    headers: &mut HeaderMap,
    body: Download,
    (length, whole_by): (Option<u64>, Time),
) -> Result<AnswerBody, Failure> {
    // A part of a JSON text is none, and its bytes are counted in `Content-Range`. What does not say what it is, is looked at.
    let has = |name| headers.contains_key(name);
    let is_untold = !has(header::CONTENT_TYPE) && !has(header::CONTENT_ENCODING);
    let is_rewritten = (is_json(headers) || is_untold) && !has(header::CONTENT_RANGE);
    if !is_rewritten {
        return match length {
            Some(_) => {
                let watch = body.deadline().watch();
                Ok(AnswerBody::streamed(body, watch))
            }
            None => held(app, headers, body.deadline(), body).await,
        };
    }
    let codings = coding::of(headers).map_err(|error| unreadable(app, error.to_string()))?;
    let mut rewriter = Rewriter::new(app.to_client.clone());
    match length {
        Some(length) if codings.is_empty() && length <= beginning::MOST => {
            let bytes =
                body.whole(whole_by).await.map_err(|interruption| of_interruption(app, &interruption))?;
            let mut output = Vec::new();
            rewriter.push(&bytes, &mut output);
            rewriter.finish(&mut output);
            if rewriter.replaced() == 0 {
                return Ok(AnswerBody::whole(bytes));
            }
            head::forget_bytes(headers);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(output.len()));
            Ok(AnswerBody::whole(output.into()))
        }
        Some(_) if codings.is_empty() => {
            head::forget_bytes(headers);
            let watch = body.deadline().watch();
            Ok(AnswerBody::streamed(Rewritten::new(body, rewriter), watch))
        }
        None if codings.is_empty() => {
            head::forget_bytes(headers);
            held(app, headers, body.deadline(), Rewritten::new(body, rewriter)).await
        }
        _ => {
            head::forget_bytes(headers);
            headers.remove(header::CONTENT_ENCODING);
            let deadline = body.deadline();
            let plain = decoded(body, &codings, app.max_answer_bytes);
            held(app, headers, deadline, Rewritten::new(plain, rewriter)).await
        }
    }
}

/// The body without its codings, at most `limit` bytes of it.
fn decoded(
    body: Download,
    codings: &[Coding],
    limit: u64,
) -> impl Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static {
    let mut left = limit;
    let plain = coding::decoded(data(body), codings).map(move |piece: io::Result<Bytes>| {
        let piece = piece?;
        match left.checked_sub(piece.len() as u64) {
            Some(rest) => left = rest,
            None => return Err(io::Error::other(Interruption::TooLarge(limit))),
        }
        Ok(Frame::data(piece))
    });
    StreamBody::new(Box::pin(plain))
}

/// A body that does not tell its length.
async fn held<B>(
    app: &Arc<PassedThrough>,
    headers: &mut HeaderMap,
    deadline: Deadline,
    body: B,
) -> Result<AnswerBody, Failure>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
{
    match beginning::hold(body, &*app.clock).await {
        Ok(Beginning::Whole(bytes)) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            Ok(AnswerBody::whole(bytes))
        }
        Ok(Beginning::Part(body)) => Ok(AnswerBody::streamed(body, deadline.watch())),
        Err(error) => Err(of_error(app, &error.into())),
    }
}

/// What a client is told of an answer that failed before it went on, maybe in the middle of being decoded.
fn of_error(app: &PassedThrough, error: &BodyError) -> Failure {
    let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let interruption = error.downcast_ref().or_else(|| within.and_then(|error| error.downcast_ref()));
    match interruption {
        Some(interruption) => of_interruption(app, interruption),
        None => unreadable(app, error.to_string()),
    }
}

fn unreadable(app: &PassedThrough, reason: String) -> Failure {
    Failure::Unreadable { target: app.target.clone(), reason }
}

/// What a client is told of an answer of which it has seen nothing yet.
fn of_interruption(app: &PassedThrough, interruption: &Interruption) -> Failure {
    let target = app.target.clone();
    match interruption {
        Interruption::Broken(_) => Failure::Broken { target, reason: interruption.to_string() },
        Interruption::Idle(within) => Failure::TimedOut { target, within: *within },
        Interruption::Total => {
            Failure::TimedOut { target, within: app.total_timeout.min(app.request_timeout) }
        }
        Interruption::TooLarge(limit) => Failure::AnswerTooLarge { target, limit: *limit },
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
