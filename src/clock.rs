//! Time as an argument.
//!
//! Everything that asks what time it is, or waits, does it through a [`Clock`]. The program runs on [`SystemClock`];
//! tests move a [`ManualClock`] by hand, so that a minute's rate window or a lease's end is exact and takes no time.
//! The direct calls are banned by `.clippy.toml` everywhere but here.

use std::{
    fmt,
    ops::{Add, Sub},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A point in time: microseconds since the Unix epoch, UTC. What the database stores and SCIM's `meta` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// The time that is `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// How long it is from `earlier` until this time; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 with milliseconds and `Z`, the form of SCIM's `dateTime` (RFC 7643 §2.3.5).
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{timestamp:.3}")
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Time;

    /// Returns once [`now`](Clock::now) is at or after `deadline`.
    fn sleep_until(&self, deadline: Time) -> BoxFuture<'static, ()>;
}

/// Waits for `future` until `deadline` by `clock`; `None` when the time is over first.
pub async fn until<F: Future>(clock: &dyn Clock, deadline: Time, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock.sleep_until(deadline) => None,
    }
}

/// The machine's clock, but for its steps back: a correction of an hour would otherwise hold all that is due, and every
/// window of a rate limit, for an hour. It runs on from where it was, and meets the machine's clock again when that is
/// ahead, or at the next start.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Time {
        static LATEST: Mutex<Option<(Instant, Time)>> = Mutex::new(None);
        let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = Time(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX));
        let instant = Instant::now();
        let steady = latest.map(|(then, time)| time + instant.saturating_duration_since(then));
        let now = never_back(steady, machine);
        *latest = Some((instant, now));
        now
    }

    fn sleep_until(&self, deadline: Time) -> BoxFuture<'static, ()> {
        let duration = deadline.since(self.now());
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The later of what the machine says and what time it is if time went on `steady`ly.
fn never_back(steady: Option<Time>, machine: Time) -> Time {
    steady.map_or(machine, |steady| steady.max(machine))
}

/// A clock that moves only when told to. Clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<watch::Sender<Time>>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Time) -> Self {
        Self { now: Arc::new(watch::Sender::new(start)) }
    }

    /// Moves the time forward by `duration` and wakes who waited for it.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = *now + duration);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.now.borrow()
    }

    fn sleep_until(&self, deadline: Time) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender lives as long as a clock does; when all are gone nobody can move time any more.
            if now.wait_for(|now| *now >= deadline).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_printed_as_rfc_3339_with_milliseconds() {
        assert_eq!(Time::from_micros(1_700_000_000_123_456).to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(Time::from_micros(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_step_back_of_the_machines_clock_is_not_followed_and_one_ahead_is() {
        let (earlier, later) = (Time::from_micros(1), Time::from_micros(2));
        assert_eq!(never_back(None, earlier), earlier);
        assert_eq!(never_back(Some(later), earlier), later);
        assert_eq!(never_back(Some(earlier), later), later);
        assert!(SystemClock.now() <= SystemClock.now());
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_it_reaches_their_deadline() {
        let clock = ManualClock::new(Time::from_micros(0));
        let sleeper = tokio::spawn(clock.sleep_until(Time::from_micros(2_000_000)));
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
    }
}
