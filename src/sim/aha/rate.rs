//! The account's rate limits: 20 calls a second and 300 a minute, over all API keys together.

use std::{collections::VecDeque, time::Duration};

use super::switches::{RateHeaders, RateRules, Reset, Windows};
use crate::clock::Time;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Counts calls against both limits.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    second: Window,
    minute: Window,
}

/// The verdict on one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    /// False: answer 429.
    pub(super) admitted: bool,
    /// What the `X-Ratelimit-*` headers say; `None` when they are switched off.
    pub(super) reported: Option<Standing>,
    /// How long until a call would be admitted; zero while there is room.
    pub(super) wait: Duration,
}

/// How one limit stands after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// What the headers say of when there is room again, or more room.
    pub(super) reset: Time,
    /// When there is: the window's end, or the end of its oldest call.
    first_room: Time,
}

impl RateLimiter {
    /// Counts a call at `now`, if both limits have room for it. A call that is refused counts against neither.
    pub(super) fn admit(&mut self, now: Time, rules: &RateRules) -> Admission {
        self.second.forget(now, SECOND, rules.windows);
        self.minute.forget(now, MINUTE, rules.windows);
        let admitted = self.second.has_room(rules.per_second) && self.minute.has_room(rules.per_minute);
        if admitted {
            self.second.calls.push_back(now);
            self.minute.calls.push_back(now);
        }
        let second = self.second.standing(now, SECOND, rules.per_second, rules);
        let minute = self.minute.standing(now, MINUTE, rules.per_minute, rules);
        let full = [second, minute].into_iter().filter(|standing| standing.remaining == 0);
        let wait = full.map(|standing| standing.first_room.since(now)).max().unwrap_or_default();
        let reported = match rules.headers {
            RateHeaders::Minute => Some(minute),
            RateHeaders::Second => Some(second),
            RateHeaders::Tightest if second.remaining < minute.remaining => Some(second),
            RateHeaders::Tightest => Some(minute),
            RateHeaders::Absent => None,
        };
        Admission { admitted, reported, wait }
    }
}

/// The calls that still count against one limit, oldest first.
#[derive(Debug, Default)]
struct Window {
    calls: VecDeque<Time>,
}

impl Window {
    fn forget(&mut self, now: Time, length: Duration, windows: Windows) {
        while self.calls.front().is_some_and(|call| end(*call, length, windows) <= now) {
            self.calls.pop_front();
        }
    }

    fn has_room(&self, limit: u32) -> bool {
        self.calls.len() < limit as usize
    }

    fn standing(&self, now: Time, length: Duration, limit: u32, rules: &RateRules) -> Standing {
        let used = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let end_of = |call: Option<&Time>| end(call.copied().unwrap_or(now), length, rules.windows);
        let first_room = end_of(self.calls.front());
        let reset = match rules.reset {
            Reset::FirstRoom => first_room,
            Reset::AllRoom => end_of(self.calls.back()),
        };
        Standing { limit, remaining: limit.saturating_sub(used), reset, first_room }
    }
}

/// When a call no longer counts.
fn end(call: Time, length: Duration, windows: Windows) -> Time {
    match windows {
        Windows::Sliding => call + length,
        Windows::Fixed => {
            let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
            Time::from_micros((call.as_micros().div_euclid(length) + 1) * length)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Half a second past a full minute.
    const START: Time = Time::from_micros(1_699_999_980_500_000);

    fn at(milliseconds: u64) -> Time {
        START + Duration::from_millis(milliseconds)
    }

    fn rules(windows: Windows) -> RateRules {
        RateRules { windows, ..RateRules::default() }
    }

    /// How many of `calls` calls at `time` are admitted.
    fn admitted(limiter: &mut RateLimiter, rules: &RateRules, time: Time, calls: usize) -> usize {
        (0..calls).filter(|_| limiter.admit(time, rules).admitted).count()
    }

    #[test]
    fn a_sliding_second_admits_20_calls_in_any_second() {
        let (mut limiter, rules) = (RateLimiter::default(), rules(Windows::Sliding));
        assert_eq!(admitted(&mut limiter, &rules, at(0), 25), 20);
        assert_eq!(admitted(&mut limiter, &rules, at(999), 1), 0);
        assert_eq!(admitted(&mut limiter, &rules, at(1000), 25), 20);
    }

    #[test]
    fn a_fixed_second_starts_again_with_the_wall_clock() {
        let (mut limiter, rules) = (RateLimiter::default(), rules(Windows::Fixed));
        assert_eq!(admitted(&mut limiter, &rules, at(0), 25), 20);
        assert_eq!(admitted(&mut limiter, &rules, at(499), 1), 0);
        assert_eq!(admitted(&mut limiter, &rules, at(500), 25), 20);
    }

    #[rstest]
    #[case::sliding(Windows::Sliding, 60_000)]
    #[case::fixed(Windows::Fixed, 59_500)]
    fn a_minute_admits_300_calls(#[case] windows: Windows, #[case] room_again: u64) {
        let (mut limiter, rules) = (RateLimiter::default(), rules(windows));
        for second in 0..15 {
            assert_eq!(admitted(&mut limiter, &rules, at(second * 1000), 20), 20);
        }
        assert_eq!(admitted(&mut limiter, &rules, at(room_again - 1), 1), 0);
        assert_eq!(admitted(&mut limiter, &rules, at(room_again), 20), 20);
    }

    #[test]
    fn a_refused_call_does_not_count() {
        let (mut limiter, rules) = (RateLimiter::default(), rules(Windows::Sliding));
        admitted(&mut limiter, &rules, at(0), 20);
        admitted(&mut limiter, &rules, at(900), 20);
        assert_eq!(admitted(&mut limiter, &rules, at(1000), 20), 20);
    }

    #[test]
    fn a_refusal_tells_how_long_to_wait_for_the_limit_that_is_full() {
        let (mut limiter, rules) = (RateLimiter::default(), rules(Windows::Sliding));
        admitted(&mut limiter, &rules, at(0), 20);
        let refused = limiter.admit(at(400), &rules);
        assert!(!refused.admitted);
        assert_eq!(refused.wait, Duration::from_millis(600));
        assert_eq!(refused.reported.unwrap().remaining, 280);
    }

    #[test]
    fn the_headers_describe_the_limit_that_the_switch_names() {
        let reported = |headers| {
            let rules = RateRules { headers, ..RateRules::default() };
            RateLimiter::default().admit(at(0), &rules).reported.map(|standing| standing.remaining)
        };
        assert_eq!(reported(RateHeaders::Minute), Some(299));
        assert_eq!(reported(RateHeaders::Second), Some(19));
        assert_eq!(reported(RateHeaders::Tightest), Some(19));
        assert_eq!(reported(RateHeaders::Absent), None);
    }

    #[test]
    fn the_reset_is_when_there_is_more_room_or_all_of_it() {
        for (reset, expected) in [(Reset::FirstRoom, at(60_000)), (Reset::AllRoom, at(65_000))] {
            let rules = RateRules { reset, ..RateRules::default() };
            let mut limiter = RateLimiter::default();
            limiter.admit(at(0), &rules);
            let admission = limiter.admit(at(5_000), &rules);
            assert_eq!(admission.reported.map(|standing| standing.reset), Some(expected));
        }
    }

    #[test]
    fn the_windows_can_be_switched_while_running() {
        let mut limiter = RateLimiter::default();
        admitted(&mut limiter, &rules(Windows::Sliding), at(0), 20);
        assert_eq!(admitted(&mut limiter, &rules(Windows::Fixed), at(500), 20), 20);
    }
}
