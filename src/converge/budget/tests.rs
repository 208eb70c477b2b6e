//! The budget with a database, and with several who share it.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{FutureExt, future::BoxFuture};
use rstest::rstest;

use super::{
    permit::{LONGEST_STOP, SHORTEST_STOP},
    *,
};
use crate::{
    clock::ManualClock,
    connector::{Allowance, RateReport, RateWindow},
    store::fixture::Database,
};

const RATE: Rate = Rate { per_second: 20, per_minute: 300 };
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A database that some share, and their time.
struct Lab {
    clock: ManualClock,
    database: Database,
}

impl Lab {
    fn new() -> Self {
        let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
        Self { clock, database: Database::new() }
    }

    /// The process that serves.
    async fn server(&self) -> (Store, Budget) {
        let store = self.database.open().await;
        let budget = self.budget(&store, Arc::new(self.clock.clone()));
        (store, budget)
    }

    /// One beside it.
    async fn beside(&self) -> Budget {
        self.budget(&Store::open_beside(&self.database.url).await.unwrap(), Arc::new(self.clock.clone()))
    }

    fn budget(&self, store: &Store, clock: Arc<dyn Clock>) -> Budget {
        let account = "https://acme.aha.io".to_owned();
        Budget::new(Some(Limits { account, rate: RATE, call_timeout: CALL_TIMEOUT }), store, &clock)
    }
}

/// Takes a permit if `lane` may have one now.
async fn try_permit(budget: &Budget, lane: Lane) -> Option<Permit> {
    let limited = budget.limited.as_ref().unwrap();
    limited.line.forget_holds();
    let call = limited.ask(lane).await?;
    let mut permit = Permit::new(limited.clone(), lane, call);
    permit.spend().await;
    Some(permit)
}

/// Makes as many calls as `lane` may now. They are answered in the same moment.
async fn drain(budget: &Budget, lane: Lane) -> usize {
    let mut calls = 0;
    while let Some(permit) = try_permit(budget, lane).await {
        permit.close().await;
        calls += 1;
    }
    calls
}

/// Lets other tasks go on until `condition` holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), holds).await.is_ok(), "{what} does not come about");
}

fn waiting(budget: &Budget) -> usize {
    budget.limited.as_ref().unwrap().line.waiting()
}

#[tokio::test]
async fn a_call_counts_until_a_window_after_its_answer() {
    let lab = Lab::new();
    let (_store, budget) = lab.server().await;
    let mut out = Vec::new();
    while let Some(permit) = try_permit(&budget, Lane::Revoke).await {
        out.push(permit);
    }
    assert_eq!(out.len(), 20);
    lab.clock.advance(Duration::from_secs(10));
    assert_eq!(drain(&budget, Lane::Revoke).await, 0, "twenty calls are not answered yet");
    for permit in out {
        permit.close().await;
    }
    lab.clock.advance(Duration::from_millis(1_049));
    assert_eq!(drain(&budget, Lane::Revoke).await, 0, "their answers are not a window old");
    lab.clock.advance(Duration::from_millis(1));
    assert_eq!(drain(&budget, Lane::Revoke).await, 20);
}

#[tokio::test]
async fn two_who_share_an_account_keep_its_limits_together_and_use_all_of_it() {
    const MINUTES: u64 = 2;
    let lab = Lab::new();
    let (_store, budget) = lab.server().await;
    let budgets = [budget, lab.beside().await];
    let (mut sent, mut out) = (Vec::new(), Vec::new());
    for step in 0..MINUTES * 300 {
        // Answers take two steps.
        let still_out = out.split_off(out.partition_point(|(since, _)| *since + 2 <= step));
        for (_, permit) in std::mem::replace(&mut out, still_out) {
            Permit::close(permit).await;
        }
        // Who asks first has the better chance.
        for index in if step % 2 == 0 { [0, 1] } else { [1, 0] } {
            if let Some(permit) = try_permit(&budgets[index], Lane::Grant).await {
                sent.push((lab.clock.now(), index));
                out.push((step, permit));
            }
        }
        lab.clock.advance(Duration::from_millis(200));
    }
    for (index, (first, _)) in sent.iter().enumerate() {
        let within =
            |length| sent[index..].iter().take_while(|(time, _)| time.since(*first) < length).count();
        assert!(within(Duration::from_secs(1)) <= 20);
        assert!(within(Duration::from_secs(60)) <= 300);
    }
    let of_each = [0, 1].map(|process| sent.iter().filter(|(_, index)| *index == process).count());
    assert!(of_each.iter().sum::<usize>() as u64 >= MINUTES * 285, "{of_each:?} calls in {MINUTES} minutes");
    assert!(of_each.iter().all(|calls| *calls > 100), "{of_each:?}");
}

