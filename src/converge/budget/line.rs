//! Those in this process who wait for the budget, and whose turn it is to ask the database.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, futures::Notified};

use crate::{clock::Time, connector::Lane};

use super::{Answer, Rate, ledger::Availability, window::Window};

/// The waiters of one process.
#[derive(Debug)]
pub(super) struct Line {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// How many wait in each lane.
    waiting: [usize; Lane::ALL.len()],
    /// Somebody is asking.
    asking: bool,
    /// There is no use in asking for a lane before then.
    holds: [Option<Hold>; Lane::ALL.len()],
    /// The target said to stop until then. Kept here as well, in case the database cannot take it down.
    stopped_until: Option<Time>,
    /// How far apart the calls of a backlog are sent.
    interval: Duration,
}

/// No use in asking until then.
#[derive(Clone, Copy, Debug)]
struct Hold {
    until: Time,
    /// Unless a call is answered before.
    ends_with_an_answer: bool,
}

/// What one who waits is to do.
pub(super) enum Turn<'a> {
    /// Ask the database; others wait until this is dropped.
    Ask(Asking<'a>),
    /// Look again then, or when something changes.
    At(Time),
    /// Look again when something changes.
    Later,
}

impl Line {
    pub(super) fn new(rate: Rate) -> Self {
        let state = State {
            waiting: Default::default(),
            asking: false,
            holds: Default::default(),
            stopped_until: None,
            interval: Window::minute(rate).interval(rate.per_minute as usize),
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Hears of the next change.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// What one who wants to call in `lane` is to do.
    pub(super) fn turn(&self, lane: Lane, now: Time) -> Turn<'_> {
        let mut state = self.lock();
        let held_until = state.holds[lane as usize].map(|hold| hold.until).max(state.stopped_until);
        if Lane::ALL.iter().zip(state.waiting).any(|(other, waiting)| *other < lane && waiting > 0) {
            Turn::Later
        } else if let Some(until) = held_until.filter(|until| *until > now) {
            Turn::At(until)
        } else if state.asking {
            Turn::Later
        } else {
            state.asking = true;
            Turn::Ask(Asking { line: self })
        }
    }

    /// One more waits in `lane`; less urgent ones hold back meanwhile.
    pub(super) fn wait_in(&self, lane: Lane) -> Waiting<'_> {
        self.lock().waiting[lane as usize] += 1;
        Waiting { line: self, lane }
    }

    /// There is no use in asking for `lane` before it is available.
    pub(super) fn hold(&self, lane: Lane, availability: Availability, now: Time) {
        let hold = match availability {
            Availability::Now => None,
            waiting => Some(Hold {
                until: waiting.look_again_at(now),
                ends_with_an_answer: matches!(waiting, Availability::OnceAnswered(_)),
            }),
        };
        self.lock().holds[lane as usize] = hold;
    }

    /// Keeps what an answer of the database says beside the call itself. Whether calls are stopped.
    pub(super) fn take_down(&self, answer: &Answer, now: Time) -> bool {
        let mut state = self.lock();
        state.interval = answer.interval;
        state.stopped_until = state.stopped_until.max(answer.stopped_until);
        state.stopped_until.is_some_and(|until| until > now)
    }

    /// No calls until `until`.
    pub(super) fn stop(&self, until: Time) {
        let mut state = self.lock();
        state.stopped_until = state.stopped_until.max(Some(until));
    }

    /// A call was answered.
    pub(super) fn answered(&self) {
        for hold in &mut self.lock().holds {
            *hold = hold.filter(|hold| !hold.ends_with_an_answer);
        }
        self.changed.notify_waiters();
    }

    /// More is known by now than when it was said to wait.
    pub(super) fn forget_holds(&self) {
        self.lock().holds = Default::default();
        self.changed.notify_waiters();
    }

    /// How long `calls` in a row take.
    pub(super) fn time_for(&self, calls: u64, now: Time) -> Duration {
        let state = self.lock();
        let stop = state.stopped_until.map_or(Duration::ZERO, |until| until.since(now));
        stop + state.interval.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX))
    }

    /// How many calls in a row are made in `time`.
    pub(super) fn calls_in(&self, time: Duration) -> u64 {
        let interval = self.lock().interval.as_micros().max(1);
        u64::try_from(time.as_micros() / interval).unwrap_or(u64::MAX)
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.iter().sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody asks the database; everybody else waits.
pub(super) struct Asking<'a> {
    line: &'a Line,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.line.lock().asking = false;
        self.line.changed.notify_waiters();
    }
}

/// Somebody waits in a lane.
pub(super) struct Waiting<'a> {
    line: &'a Line,
    lane: Lane,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.lock().waiting[self.lane as usize] -= 1;
        self.line.changed.notify_waiters();
    }
}
