//! How many calls a target allows, shared by everything that calls it.
//!
//! Aha! allows 20 calls a second and 300 a minute for the whole account and does not say where its windows begin. So a
//! call counts against ours from the moment it is sent until a full window after its *answer* came: the target saw it
//! somewhere in between, and wherever it draws its windows, no more than the limit falls into one.
//!
//! More urgent lanes go first, and a small share is kept for [`Lane::Revoke`] alone, so that a leaver never finds the
//! minute used up by joiners.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    clock::{Clock, Time},
    connector::Lane,
};

/// Added to every window, for clocks that run at slightly different speeds.
const SLACK: Duration = Duration::from_millis(5);

/// How long no calls are made at least, and at the most, after the target refused one for its rate limit.
const SHORTEST_STOP: Duration = Duration::from_secs(1);
const LONGEST_STOP: Duration = Duration::from_secs(5 * 60);

/// How many calls are allowed in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls per second.
    pub per_second: u32,
    /// Calls per minute.
    pub per_minute: u32,
}

/// A limit on the calls within any span of the window's length.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: usize,
    length: Duration,
}

impl Window {
    /// How many of its calls a lane may use. One in 25 is for revocations alone: with 300 a minute that leaves 288 to the
    /// others, more than the 95 % that they are to be able to use.
    fn limit_for(&self, lane: Lane) -> usize {
        match lane {
            Lane::Revoke => self.limit,
            Lane::Change | Lane::Grant => self.limit - (self.limit / 25).max(usize::from(self.limit > 1)),
        }
    }
}

/// The allowance of one target. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    windows: Vec<Window>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Calls that are sent and not answered.
    in_flight: usize,
    /// When calls were answered, oldest first, as far back as the longest window reaches.
    answered: VecDeque<Time>,
    /// How many wait in each lane.
    waiting: [usize; Lane::ALL.len()],
    /// The target said to stop until then.
    stopped_until: Option<Time>,
}

/// The right to make one call. Drop it when the answer is there.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
}

/// When a lane may call.
#[derive(Debug, PartialEq, Eq)]
enum Availability {
    Now,
    At(Time),
    /// Not before something else changes: a call in flight is answered, or a more urgent lane is served.
    Later,
}

impl Budget {
    /// An allowance of `rate`, or one without limits.
    pub fn new(rate: Option<Rate>, clock: Arc<dyn Clock>) -> Self {
        let windows = rate.map_or_else(Vec::new, |rate| {
            vec![
                Window { limit: rate.per_second as usize, length: Duration::from_secs(1) + SLACK },
                Window { limit: rate.per_minute as usize, length: Duration::from_secs(60) + SLACK },
            ]
        });
        Self { shared: Arc::new(Shared { clock, windows, state: Mutex::default(), changed: Notify::new() }) }
    }

    /// Waits until `lane` may make a call.
    pub async fn permit(&self, lane: Lane) -> Permit {
        // Kept from try to try: to leave the lane wakes the others, who would leave theirs and wake this one, without end.
        let mut waiting = None;
        loop {
            // Listen before looking, or a change in between would be missed.
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let availability = self.shared.take(lane);
            if availability == Availability::Now {
                break;
            }
            waiting.get_or_insert_with(|| Waiting::in_lane(&self.shared, lane));
            match availability {
                Availability::At(time) => tokio::select! {
                    () = self.shared.clock.sleep_until(time) => {}
                    () = changed => {}
                },
                Availability::Now | Availability::Later => changed.await,
            }
        }
        Permit { shared: self.shared.clone() }
    }

