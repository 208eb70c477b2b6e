//! Bodies on their way through: counted, watched, rewritten, and never held as a whole unless they are small.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, BodyStream, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    clock::{Clock, Time, until},
    upstream::RequestBody,
};

use super::{call::Call, rewrite::Rewriter};

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What was wrong with the body that a client sent. The connection to the target says only that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is larger than allowed.
    TooLarge,
    /// It broke off.
    Incomplete,
}

/// How the body of a request is getting on, seen from beside the connection that takes it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    fault: OnceLock<Fault>,
    turn: Mutex<Turn>,
}

/// Who is waited for while a request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Turn {
    /// The target, from the beginning on.
    #[default]
    Target,
    /// The client has yet to send the next piece.
    Client,
    /// The target has had all that the client sent since this time.
    TargetSince(Time),
}

impl Progress {
    /// What was wrong with the body, once that is known.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.get().copied()
    }

    /// Who is waited for.
    pub(super) fn turn(&self) -> Turn {
        *lock(&self.turn)
    }

    fn set(&self, turn: Turn) {
        *lock(&self.turn) = turn;
    }
}

/// The body of a request, on its way to the target.
pub(super) struct Upload {
    body: RequestBody,
    left: usize,
    progress: Arc<Progress>,
    clock: Arc<dyn Clock>,
}

impl Upload {
    /// At most `limit` bytes of `body`; what becomes of it is told in `progress`.
    pub(super) fn new(
        body: RequestBody,
        limit: usize,
        progress: Arc<Progress>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { body, left: limit, progress, clock }
    }

    fn fail<T>(&self, fault: Fault) -> Poll<Option<Result<T, BodyError>>> {
        self.progress.fault.get_or_init(|| fault);
        Poll::Ready(Some(Err("the client's body broke off or is too large".into())))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.progress.set(match polled {
            Poll::Pending => Turn::Client,
            Poll::Ready(_) => Turn::TargetSince(self.clock.now()),
        });
        match ready!(polled) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match self.left.checked_sub(length) {
                    Some(left) => self.left = left,
                    None => return self.fail(Fault::TooLarge),
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => self.fail(Fault::Incomplete),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body whose URLs are replaced on the way.
pub(super) struct Rewritten<B> {
    body: B,
    rewriter: Rewriter,
    /// Trailers that wait for what was held back, or the end.
    last: Option<Option<HeaderMap>>,
}

impl<B> Rewritten<B> {
    pub(super) fn new(body: B, rewriter: Rewriter) -> Self {
        Self { body, rewriter, last: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Rewritten<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        loop {
            if let Some(trailers) = &mut this.last {
                return Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            let mut output = Vec::new();
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rewriter.push(&data, &mut output),
                    Err(frame) => {
                        this.rewriter.finish(&mut output);
                        this.last = Some(frame.into_trailers().ok());
                    }
                },
                None => {
                    this.rewriter.finish(&mut output);
                    this.last = Some(None);
                }
            }
            if !output.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(output.into()))));
            }
        }
    }
}

/// How long and how much a target may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerLimits {
    /// How long nothing may come.
    pub(super) idle: Duration,
    /// When it must be at its end.
    pub(super) deadline: Time,
    /// How many bytes may come.
    pub(super) bytes: u64,
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interruption {
    #[error("the target broke off in the middle of its answer: {0}")]
    Broken(#[source] hyper::Error),
    #[error("the target sent nothing for {0:?} in the middle of its answer")]
    Idle(Duration),
    #[error("the exchange took longer than total_timeout allows")]
    Total,
    #[error("the answer is larger than the {0} bytes of max_answer_bytes")]
    TooLarge(u64),
}

/// The body of an answer as it comes from the target, with the place that its exchange takes.
pub(super) struct Download {
    connection: Arc<Mutex<Option<(Incoming, OwnedSemaphorePermit)>>>,
    /// Told of when this is dropped.
    call: Call,
    limits: AnswerLimits,
    received: u64,
    clock: Arc<dyn Clock>,
    idle: Option<BoxFuture<'static, ()>>,
}

/// What gives a [`Download`] up at its deadline although nobody polls it: a client that takes nothing asks for nothing more.
pub(super) struct Deadline {
    connection: Arc<Mutex<Option<(Incoming, OwnedSemaphorePermit)>>>,
    at: Time,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    /// Watches until the handle is dropped.
    pub(super) fn watch(self) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(async move {
            self.clock.sleep_until(self.at).await;
            drop(lock(&self.connection).take());
        }))
    }
}

