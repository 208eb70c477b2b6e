//! The loop that claims due users, most urgent first.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    cause::{
        Cause,
        span::{End, Kind, Value},
    },
    clock::Time,
    connector::Lane,
    store::{
        StoreError,
        events::{self, Event, EventKind, Subject},
        users::{self, Claim, Lease, Outlook, Wanted},
    },
};

use super::{
    Target,
    asks::desired_in,
    breaker::Traffic,
    convergence::{converge, lease_length},
    orphans,
    replica::Life,
    settle::ACTOR,
};

/// How many users are worked on at a time. The budget allows 20 calls a second, and a call takes some hundred milliseconds.
const CONCURRENT: usize = 16;

/// How many more, for revocations alone: they must not wait for a place while joiners wait for the budget.
const CONCURRENT_REVOCATIONS: usize = 16;

/// How long to wait at the most before the queue is looked at again: other processes ring no bell.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// How long others may have a row for a moment that is to be claimed, in time of this machine: it has nothing to do with what is due.
const LOCKED_FOR: Duration = Duration::from_millis(50);

/// How long to wait when the database fails.
const AFTER_STORE_FAILURE: Duration = Duration::from_secs(1);

/// Works for one app until `stopping`, then finishes the calls that are in flight.
pub async fn run(target: Arc<Target>, stopping: CancellationToken) {
    if !target.is_carried_out() {
        return rest_in_plan_mode(&target, &stopping).await;
    }
    let mut pools = [
        Pool::new(Lane::Revoke, Lane::Revoke, CONCURRENT_REVOCATIONS),
        Pool::new(Lane::Change, Lane::Grant, CONCURRENT),
    ];
    while !stopping.is_cancelled() {
        if let Err(error) = orphans::let_go(&target).await {
            // That the database fails is told where the queue is read.
            tracing::debug!(app = target.app, %error, "claims of nobody stay as they are for now");
        }
        let traffic = target.health.traffic();
        if let Traffic::Stopped { probe_at } = traffic {
            probe(&target, probe_at, &stopping).await;
            continue;
        }
        // One time for both questions: what becomes due between them would be in the answer to neither.
        let now = target.clock.now();
        let outlook = look(&target, now).await;
        let mut next_look = outlook.next;
        let mut most = match traffic {
            Traffic::OneCall if pools.iter_mut().any(|pool| pool.count() > 0) => 0,
            Traffic::OneCall => 1,
            _ => usize::MAX,
        };
        for pool in &mut pools {
            if !outlook.is_due(pool.most_urgent, pool.least_urgent) && target.in_hand.lapsed(now).is_empty() {
                continue;
            }
            // Who has been silent for too long claims nothing until it is known to be there again.
            let Some(life) = target.replica.life(now) else { continue };
            if let Some(again_at) = pool.fill(&target, &life, now, most, &stopping).await {
                next_look = Some(again_at);
            }
            if traffic == Traffic::OneCall {
                most -= pool.count().min(most);
            }
        }
        let [revocations, others] = &mut pools;
        tokio::select! {
            () = stopping.cancelled() => {}
            () = target.wake.notified() => {}
            // The roster may be the one to find out; from then on it is probed here.
            () = target.health.until_stopped() => {}
            Some(_) = revocations.tasks.join_next() => {}
            Some(_) = others.tasks.join_next() => {}
            () = rest(&target, next_look) => {}
        }
    }
    for pool in &mut pools {
        while pool.tasks.join_next().await.is_some() {}
    }
}

/// Users that are being worked on, from some of the lanes.
struct Pool {
    most_urgent: Lane,
    least_urgent: Lane,
    size: usize,
    tasks: JoinSet<()>,
}

impl Pool {
    fn new(most_urgent: Lane, least_urgent: Lane, size: usize) -> Self {
        Self { most_urgent, least_urgent, size, tasks: JoinSet::new() }
    }

    /// How many users are being worked on.
    fn count(&mut self) -> usize {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.len()
    }

