//! When an HTTP/2 connection is over although both sides hold it open.
//!
//! hyper bounds how long an HTTP/1 client may take for the head of its next request. Of HTTP/2 it only asks whether the client
//! is still there: one that answers pings keeps its place for ever, and one that opens no window leaves its answers in memory.
//! So a connection on which nothing is being answered, and nothing was for a while, is ended in order, and one that grew old
//! as well: what was found out when it was opened, such as who made its certificate, must not count for ever.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::clock::{Clock, Time};

/// How long a connection stays open after its last answer was made; so long the answer may take to be taken as well.
const IDLE: Duration = Duration::from_secs(75);

/// How long what is still to be written may take on a connection that is being ended.
const CLOSING: Duration = Duration::from_secs(30);

/// How old a connection grows.
const MOST_AGE: Duration = Duration::from_mins(30);

/// What happens on one connection.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    opened_at: Time,
    is_http2: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many requests are being answered: they may wait for a target, which is no fault of the client.
    answering: usize,
    /// Since when nothing happens, if there are none.
    resting_since: Time,
}

impl Activity {
    /// Of a connection that is opened now.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let state = Mutex::new(State { answering: 0, resting_since: now });
        Self(Arc::new(Shared { clock, opened_at: now, is_http2: AtomicBool::new(false), state }))
    }

    /// HTTP/2 is spoken; the other version's connections end by other rules.
    pub(super) fn is_http2(&self) {
        self.0.is_http2.store(true, Ordering::Relaxed);
    }

    /// A request is being answered for as long as this lives.
    pub(super) fn answering(&self) -> Answering {
        self.state().answering += 1;
        Answering(self.clone())
    }

    /// Whether the connection has lived long enough.
    pub(super) fn is_old(&self) -> bool {
        self.0.clock.now().since(self.0.opened_at) >= MOST_AGE
    }

    /// Returns when the connection is to be ended in order.
    pub(super) async fn is_over(&self) {
        self.rests(IDLE, self.0.opened_at + MOST_AGE).await;
    }

    /// Returns when a connection that is being ended has had its time.
    pub(super) async fn is_left(&self) {
        self.state().resting_since = self.0.clock.now();
        self.rests(CLOSING, Time::MAX).await;
    }

    /// Returns when the connection has rested for that long, or it is the end.
    async fn rests(&self, patience: Duration, end: Time) {
        loop {
            let now = self.0.clock.now();
            let mut next = now + patience;
            if self.0.is_http2.load(Ordering::Relaxed) {
                let State { answering, resting_since } = *self.state();
                if answering == 0 {
                    next = resting_since + patience;
                }
                next = next.min(end);
            }
            if next <= now {
                return;
            }
            self.0.clock.sleep_until(next).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that is being answered.
pub(super) struct Answering(Activity);

impl Drop for Answering {
    fn drop(&mut self) {
        let now = self.0.0.clock.now();
        let mut state = self.0.state();
        state.answering -= 1;
        state.resting_since = now;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::clock::ManualClock;

    fn setup() -> (Activity, ManualClock) {
        let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
        (Activity::new(Arc::new(clock.clone())), clock)
    }

    fn is_over(activity: &Activity) -> bool {
        activity.is_over().now_or_never().is_some()
    }

    #[test]
    fn a_connection_is_over_when_nothing_was_answered_for_a_while_and_nothing_is_about_to_be() {
        let (activity, clock) = setup();
        activity.is_http2();
        clock.advance(IDLE - Duration::from_secs(1));
        assert!(!is_over(&activity));
        // A write that waits for its target is nobody's fault.
        let answering = activity.answering();
        clock.advance(10 * IDLE);
        assert!(!is_over(&activity) && activity.is_left().now_or_never().is_none());
        drop(answering);
        assert!(!is_over(&activity));
        clock.advance(IDLE);
        assert!(is_over(&activity));
    }

    #[tokio::test]
    async fn it_is_over_when_it_is_old_and_has_a_while_to_finish() {
        let (activity, clock) = setup();
        activity.is_http2();
        let answering = activity.answering();
        clock.advance(MOST_AGE);
        assert!(is_over(&activity) && activity.is_old());
        let leaving = activity.clone();
        let left = tokio::spawn(async move { leaving.is_left().await });
        for _ in 0..4 {
            tokio::task::yield_now().await;
            clock.advance(CLOSING);
        }
        tokio::task::yield_now().await;
        assert!(!left.is_finished());
        drop(answering);
        tokio::task::yield_now().await;
        assert!(!left.is_finished());
        clock.advance(CLOSING);
        left.await.unwrap();
    }

    #[test]
    fn http_1_ends_by_other_rules() {
        let (activity, clock) = setup();
        clock.advance(MOST_AGE);
        assert!(!is_over(&activity) && activity.is_old());
    }
}
