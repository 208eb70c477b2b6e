//! Ends connections whose other side takes nothing any more.
//!
//! A client that asks and then does not read would hold its answer in memory for ever: hyper bounds how slowly a request may
//! come, not how slowly an answer may go.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Clock;

/// How long a write may make no progress at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream whose writes fail when they stand still for too long.
pub(super) struct Stalled<S> {
    stream: S,
    clock: Arc<dyn Clock>,
    /// Ends when a write that stands still has done so for too long.
    waiting: Option<BoxFuture<'static, ()>>,
}

impl<S> Stalled<S> {
    pub(super) fn new(stream: S, clock: Arc<dyn Clock>) -> Self {
        Self { stream, clock, waiting: None }
    }

    /// `progress`, or a failure when there was none for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.waiting = None;
            return progress;
        }
        let clock = &self.clock;
        let waiting = self.waiting.get_or_insert_with(|| clock.sleep_until(clock.now() + PATIENCE));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing any more")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalled<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, progress)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::clock::{ManualClock, Time};

    #[tokio::test]
    async fn a_write_that_nobody_takes_fails_and_one_that_is_taken_slowly_does_not() {
        let clock = ManualClock::new(Time::from_micros(1));
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut stream = Stalled::new(ours, Arc::new(clock.clone()));
        let mut context = Context::from_waker(Waker::noop());
        let mut write = || Pin::new(&mut stream).poll_write(&mut context, &[0; 8]);
        assert!(write().is_ready());
        for _ in 0..4 {
            assert!(write().is_pending());
            clock.advance(PATIENCE / 2);
            assert!(write().is_pending());
            tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut [0; 8]).await.unwrap();
            assert!(matches!(write(), Poll::Ready(Ok(8))));
        }
        assert!(write().is_pending());
        clock.advance(PATIENCE);
        let Poll::Ready(Err(stalled)) = write() else { panic!("it waits for ever") };
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
    }
}