#[tokio::test]
async fn who_starts_again_goes_on_with_what_was_called_before() {
    let lab = Lab::new();
    let (store, budget) = lab.server().await;
    for _ in 0..20 {
        // Killed before the answers: they are counted as if they came at the last moment.
        assert!(try_permit(&budget, Lane::Revoke).await.is_some());
    }
    store.close().await;
    drop((store, budget));
    let (_store, budget) = lab.server().await;
    assert_eq!(drain(&budget, Lane::Revoke).await, 0);
    lab.clock.advance(CALL_TIMEOUT + Duration::from_millis(1_049));
    assert_eq!(drain(&budget, Lane::Revoke).await, 0);
    lab.clock.advance(Duration::from_millis(1));
    assert_eq!(drain(&budget, Lane::Revoke).await, 20);
    let usage = budget.usage().await.unwrap().unwrap();
    assert_eq!(usage.calls_in_last_minute, 40);
}

#[tokio::test]
async fn a_revocation_that_waits_in_one_process_holds_back_the_grants_of_another() {
    let lab = Lab::new();
    let (_store, ours) = lab.server().await;
    let theirs = lab.beside().await;
    assert_eq!(drain(&ours, Lane::Revoke).await, 20);
    assert!(try_permit(&theirs, Lane::Revoke).await.is_none());
    lab.clock.advance(Duration::from_millis(1_050));
    assert!(try_permit(&ours, Lane::Grant).await.is_none(), "the revocation's turn has come");
    let revocation = try_permit(&theirs, Lane::Revoke).await.unwrap();
    revocation.close().await;
    lab.clock.advance(URGENCY + Duration::from_secs(3));
    assert!(try_permit(&ours, Lane::Grant).await.is_some());
}

#[tokio::test]
async fn after_a_refusal_nobody_sends_anything_until_the_target_says() {
    let lab = Lab::new();
    let (_store, ours) = lab.server().await;
    let theirs = lab.beside().await;
    let waiting = [&ours, &theirs].map(|budget| budget.time_for(10));
    let refused = try_permit(&ours, Lane::Grant).await.unwrap();
    refused.close_refused(lab.clock.now() + Duration::from_secs(30)).await;
    for budget in [&ours, &theirs] {
        assert_eq!(drain(budget, Lane::Revoke).await, 0);
        let usage = budget.usage().await.unwrap().unwrap();
        assert_eq!(usage.refusals, 1);
        assert_eq!(usage.stopped_until, Some(lab.clock.now() + Duration::from_secs(30)));
    }
    assert_eq!(
        [&ours, &theirs].map(|budget| budget.time_for(10)),
        waiting.map(|time| time + Duration::from_secs(30))
    );
    lab.clock.advance(Duration::from_secs(30));
    assert_eq!(drain(&theirs, Lane::Revoke).await, 20);
}

#[rstest]
#[case::over_before_it_begins(Time::from_micros(0), SHORTEST_STOP)]
#[case::without_end(Time::from_micros(i64::MAX), LONGEST_STOP)]
#[tokio::test]
async fn a_stop_is_neither_over_before_it_begins_nor_without_end(#[case] said: Time, #[case] stop: Duration) {
    let lab = Lab::new();
    let (_store, budget) = lab.server().await;
    try_permit(&budget, Lane::Grant).await.unwrap().close_refused(said).await;
    lab.clock.advance(stop - Duration::from_micros(1));
    assert_eq!(drain(&budget, Lane::Revoke).await, 0);
    lab.clock.advance(Duration::from_secs(1));
    assert_eq!(drain(&budget, Lane::Revoke).await, 20);
}