    /// The target refused a call for its rate limit: no calls until `time`. Not quite as it says: a time that is over
    /// already, by a clock that differs from ours, would have us knock without a pause, and one that is far away would hold
    /// back revocations for a mistake.
    pub fn stop_until(&self, time: Time) {
        let now = self.shared.clock.now();
        let until = time.clamp(now + SHORTEST_STOP, now + LONGEST_STOP);
        let mut state = self.shared.lock();
        state.stopped_until = state.stopped_until.max(Some(until));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one call's worth if `lane` may have it now.
    fn take(&self, lane: Lane) -> Availability {
        let now = self.clock.now();
        let mut state = self.lock();
        let longest = self.windows.iter().map(|window| window.length).max().unwrap_or_default();
        while state.answered.front().is_some_and(|answered| *answered + longest <= now) {
            state.answered.pop_front();
        }
        let availability = self.availability(&state, lane, now);
        if availability == Availability::Now {
            state.in_flight += 1;
        }
        availability
    }

    fn availability(&self, state: &State, lane: Lane, now: Time) -> Availability {
        if let Some(until) = state.stopped_until.filter(|until| *until > now) {
            return Availability::At(until);
        }
        if Lane::ALL.iter().zip(state.waiting).any(|(other, waiting)| *other < lane && waiting > 0) {
            return Availability::Later;
        }
        let mut earliest = now;
        for window in &self.windows {
            let limit = window.limit_for(lane);
            let first_counted = state.answered.partition_point(|answered| *answered + window.length <= now);
            let counted = state.answered.len() - first_counted;
            let excess = (state.in_flight + counted + 1).saturating_sub(limit);
            if excess == 0 {
                continue;
            }
            // As many of the counted calls as are in excess must leave the window first.
            match state.answered.get(first_counted + excess - 1) {
                Some(answered) => earliest = earliest.max(*answered + window.length),
                None => return Availability::Later,
            }
        }
        if earliest > now { Availability::At(earliest) } else { Availability::Now }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.in_flight -= 1;
        // Clocks may step back; the queue stays in order all the same.
        let last = state.answered.back().copied().unwrap_or(now);
        state.answered.push_back(now.max(last));
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

/// Somebody waits in a lane; less urgent lanes hold back meanwhile.
struct Waiting<'a> {
    shared: &'a Shared,
    lane: Lane,
}

impl<'a> Waiting<'a> {
    fn in_lane(shared: &'a Shared, lane: Lane) -> Self {
        shared.lock().waiting[lane as usize] += 1;
        Self { shared, lane }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting[self.lane as usize] -= 1;
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::{FutureExt, future::BoxFuture};

    use super::*;
    use crate::clock::ManualClock;

    const RATE: Rate = Rate { per_second: 20, per_minute: 300 };

    fn clock() -> ManualClock {
        ManualClock::new(Time::from_micros(1_000_000_000))
    }

    fn budget(clock: &ManualClock) -> Budget {
        Budget::new(Some(RATE), Arc::new(clock.clone()))
    }

    /// Takes and gives back as many permits as there are now.
    fn drain(budget: &Budget, lane: Lane) -> usize {
        std::iter::from_fn(|| budget.permit(lane).now_or_never()).map(drop).count()
    }

    #[test]
    fn a_second_and_a_minute_are_never_exceeded_wherever_the_target_draws_its_windows() {
        let clock = clock();
        let budget = budget(&clock);
        let mut sent = Vec::new();
        for _ in 0..1_300 {
            sent.extend(std::iter::repeat_n(clock.now(), drain(&budget, Lane::Revoke)));
            clock.advance(Duration::from_millis(100));
        }
        for (index, first) in sent.iter().enumerate() {
            let within = |length| sent[index..].iter().take_while(|time| time.since(*first) < length).count();
            assert!(within(Duration::from_secs(1)) <= 20);
            assert!(within(Duration::from_secs(60)) <= 300);
        }
        // 130 seconds: two full minutes, and ten seconds of the third at 20 in eleven tenths of a second.
        assert!(sent.len() >= 2 * 300 + 9 * 20, "only {} calls were allowed", sent.len());
    }

    #[test]
    fn a_call_counts_until_a_window_after_its_answer() {
        let clock = clock();
        let budget = budget(&clock);
        let in_flight: Vec<_> =
            (0..20).map(|_| budget.permit(Lane::Revoke).now_or_never().unwrap()).collect();
        clock.advance(Duration::from_secs(10));
        assert_eq!(drain(&budget, Lane::Revoke), 0, "twenty calls are not answered yet");
        drop(in_flight);
        clock.advance(Duration::from_millis(1_004));
        assert_eq!(drain(&budget, Lane::Revoke), 0, "their answers are not a second old");
        clock.advance(Duration::from_millis(1));
        assert_eq!(drain(&budget, Lane::Revoke), 20);
    }

    #[test]
    fn a_share_of_the_minute_is_kept_for_revocations() {
        let clock = clock();
        let budget = budget(&clock);
        let mut granted = 0;
        for _ in 0..40 {
            granted += drain(&budget, Lane::Grant);
            clock.advance(Duration::from_secs(1) + SLACK);
        }
        assert_eq!(granted, 288);
        assert_eq!(drain(&budget, Lane::Change), 0);
        assert_eq!(drain(&budget, Lane::Revoke), 12);
    }

    #[tokio::test]
    async fn a_waiting_revocation_goes_before_a_grant_that_waited_longer() {
        let clock = clock();
        let budget = budget(&clock);
        drain(&budget, Lane::Revoke);
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks = [Lane::Grant, Lane::Change, Lane::Revoke].map(|lane| {
            let (budget, order) = (budget.clone(), order.clone());
            tokio::spawn(async move {
                let permit = budget.permit(lane).await;
                order.lock().unwrap().push(lane);
                drop(permit);
            })
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(2));
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [Lane::Revoke, Lane::Change, Lane::Grant]);
    }

    /// Counts how often it is asked, which the budget does once a try.
    #[derive(Clone, Debug)]
    struct CountingClock {
        clock: ManualClock,
        asked: Arc<AtomicUsize>,
    }

    impl Clock for CountingClock {
        fn now(&self) -> Time {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.clock.now()
        }

        fn sleep_until(&self, deadline: Time) -> BoxFuture<'static, ()> {
            self.clock.sleep_until(deadline)
        }
    }

    #[tokio::test]
    async fn those_who_wait_do_not_keep_each_other_awake() {
        let clock = CountingClock { clock: clock(), asked: Arc::default() };
        let budget = Budget::new(Some(RATE), Arc::new(clock.clone()));
        let in_flight = budget.permit(Lane::Revoke).await;
        drain(&budget, Lane::Revoke);
        let tasks = [Lane::Grant, Lane::Grant, Lane::Change, Lane::Revoke].map(|lane| {
            let budget = budget.clone();
            tokio::spawn(async move { drop(budget.permit(lane).await) })
        });
        tokio::task::yield_now().await;
        drop(in_flight);
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        let asked = clock.asked.load(Ordering::Relaxed);
        clock.clock.advance(Duration::from_secs(2));
        for task in tasks {
            task.await.unwrap();
        }
        assert!(asked < 100, "four who wait tried {asked} times while one call was answered");
    }

    #[test]
    fn after_a_refusal_nothing_is_sent_until_the_target_says() {
        let clock = clock();
        let budget = budget(&clock);
        budget.stop_until(clock.now() + Duration::from_secs(30));
        assert_eq!(drain(&budget, Lane::Revoke), 0);
        clock.advance(Duration::from_secs(30));
        assert_eq!(drain(&budget, Lane::Revoke), 20);
    }

    #[test]
    fn a_stop_is_neither_over_before_it_begins_nor_without_end() {
        for (said, stop) in
            [(Time::from_micros(0), SHORTEST_STOP), (Time::from_micros(i64::MAX), LONGEST_STOP)]
        {
            let clock = clock();
            let budget = budget(&clock);
            budget.stop_until(said);
            clock.advance(stop - Duration::from_micros(1));
            assert_eq!(drain(&budget, Lane::Revoke), 0);
            clock.advance(Duration::from_micros(1));
            assert_eq!(drain(&budget, Lane::Revoke), 20);
        }
    }

    #[test]
    fn a_target_without_limits_allows_everything() {
        let budget = Budget::new(None, Arc::new(clock()));
        assert!((0..10_000).all(|_| budget.permit(Lane::Grant).now_or_never().is_some()));
    }
}
