//! When a call may be sent: pure arithmetic over the calls that were made and over what the target said.

use std::time::Duration;

use crate::{
    clock::Time,
    connector::{Lane, RateReport, RateWindow},
    store::budgets::{Account, Call, Standing},
};

use super::{
    Rate,
    window::{RESET_IS_EARLY_BY, RESET_IS_LATE_BY, Window},
};

/// How long a call is remembered after it ended: as long as anything that a target says may be about it.
pub(super) const KEPT: Duration = Duration::from_secs(65);

/// How long to wait at the most for an answer before looking again: another process may have got it.
const ANSWERS_ELSEWHERE: Duration = Duration::from_millis(250);

/// What was called, and what holds for the account.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    second: Window,
    minute: Window,
    account: &'a Account,
    /// In the order in which they end.
    calls: &'a [Call],
}

/// When a lane may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// Now.
    Now,
    /// Not before this time, whatever happens until then.
    At(Time),
    /// When a call that is out was answered, or at this time if none is.
    OnceAnswered(Time),
}

impl<'a> Ledger<'a> {
    /// The ledger of an account of which `rate` is ours. `calls` are those of the last [`KEPT`], in the order in which they
    /// end.
    pub(super) fn new(rate: Rate, account: &'a Account, calls: &'a [Call]) -> Self {
        Self { second: Window::second(rate), minute: Window::minute(rate), account, calls }
    }

    /// When `lane` may call.
    pub(super) fn availability(&self, lane: Lane, now: Time) -> Availability {
        let is_later = |time: &Time| *time > now;
        let until = |time: Option<Time>| Availability::At(time.unwrap_or(now));
        let stop = self.account.stopped_until.filter(is_later);
        let urgency = self.account.urgent_until.filter(|until| is_later(until) && lane != Lane::Revoke);
        let of_windows = [(self.second, self.account.second), (self.minute, self.account.minute)];
        let mut verdict = until(stop).later(until(urgency));
        for (window, standing) in of_windows {
            verdict = verdict.later(self.in_window(window, standing, lane, now));
        }
        if lane != Lane::Revoke {
            verdict = verdict.later(Availability::At(self.in_pace(now)));
        }
        match verdict {
            Availability::At(time) if time <= now => Availability::Now,
            verdict => verdict,
        }
    }

    /// How far apart the calls of a backlog are sent.
    pub(super) fn interval(&self, now: Time) -> Duration {
        self.minute.interval(self.ours_of_minute(now))
    }

    /// What `report` says, which came at `said_at` with the answer to a call that was sent at `sent_at`.
    ///
    /// How many calls in the target's window are others' is what it counted, less ours; and of ours those that were out at
    /// the time may have been counted or not. If all of them explain the count, we are alone, and nothing is subtracted
    /// twice. If even all of them do not, there are others, and then only those of ours are subtracted that were counted for
    /// certain.
    pub(super) fn standing(&self, report: RateReport, sent_at: Time, said_at: Time) -> Standing {
        let length = match report.window {
            RateWindow::Second => self.second.length(),
            RateWindow::Minute => self.minute.length(),
        };
        let used = report.limit - report.remaining;
        let (earliest, latest) = window_start(report.resets_at, length, sent_at, said_at);
        let count = |counts: &dyn Fn(&Call) -> bool| {
            u32::try_from(self.calls.iter().filter(|call| counts(call)).count()).unwrap_or(u32::MAX)
        };
        let at_most = count(&|call| call.sent_at <= said_at && call.ended_at >= earliest);
        // Without the call itself, which was counted as well.
        let at_least = count(&|call| call.sent_at >= latest && call.ended_at < sent_at);
        let others = if used > at_most { used.saturating_sub(at_least + 1) } else { 0 };
        Standing { limit: report.limit, others, said_at, resets_at: report.resets_at }
    }

