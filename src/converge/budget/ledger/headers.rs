//! The ledger beside a target that counts calls and tells how its limit stands, as far as anybody knows how Aha! does.

use std::collections::VecDeque;

use rstest::rstest;

use super::{
    tests::{RATE, Run, START},
    *,
};

const MINUTE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Windows {
    Sliding,
    Fixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reset {
    FirstRoom,
    AllRoom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
}

/// Counts the calls of a minute, ours and others'.
struct Target {
    windows: Windows,
    reset: Reset,
    rounding: Rounding,
    /// Those that count.
    counted: VecDeque<Time>,
}

impl Target {
    fn end(&self, call: Time) -> Time {
        let minute = MINUTE.as_micros().try_into().unwrap();
        match self.windows {
            Windows::Sliding => call + MINUTE,
            Windows::Fixed => Time::from_micros((call.as_micros().div_euclid(minute) + 1) * minute),
        }
    }

    /// Whether a call is admitted.
    fn see(&mut self, now: Time) -> bool {
        while self.counted.front().is_some_and(|call| self.end(*call) <= now) {
            self.counted.pop_front();
        }
        let is_admitted = self.counted.len() < 300;
        if is_admitted {
            self.counted.push_back(now);
        }
        is_admitted
    }

    /// What the answer to a call says that was just seen, once it is here.
    fn report(&self, seen_at: Time, answered_at: Time) -> RateReport {
        let call = match self.reset {
            Reset::FirstRoom => self.counted.front(),
            Reset::AllRoom => self.counted.back(),
        };
        let reset = self.end(*call.unwrap()).as_micros();
        let reset = match self.rounding {
            Rounding::Up => (reset + 999_999).div_euclid(1_000_000),
            Rounding::Down => reset.div_euclid(1_000_000),
        };
        let date = seen_at.as_micros().div_euclid(1_000_000);
        let left = u64::try_from((reset - date).max(0)).unwrap();
        let used = u32::try_from(self.counted.len()).unwrap();
        RateReport {
            window: RateWindow::Minute,
            limit: 300,
            remaining: 300_u32.saturating_sub(used),
            resets_at: answered_at + Duration::from_secs(left),
        }
    }
}

/// How it went.
struct Outcome {
    /// How many calls of ours were admitted, and how many were not.
    ours: usize,
    refused: usize,
    /// How many of others were admitted.
    others: usize,
    /// The most that others were thought to have made.
    most_others: u32,
}

/// Sends grants without end for some minutes, while others make a call as often as `others_every`.
fn run(mut target: Target, latency: Duration, minutes: u32, others_every: Option<Duration>) -> Outcome {
    let mut run = Run::default();
    // Sent and not seen, then seen and not answered.
    let mut on_the_way: VecDeque<Call> = VecDeque::new();
    let mut on_the_way_back: VecDeque<(Call, RateReport)> = VecDeque::new();
    let (mut now, mut others_at, mut look_at) = (START, START, START);
    let mut outcome = Outcome { ours: 0, refused: 0, others: 0, most_others: 0 };
    while now < START + MINUTE * minutes {
        if let Some(every) = others_every.filter(|_| others_at <= now) {
            outcome.others += usize::from(target.see(now));
            others_at = others_at + every;
        }
        while let Some(call) = on_the_way.pop_front_if(|call| call.sent_at + latency / 2 <= now) {
            *(if target.see(now) { &mut outcome.ours } else { &mut outcome.refused }) += 1;
            on_the_way_back.push_back((call, target.report(now, call.ended_at)));
        }
        while let Some((call, report)) = on_the_way_back.pop_front_if(|(call, _)| call.ended_at <= now) {
            let standing =
                Ledger::new(RATE, &run.account, &run.calls).standing(report, call.sent_at, call.ended_at);
            outcome.most_others = outcome.most_others.max(standing.others);
            run.account.minute = Some(standing);
            if standing.others > 0 {
                look_at = now;
            }
        }
        while look_at <= now && run.try_send(Lane::Grant, now, latency) {
            on_the_way.push_back(*run.sent.last().unwrap());
        }
        if look_at <= now {
            let availability = Ledger::new(RATE, &run.account, &run.calls).availability(Lane::Grant, now);
            look_at = availability.look_again_at(now);
        }
        now = now + STEP;
    }
    outcome
}

#[rstest]
fn who_is_alone_is_never_taken_for_several_and_uses_the_budget(
    #[values(Windows::Sliding, Windows::Fixed)] windows: Windows,
    #[values(Reset::FirstRoom, Reset::AllRoom)] reset: Reset,
    #[values(Rounding::Up, Rounding::Down)] rounding: Rounding,
    #[values(0, 300, 1_000)] latency: u64,
) {
    const MINUTES: u32 = 4;
    let target = Target { windows, reset, rounding, counted: VecDeque::new() };
    let outcome = run(target, Duration::from_millis(latency), MINUTES, None);
    assert_eq!((outcome.most_others, outcome.refused), (0, 0));
    assert!(outcome.ours >= 287 * MINUTES as usize, "{} calls", outcome.ours);
}

#[rstest]
fn what_others_use_is_not_used_again(
    #[values(Windows::Sliding, Windows::Fixed)] windows: Windows,
    #[values(Reset::FirstRoom, Reset::AllRoom)] reset: Reset,
    #[values(Rounding::Up, Rounding::Down)] rounding: Rounding,
    #[values(0, 1_000)] latency: u64,
    #[values(30, 100, 200)] others_a_minute: u32,
) {
    const MINUTES: u32 = 4;
    let target = Target { windows, reset, rounding, counted: VecDeque::new() };
    let latency = Duration::from_millis(latency);
    let outcome = run(target, latency, MINUTES, Some(MINUTE / others_a_minute));
    assert_eq!(outcome.refused, 0, "calls of ours");
    let a_minute = (outcome.ours + outcome.others) / MINUTES as usize;
    assert!(a_minute >= 240, "only {a_minute} calls a minute are used");
}
