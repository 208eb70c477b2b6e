//! Gives a body to what hyper answers by itself.
//!
//! A head that is too large or no HTTP is answered by hyper before any of our layers sees a request, and without a body. A client
//! that expects JSON shows its admin a parse error then (`Q-19`); so these answers become SCIM Errors of the same status.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::StatusCode;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{cause::RequestId, clock::Clock, http::layers::X_REQUEST_ID, scim::error};

/// The answers of the service on one connection that are not written to their last byte. Until they are, nothing is changed: one
/// that is passed through from a target may be as empty as hyper's, and a piece of its body may look like the head of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// How many have a body that hyper has not taken to its end.
    open: AtomicUsize,
    /// Whether hyper may still hold some of their bytes.
    unflushed: AtomicBool,
}

impl Ours {
    /// Sees each answer before hyper writes it.
    pub(super) fn see(&self, answer: Response) -> Response {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        self.0.unflushed.store(true, Ordering::Relaxed);
        let open = Open(self.clone());
        answer.map(|body| Body::new(Watched { body, _open: open }))
    }

    /// Hyper flushes when it holds nothing more.
    fn flushed(&self) {
        if self.0.open.load(Ordering::Relaxed) == 0 {
            self.0.unflushed.store(false, Ordering::Relaxed);
        }
    }

    fn are_written(&self) -> bool {
        !self.0.unflushed.load(Ordering::Relaxed)
    }
}

/// An answer that is open for as long as this lives.
struct Open(Ours);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer of the service.
struct Watched {
    body: Body,
    _open: Open,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that fills hyper's refusals while they are written to it.
pub(super) struct Refusals<S> {
    stream: S,
    ours: Ours,
    clock: Arc<dyn Clock>,
    /// What is still to be written of a refusal that was filled.
    pending: Vec<u8>,
}

impl<S: AsyncWrite + Unpin> Refusals<S> {
    pub(super) fn new(stream: S, ours: Ours, clock: Arc<dyn Clock>) -> Self {
        Self { stream, ours, clock, pending: Vec::new() }
    }

    fn poll_pending(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

/// The status, if the bytes begin with the head of a refusal.
fn refused(bytes: &[u8]) -> Option<StatusCode> {
    let status = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    StatusCode::from_bytes(status).ok().filter(StatusCode::is_client_error)
}

/// The refusal with a body, if the bytes are the head of one without.
fn filled(status: StatusCode, head: &[u8], request_id: &RequestId) -> Option<Vec<u8>> {
    let head = str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
    let (before, after) = head.split_once("\r\ncontent-length: 0")?;
    let detail = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => {
            "The head of the request is larger than max_header_bytes allows. A long filter can be sent by POST to /.search."
        }
        _ => {
            "The request is not sound HTTP. Is its URL percent-encoded, and is TLS spoken where it is expected?"
        }
    };
    let body = error::message(status.as_u16(), None, detail).to_string();
    let length = body.len();
    Some(
        format!(
            "{before}\r\ncontent-type: application/scim+json\r\n{X_REQUEST_ID}: {request_id}\r\n\
             content-length: {length}{after}\r\n\r\n{body}"
        )
        .into(),
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusals<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Refusals<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_pending(context))?;
        // What hyper refuses comes in one piece, when all before it is written.
        if let [head] = slices
            && this.ours.are_written()
            && let Some(status) = refused(head)
            && let request_id = RequestId::new(this.clock.now())
            && let Some(filled) = filled(status, head, &request_id)
        {
            let status = status.as_u16();
            tracing::info!(request.id = %request_id, http.status = status, "what came is no request");
            this.pending = filled;
            return Poll::Ready(Ok(head.len()));
        }
        Pin::new(&mut this.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(context))?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.ours.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::clock::SystemClock;

    const EMPTY: &str =
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: today\r\n\r\n";

    /// What the other side reads when these are written, through a pipe that takes a few bytes at a time.
    async fn written(ours: Ours, writes: &[&str]) -> String {
        let (near, mut far) = tokio::io::duplex(7);
        let mut stream = Refusals::new(near, ours, Arc::new(SystemClock));
        let writing = async {
            for bytes in writes {
                stream.write_all(bytes.as_bytes()).await.unwrap();
            }
            stream.shutdown().await.unwrap();
            drop(stream);
        };
        let mut read = String::new();
        let ((), length) = tokio::join!(writing, far.read_to_string(&mut read));
        assert_eq!(length.unwrap(), read.len());
        read
    }

    #[tokio::test]
    async fn an_empty_refusal_gets_a_scim_error_and_other_answers_stay_as_they_are_q_19() {
        let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","detail":"The request is not sound HTTP. Is its URL percent-encoded, and is TLS spoken where it is expected?"}"#;
        let read = written(Ours::default(), &[EMPTY]).await;
        let (_, id) = read.split_once("x-request-id: ").unwrap();
        let id = &id[..36];
        let headers = format!(
            "content-type: application/scim+json\r\nx-request-id: {id}\r\ncontent-length: {}",
            body.len()
        );
        assert_eq!(read, format!("{}{body}", EMPTY.replace("content-length: 0", &headers)));
        let others = [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
        ];
        assert_eq!(written(Ours::default(), &others).await, others.concat());
    }

    #[tokio::test]
    async fn nothing_is_changed_until_the_answers_of_the_service_are_written_to_their_last_byte() {
        let ours = Ours::default();
        let (near, mut far) = tokio::io::duplex(4096);
        let mut stream = Refusals::new(near, ours.clone(), Arc::new(SystemClock));
        let mut is_changed = async |bytes: &str| {
            stream.write_all(bytes.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            let mut read = vec![0; 4096];
            let length = far.read(&mut read).await.unwrap();
            &read[..length] != bytes.as_bytes()
        };
        let answer = ours.see(Response::new(Body::from("…")));
        assert!(!is_changed("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n").await);
        // A piece of its body that looks like a refusal, while there may be more of it, and when the last is on its way.
        assert!(!is_changed(EMPTY).await);
        drop(answer);
        assert!(!is_changed(EMPTY).await);
        // What comes now is hyper's.
        assert!(is_changed(EMPTY).await);
    }
}
