//! A request's body on its way to the target.
//!
//! What is JSON has URLs of ours in it, which are turned back. It is read as a whole if it told its length, so that the target is
//! told one, too: not all servers take bodies without. The bodies that are held so are bounded for all requests together.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    clock::until,
    config::Repair,
    scim::dialect::entra::{self, Message},
    upstream::RequestBody,
};

use super::{
    Below, Failure, PassedThrough,
    app::kib,
    body::{Fault, Progress, Rewritten, Upload},
    coding, head,
    path::Segment,
    revocation::{self, Meaning, Revoked, Told},
    rewrite::Rewriter,
    tokens,
};

/// How long a request waits for memory when the bodies of others take all of it.
const WAIT_FOR_MEMORY: Duration = Duration::from_secs(5);

/// How many values a body may have that is repaired: each takes many times the memory of its bytes.
const MOST_REPAIRED: usize = 128 * 1024;

/// A request's body, ready to be sent.
pub(super) struct Outgoing {
    content: Content,
    /// How the client's body is getting on.
    pub(super) progress: Arc<Progress>,
    /// What it means.
    meaning: Meaning,
}

/// A body that was read as a whole.
struct Whole {
    bytes: Bytes,
    /// What came behind it.
    trailers: Option<HeaderMap>,
    /// The memory that it takes.
    memory: OwnedSemaphorePermit,
}

/// What a request asks for.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) below: &'a Below,
}

enum Content {
    None,
    Whole(Whole),
    Streamed(RequestBody),
    /// A stream that was sent.
    Sent,
}

impl Outgoing {
    /// What is sent of `body`. `headers` are those for the target, and are changed where they speak of its bytes.
    ///
    /// # Errors
    /// When the body is too large or breaks off.
    pub(super) async fn prepare(
        app: &PassedThrough,
        asked: &Asked<'_>,
        headers: &mut HeaderMap,
        body: RequestBody,
    ) -> Result<Self, Failure> {
        let progress = Arc::new(Progress::default());
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > app.max_body_bytes) {
            return Err(Failure::TooLarge(app.max_body_bytes));
        }
        let meant = |told: Told<'_>| revocation::find(asked.method, asked.below, told);
        if http_body::Body::is_end_stream(&body) {
            return Ok(Self { content: Content::None, progress, meaning: meant(Told::Nothing) });
        }
        let (is_json, may_be_json) = (is_json(headers), may_be_json(headers));
        // What a target makes of a body that it is not told to be JSON is not known.
        let is_guarded = revocation::needs_body(asked.method, asked.below);
        // What a path says of a value may stand behind it.
        let is_needed = length.is_some() || !app.repairs.is_empty() || asked.method == Method::PATCH;
        let is_whole = is_guarded || may_be_json && is_needed;
        let upload = Upload::new(app, body, progress.clone());
        let (content, meaning) = match coding::of(headers) {
            Ok(codings) if is_whole || is_json && !codings.is_empty() => {
                // What it becomes without its codings takes memory as well.
                let unpacked = if codings.is_empty() { 0 } else { app.max_body_bytes };
                let memory = memory(app, length.unwrap_or(app.max_body_bytes) + unpacked).await?;
                let mut whole = read_whole(app, upload, memory, &progress).await?;
                let plain = coding::whole(&whole.bytes, &codings, app.max_body_bytes).await;
                // What cannot be decoded is passed on as it came: it is the target's to understand.
                let mut meaning = meant(match &plain {
                    _ if !is_guarded => Told::Nothing,
                    Some(plain) => Told::Bytes(plain),
                    None => Told::Unreadable,
                });
                let plain = plain.filter(|_| may_be_json);
                let repaired = plain.as_ref().and_then(|plain| repaired(app, asked, plain));
                // The target gets other words, and may take them for more.
                if let Some(repaired) = repaired.as_ref().filter(|_| is_guarded) {
                    meaning = meaning.or(meant(Told::Bytes(repaired)));
                }
                let changed = match &repaired {
                    Some(repaired) => Some(translated(app, repaired).unwrap_or_else(|| repaired.clone())),
                    None => plain.and_then(|plain| translated(app, &plain)),
                };
                if let Some(changed) = changed {
                    describe(headers, &mut whole, changed.len());
                    whole.bytes = changed;
                }
                whole.give_back();
                announce_trailers(headers, &whole);
                (Content::Whole(whole), meaning)
            }
            Ok(_) if may_be_json => {
                head::forget_bytes(headers);
                let rewriter = Rewriter::new(app.to_target.clone());
                let content = Content::Streamed(Rewritten::new(upload, rewriter).boxed_unsync());
                (content, meant(Told::Nothing))
            }
            Ok(_) => (Content::Streamed(upload.boxed_unsync()), meant(Told::Nothing)),
            Err(_) => (Content::Streamed(upload.boxed_unsync()), meant(Told::Unreadable)),
        };
        // Of a read that tells no length HTTP/1.1 would take it that it has no body.
        let is_read = *asked.method == Method::GET || *asked.method == Method::HEAD;
        let tells_length = matches!(&content, Content::Whole(whole) if whole.trailers.is_none())
            || headers.contains_key(header::CONTENT_LENGTH);
        if is_read && !tells_length {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Ok(Self { content, progress, meaning })
    }

    /// What it means; asked once.
    pub(super) fn take_meaning(&mut self) -> Meaning {
        let nothing = Meaning { revoked: Revoked::These(Vec::new()), operations: Vec::new() };
        std::mem::replace(&mut self.meaning, nothing)
    }

