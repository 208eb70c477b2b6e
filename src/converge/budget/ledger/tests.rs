//! The ledger by itself: single decisions, and hours of calls in a moment.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

pub(super) const RATE: Rate = Rate { per_second: 20, per_minute: 300 };
pub(super) const START: Time = Time::from_micros(1_700_000_000_000_000);

fn at(milliseconds: u64) -> Time {
    START + Duration::from_millis(milliseconds)
}

/// Calls of `latency`, sent at these milliseconds.
fn calls(sent: impl IntoIterator<Item = u64>, latency: u64) -> Vec<Call> {
    let mut calls: Vec<_> =
        sent.into_iter().map(|sent| Call { sent_at: at(sent), ended_at: at(sent + latency) }).collect();
    calls.sort_by_key(|call| call.ended_at);
    calls
}

fn availability(calls: &[Call], lane: Lane, now: u64) -> Availability {
    Ledger::new(RATE, &Account::default(), calls).availability(lane, at(now))
}

// --- single decisions ---

#[rstest]
#[case::nothing_was_called(calls([], 0), Lane::Grant, 0, Availability::Now)]
#[case::a_burst_is_over_for_those_who_can_wait(calls([0; 18], 0), Lane::Grant, 0, Availability::At(at(1_050)))]
#[case::and_not_for_a_revocation(calls([0; 18], 0), Lane::Revoke, 0, Availability::Now)]
#[case::the_second_is_used_up(calls([0; 20], 0), Lane::Revoke, 0, Availability::At(at(1_050)))]
#[case::until_a_second_after_the_first_answer(calls([0; 20], 300), Lane::Revoke, 1_000, Availability::At(at(1_350)))]
#[case::or_until_a_call_that_is_out_is_answered(calls([0; 20], 30_000), Lane::Revoke, 500, Availability::OnceAnswered(at(31_050)))]
#[case::the_minute_is_used_up(calls((0..300).map(|call| call * 100), 0), Lane::Revoke, 35_000, Availability::At(at(60_050)))]
#[case::but_for_a_share_of_it(calls((0..295).map(|call| call * 100), 0), Lane::Revoke, 35_000, Availability::Now)]
fn a_call_may_be_sent_when_both_windows_have_room(
    #[case] calls: Vec<Call>,
    #[case] lane: Lane,
    #[case] now: u64,
    #[case] expected: Availability,
) {
    assert_eq!(availability(&calls, lane, now), expected);
}

#[test]
fn after_twenty_calls_in_a_minute_those_who_can_wait_are_sent_evenly() {
    let burst = calls((0..20).map(|call| call * 60), 0);
    // Twenty-one at an even pace take twenty times 203.4 ms; five of them may be ahead of it.
    let Availability::At(next) = availability(&burst, Lane::Change, 1_200) else { panic!("it waits") };
    assert!((at(3_200)..at(3_700)).contains(&next), "{next}");
    assert_eq!(availability(&burst, Lane::Revoke, 1_200), Availability::Now);
    assert_eq!(availability(&burst, Lane::Change, 3_700), Availability::Now);
}

#[test]
fn a_stop_is_for_all_and_urgency_for_those_who_can_wait() {
    let stopped = Account { stopped_until: Some(at(500)), ..Account::default() };
    let urgent = Account { urgent_until: Some(at(500)), ..Account::default() };
    for (account, lane, expected) in [
        (&stopped, Lane::Revoke, Availability::At(at(500))),
        (&stopped, Lane::Grant, Availability::At(at(500))),
        (&urgent, Lane::Revoke, Availability::Now),
        (&urgent, Lane::Change, Availability::At(at(500))),
    ] {
        assert_eq!(Ledger::new(RATE, account, &[]).availability(lane, START), expected);
        assert_eq!(Ledger::new(RATE, account, &[]).availability(lane, at(500)), Availability::Now);
    }
}

#[test]
fn limits_of_one_still_let_every_lane_call() {
    let rate = Rate { per_second: 1, per_minute: 1 };
    for lane in Lane::ALL {
        assert_eq!(Ledger::new(rate, &Account::default(), &[]).availability(lane, START), Availability::Now);
        let one = calls([0], 0);
        let next = Ledger::new(rate, &Account::default(), &one).availability(lane, at(1));
        assert!(matches!(next, Availability::At(time) if time >= at(60_000)), "{next:?}");
    }
}

// --- long runs ---