#[tokio::test]
async fn work_that_takes_several_calls_is_charged_for_each_and_work_that_takes_none_for_none() {
    let lab = Lab::new();
    let (_store, budget) = lab.server().await;
    let calls = async || budget.usage().await.unwrap().unwrap().calls_in_last_minute;
    budget.permit(Lane::Grant).await.close().await;
    assert_eq!(calls().await, 0);
    let mut permit = budget.permit(Lane::Grant).await;
    for _ in 0..3 {
        permit.spend().await;
    }
    permit.close().await;
    assert_eq!(calls().await, 3);
}

#[tokio::test]
async fn who_stops_waiting_while_the_database_is_asked_leaves_no_call_behind() {
    let lab = Lab::new();
    let (store, budget) = lab.server().await;
    for _ in 0..30 {
        assert!(budget.permit(Lane::Revoke).now_or_never().is_none(), "the database takes some time");
        tokio::task::yield_now().await;
    }
    let calls = async || budgets::count_since(&store, "https://acme.aha.io", Time::default()).await.unwrap();
    let settled = async {
        // A call that is granted now is the last of them; when it is given back, all others are.
        budget.permit(Lane::Revoke).await.close().await;
        while calls().await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), settled).await.expect("all are given back");
}

#[tokio::test]
async fn a_further_call_waits_like_any_other() {
    let lab = Lab::new();
    let (_store, budget) = lab.server().await;
    let mut permit = try_permit(&budget, Lane::Grant).await.unwrap();
    assert_eq!(drain(&budget, Lane::Revoke).await, 19);
    let task = tokio::spawn(async move {
        permit.spend().await;
        permit.close().await;
    });
    until("the wait", || waiting(&budget) == 1).await;
    lab.clock.advance(Duration::from_secs(10));
    task.await.unwrap();
}