    /// Claims as many users as there are places, `most` of them, of those that are due at `now`. Answers when to look again,
    /// if the database failed.
    async fn fill(
        &mut self,
        target: &Arc<Target>,
        life: &Life,
        now: Time,
        most: usize,
        stopping: &CancellationToken,
    ) -> Option<Time> {
        let free = (self.size - self.count()).min(most);
        if free == 0 {
            return None;
        }
        let claim = Claim {
            app: target.app.clone(),
            lease: Lease { owner: life.next_owner(), until: now + lease_length(target) },
            now,
            most_urgent: self.most_urgent,
            least_urgent: self.least_urgent,
            limit: u32::try_from(free).unwrap_or(u32::MAX),
        };
        let lease = claim.lease.clone();
        // Of both pools: a user changes lanes while it is worked on.
        let lapsed = target.in_hand.lapsed(now);
        let (renewing, connector) = (lapsed.clone(), target.connector.clone());
        let claimed = target
            .store
            .write(move |transaction| {
                Box::pin(async move {
                    for (id, lease) in renewing {
                        let longer = Lease { until: claim.lease.until, ..lease };
                        users::renew(transaction, &id, &longer).await?;
                    }
                    let claimed = users::claim(transaction, &claim).await?;
                    for taken_over in claimed.iter().filter(|claimed| claimed.taken_over) {
                        let subject = Subject::User(&taken_over.user.id);
                        let event = Event::new(&claim.app, subject, now, EventKind::TakenOver, ACTOR);
                        events::append(transaction, event.version(taken_over.user.version)).await?;
                    }
                    let is_short = claimed.len() < usize::try_from(claim.limit).unwrap_or(usize::MAX);
                    let has_left_some = is_short && users::has_left_some(transaction, &claim).await?;
                    // Read here, so that nobody overtakes another on the way to the first call.
                    let mut work = Vec::with_capacity(claimed.len());
                    for claimed in claimed {
                        let desired = desired_in(transaction, &*connector, &claimed.user).await?;
                        work.push((claimed, desired));
                    }
                    Ok::<_, StoreError>((work, has_left_some))
                })
            })
            .await;
        match claimed {
            Ok((claimed, has_left_some)) => {
                target.in_hand.renewed(&lapsed, lease.until);
                for (claimed, desired) in claimed {
                    let user = &claimed.user;
                    let wanted = Wanted { version: user.version, touched: user.touched };
                    let held = target.in_hand.hold(user.id.clone(), wanted, lease.clone(), life.clone());
                    let (cause, due_at) = (user.cause.clone(), user.due_at);
                    let work = converge(target.clone(), claimed, desired, held, stopping.clone());
                    self.tasks.spawn(traced(target.clone(), cause, due_at, work));
                }
                if has_left_some {
                    let target = target.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(LOCKED_FOR).await;
                        target.wake.notify_one();
                    });
                }
                None
            }
            Err(StoreError::Closed) => Some(now + AFTER_STORE_FAILURE),
            Err(error) => {
                // It may have been recorded all the same.
                target.orphans.add_claim(&lease.owner);
                tracing::error!(app = target.app, %error, "the queue could not be read");
                Some(now + AFTER_STORE_FAILURE)
            }
        }
    }
}

/// Does `work` that became due then as a part of the trace of its cause, as what was done until now, which was to wait, is one.
async fn traced(
    target: Arc<Target>,
    cause: Option<Cause>,
    due_at: Option<Time>,
    work: impl Future<Output = ()>,
) {
    let Some(cause) = cause else { return work.await };
    let (clock, app) = (&*target.clock, || vec![("app", Value::Text(target.app.clone()))]);
    let began_at = clock.now();
    if let (_, Some(waiting)) = cause.begin(Kind::Internal, due_at.unwrap_or(began_at).min(began_at)) {
        waiting.end(began_at, "wait in the queue".to_owned(), app(), End::Well);
    }
    let (cause, converging) = cause.begin(Kind::Internal, began_at);
    cause.around(work).await;
    if let Some(converging) = converging {
        converging.end(clock.now(), "converge".to_owned(), app(), End::Well);
    }
}

/// What there is to claim at `now`. While the database fails that is nothing, and it is asked again soon.
async fn look(target: &Target, now: Time) -> Outlook {
    match users::look(&target.store, &target.app, now).await {
        Ok(outlook) => outlook,
        Err(error) => {
            tracing::error!(app = target.app, %error, "the queue could not be read");
            Outlook::nothing_until(now + AFTER_STORE_FAILURE)
        }
    }
}

