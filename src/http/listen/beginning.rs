//! Ends connections on which nobody begins to speak.
//!
//! hyper tells the versions of HTTP apart by the preface of HTTP/2 (RFC 9113 §3.4), and waits for as much of it as it takes:
//! its limits count only from then on.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;
use crate::clock::Clock;

/// What every HTTP/2 client sends first, and no other.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose reads fail when its client has not said for too long which version it speaks.
pub(super) struct Beginning<S> {
    stream: S,
    activity: Activity,
    /// Until that is known.
    unknown: Option<Unknown>,
}

struct Unknown {
    /// How much of the preface was read, and nothing else.
    read: usize,
    /// Ends when the client has had its time.
    deadline: BoxFuture<'static, ()>,
}

impl<S> Beginning<S> {
    /// A stream that is opened now, whose client may take so long to begin.
    pub(super) fn new(stream: S, activity: Activity, clock: &dyn Clock, patience: Duration) -> Self {
        let deadline = clock.sleep_until(clock.now() + patience);
        Self { stream, activity, unknown: Some(Unknown { read: 0, deadline }) }
    }

    /// These came. None are the end, after which nothing is waited for.
    fn hear(&mut self, bytes: &[u8]) {
        let Some(unknown) = &mut self.unknown else { return };
        let expected = &PREFACE[unknown.read..];
        let common = bytes.len().min(expected.len());
        if common == 0 || bytes[..common] != expected[..common] {
            self.unknown = None;
        } else if common == expected.len() {
            self.unknown = None;
            self.activity.is_http2();
        } else {
            unknown.read += common;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Beginning<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if Pin::new(&mut this.stream).poll_read(context, buffer)?.is_ready() {
            this.hear(&buffer.filled()[before..]);
            return Poll::Ready(Ok(()));
        }
        let Some(unknown) = &mut this.unknown else { return Poll::Pending };
        ready!(unknown.deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not begin to speak")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Beginning<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
