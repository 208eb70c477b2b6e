//! Time as an argument.
//!
//! Everything that asks what time it is, or waits, does it through a [`Clock`]. The program runs on [`SystemClock`];
//! tests move a [`ManualClock`] by hand, so that a minute's rate window or a lease's end is exact and takes no time.
//! Where machines share a database, they share its clock: [`SetClock`]. The direct calls are banned by `.clippy.toml` everywhere
//! but here.

mod mark;
mod set;

use std::{
    fmt,
    ops::{Add, Sub},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::mark::Mark;
pub use self::set::SetClock;

/// A point in time: microseconds since the Unix epoch, UTC. What the database stores and SCIM's `meta` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// Later than everything.
    pub const MAX: Self = Self(i64::MAX);

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

/// The machine's clock, made steady: it follows the wall clock forward, and never goes back. Rate windows, due times and
/// leases lie in the future by what was the time; when the wall clock is set back, they would not end for as long.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// Where the steady time was last set by the wall clock: then, and by a clock that only runs forward.
static ANCHOR: Mutex<Option<(Time, Mark)>> = Mutex::new(None);

/// How far ahead the wall clock must be to be followed. Less is the difference between two readings.
const FOLLOWED: Duration = Duration::from_millis(100);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clocks")]
    fn now(&self) -> Time {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Time(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX));
        let running = Mark::now();
        let mut anchor = ANCHOR.lock().unwrap_or_else(PoisonError::into_inner);
        steady(&mut anchor, wall, running)
    }

    fn sleep_until(&self, deadline: Time) -> BoxFuture<'static, ()> {
        let duration = deadline.since(self.now());
        Box::pin(tokio::time::sleep(duration))
    }
}

fn steady(anchor: &mut Option<(Time, Mark)>, wall: Time, running: Mark) -> Time {
    let expected = anchor.map(|(then, mark)| then + running.since(mark));
    match expected {
        Some(expected) if wall.since(expected) < FOLLOWED => expected,
        // The first reading; or the wall clock was set forward.
        _ => {
            *anchor = Some((wall, running));
            wall
        }
    }
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
    fn the_steady_time_follows_the_wall_clock_forward_and_never_back() {
        let mark = Mark::now();
        let (start, second, hour) =
            (Time::from_micros(1_700_000_000_000_000), Duration::from_secs(1), Duration::from_secs(3_600));
        let mut anchor = None;
        assert_eq!(steady(&mut anchor, start, mark), start);
        assert_eq!(steady(&mut anchor, start + second, mark + second), start + second);
        // Set back by an hour: it goes on as if nothing had happened.
        assert_eq!(steady(&mut anchor, start - hour, mark + 2 * second), start + 2 * second);
        // Set forward by an hour: it follows.
        let later = start + hour + 3 * second;
        assert_eq!(steady(&mut anchor, later, mark + 3 * second), later);
        assert_eq!(steady(&mut anchor, later + second, mark + 4 * second), later + second);
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
