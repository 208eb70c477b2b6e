//! A clock that only runs forward.

use std::{ops::Add, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// What runs on while the machine sleeps. `std::time::Instant` stands still then on Linux, as does `CLOCK_MONOTONIC`
/// (clock_gettime(2)), and a process that woke up would not know how long it was away.
#[cfg(target_os = "linux")]
const THROUGH_SLEEP: ClockId = ClockId::Boottime;
/// Elsewhere this one does.
#[cfg(not(target_os = "linux"))]
const THROUGH_SLEEP: ClockId = ClockId::Monotonic;

/// A point in time that says nothing but how long it is from another one on the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(Duration);

impl Mark {
    /// Now.
    pub(super) fn now() -> Self {
        let reading = clock_gettime(THROUGH_SLEEP);
        let seconds = u64::try_from(reading.tv_sec).unwrap_or_default();
        Self(Duration::new(seconds, u32::try_from(reading.tv_nsec).unwrap_or_default()))
    }

    /// How long it is from `earlier` until then; zero if that is later.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Mark {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_forward_as_fast_as_the_clock_that_the_standard_library_has() {
        let before = Mark::now();
        std::thread::sleep(Duration::from_millis(20));
        let took = Mark::now().since(before);
        assert!(took >= Duration::from_millis(20), "{took:?}");
        assert_eq!(before.since(before + took), Duration::ZERO);
    }
}
