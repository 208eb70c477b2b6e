//! A request's body on its way to the target.
//!
//! What is JSON has URLs of ours in it, which are turned back. It is read as a whole if it told its length, so that the target is
//! told one, too: not all servers take bodies without. The bodies that are held so are bounded for all requests together.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt, Empty, Full};
use tokio::sync::OwnedSemaphorePermit;

use crate::upstream::RequestBody;

use super::{
    Failure, PassedThrough,
    app::kib,
    body::{Fault, Rewritten, Upload},
    coding, head,
    rewrite::Rewriter,
};

/// A request's body, ready to be sent.
pub(super) struct Outgoing {
    content: Content,
    /// What was wrong with the client's body, once that is known.
    pub(super) fault: Arc<OnceLock<Fault>>,
}

enum Content {
    None,
    /// With the memory that it takes.
    Whole(Bytes, #[expect(dead_code, reason = "held as long as the bytes are")] OwnedSemaphorePermit),
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
        headers: &mut HeaderMap,
        body: RequestBody,
    ) -> Result<Self, Failure> {
        let fault = Arc::new(OnceLock::new());
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > app.max_body_bytes) {
            return Err(Failure::TooLarge(app.max_body_bytes));
        }
        if http_body::Body::is_end_stream(&body) {
            return Ok(Self { content: Content::None, fault });
        }
        let upload = Upload::new(body, app.max_body_bytes, fault.clone());
        let content = match (is_json(headers), coding::of(headers), length) {
            (true, Ok(codings), length) if length.is_some() || !codings.is_empty() => {
                let (bytes, memory) = read_whole(app, upload, length, &fault).await?;
                Content::Whole(turned_back(app, headers, bytes, &codings).await, memory)
            }
            (true, Ok(_), None) => {
                let rewriter = Rewriter::new(app.to_target.clone());
                Content::Streamed(Rewritten::new(upload, rewriter).boxed_unsync())
            }
            _ => Content::Streamed(upload.boxed_unsync()),
        };
        Ok(Self { content, fault })
    }

    /// The body to send.
    pub(super) fn take(&mut self) -> RequestBody {
        match &mut self.content {
            Content::None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            Content::Whole(bytes, _) => {
                Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync()
            }
            content => match std::mem::replace(content, Content::Sent) {
                Content::Streamed(body) => body,
                _ => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            },
        }
    }

    /// Whether it can be sent once more.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.content, Content::None | Content::Whole(..))
    }
}

/// Whether the body says of itself that it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

async fn read_whole(
    app: &PassedThrough,
    upload: Upload,
    length: Option<usize>,
    fault: &OnceLock<Fault>,
) -> Result<(Bytes, OwnedSemaphorePermit), Failure> {
    let memory = kib(length.unwrap_or(app.max_body_bytes));
    let memory =
        app.memory.clone().acquire_many_owned(memory).await.expect("the semaphore of an app is never closed");
    match upload.collect().await {
        Ok(collected) => Ok((collected.to_bytes(), memory)),
        Err(_) => Err(of_fault(fault.get().copied(), app)),
    }
}

/// What a client is told about its body.
pub(super) fn of_fault(fault: Option<Fault>, app: &PassedThrough) -> Failure {
    match fault {
        Some(Fault::TooLarge) => Failure::TooLarge(app.max_body_bytes),
        Some(Fault::Incomplete) | None => Failure::IncompleteBody,
    }
}

/// `bytes` with our URLs turned back into the target's. What has none, or cannot be decoded, is left as it came.
async fn turned_back(
    app: &PassedThrough,
    headers: &mut HeaderMap,
    bytes: Bytes,
    codings: &[coding::Coding],
) -> Bytes {
    let Some(plain) = decoded(&bytes, codings, app.max_body_bytes).await else { return bytes };
    let mut rewriter = Rewriter::new(app.to_target.clone());
    let mut output = Vec::new();
    rewriter.push(&plain, &mut output);
    rewriter.finish(&mut output);
    if rewriter.replaced() == 0 {
        return bytes;
    }
    head::forget_bytes(headers);
    headers.remove(header::CONTENT_ENCODING);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(output.len()));
    output.into()
}

async fn decoded(bytes: &Bytes, codings: &[coding::Coding], limit: usize) -> Option<Bytes> {
    if codings.is_empty() {
        return Some(bytes.clone());
    }
    let mut stream = Box::pin(coding::decoded(stream::iter([Ok(bytes.clone())]), codings));
    let mut plain = Vec::new();
    while let Some(piece) = stream.try_next().await.ok()? {
        if plain.len() + piece.len() > limit {
            return None;
        }
        plain.extend_from_slice(&piece);
    }
    Some(plain.into())
}