    /// The body to send.
    pub(super) fn take(&mut self) -> RequestBody {
        match &mut self.content {
            Content::None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            Content::Whole(Whole { bytes, trailers: None, .. }) => {
                Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync()
            }
            // With a known length it would be sent without the trailers.
            Content::Whole(Whole { bytes, trailers: Some(trailers), .. }) => {
                let frames = [Frame::data(bytes.clone()), Frame::trailers(trailers.clone())];
                StreamBody::new(stream::iter(frames.map(Ok))).boxed_unsync()
            }
            content => match std::mem::replace(content, Content::Sent) {
                Content::Streamed(body) => body,
                _ => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            },
        }
    }

    /// Whether it can be sent once more.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.content, Content::None | Content::Whole(_))
    }
}

/// Whether the body says of itself that it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

/// Whether the body may be JSON: it says so, or says nothing, or only that it is text, which is the same to many servers.
pub(super) fn may_be_json(headers: &HeaderMap) -> bool {
    let is_untold = match headers.get(header::CONTENT_TYPE) {
        Some(value) => String::from_utf8_lossy(value.as_bytes())
            .split(';')
            .next()
            .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/plain")),
        None => true,
    };
    is_json(headers) || is_untold && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Memory for so many bytes, which is waited for for a while.
async fn memory(app: &PassedThrough, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
    let memory = app.memory.clone().acquire_many_owned(kib(bytes));
    match until(&*app.clock, app.clock.now() + WAIT_FOR_MEMORY, memory).await {
        Some(memory) => Ok(memory.expect("the semaphore of an app is never closed")),
        None => Err(Failure::Busy),
    }
}

impl Whole {
    /// Gives the memory back that was asked for in advance and is not needed.
    fn give_back(&mut self) {
        let surplus = self.memory.num_permits().saturating_sub(kib(self.bytes.len()) as usize);
        drop(self.memory.split(surplus));
    }
}

async fn read_whole(
    app: &PassedThrough,
    upload: Upload,
    memory: OwnedSemaphorePermit,
    progress: &Progress,
) -> Result<Whole, Failure> {
    match upload.collect().await {
        Ok(collected) => {
            let trailers = collected.trailers().cloned();
            Ok(Whole { bytes: collected.to_bytes(), trailers, memory })
        }
        Err(_) => Err(of_fault(progress.fault(), app)),
    }
}

/// What a client is told about its body.
pub(super) fn of_fault(fault: Option<Fault>, app: &PassedThrough) -> Failure {
    match fault {
        Some(Fault::TooLarge) => Failure::TooLarge(app.max_body_bytes),
        Some(Fault::Incomplete) | None => Failure::IncompleteBody,
    }
}

/// A JSON body with our URLs turned back into the target's. `None` if there are none.
fn translated(app: &PassedThrough, text: &Bytes) -> Option<Bytes> {
    let mut rewriter = Rewriter::new(app.to_target.clone());
    let mut output = Vec::new();
    let mut written = 0;
    for url in tokens::references(text) {
        rewriter.push(&text[written..url.start], &mut output);
        rewriter.push_url(&text[url.clone()], &mut output);
        written = url.end;
    }
    rewriter.push(&text[written..], &mut output);
    rewriter.finish(&mut output);
    (rewriter.replaced() > 0).then(|| output.into())
}

/// The body with the repairs of the app's dialects, if they change it.
fn repaired(app: &PassedThrough, asked: &Asked<'_>, plain: &Bytes) -> Option<Bytes> {
    if app.repairs.is_empty() {
        return None;
    }
    // The version may come before it (`/v2/Users`); names compare as they do for the brake.
    let segments = asked.below.meant_segments();
    let is = |segment: &Segment, name: &str| segment.meant.eq_ignore_ascii_case(name);
    let resource_type = segments.iter().find_map(|segment| match segment {
        _ if is(segment, "Users") => Some(app.registry.user()),
        _ if is(segment, "Groups") => Some(app.registry.group()),
        _ => None,
    })?;
    let message = match *asked.method {
        Method::POST | Method::PUT => Message::Resource,
        Method::PATCH => Message::Patch,
        _ => return None,
    };
    if segments.last().is_some_and(|segment| is(segment, ".search")) {
        return None;
    }
    if tokens::values(plain) > MOST_REPAIRED {
        let (method, path) = (asked.method, asked.below.path());
        tracing::warn!(
            app = app.name(),
            http.method = %method,
            http.path = path,
            "a body is passed on without repairs: it has too many values"
        );
        return None;
    }
    let body: Value = serde_json::from_slice(plain).ok()?;
    let mended = app.repairs.iter().fold(body.clone(), |body, repair| match repair {
        Repair::Entra => entra::mend(resource_type, message, body),
    });
    if mended == body {
        return None;
    }
    if !tokens::survives_reading(plain) {
        let (method, path) = (asked.method, asked.below.path());
        tracing::warn!(
            app = app.name(),
            http.method = %method,
            http.path = path,
            "a body is passed on without repairs: they would change a number in it, or drop a name that stands there twice"
        );
        return None;
    }
    Some(mended.to_string().into())
}

/// HTTP/1.1 sends those trailers alone that its head tells of, and none behind a body whose length it tells.
fn announce_trailers(headers: &mut HeaderMap, whole: &Whole) {
    let Some(trailers) = &whole.trailers else { return };
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRAILER);
    for name in trailers.keys() {
        headers.append(header::TRAILER, HeaderValue::from(name.clone()));
    }
}

/// Says of a body what is true of its new bytes.
fn describe(headers: &mut HeaderMap, whole: &mut Whole, length: usize) {
    head::forget_bytes(headers);
    whole.trailers.iter_mut().for_each(head::forget_bytes);
    headers.remove(header::CONTENT_ENCODING);
    if whole.trailers.is_none() {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}