#[tokio::test]
async fn a_waiting_revocation_goes_before_a_grant_that_waited_longer() {
    let lab = Lab::new();
    let (_store, budget) = lab.server().await;
    drain(&budget, Lane::Revoke).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (index, lane) in [Lane::Grant, Lane::Change, Lane::Revoke].into_iter().enumerate() {
        let (of_task, order) = (budget.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            let permit = of_task.permit(lane).await;
            order.lock().unwrap().push(lane);
            permit.close().await;
        }));
        until("the wait", || waiting(&budget) > index).await;
    }
    while !tasks.iter().all(|task| task.is_finished()) {
        lab.clock.advance(Duration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(*order.lock().unwrap(), [Lane::Revoke, Lane::Change, Lane::Grant]);
}

/// Counts how often it is asked, which the budget does a few times a try.
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
    let lab = Lab::new();
    let clock = CountingClock { clock: lab.clock.clone(), asked: Arc::default() };
    let (store, _) = lab.server().await;
    let budget = lab.budget(&store, Arc::new(clock.clone()));
    let out = try_permit(&budget, Lane::Revoke).await.unwrap();
    drain(&budget, Lane::Revoke).await;
    let asked_before = clock.asked.load(Ordering::Relaxed);
    let tasks = [Lane::Grant, Lane::Grant, Lane::Change, Lane::Revoke].map(|lane| {
        let budget = budget.clone();
        tokio::spawn(async move { budget.permit(lane).await.close().await })
    });
    until("the wait", || waiting(&budget) == 4).await;
    out.close().await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let asked = clock.asked.load(Ordering::Relaxed) - asked_before;
    while !tasks.iter().all(|task| task.is_finished()) {
        lab.clock.advance(Duration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(asked < 100, "four who wait tried {asked} times while one call was answered");
}

#[tokio::test]
async fn while_the_database_fails_no_call_is_made_and_it_is_asked_once_a_second() {
    let lab = Lab::new();
    let (store, _) = lab.server().await;
    let clock = CountingClock { clock: lab.clock.clone(), asked: Arc::default() };
    let budget = lab.budget(&store, Arc::new(clock.clone()));
    change(&store, "ALTER TABLE budget_calls RENAME TO elsewhere").await;
    let mut task = tokio::spawn(async move { budget.permit(Lane::Revoke).await });
    for _ in 0..50 {
        lab.clock.advance(Duration::from_millis(100));
        // Long enough for many tries, if there were any.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        let _ = store.check().await;
    }
    assert!(!task.is_finished());
    let asked = clock.asked.load(Ordering::Relaxed);
    assert!(asked <= 6 * 4, "the clock was asked {asked} times in five seconds");
    change(&store, "ALTER TABLE elsewhere RENAME TO budget_calls").await;
    let given = async {
        loop {
            tokio::select! {
                permit = &mut task => return permit.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(1)) => lab.clock.advance(Duration::from_millis(100)),
            }
        }
    };
    let permit = tokio::time::timeout(Duration::from_secs(30), given).await.expect("it is given then");
    permit.close().await;
}

async fn change(store: &Store, statement: &'static str) {
    let changed: Result<(), StoreError> = store
        .write(move |transaction| {
            Box::pin(async move {
                sqlx::query(statement).execute(transaction).await?;
                Ok(())
            })
        })
        .await;
    changed.unwrap();
}

#[tokio::test]
async fn a_target_without_limits_allows_everything_and_asks_nobody() {
    let lab = Lab::new();
    let (store, _) = lab.server().await;
    let budget = Budget::new(None, &store, &(Arc::new(lab.clock.clone()) as _));
    // A database that is closed would fail whoever asks it.
    store.close().await;
    for _ in 0..10_000 {
        let mut permit = budget.permit(Lane::Grant).await;
        permit.spend().await;
        permit.close().await;
    }
    assert_eq!((budget.is_limited(), budget.usage().await.unwrap()), (false, None));
}

#[tokio::test]
async fn what_is_out_of_all_windows_is_forgotten() {
    let lab = Lab::new();
    let (store, budget) = lab.server().await;
    drain(&budget, Lane::Revoke).await;
    lab.clock.advance(KEPT);
    drain(&budget, Lane::Revoke).await;
    let since_ever = budgets::count_since(&store, "https://acme.aha.io", Time::default()).await.unwrap();
    assert_eq!(since_ever, 20);
}

#[tokio::test]
async fn calls_of_others_leave_less_to_us_until_they_are_over() {
    let lab = Lab::new();
    let (_store, ours) = lab.server().await;
    let theirs = lab.beside().await;
    let mut permit = try_permit(&ours, Lane::Grant).await.unwrap();
    let resets_at = lab.clock.now() + Duration::from_secs(40);
    permit.note(RateReport { window: RateWindow::Minute, limit: 300, remaining: 4, resets_at });
    permit.close().await;
    let usage = theirs.usage().await.unwrap().unwrap();
    assert_eq!(usage.calls_of_others, 295);
    // 296 are used: four are left, and all of them are in the share of revocations.
    assert_eq!((drain(&theirs, Lane::Grant).await, drain(&theirs, Lane::Revoke).await), (0, 4));
    lab.clock.advance(Duration::from_secs(40));
    assert_eq!(drain(&ours, Lane::Revoke).await, 0);
    lab.clock.advance(Duration::from_secs(1));
    // What there is now nobody knows: one at a time, until the target says.
    let mut first = try_permit(&ours, Lane::Revoke).await.unwrap();
    assert!(try_permit(&theirs, Lane::Revoke).await.is_none());
    let resets_at = lab.clock.now() + Duration::from_secs(59);
    first.note(RateReport { window: RateWindow::Minute, limit: 300, remaining: 299, resets_at });
    first.close().await;
    assert_eq!(drain(&theirs, Lane::Revoke).await, 19);
}