    /// When `window` has room for one more call of `lane`.
    fn in_window(&self, window: Window, standing: Option<Standing>, lane: Lane, now: Time) -> Availability {
        let others = window.others(standing, now);
        if others.is_stale
            && let Some(last) = self.calls.last().filter(|call| call.ended_at > now)
        {
            // What was known is out of date: one call at a time, until there is newer word.
            return Availability::OnceAnswered(last.ended_at);
        }
        let room = window.limit_for(lane, standing).saturating_sub(others.calls as usize);
        let first_counted = self.calls.partition_point(|call| call.ended_at + window.length() <= now);
        let counted = &self.calls[first_counted..];
        let excess = (counted.len() + 1).saturating_sub(room);
        if excess == 0 {
            return Availability::At(now);
        }
        // As many of the counted calls as are in excess must leave the window first; or the others' calls leave it.
        let ended_at = counted.get(excess - 1).map(|call| call.ended_at);
        let times = [ended_at.map(|ended_at| ended_at + window.length()), others.until];
        let earliest = times.into_iter().flatten().min().unwrap_or(now + window.length());
        if ended_at.is_some_and(|ended_at| ended_at > now) {
            Availability::OnceAnswered(earliest)
        } else {
            Availability::At(earliest)
        }
    }

    /// When a call that can wait is next, if they are sent evenly.
    fn in_pace(&self, now: Time) -> Time {
        let ours = self.ours_of_minute(now);
        let first_counted = self.calls.partition_point(|call| call.ended_at + self.minute.length() <= now);
        if self.calls.len() - first_counted < self.minute.burst(ours) {
            return now;
        }
        let interval = self.minute.interval(ours);
        let mut sent: Vec<_> = self.calls.iter().map(|call| call.sent_at).collect();
        sent.sort_unstable();
        let next = sent.into_iter().fold(Time::default(), |next, sent_at| next.max(sent_at) + interval);
        next - interval * self.minute.catch_up(ours)
    }

    /// How many calls a minute are left to us.
    fn ours_of_minute(&self, now: Time) -> usize {
        let standing = self.account.minute;
        let others = self.minute.others(standing, now).calls as usize;
        self.minute.limit(standing).saturating_sub(others).max(1)
    }
}

impl Availability {
    /// When to look again at the latest, if it is not available now.
    pub(super) fn look_again_at(self, now: Time) -> Time {
        match self {
            Self::Now => now,
            Self::At(time) => time,
            Self::OnceAnswered(time) => time.min(now + ANSWERS_ELSEWHERE),
        }
    }

    /// The one of both that is later.
    fn later(self, other: Self) -> Self {
        match (self, other) {
            (Self::Now, other) | (other, Self::Now) => other,
            (Self::At(a), Self::At(b)) => Self::At(a.max(b)),
            (Self::OnceAnswered(a), Self::OnceAnswered(b)) => Self::OnceAnswered(a.max(b)),
            // What is certain is waited for first; then the rest is looked at again.
            (Self::At(at), Self::OnceAnswered(answered)) | (Self::OnceAnswered(answered), Self::At(at)) => {
                if at >= answered {
                    Self::At(at)
                } else {
                    Self::OnceAnswered(answered)
                }
            }
        }
    }
}

/// The earliest and the latest time at which the target's window may have begun when it looked at a call that was sent at
/// `sent_at` and answered at `said_at`.
///
/// Either its windows begin at fixed times, and the reset is the end of this one; or they slide, and the reset is when the
/// oldest call leaves: all that it counted came less than a length before the reset. Or the reset is when all calls have
/// left: then it is a whole length away, and says nothing about the beginning.
fn window_start(resets_at: Time, length: Duration, sent_at: Time, said_at: Time) -> (Time, Time) {
    let (earliest, latest) = (sent_at - length, said_at - length);
    if resets_at + RESET_IS_LATE_BY >= sent_at + length {
        return (earliest, latest);
    }
    let begin = resets_at - length;
    // The reset was told some time before the answer was here.
    let begin_at_the_earliest = begin - RESET_IS_EARLY_BY - said_at.since(sent_at);
    (earliest.max(begin_at_the_earliest), latest.max(begin + RESET_IS_LATE_BY))
}

#[cfg(test)]
mod headers;
#[cfg(test)]
mod tests;
