//! The beginning of an answer that does not tell its length, held back for a moment.
//!
//! What shows in it is still answered with an error in words, and a read is still repeated: that the target breaks off, that the
//! answer becomes too large, that it cannot be decoded. Nearly all answers are at their end by then, and get a `Content-Length`.
//! What is longer, or comes slowly, goes on as it comes.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;

use crate::clock::{Clock, until};

use super::rewrite::Looks;

/// How many bytes are held back. It is more than nearly all answers, and little for a server.
pub(super) const MOST: u64 = 64 * 1024;

/// For how long.
const HELD: Duration = Duration::from_secs(1);

/// What the beginning turned out to be.
pub(super) enum Beginning<B> {
    /// All of it.
    Whole(Bytes),
    /// Less than all, or there is more to it than bytes (trailers).
    Part(Resumed<B>),
}

/// A body whose first frames were taken already.
pub(super) struct Resumed<B> {
    first: VecDeque<Frame<Bytes>>,
    /// `None` when those were all.
    rest: Option<B>,
}

impl<B> Resumed<B> {
    /// A body of which nothing was taken yet.
    pub(super) fn untouched(body: B) -> Self {
        Self { first: VecDeque::new(), rest: Some(body) }
    }
}

/// Waits until it shows what `body`, which does not say what it is, looks like. What does not show it in time may be JSON.
///
/// # Errors
/// When it ends in one.
pub(super) async fn look<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    clock: &dyn Clock,
) -> Result<(Looks, Resumed<B>), B::Error> {
    let deadline = clock.now() + HELD;
    let mut first = VecDeque::new();
    let mut length = 0;
    while length <= MOST {
        match until(clock, deadline, body.frame()).await {
            Some(Some(frame)) => {
                let frame = frame?;
                let looks = frame.data_ref().and_then(|data| Looks::of(data));
                length += frame.data_ref().map_or(0, |data| data.len() as u64);
                first.push_back(frame);
                if let Some(looks) = looks {
                    return Ok((looks, Resumed { first, rest: Some(body) }));
                }
            }
            Some(None) => return Ok((Looks::Otherwise, Resumed { first, rest: None })),
            None => break,
        }
    }
    Ok((Looks::LikeJson, Resumed { first, rest: Some(body) }))
}

/// Waits until something comes of `body`. `None` if nothing does.
///
/// # Errors
/// When it ends in one.
pub(super) async fn something<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    clock: &dyn Clock,
) -> Result<Option<Resumed<B>>, B::Error> {
    let deadline = clock.now() + HELD;
    loop {
        let first = match until(clock, deadline, body.frame()).await {
            Some(Some(frame)) => frame?,
            Some(None) => return Ok(None),
            None => return Ok(Some(Resumed::untouched(body))),
        };
        if first.data_ref().is_some_and(|data| !data.is_empty()) {
            return Ok(Some(Resumed { first: VecDeque::from([first]), rest: Some(body) }));
        }
    }
}

/// Waits for the beginning of `body`.
///
/// # Errors
/// When it ends in one.
pub(super) async fn hold<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    clock: &dyn Clock,
) -> Result<Beginning<B>, B::Error> {
    let deadline = clock.now() + HELD;
    let mut first = VecDeque::new();
    let mut length = 0;
    while length <= MOST {
        match until(clock, deadline, body.frame()).await {
            Some(Some(frame)) => {
                let frame = frame?;
                length += frame.data_ref().map_or(0, |data| data.len() as u64);
                first.push_back(frame);
            }
            Some(None) if first.iter().all(Frame::is_data) => return Ok(Beginning::Whole(joined(first))),
            Some(None) => return Ok(Beginning::Part(Resumed { first, rest: None })),
            None => break,
        }
    }
    Ok(Beginning::Part(Resumed { first, rest: Some(body) }))
}

