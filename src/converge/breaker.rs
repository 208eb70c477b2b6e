//! Keeps a target from being called while it is known that calls fail.
//!
//! When several calls in a row get no usable answer, or our credentials are refused, nothing is sent any more but one probe
//! at a time, after pauses that grow. Revocations wait as well: a call that fails helps nobody, and what makes the target
//! work again may be that it is left alone. When a probe is answered, one piece of work goes first (a target may answer
//! probes and nothing else), and when that is answered too, all is as before.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use crate::clock::Time;

/// How many calls in a row must fail.
const FAILURES: u32 = 5;

/// The first pause before a probe; doubled each time up to the longest. Work that waits out a failure by itself does so for up
/// to five minutes; once that many calls failed, a leaver is not to wait longer than this after the target works again.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pause where credentials are refused: a person must act, and too many refusals may lock an account.
const PAUSE_FOR_CREDENTIALS: Duration = Duration::from_secs(60);

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Everything.
    Flowing,
    /// One call, to see whether others would be answered.
    OneCall,
    /// Nothing but one probe, at this time.
    Stopped {
        /// When.
        probe_at: Time,
    },
}

/// How a call ended, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was answered, with a yes or a no.
    Answered,
    /// There was no usable answer.
    Failed,
    /// Our credentials were refused.
    CredentialsRefused,
}

/// What a call was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Work that is to be done.
    Work,
    /// To find out whether the target works.
    Probe,
}

/// Decides what may be sent. Pure.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    traffic: Traffic,
    failures_in_a_row: u32,
    /// How often it was stopped since work was answered last.
    stops: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { traffic: Traffic::Flowing, failures_in_a_row: 0, stops: 0 }
    }
}

impl Breaker {
    /// What may be sent.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Takes in how a call ended. `seed` tells targets and processes apart that would probe at the same time.
    pub(super) fn record(&mut self, purpose: Purpose, ending: Ending, now: Time, seed: &str) {
        match ending {
            Ending::Answered if purpose == Purpose::Probe => self.try_one(),
            Ending::Answered => *self = Self::default(),
            Ending::CredentialsRefused => {
                self.traffic = Traffic::Stopped { probe_at: now + PAUSE_FOR_CREDENTIALS };
            }
            Ending::Failed => self.failed(purpose, now, seed),
        }
    }

    /// Where nothing is sent, the next probe is at this time.
    pub(super) fn probe_at(&mut self, time: Time) {
        if matches!(self.traffic, Traffic::Stopped { .. }) {
            self.traffic = Traffic::Stopped { probe_at: time };
        }
    }

    /// There is nothing to probe with: the next piece of work tells.
    pub(super) fn try_one(&mut self) {
        self.traffic = Traffic::OneCall;
        self.failures_in_a_row = 0;
    }

    fn failed(&mut self, purpose: Purpose, now: Time, seed: &str) {
        self.failures_in_a_row += 1;
        let is_enough = match self.traffic {
            Traffic::Flowing => self.failures_in_a_row >= FAILURES,
            Traffic::OneCall => true,
            // Calls that were out when it was stopped, and change nothing any more.
            Traffic::Stopped { .. } => purpose == Purpose::Probe,
        };
        if is_enough {
            self.stops += 1;
            self.traffic = Traffic::Stopped { probe_at: now + pause(self.stops, now, seed) };
        }
    }
}

/// Shortened by up to a quarter, so that those who stopped together do not probe together.
fn pause(stops: u32, now: Time, seed: &str) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(stops.saturating_sub(1))).min(LONGEST_PAUSE);
    let mut hasher = DefaultHasher::new();
    (seed, stops, now.as_micros()).hash(&mut hasher);
    let thousandths = u32::try_from(hasher.finish() % 251).unwrap_or(0);
    full - full * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_micros(1_700_000_000_000_000);

    fn record(breaker: &mut Breaker, purpose: Purpose, ending: Ending, times: u32) -> Traffic {
        for _ in 0..times {
            breaker.record(purpose, ending, NOW, "test");
        }
        breaker.traffic()
    }

    fn pause_of(traffic: Traffic) -> Duration {
        match traffic {
            Traffic::Stopped { probe_at } => probe_at.since(NOW),
            other => panic!("it is {other:?}"),
        }
    }

    #[test]
    fn five_failures_in_a_row_stop_the_traffic_and_four_do_not() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(record(&mut breaker, Purpose::Work, Ending::Failed, 4), Traffic::Flowing);
            assert_eq!(record(&mut breaker, Purpose::Work, Ending::Answered, 1), Traffic::Flowing);
        }
        let stopped = record(&mut breaker, Purpose::Work, Ending::Failed, 5);
        assert!(pause_of(stopped) <= FIRST_PAUSE && pause_of(stopped) >= FIRST_PAUSE * 3 / 4);
        // Those that were out then.
        assert_eq!(record(&mut breaker, Purpose::Work, Ending::Failed, 20), stopped);
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_again_when_work_was_answered() {
        let mut breaker = Breaker::default();
        record(&mut breaker, Purpose::Work, Ending::Failed, 5);
        for full in [10, 20, 40, 60, 60, 60] {
            let pause = pause_of(record(&mut breaker, Purpose::Probe, Ending::Failed, 1));
            let full = Duration::from_secs(full);
            assert!(pause <= full && pause >= full * 3 / 4, "{pause:?} of {full:?}");
        }
        // It answers probes and nothing else.
        assert_eq!(record(&mut breaker, Purpose::Probe, Ending::Answered, 1), Traffic::OneCall);
        let pause = pause_of(record(&mut breaker, Purpose::Work, Ending::Failed, 1));
        assert!(pause >= LONGEST_PAUSE * 3 / 4, "{pause:?}");
        assert_eq!(record(&mut breaker, Purpose::Probe, Ending::Answered, 1), Traffic::OneCall);
        assert_eq!(record(&mut breaker, Purpose::Work, Ending::Answered, 1), Traffic::Flowing);
        assert!(pause_of(record(&mut breaker, Purpose::Work, Ending::Failed, 5)) <= FIRST_PAUSE);
    }

    #[test]
    fn refused_credentials_stop_the_traffic_at_once_for_a_minute_each_time() {
        let mut breaker = Breaker::default();
        for purpose in [Purpose::Work, Purpose::Probe, Purpose::Probe, Purpose::Probe] {
            let stopped = record(&mut breaker, purpose, Ending::CredentialsRefused, 1);
            assert_eq!(pause_of(stopped), PAUSE_FOR_CREDENTIALS);
        }
    }

    #[test]
    fn those_who_stop_together_probe_at_different_times() {
        assert_ne!(pause(3, NOW, "a"), pause(3, NOW, "b"));
    }
}
