//! Leaves a target alone that does not answer: after so many failures in a row nothing is sent for a while, then one request
//! to see. A failure is a target that cannot be reached, breaks off, or does not answer in time; what it answers is none,
//! whatever the status.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::{Clock, Time};

/// How many failures in a row are enough.
const FAILURES: u32 = 5;

/// How long a target is left alone: the first time, and at the most, each time being twice as long as the one before.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Counts failures, and lets requests through or not.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    clock: Arc<dyn Clock>,
    /// How long a request that is out to see is waited for.
    patience: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// All requests pass. So many failed in a row, the last for that reason.
    Closed { failures: u32, reason: String },
    /// Nothing passes until then.
    Open { until: Time, rest: Duration, reason: String },
    /// One request is out to see. After that time the next one may look as well: a client that sends its request slowly is no
    /// reason to stop all others.
    Probing { until: Time, rest: Duration, reason: String },
}

/// The target is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resting {
    /// For how long.
    pub(super) retry_after: Duration,
    /// What it failed with last.
    pub(super) reason: String,
}

/// A request that was let through. What became of it must be told; dropped, it says nothing, as when the client hung up.
#[derive(Debug)]
pub(super) struct Passage {
    breaker: Breaker,
    sort: Sort,
    is_told: bool,
}

/// What a request that was let through is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// One of many.
    Ordinary,
    /// One that is out to see: the last of them alone decides whether there is another rest. Its time tells which it is.
    Probe { until: Time },
}

/// How a target is doing, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It answers, as far as is known.
    Working,
    /// The last requests failed.
    Failing {
        /// How many in a row.
        failures: u32,
        /// Why.
        reason: String,
    },
    /// Nothing is sent, or one request to see.
    Resting {
        /// Why.
        reason: String,
    },
}

impl Breaker {
    /// A breaker that has seen nothing, and waits for `patience` for a request that is out to see.
    pub(super) fn new(clock: Arc<dyn Clock>, patience: Duration) -> Self {
        let state = State::Closed { failures: 0, reason: String::new() };
        Self { clock, patience, state: Arc::new(Mutex::new(state)) }
    }

    /// Lets a request through, or says for how long none is.
    pub(super) fn pass(&self) -> Result<Passage, Resting> {
        let mut state = self.lock();
        let now = self.clock.now();
        let sort = match &*state {
            State::Closed { .. } => Sort::Ordinary,
            State::Open { until, rest, reason } | State::Probing { until, rest, reason } if now >= *until => {
                let until = now + self.patience;
                *state = State::Probing { until, rest: *rest, reason: reason.clone() };
                Sort::Probe { until }
            }
            State::Open { until, reason, .. } => {
                return Err(Resting { retry_after: until.since(now), reason: reason.clone() });
            }
            State::Probing { reason, .. } => {
                return Err(Resting { retry_after: Duration::from_secs(1), reason: reason.clone() });
            }
        };
        Ok(Passage { breaker: self.clone(), sort, is_told: false })
    }

