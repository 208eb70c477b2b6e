//! Gives a body to what hyper answers by itself.
//!
//! A head that is too large or no HTTP is answered by hyper before any of our layers sees a request, and without a body. A client
//! that expects JSON shows its admin a parse error then (`Q-19`); so these answers become SCIM Errors of the same status.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::response::Response;
use http::StatusCode;
use hyper::body::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scim::error;

/// Tells refusals of hyper from those that were passed through from a target, which may be as empty and stay so.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours(Arc<AtomicBool>);

impl Ours {
    /// Sees each answer before hyper writes it.
    pub(super) fn see(&self, answer: Response) -> Response {
        let is_empty_refusal =
            answer.status().is_client_error() && answer.body().size_hint().exact() == Some(0);
        self.0.store(is_empty_refusal, Ordering::Relaxed);
        answer
    }

    fn is_empty_refusal(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that fills hyper's refusals while they are written to it.
pub(super) struct Refusals<S> {
    stream: S,
    ours: Ours,
    /// What is still to be written of a refusal that was filled.
    pending: Vec<u8>,
}

impl<S: AsyncWrite + Unpin> Refusals<S> {
    pub(super) fn new(stream: S, ours: Ours) -> Self {
        Self { stream, ours, pending: Vec::new() }
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

/// The refusal with a body, if the bytes are the head of one without.
fn filled(head: &[u8]) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    let status = StatusCode::from_bytes(status).ok().filter(StatusCode::is_client_error)?;
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
            "{before}\r\ncontent-type: application/scim+json\r\ncontent-length: {length}{after}\r\n\r\n{body}"
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
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(context))?;
        // Only then: an answer of ours may look the same.
        let filled = if self.ours.is_empty_refusal() { None } else { filled(bytes) };
        match filled {
            Some(filled) => {
                self.pending = filled;
                Poll::Ready(Ok(bytes.len()))
            }
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Answers without a body come in one piece.
        if let [head] = slices {
            return self.poll_write(context, head);
        }
        ready!(self.poll_pending(context))?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
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

    const EMPTY: &str =
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: today\r\n\r\n";

    /// What the other side reads when these are written, through a pipe that takes a few bytes at a time.
    async fn written(ours: Ours, writes: &[&str]) -> String {
        let (near, mut far) = tokio::io::duplex(7);
        let mut stream = Refusals::new(near, ours);
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
        let head = EMPTY.replace(
            "content-length: 0",
            &format!("content-type: application/scim+json\r\ncontent-length: {}", body.len()),
        );
        assert_eq!(written(Ours::default(), &[EMPTY]).await, format!("{head}{body}"));
        let others = [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
        ];
        assert_eq!(written(Ours::default(), &others).await, others.concat());
    }

    #[tokio::test]
    async fn an_empty_refusal_of_a_target_stays_empty() {
        let ours = Ours::default();
        let answer = Response::builder().status(400).body(axum::body::Body::empty()).unwrap();
        let _ = ours.see(answer);
        assert_eq!(written(ours, &[EMPTY]).await, EMPTY);
    }
}