/// Sleeps until `next_look`, or until a process beside this one has left work.
async fn rest(target: &Target, next_look: Option<Time>) {
    let look_at = target.clock.now() + LONGEST_REST;
    target.clock.sleep_until(next_look.map_or(look_at, |next_look| next_look.min(look_at))).await;
}

/// In plan mode nothing is claimed. A target that does not work is probed all the same: the roster, which only reads, waits for it.
async fn rest_in_plan_mode(target: &Target, stopping: &CancellationToken) {
    tracing::warn!(
        app = target.app,
        "PLAN MODE is on: writes are answered as if they were done, and nothing is changed at the target. See `scim-bridge \
         plan`; `mode = \"apply\"` and a restart carry it out"
    );
    while !stopping.is_cancelled() {
        match target.health.traffic() {
            Traffic::Stopped { probe_at } => probe(target, probe_at, stopping).await,
            Traffic::Flowing | Traffic::OneCall => tokio::select! {
                () = stopping.cancelled() => {}
                () = target.health.until_stopped() => {}
            },
        }
    }
}

/// Sends one cheap call at `probe_at`, to find out whether the target works again.
async fn probe(target: &Target, probe_at: Time, stopping: &CancellationToken) {
    tokio::select! {
        () = stopping.cancelled() => return,
        // A call that was out may be answered after all, and new credentials are tried at once.
        () = target.health.until_other_than(Traffic::Stopped { probe_at }) => return,
        () = target.clock.sleep_until(probe_at) => {}
    }
    let Some(directory) = target.connector.directory() else {
        // Nothing cheap to ask: the next user's work is the probe.
        target.health.try_one();
        return;
    };
    let mut permit = tokio::select! {
        () = stopping.cancelled() => return,
        permit = target.budget.permit(Lane::Revoke) => permit,
    };
    let issue = target.guard.issue();
    let result = directory.credentials_owner(&mut permit).await;
    target.heed_probe(permit, &result).await;
    if let Ok(owner) = result {
        target.guard.set_credentials_owner(issue, owner);
    }
    if target.health.stopped().is_none() {
        hasten_revocations(target).await;
    }
}

