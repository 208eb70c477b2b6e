//! One of the two limits of a target: how many calls fit in any span of its length, and whose they are.

use std::time::Duration;

use crate::{clock::Time, connector::Lane, store::budgets::Standing};

use super::Rate;

/// Added to every window, for clocks of replicas that differ a little.
const SLACK: Duration = Duration::from_millis(50);

/// How much earlier and how much later than told a target's window may end: both ends of the time that it tells are whole
/// seconds.
pub(super) const RESET_IS_EARLY_BY: Duration = Duration::from_secs(2);
pub(super) const RESET_IS_LATE_BY: Duration = Duration::from_secs(1);

/// A limit on the calls within any span of the window's length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// How many calls are ours to make.
    limit: usize,
    length: Duration,
    /// One in so many calls is for revocations alone.
    kept_of: usize,
}

/// What is known of others who use the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// How many calls in the window are theirs.
    pub(super) calls: u32,
    /// Until when.
    pub(super) until: Option<Time>,
    /// There were some, and how many there are now is not known.
    pub(super) is_stale: bool,
}

impl Window {
    pub(super) fn second(rate: Rate) -> Self {
        Self { limit: rate.per_second as usize, length: Duration::from_secs(1), kept_of: 10 }
    }

    pub(super) fn minute(rate: Rate) -> Self {
        Self { limit: rate.per_minute as usize, length: Duration::from_secs(60), kept_of: 60 }
    }

    /// How long a call counts after it ended.
    pub(super) fn length(&self) -> Duration {
        self.length + SLACK
    }

    /// How many calls fit: no more than is ours, and no more than the target said last.
    pub(super) fn limit(&self, standing: Option<Standing>) -> usize {
        standing.map_or(self.limit, |standing| self.limit.min(standing.limit as usize))
    }

    /// How many of them `lane` may use.
    pub(super) fn limit_for(&self, lane: Lane, standing: Option<Standing>) -> usize {
        let limit = self.limit(standing);
        match lane {
            Lane::Revoke => limit,
            Lane::Change | Lane::Grant => limit - (limit / self.kept_of).max(usize::from(limit > 1)),
        }
    }

    /// Whose calls are in the window besides ours, as far as the target told; they are taken to go on as before. From the
    /// reset on its word is out of date, and a window after it was said nothing of it is left.
    pub(super) fn others(&self, standing: Option<Standing>, now: Time) -> Others {
        let Some(standing) = standing.filter(|standing| standing.others > 0) else {
            return Others::default();
        };
        let gone_at = standing.said_at + self.length();
        let stale_at = (standing.resets_at + RESET_IS_LATE_BY).min(gone_at);
        if now < stale_at {
            let since = now.since(standing.said_at).as_secs_f64() / self.length.as_secs_f64();
            let more = f64::from(standing.others) * since;
            // At most as many again, in the window that the word is good for; rounded to the safe side.
            let calls = standing.others.saturating_add(more.ceil() as u32);
            Others { calls, until: Some(stale_at), is_stale: false }
        } else {
            Others { is_stale: now < gone_at, ..Others::default() }
        }
    }

    /// How many calls may go out one right after the other when few were made lately: a fifteenth of the window, 20 of 300.
    pub(super) fn burst(&self, calls: usize) -> usize {
        (calls / 15).max(1)
    }

    /// How far apart the calls of a backlog are sent: so that 59 in 60 fit in a window.
    pub(super) fn interval(&self, calls: usize) -> Duration {
        self.length * 60 / (59 * u32::try_from(calls).unwrap_or(u32::MAX / 59).max(1))
    }

    /// How many of them may follow at once when they are late, beyond the one that is due: a sixtieth, 5 of 300 with it.
    pub(super) fn catch_up(&self, calls: usize) -> u32 {
        u32::try_from(calls / 60).unwrap_or(u32::MAX).saturating_sub(1)
    }
}