/// The bytes of all frames.
fn joined(frames: VecDeque<Frame<Bytes>>) -> Bytes {
    let mut pieces: Vec<Bytes> = frames.into_iter().filter_map(|frame| frame.into_data().ok()).collect();
    match pieces.len() {
        1 => pieces.swap_remove(0),
        _ => pieces.concat().into(),
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Resumed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(frame) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};
    use http::HeaderMap;
    use http_body_util::StreamBody;

    use super::*;
    use crate::clock::{ManualClock, Time};

    fn clock() -> ManualClock {
        ManualClock::new(Time::from_micros(0))
    }

    fn pieces(count: usize, length: usize) -> Vec<Result<Frame<Bytes>, Infallible>> {
        (0..count).map(|_| Ok(Frame::data(vec![b'x'; length].into()))).collect()
    }

    async fn rest_of<B: Body<Data = Bytes, Error: std::fmt::Debug> + Unpin>(
        beginning: Beginning<B>,
    ) -> (usize, bool) {
        let Beginning::Part(resumed) = beginning else { panic!("all of it") };
        let collected = resumed.collect().await.unwrap();
        let has_trailers = collected.trailers().is_some();
        (collected.to_bytes().len(), has_trailers)
    }

    #[tokio::test]
    async fn a_body_that_ends_soon_is_whole() {
        for count in [0, 1, 3] {
            let held = hold(StreamBody::new(stream::iter(pieces(count, 10))), &clock()).await.unwrap();
            assert!(matches!(held, Beginning::Whole(bytes) if bytes.len() == count * 10), "{count}");
        }
    }

    #[tokio::test]
    async fn a_long_body_goes_on_with_nothing_lost() {
        let held = hold(StreamBody::new(stream::iter(pieces(100, 1000))), &clock()).await.unwrap();
        assert_eq!(rest_of(held).await, (100_000, false));
    }

    #[tokio::test]
    async fn trailers_are_kept() {
        let mut frames = pieces(2, 10);
        frames.push(Ok(Frame::trailers(HeaderMap::new())));
        let held = hold(StreamBody::new(stream::iter(frames)), &clock()).await.unwrap();
        assert_eq!(rest_of(held).await, (20, true));
    }

    #[tokio::test]
    async fn what_a_body_looks_like_shows_in_its_first_visible_character_and_nothing_is_lost() {
        let of = async |pieces: &'static [&str]| {
            let frames = pieces.iter().map(|piece| Ok::<_, Infallible>(Frame::data((*piece).into())));
            let (looks, body) = look(StreamBody::new(stream::iter(frames)), &clock()).await.unwrap();
            assert_eq!(body.collect().await.unwrap().to_bytes(), pieces.concat());
            looks
        };
        assert_eq!(of(&[" \n", "\u{feff}", "{\"a\":", "1}"]).await, Looks::LikeJson);
        assert_eq!(of(&["[", "]"]).await, Looks::LikeJson);
        assert_eq!(of(&[" ", "location: {", "}"]).await, Looks::Otherwise);
        assert_eq!(of(&[" ", " "]).await, Looks::Otherwise);
        assert_eq!(of(&[]).await, Looks::Otherwise);
    }

    #[tokio::test]
    async fn a_body_of_which_nothing_comes_is_none() {
        let of = async |count, length| {
            let body =
                something(StreamBody::new(stream::iter(pieces(count, length))), &clock()).await.unwrap();
            match body {
                Some(body) => Some(body.collect().await.unwrap().to_bytes().len()),
                None => None,
            }
        };
        assert_eq!((of(0, 0).await, of(2, 0).await, of(3, 10).await), (None, None, Some(30)));
    }

    #[tokio::test]
    async fn a_slow_body_goes_on_as_it_comes() {
        let clock = clock();
        let body = StreamBody::new(stream::iter(pieces(1, 10)).chain(stream::pending()));
        let (held, ()) = tokio::join!(hold(body, &clock), async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            clock.advance(HELD);
        });
        let Ok(Beginning::Part(mut resumed)) = held else { panic!("all of it") };
        assert_eq!(resumed.frame().await.unwrap().unwrap().into_data().unwrap().len(), 10);
    }
}