    /// How the target is doing.
    pub(super) fn condition(&self) -> Condition {
        match &*self.lock() {
            State::Closed { failures: 0, .. } => Condition::Working,
            State::Closed { failures, reason } => {
                Condition::Failing { failures: *failures, reason: reason.clone() }
            }
            State::Open { reason, .. } | State::Probing { reason, .. } => {
                Condition::Resting { reason: reason.clone() }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is replaced whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passage {
    /// The target answered.
    pub(super) fn answered(mut self) {
        self.is_told = true;
        let mut state = self.breaker.lock();
        if !matches!(*state, State::Closed { failures: 0, .. }) {
            *state = State::Closed { failures: 0, reason: String::new() };
        }
    }

    /// The target did not answer, for that reason.
    pub(super) fn failed(mut self, reason: &str) {
        self.is_told = true;
        let mut state = self.breaker.lock();
        let reason = reason.to_owned();
        let rest = match &*state {
            State::Closed { failures, .. } if failures + 1 < FAILURES => {
                *state = State::Closed { failures: failures + 1, reason };
                return;
            }
            State::Closed { .. } => FIRST_REST,
            State::Probing { until, rest, .. } if self.sort == (Sort::Probe { until: *until }) => {
                (*rest * 2).min(LONGEST_REST)
            }
            // It was sent before the others failed, or another one looks by now.
            State::Probing { .. } | State::Open { .. } => return,
        };
        *state = State::Open { until: self.breaker.clock.now() + rest, rest, reason };
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.is_told || self.sort == Sort::Ordinary {
            return;
        }
        let mut state = self.breaker.lock();
        if let State::Probing { until, rest, reason } = &*state
            && self.sort == (Sort::Probe { until: *until })
        {
            // Nothing was seen: the next request may look.
            let until = self.breaker.clock.now();
            *state = State::Open { until, rest: *rest, reason: reason.clone() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const PATIENCE: Duration = Duration::from_secs(25);

    fn breaker() -> (Breaker, ManualClock) {
        let clock = ManualClock::new(Time::from_micros(0));
        (Breaker::new(Arc::new(clock.clone()), PATIENCE), clock)
    }

    fn fail(breaker: &Breaker) {
        breaker.pass().unwrap().failed("it broke off");
    }

    #[track_caller]
    fn rests_for(breaker: &Breaker, seconds: u64) {
        let resting = breaker.pass().unwrap_err();
        assert_eq!(
            resting,
            Resting { retry_after: Duration::from_secs(seconds), reason: "it broke off".into() }
        );
    }

    #[test]
    fn five_failures_in_a_row_stop_all_requests_and_an_answer_in_between_starts_the_count_again() {
        let (breaker, _) = breaker();
        for _ in 0..4 {
            fail(&breaker);
        }
        breaker.pass().unwrap().answered();
        assert_eq!(breaker.condition(), Condition::Working);
        for _ in 0..4 {
            fail(&breaker);
        }
        assert_eq!(breaker.condition(), Condition::Failing { failures: 4, reason: "it broke off".into() });
        fail(&breaker);
        rests_for(&breaker, 5);
        assert_eq!(breaker.condition(), Condition::Resting { reason: "it broke off".into() });
    }

    #[test]
    fn after_the_rest_one_request_looks_and_its_answer_opens_the_way() {
        let (breaker, clock) = breaker();
        for _ in 0..5 {
            fail(&breaker);
        }
        clock.advance(Duration::from_secs(5));
        let probe = breaker.pass().unwrap();
        rests_for(&breaker, 1);
        probe.answered();
        breaker.pass().unwrap().answered();
        assert_eq!(breaker.condition(), Condition::Working);
    }

    #[test]
    fn a_probe_that_fails_doubles_the_rest_up_to_a_minute() {
        let (breaker, clock) = breaker();
        for _ in 0..5 {
            fail(&breaker);
        }
        for (rest, next) in [(5, 10), (10, 20), (20, 40), (40, 60), (60, 60)] {
            rests_for(&breaker, rest);
            clock.advance(Duration::from_secs(rest));
            fail(&breaker);
            rests_for(&breaker, next);
        }
    }

    #[test]
    fn a_probe_whose_client_hung_up_leaves_the_look_to_the_next_request() {
        let (breaker, clock) = breaker();
        for _ in 0..5 {
            fail(&breaker);
        }
        clock.advance(Duration::from_secs(5));
        drop(breaker.pass().unwrap());
        breaker.pass().unwrap().answered();
        assert_eq!(breaker.condition(), Condition::Working);
    }

    #[test]
    fn a_probe_that_takes_too_long_leaves_the_look_to_the_next_request_and_decides_nothing_any_more() {
        let (breaker, clock) = breaker();
        for _ in 0..5 {
            fail(&breaker);
        }
        clock.advance(Duration::from_secs(5));
        let [slow, slower] = [(); 2].map(|()| {
            let probe = breaker.pass().unwrap();
            rests_for(&breaker, 1);
            clock.advance(PATIENCE);
            probe
        });
        let last = breaker.pass().unwrap();
        slow.failed("it broke off");
        drop(slower);
        rests_for(&breaker, 1);
        last.answered();
        assert_eq!(breaker.condition(), Condition::Working);
    }

    #[test]
    fn requests_that_were_out_before_the_rest_say_nothing_of_the_one_that_looks() {
        let (breaker, clock) = breaker();
        let [late, hung_up] = [breaker.pass().unwrap(), breaker.pass().unwrap()];
        for _ in 0..5 {
            fail(&breaker);
        }
        clock.advance(Duration::from_secs(5));
        let probe = breaker.pass().unwrap();
        late.failed("it broke off");
        rests_for(&breaker, 1);
        drop(hung_up);
        rests_for(&breaker, 1);
        probe.answered();
        assert_eq!(breaker.condition(), Condition::Working);
    }

    #[test]
    fn requests_that_were_out_when_the_way_was_closed_change_nothing() {
        let (breaker, _) = breaker();
        let out: Vec<_> = (0..10).map(|_| breaker.pass().unwrap()).collect();
        for passage in out {
            passage.failed("it broke off");
        }
        rests_for(&breaker, 5);
    }
}