impl Download {
    pub(super) fn new(
        body: Incoming,
        (place, call): (OwnedSemaphorePermit, Call),
        limits: AnswerLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let connection = Arc::new(Mutex::new(Some((body, place))));
        Self { connection, call, limits, received: 0, clock, idle: None }
    }

    /// The whole of it, by then or by the deadline.
    pub(super) async fn whole(mut self, by: Time) -> Result<Bytes, Interruption> {
        let (clock, deadline) = (self.clock.clone(), self.limits.deadline);
        match until(&*clock, deadline.min(by), (&mut self).collect()).await {
            Some(collected) => Ok(collected?.to_bytes()),
            None => {
                self.call.failed(&Interruption::Total);
                Err(Interruption::Total)
            }
        }
    }

    /// For when it goes on to a client that takes it piece by piece.
    pub(super) fn deadline(&self) -> Deadline {
        let (connection, clock) = (self.connection.clone(), self.clock.clone());
        Deadline { connection, at: self.limits.deadline, clock }
    }

    fn end(&self) {
        drop(lock(&self.connection).take());
    }

    fn interrupted(
        &mut self,
        interruption: Interruption,
    ) -> Poll<Option<Result<Frame<Bytes>, Interruption>>> {
        self.end();
        self.call.failed(&interruption);
        Poll::Ready(Some(Err(interruption)))
    }
}

/// What is behind the lock is taken out whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body for Download {
    type Data = Bytes;
    type Error = Interruption;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interruption>>> {
        let polled = lock(&self.connection).as_mut().map(|(body, _)| Pin::new(body).poll_frame(context));
        let Some(polled) = polled else { return self.interrupted(Interruption::Total) };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle = None;
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.received > self.limits.bytes {
                    let limit = self.limits.bytes;
                    return self.interrupted(Interruption::TooLarge(limit));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => self.interrupted(Interruption::Broken(error)),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let idle = self.limits.idle;
                let clock = self.clock.clone();
                let timer = self.idle.get_or_insert_with(|| clock.sleep_until(clock.now() + idle));
                match timer.poll_unpin(context) {
                    Poll::Ready(()) => self.interrupted(Interruption::Idle(idle)),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

/// A body's data alone, as a stream for decoders; trailers, which would tell of the coded bytes, are dropped.
pub(super) fn data(body: Download) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    BodyStream::new(body).filter_map(async |frame| match frame {
        Ok(frame) => frame.into_data().ok().map(Ok),
        Err(error) => Some(Err(io::Error::other(error))),
    })
}

/// The body of an answer, on its way to the client.
pub struct AnswerBody(Content);

enum Content {
    /// None. It claims no length, so that no layer adds a `Content-Length` that the target did not send.
    Empty,
    Whole(Bytes),
    Streamed {
        body: UnsyncBoxBody<Bytes, BodyError>,
        _watch: AbortOnDropHandle<()>,
    },
}

impl AnswerBody {
    pub(super) fn empty() -> Self {
        Self(Content::Empty)
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Content::Whole(bytes))
    }

    /// Piece by piece, until the end of what `watch` lets it have.
    pub(super) fn streamed(
        body: impl Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
        watch: AbortOnDropHandle<()>,
    ) -> Self {
        let body = BodyExt::map_err(body, |error| {
            let error = error.into();
            tracing::warn!(%error, "an answer broke off");
            error
        });
        Self(Content::Streamed { body: body.boxed_unsync(), _watch: watch })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Content::Empty => Poll::Ready(None),
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Streamed { body, .. } => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Empty => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Streamed { body, .. } => body.is_end_stream(),
        }
    }
}