/// Makes calls as a bridge does.
#[derive(Default)]
pub(super) struct Run {
    pub(super) account: Account,
    /// Those of the last [`KEPT`].
    pub(super) calls: Vec<Call>,
    /// All that were sent.
    pub(super) sent: Vec<Call>,
}

impl Run {
    /// Sends a call at `now` if `lane` may.
    pub(super) fn try_send(&mut self, lane: Lane, now: Time, latency: Duration) -> bool {
        self.calls.retain(|call| call.ended_at + KEPT > now);
        let ledger = Ledger::new(RATE, &self.account, &self.calls);
        if ledger.availability(lane, now) != Availability::Now {
            return false;
        }
        let call = Call { sent_at: now, ended_at: now + latency };
        let place = self.calls.partition_point(|other| other.ended_at <= call.ended_at);
        self.calls.insert(place, call);
        self.sent.push(call);
        true
    }

    /// Sends a call as soon after `now` as `lane` may, and answers when that was.
    fn send(&mut self, lane: Lane, mut now: Time, latency: Duration) -> Time {
        while !self.try_send(lane, now, latency) {
            now = match Ledger::new(RATE, &self.account, &self.calls).availability(lane, now) {
                Availability::Now => now,
                Availability::At(time) | Availability::OnceAnswered(time) => time,
            };
        }
        now
    }
}

/// 95 % of the budget, counted over the whole run.
#[rstest]
#[case::no_time(0, 293)]
#[case::some(300, 292)]
#[case::a_second(1_000, 289)]
#[case::two_seconds(2_000, 285)]
fn a_backlog_of_grants_uses_the_budget(#[case] latency: u64, #[case] at_least: usize) {
    const MINUTES: usize = 10;
    let mut run = Run::default();
    let mut now = START;
    while now < at(MINUTES as u64 * 60_000) {
        now = run.send(Lane::Grant, now, Duration::from_millis(latency));
    }
    let per_minute = (run.sent.len() - 1) / MINUTES;
    assert!(per_minute >= at_least, "{per_minute} calls a minute at {latency} ms");
}

/// The longest wait of a revocation; and how many at once need not wait at all.
#[rstest]
#[case(0)]
#[case(300)]
#[case(1_000)]
fn a_revocation_behind_a_backlog_goes_out_at_once(#[case] latency: u64) {
    let latency = Duration::from_millis(latency);
    let mut run = Run::default();
    let mut longest = Duration::ZERO;
    let mut waiting_since = None;
    for step in 0..5 * 3_000 {
        let now = at(step * 20);
        // One every two seconds: thirty a minute.
        if step % 100 == 7 {
            waiting_since = Some(now);
        }
        if let Some(since) = waiting_since.filter(|_| run.try_send(Lane::Revoke, now, latency)) {
            longest = longest.max(now.since(since));
            waiting_since = None;
        }
        while waiting_since.is_none() && run.try_send(Lane::Grant, now, latency) {}
    }
    assert!(longest <= Duration::from_millis(250), "one waited for {longest:?}");
    let now = at(5 * 60_000);
    let at_once = std::iter::from_fn(|| run.try_send(Lane::Revoke, now, latency).then_some(())).count();
    assert!(at_once >= 5, "only {at_once} of many went out at once");
}

/// The most that fall into any span of `length`, wherever it begins.
fn most_within(seen: &[Time], length: Duration) -> usize {
    let within =
        |index: usize| seen[index..].iter().take_while(|time| time.since(seen[index]) < length).count();
    (0..seen.len()).map(within).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// A target sees a call at some time between its sending and its answer.
    #[test]
    fn neither_limit_is_exceeded_wherever_the_target_draws_its_windows(
        works in prop::collection::vec((0_u64..40, 0_usize..3, 0_u64..2_500, 0.0..1.0), 1_500)
    ) {
        let mut run = Run::default();
        let mut seen = Vec::new();
        let mut now = START;
        for (pause, lane, latency, part) in works {
            let latency = Duration::from_millis(latency);
            now = run.send(Lane::ALL[lane], now, latency);
            seen.push(now + latency.mul_f64(part));
            now = now + Duration::from_millis(pause);
        }
        seen.sort_unstable();
        prop_assert!(most_within(&seen, Duration::from_secs(1)) <= 20);
        prop_assert!(most_within(&seen, Duration::from_secs(60)) <= 300);
    }
}
