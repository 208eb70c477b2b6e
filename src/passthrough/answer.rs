//! A target's answer on its way to the client.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Incoming, ext::ReasonPhrase};

use crate::clock::{Time, until};

use super::{
    Below, Failure, PassedThrough,
    beginning::{self, Beginning, Resumed},
    body::{AnswerLimits, BodyError, Download, Interruption, Rewritten, data},
    coding::{self, Coding},
    handover::{AnswerBody, Content, Exchange},
    head,
    request::{is_json, may_be_json},
    rewrite::{Looks, Rewriter},
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
    mut exchange: Exchange,
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
        let limits = AnswerLimits { idle: app.idle_timeout, bytes: limit };
        let body = Download::new(body, limits, app.allowed.clone(), app.clock.clone());
        match content_of(app, asked, &mut headers, length, body).await {
            Ok(content) => AnswerBody::new(content, exchange, asked.deadline, app.clock.clone()),
            Err(error) => return Err(of_error(app, &mut exchange, &error)),
        }
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
    let is_followed = matches!(parts.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    // Which of several a client goes by is not known.
    let locations = parts.headers.get_all(header::LOCATION).iter().filter(|_| is_followed).map(head::text);
    match locations.into_iter().find(|location| !stays(app, asked, location)) {
        Some(location) => {
            let location = location.chars().take(200).collect();
            Err(Failure::Redirected { target: app.target.clone(), location })
        }
        None => Ok(()),
    }
}

/// Whether a redirect leads on below the base.
fn stays(app: &PassedThrough, asked: &Asked<'_>, location: &str) -> bool {
    let is_relative = !location.starts_with('/') && !location.contains(':');
    // Many clients take a backslash for a slash, so that two of them lead to another host.
    let is_plain = !location.contains('\\');
    is_plain
        && match app.to_client.find_reference(location) {
            Some(below) => below != asked.below.as_str(),
            None => is_relative,
        }
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
async fn content_of(
    app: &PassedThrough,
    asked: &Asked<'_>,
    headers: &mut HeaderMap,
    length: Option<u64>,
    body: Download,
) -> Result<Content, BodyError> {
    // A part of a JSON text is none, and its bytes are counted in `Content-Range`. What does not say that it is JSON may look so.
    let may_be_json = may_be_json(headers) && !headers.contains_key(header::CONTENT_RANGE);
    let (looks, body) = match (may_be_json, is_json(headers)) {
        (true, true) => (Looks::LikeJson, Resumed::untouched(body)),
        (true, false) => beginning::look(body, &*app.clock).await?,
        (false, _) => (Looks::Otherwise, Resumed::untouched(body)),
    };
    if looks == Looks::Otherwise {
        return match length {
            Some(_) => Ok(Content::streamed(body)),
            None => held(app, headers, body).await,
        };
    }
    let codings = coding::of(headers)?;
    let mut rewriter = Rewriter::new(app.to_client.clone());
    match length {
        Some(length) if codings.is_empty() && length <= beginning::MOST => {
            let by = asked.deadline.min(asked.whole_by);
            let collected = until(&*app.clock, by, body.collect()).await.ok_or(Interruption::Total)??;
            let mut trailers = collected.trailers().cloned();
            let bytes = collected.to_bytes();
            let mut output = Vec::new();
            rewriter.push(&bytes, &mut output);
            rewriter.finish(&mut output);
            if rewriter.replaced() == 0 {
                return Ok(Content::Whole { bytes, trailers });
            }
            head::forget_bytes(headers);
            trailers.iter_mut().for_each(head::forget_bytes);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(output.len()));
            Ok(Content::Whole { bytes: output.into(), trailers })
        }
        Some(_) if codings.is_empty() => {
            head::forget_bytes(headers);
            Ok(Content::streamed(Rewritten::new(body, rewriter)))
        }
        None if codings.is_empty() => {
            head::forget_bytes(headers);
            held(app, headers, Rewritten::new(body, rewriter)).await
        }
        _ => {
            head::forget_bytes(headers);
            headers.remove(header::CONTENT_ENCODING);
            // No coding makes nothing of nothing, but some servers do.
            let Some(body) = beginning::something(body, &*app.clock).await? else {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
                return Ok(Content::whole(Bytes::new()));
            };
            let plain = decoded(body, &codings, app.max_answer_bytes);
            held(app, headers, Rewritten::new(plain, rewriter)).await
        }
    }
}

/// The body without its codings, at most `limit` bytes of it.
fn decoded(
    body: Resumed<Resumed<Download>>,
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
async fn held<B>(app: &PassedThrough, headers: &mut HeaderMap, body: B) -> Result<Content, BodyError>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
{
    match beginning::hold(body, &*app.clock).await.map_err(Into::into)? {
        Beginning::Whole(bytes) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            Ok(Content::whole(bytes))
        }
        Beginning::Part(body) => Ok(Content::streamed(body)),
    }
}

/// What a client is told of an answer that failed before it went on, maybe in the middle of being decoded.
fn of_error(app: &PassedThrough, exchange: &mut Exchange, error: &BodyError) -> Failure {
    let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let interruption: Option<&Interruption> =
        error.downcast_ref().or_else(|| within.and_then(|error| error.downcast_ref()));
    match interruption {
        Some(interruption) => {
            exchange.call.failed(interruption);
            of_interruption(app, interruption)
        }
        None => Failure::Unreadable { target: app.target.clone(), reason: error.to_string() },
    }
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
