//! The handing over of an answer: its body on the last part of the way, to a client that takes it when it likes.
//!
//! As long as not all of it was sent, the exchange has its place among those of the app, which bounds the memory that such answers
//! take: over HTTP/2 a client can ask for very many and make room for none. When the exchange has lasted as long as it may, it is
//! given up, whether anybody asks for more or not.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use crate::clock::{Clock, Time};

use super::{
    body::{BodyError, Interruption},
    call::Call,
};

/// How much of a whole answer is handed over at a time: what a connection has to send is not ours to give up any more.
const PIECE: usize = 16 * 1024;

/// What an exchange takes until the last byte of its answer was taken.
pub(super) struct Exchange {
    _place: OwnedSemaphorePermit,
    /// Told of when it is over.
    pub(super) call: Call,
}

impl Exchange {
    pub(super) fn new(place: OwnedSemaphorePermit, call: Call) -> Self {
        Self { _place: place, call }
    }
}

/// What is handed over.
pub(super) enum Content {
    /// All of it is here.
    Whole { bytes: Bytes, trailers: Option<HeaderMap> },
    /// It comes piece by piece.
    Streamed(UnsyncBoxBody<Bytes, BodyError>),
}

impl Content {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole { bytes, trailers: None }
    }

    pub(super) fn streamed(body: impl Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static) -> Self {
        Self::Streamed(body.map_err(Into::into).boxed_unsync())
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Whole { bytes, trailers } if bytes.is_empty() => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            // A copy, so that a piece which is not sent does not keep all of them.
            Self::Whole { bytes, .. } if bytes.len() > PIECE => {
                Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&bytes.split_to(PIECE))))))
            }
            Self::Whole { bytes, .. } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streamed(body) => Pin::new(body).poll_frame(context),
        }
    }
}

/// The body of an answer, on its way to the client.
pub struct AnswerBody(Option<Arc<HandedOver>>);

/// What is shared with the pieces that are on their way.
struct HandedOver {
    shared: Mutex<Shared>,
    _watch: AbortOnDropHandle<()>,
}

struct Shared {
    stage: Stage,
    /// `None` once it was given up.
    exchange: Option<Exchange>,
    /// Who waits for the next piece.
    waker: Option<Waker>,
}

enum Stage {
    UnderWay(Content),
    /// It took too long, which the client has yet to be told.
    Late,
    Over,
}

/// A piece that was handed over: dropped when the connection has sent it, which over HTTP/2 may be long after it was taken.
struct Piece {
    bytes: Bytes,
    _of: Arc<HandedOver>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AnswerBody {
    /// None. It claims no length, so that no layer adds a `Content-Length` that the target did not send.
    pub(super) fn empty() -> Self {
        Self(None)
    }

    /// Hands over until `deadline`.
    pub(super) fn new(content: Content, exchange: Exchange, deadline: Time, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { stage: Stage::UnderWay(content), exchange: Some(exchange), waker: None };
        Self(Some(Arc::new_cyclic(|handed_over: &Weak<HandedOver>| {
            let handed_over = handed_over.clone();
            // A client that takes nothing asks for nothing more, so nobody would look at the time.
            let watch = tokio::spawn(async move {
                clock.sleep_until(deadline).await;
                if let Some(handed_over) = handed_over.upgrade() {
                    handed_over.lock().give_up();
                }
            });
            HandedOver { shared: Mutex::new(shared), _watch: AbortOnDropHandle::new(watch) }
        })))
    }
}

impl HandedOver {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        // What is behind the lock is replaced whole or not at all.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn give_up(&mut self) {
        if let Stage::UnderWay(content) = &self.stage {
            if let (Content::Streamed(_), Some(exchange)) = (content, &mut self.exchange) {
                exchange.call.failed(&Interruption::Total);
            }
            self.stage = Stage::Late;
        }
        self.exchange = None;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.stage {
            Stage::UnderWay(content) => content.poll_frame(context),
            Stage::Late => Poll::Ready(Some(Err(Interruption::Total.into()))),
            Stage::Over => Poll::Ready(None),
        };
        match &polled {
            Poll::Pending => self.waker = Some(context.waker().clone()),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(%error, "an answer broke off");
                if let Some(exchange) = &mut self.exchange {
                    exchange.call.failed(error);
                }
                self.stage = Stage::Over;
            }
            Poll::Ready(None) => self.stage = Stage::Over,
        }
        polled
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(handed_over) = &self.0 else { return Poll::Ready(None) };
        let polled = handed_over.lock().poll_frame(context);
        let piece = |bytes| Bytes::from_owner(Piece { bytes, _of: handed_over.clone() });
        polled.map_ok(|frame| frame.map_data(piece))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|handed_over| match &handed_over.lock().stage {
            Stage::UnderWay(Content::Whole { bytes, trailers }) => bytes.is_empty() && trailers.is_none(),
            Stage::UnderWay(Content::Streamed(body)) => body.is_end_stream(),
            Stage::Late => false,
            Stage::Over => true,
        })
    }
}
