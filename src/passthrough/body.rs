//! Bodies on their way through: counted, watched, rewritten.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture};
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyStream;
use hyper::body::Incoming;

use crate::{
    clock::{Clock, Time},
    upstream::RequestBody,
};

use super::{PassedThrough, head, rewrite::Rewriter};

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
    /// Trailers that pass although they are on a list.
    allowed: Arc<[HeaderName]>,
    progress: Arc<Progress>,
    clock: Arc<dyn Clock>,
}

impl Upload {
    /// As many bytes of `body` as `app` takes; what becomes of it is told in `progress`.
    pub(super) fn new(app: &PassedThrough, body: RequestBody, progress: Arc<Progress>) -> Self {
        let (allowed, clock) = (app.allowed.clone(), app.clock.clone());
        Self { body, left: app.max_body_bytes, allowed, progress, clock }
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
                let passed = filtered(frame, |trailers| head::of_request_trailers(trailers, &self.allowed));
                Poll::Ready(passed.map(Ok))
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
                        let mut trailers = frame.into_trailers().ok();
                        if this.rewriter.replaced() > 0 {
                            trailers.iter_mut().for_each(head::forget_bytes);
                        }
                        this.last = Some(trailers);
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

/// How a target may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerLimits {
    /// How long nothing may come.
    pub(super) idle: Duration,
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

/// The body of an answer as it comes from the target.
pub(super) struct Download {
    body: Incoming,
    limits: AnswerLimits,
    /// Trailers that pass although they are on a list.
    allowed: Arc<[HeaderName]>,
    received: u64,
    clock: Arc<dyn Clock>,
    idle: Option<BoxFuture<'static, ()>>,
}

impl Download {
    pub(super) fn new(
        body: Incoming,
        limits: AnswerLimits,
        allowed: Arc<[HeaderName]>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { body, limits, allowed, received: 0, clock, idle: None }
    }
}

/// What is behind the lock is replaced whole or not at all.
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
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle = None;
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.received > self.limits.bytes {
                    return Poll::Ready(Some(Err(Interruption::TooLarge(self.limits.bytes))));
                }
                let passed = filtered(frame, |trailers| head::of_answer_trailers(trailers, &self.allowed));
                Poll::Ready(passed.map(Ok))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Interruption::Broken(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let idle = self.limits.idle;
                let clock = self.clock.clone();
                let timer = self.idle.get_or_insert_with(|| clock.sleep_until(clock.now() + idle));
                timer.poll_unpin(context).map(|()| Some(Err(Interruption::Idle(idle))))
            }
        }
    }
}

/// A frame with those of its trailers that `pass`; `None`, which ends a body, where nothing is left.
fn filtered(frame: Frame<Bytes>, pass: impl FnOnce(&HeaderMap) -> HeaderMap) -> Option<Frame<Bytes>> {
    match frame.into_trailers() {
        Ok(trailers) => {
            let passed = pass(&trailers);
            (!passed.is_empty()).then(|| Frame::trailers(passed))
        }
        Err(frame) => Some(frame),
    }
}

/// A body's data alone, as a stream for decoders; trailers, which would tell of the coded bytes, are dropped.
pub(super) fn data<B>(body: B) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static
where
    B: Body<Data = Bytes, Error: Into<BodyError> + Send> + Send + 'static,
{
    BodyStream::new(body).filter_map(async |frame| match frame {
        Ok(frame) => frame.into_data().ok().map(Ok),
        Err(error) => Some(Err(io::Error::other(error))),
    })
}