/// Revocations that wait out a failure wait no longer.
async fn hasten_revocations(target: &Target) {
    let (app, now) = (target.app.clone(), target.clock.now());
    let hastened: Result<(), StoreError> = target
        .store
        .write(move |transaction| {
            Box::pin(async move { users::hasten_revocations(transaction, &app, now).await })
        })
        .await;
    if let Err(error) = hastened {
        tracing::error!(app = target.app, %error, "revocations wait for longer than they must");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::BoxFuture;
    use serde_json::json;
    use tokio::sync::{Notify, watch};

    use super::*;
    use crate::{
        clock::{Clock, ManualClock, SystemClock},
        config::Convergence,
        connector::{
            Allowance, Call, Connector, Desired, Directory, GroupRights, Observed, TargetError,
            memory::Memory,
        },
        converge::{
            budget::Budget, guard::Guard, health::HealthMonitor, in_hand::InHand, orphans::Orphans,
            outcome::Outcomes, replica::Replica, roster::EarlyRoster,
        },
        store::{
            Store,
            fixture::{Database, user, write},
            network::Network,
        },
    };

    fn target(store: &Store) -> Target {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Target {
            app: "a".into(),
            connector: Arc::new(Memory),
            credentials: None,
            store: store.clone(),
            clock: clock.clone(),
            budget: Budget::new(None, store, &clock),
            guard: Guard::new(&[], watch::channel(0).1),
            health: HealthMonitor::default(),
            outcomes: Outcomes::default(),
            convergence: Convergence { brake: None, ..Convergence::default() },
            call_timeout: Duration::ZERO,
            wake: Notify::new(),
            in_hand: InHand::default(),
            orphans: Orphans::default(),
            early_roster: EarlyRoster::default(),
            replica: Arc::new(Replica::alone(clock.now())),
        }
    }

    #[tokio::test]
    async fn a_claim_that_nobody_knows_to_be_recorded_is_let_go_of_and_made_again() {
        let database = Database::on_server();
        let network = Network::before(&database.url).await;
        let store = network.open(Duration::from_secs(1), Duration::from_secs(5)).await;
        write(&store, |transaction| {
            Box::pin(async move {
                let mut due = user("u1", json!({ "userName": "sam@example.com", "active": true }));
                (due.version, due.due_at) = (2, Some(Time::default()));
                users::insert(transaction, &due).await
            })
        })
        .await;
        let target = Arc::new(target(&store));
        network.lose_answer_to_commit();
        let stopping = CancellationToken::new();
        let working = tokio::spawn(run(target, stopping.clone()));
        let applied = async {
            loop {
                let user = users::find_any(&store, "a", &"u1".into()).await.unwrap().unwrap();
                if user.applied_version == 2 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        // Long before the lease of the first claim would end.
        tokio::time::timeout(Duration::from_secs(10), applied).await.expect("it is claimed again");
        let story = events::list(&store, "a", "u1", 10).await.unwrap();
        assert!(story.iter().any(|event| event.kind == Some(EventKind::TakenOver)), "{story:?}");
        stopping.cancel();
        working.await.unwrap();
        store.close().await;
    }

    /// The clock goes on while the first call is planned.
    #[derive(Debug)]
    struct Slow {
        clock: ManualClock,
        takes: Mutex<Option<Duration>>,
        asked: Notify,
    }

    impl Connector for Slow {
        fn target(&self) -> &str {
            Memory.target()
        }

        fn is_remote(&self) -> bool {
            Memory.is_remote()
        }

        fn account_key(&self, desired: &Desired) -> Option<String> {
            Memory.account_key(desired)
        }

        fn plan(&self, desired: &Desired, observed: &Observed) -> Vec<Call> {
            if let Some(takes) = self.takes.lock().unwrap().take() {
                self.clock.advance(takes);
            }
            Memory.plan(desired, observed)
        }

        fn perform<'a>(
            &'a self,
            call: &'a Call,
            allowance: &'a mut dyn Allowance,
        ) -> BoxFuture<'a, Result<Observed, TargetError>> {
            Box::pin(async move {
                self.asked.notify_one();
                allowance.spend().await;
                Memory.perform(call, allowance).await
            })
        }

        fn directory(&self) -> Option<&dyn Directory> {
            None
        }

        fn group_rights(&self) -> Option<&dyn GroupRights> {
            None
        }
    }

    #[tokio::test]
    async fn a_claim_that_is_not_used_is_let_go_of_also_by_a_process_that_was_silent_and_lives_on() {
        const BEGAN: Time = Time::from_micros(1_700_000_000_000_000);
        let database = Database::new();
        let store = database.open().await;
        write(&store, |transaction| {
            Box::pin(async move {
                let mut due = user("u1", json!({ "userName": "sam@example.com", "active": true }));
                (due.version, due.due_at) = (2, Some(BEGAN));
                users::insert(transaction, &due).await
            })
        })
        .await;
        let clock = ManualClock::new(BEGAN);
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let lease = Duration::from_secs(10);
        let replica = Arc::new(Replica::among(&store, &time, lease));
        replica.join(&store, |_| Box::pin(async { Ok(()) })).await.unwrap();
        // Its life is over by its own clock, and not yet by that of others.
        let takes = Mutex::new(Some(lease - Duration::from_millis(100)));
        let slow = Arc::new(Slow { clock: clock.clone(), takes, asked: Notify::new() });
        let target =
            Target { connector: slow.clone(), clock: time, replica: replica.clone(), ..target(&store) };
        let stopping = CancellationToken::new();
        let working = tokio::spawn(run(Arc::new(target), stopping.clone()));
        let find = || async { users::find_any(&store, "a", &"u1".into()).await.unwrap().unwrap() };
        let ends_soon = async {
            slow.asked.notified().await;
            replica.sign().await;
            assert!(replica.life(clock.now()).is_some());
            while find().await.lease.is_none_or(|held| held.until > BEGAN + 2 * lease) {
                tokio::task::yield_now().await;
            }
            clock.advance(lease / 2);
            replica.sign().await;
            while find().await.applied_version < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ends_soon).await.expect("the claim is let go of");
        stopping.cancel();
        working.await.unwrap();
        store.close().await;
    }
}
