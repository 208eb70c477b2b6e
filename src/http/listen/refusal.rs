//! Gives a body to what hyper answers by itself.
//!
//! A head that is too large or no HTTP is answered by hyper before any of our layers sees a request, and without a body. A client
//! that expects JSON shows its admin a parse error then (`Q-19`); so these answers become SCIM Errors of the same status.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::response::Response;
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{cause::RequestId, clock::Clock, http::layers::X_REQUEST_ID, scim::error};

/// How many refusals of our own are still to be written. One that was passed through from a target may be as empty as hyper's, and
/// stays so.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours(Arc<AtomicUsize>);

impl Ours {
    /// Sees each answer before hyper writes it.
    pub(super) fn see(&self, answer: Response) -> Response {
        if answer.status().is_client_error() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    fn is_next(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn was_written(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
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
        let refused = slices.first().and_then(|first| refused(first));
        let is_ours = this.ours.is_next();
        // What hyper refuses comes in one piece.
        if let ([head], Some(status), false) = (slices, refused, is_ours)
            && let request_id = RequestId::new(this.clock.now())
            && let Some(filled) = filled(status, head, &request_id)
        {
            let status = status.as_u16();
            tracing::info!(request.id = %request_id, http.status = status, "what came is no request");
            this.pending = filled;
            return Poll::Ready(Ok(head.len()));
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(context, slices))?;
        if refused.is_some() && is_ours {
            this.ours.was_written();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
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
    async fn an_empty_refusal_of_a_target_stays_empty_and_the_next_of_hyper_does_not() {
        let ours = Ours::default();
        for status in [200, 400] {
            let answer = Response::builder().status(status).body(axum::body::Body::empty()).unwrap();
            let _ = ours.see(answer);
        }
        let read = written(ours, &["HTTP/1.1 200 OK\r\n\r\n", EMPTY, EMPTY]).await;
        let rest = read.strip_prefix(&format!("HTTP/1.1 200 OK\r\n\r\n{EMPTY}")).unwrap();
        assert!(rest.contains("api:messages:2.0:Error"), "{rest}");
    }
}
