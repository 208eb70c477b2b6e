//! This process among those that work in the same database.
//!
//! In SQLite it is alone (`store::lock`), and nothing of this costs anything. In PostgreSQL there may be several, of equal rank:
//! nobody leads and nobody is configured. Each says in a row every now and then that it is there. Whoever has said nothing for
//! a lease's length counts as gone: any of the others forgets it and ends its leases, and its work is taken over, as after a
//! crash.
//!
//! So a process has a *life*: the time for which the others know it to be there, without a break. One that was paused for longer
//! (SIGSTOP, a machine that slept) comes back in another life. What it had claimed in the one before is not its own any more: it
//! sends no call for it, since it knows by its own clock that the life is over ([`Life::lasts`]), and it records nothing of it,
//! since the row tells the owner of each single claim (`settle::leased`). Its clock is that of the database
//! ([`SetClock`](crate::clock::SetClock)), and it counts its life as over a little before the others do.

mod ahead;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, Time, until},
    store::{
        Store, StoreError, Transaction, UserId, outcomes,
        replicas::{self, Presence},
        users,
    },
};

use self::ahead::Ahead;

/// How many signs of life fit into a lease: some may come late, and the database may be gone for a moment.
const SIGNS_IN_A_LEASE: u32 = 5;

/// A life counts as over so much earlier here than elsewhere: more than two clocks that were set by the same one differ, and
/// than it takes to send a call.
const EARLIER_BY: Duration = Duration::from_millis(500);

/// How long it is kept how work ended. Whoever waits for it looks several times a second.
const KEEP_OUTCOMES: Duration = Duration::from_mins(5);

/// This process.
#[derive(Debug)]
pub struct Replica {
    lives: Mutex<Lives>,
    /// `None` where it is alone.
    company: Option<Company>,
}

/// Its lives. The next one has its name before it begins: signs that were given up may begin it, and then it is that one.
#[derive(Clone, Debug)]
struct Lives {
    current: Life,
    next: Life,
}

#[derive(Debug)]
struct Company {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: Duration,
    ahead: Ahead,
    /// From then on it gives no signs.
    leaving: CancellationToken,
}

/// Whether others were there when a process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// None: whatever is left over in the database is of processes that are gone.
    Gone,
    /// Some are at work.
    There,
}

/// The time for which a process is known to be there. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Life(Arc<LifeState>);

#[derive(Debug)]
struct LifeState {
    id: String,
    /// In microseconds.
    until: AtomicI64,
    claims: AtomicU64,
}

impl Lives {
    fn new(now: Time, until: Time) -> Self {
        let begin = |until| Life::new(UserId::new(now).to_string(), until);
        Self { current: begin(until), next: begin(Time::default()) }
    }
}

impl Life {
    fn new(id: String, until: Time) -> Self {
        let (until, claims) = (AtomicI64::new(until.as_micros()), AtomicU64::default());
        Self(Arc::new(LifeState { id, until, claims }))
    }

    /// Whether it goes on for certain: as long as it does, nobody else takes over what was claimed in it.
    pub fn lasts(&self, now: Time) -> bool {
        now < Time::from_micros(self.0.until.load(Ordering::Relaxed))
    }

    /// Under what name to claim next. Each claim has its own: what is recorded under one that was lost must not be taken for what
    /// a later one of the same process found.
    pub(super) fn next_owner(&self) -> String {
        format!("{}/{}", self.0.id, self.0.claims.fetch_add(1, Ordering::Relaxed))
    }

    fn ends_at(&self, until: Time) {
        self.0.until.store(until.as_micros(), Ordering::Relaxed);
    }
}

impl Replica {
    /// A process that has the database to itself, or that claims nothing.
    pub fn alone(now: Time) -> Self {
        Self { lives: Mutex::new(Lives::new(now, Time::MAX)), company: None }
    }

    /// One that may have company in `store`, once it has [joined](Self::join). Who says nothing for as long as `lease` counts as gone.
    pub fn among(store: &Store, clock: &Arc<dyn Clock>, lease: Duration) -> Self {
        let leaving = CancellationToken::new();
        let (store, clock, ahead) = (store.clone(), clock.clone(), Ahead::new(clock, lease));
        let company = Company { store, clock, lease, ahead, leaving };
        Self { lives: Mutex::new(Lives::new(company.clock.now(), Time::default())), company: Some(company) }
    }

    /// Joins those who work in `store`. Where none is there, whatever is left over is of processes that are gone: `begin_anew` sees to
    /// that before anybody else joins. Where nobody is known to be there but by signs far ahead (`ahead`), that is found out first,
    /// which takes a lease's length.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn join<F>(&self, store: &Store, begin_anew: F) -> Result<Others, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<(), StoreError>>
            + Clone
            + Send
            + 'static,
    {
        let Some(company) = &self.company else {
            store.write(begin_anew).await?;
            return Ok(Others::Gone);
        };
        let mut has_waited = false;
        loop {
            if let Some(others) = self.try_to_join(company, store, begin_anew.clone()).await? {
                return Ok(others);
            }
            if !has_waited {
                tracing::warn!(
                    replica.lease_s = company.lease.as_secs_f64(),
                    "the clock of the database was set back; it is waited for a lease's length for signs of other replicas"
                );
            }
            has_waited = true;
            company.clock.sleep_until(company.clock.now() + company.lease / SIGNS_IN_A_LEASE).await;
        }
    }

    /// `None` while it is not known whether anybody is there.
    async fn try_to_join<F>(
        &self,
        company: &Company,
        store: &Store,
        begin_anew: F,
    ) -> Result<Option<Others>, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<(), StoreError>>
            + Clone
            + Send
            + 'static,
    {
        let (life, now, ahead) = (self.current(), company.clock.now(), company.ahead.clone());
        let (id, until) = (life.0.id.clone(), now + company.lease);
        let others = store
            .write(move |transaction| {
                Box::pin(async move {
                    replicas::lock(transaction).await?;
                    let unknown = bury_the_silent(transaction, &ahead, now).await?;
                    let others = replicas::count_others(transaction, &id).await?;
                    if others > 0 && others == unknown {
                        return Ok(None);
                    }
                    replicas::insert(transaction, Presence { id: &id, started_at: now, until }).await?;
                    if others > 0 {
                        return Ok(Some(Others::There));
                    }
                    begin_anew(transaction).await?;
                    Ok::<_, StoreError>(Some(Others::Gone))
                })
            })
            .await?;
        if others.is_some() {
            life.ends_at(until - EARLIER_BY);
        }
        Ok(others)
    }

    /// Whether others may work in the same database.
    pub fn has_company(&self) -> bool {
        self.company.is_some()
    }

    /// Its life now, if it goes on.
    pub fn life(&self, now: Time) -> Option<Life> {
        let life = self.current();
        life.lasts(now).then_some(life)
    }

    /// Gives signs of life, and ends the leases of those who give none, until it is dropped. Where it is alone, nothing.
    pub async fn live(&self) {
        let Some(company) = &self.company else { return };
        let mut has_failed = false;
        loop {
            let now = company.clock.now();
            company.clock.sleep_until(now + company.lease / SIGNS_IN_A_LEASE).await;
            // One that takes longer may be on a connection that is dead; the next takes another one.
            let deadline = company.clock.now() + company.lease / 2;
            let reason = match until(&*company.clock, deadline, self.give_sign(company)).await {
                Some(Ok(())) => {
                    has_failed = false;
                    continue;
                }
                Some(Err(StoreError::Closed)) => return,
                Some(Err(error)) => error.to_string(),
                None => "the database does not answer".to_owned(),
            };
            if !has_failed {
                tracing::warn!(
                    reason,
                    "other replicas cannot be told that this one is there; it is tried again"
                );
            }
            has_failed = true;
        }
    }

    /// It ends, and holds nothing any more. The others need not wait until it has been silent for long.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leave(&self) -> Result<(), StoreError> {
        let Some(company) = &self.company else { return Ok(()) };
        company.leaving.cancel();
        let Lives { current, next } = self.lives();
        current.ends_at(Time::default());
        company
            .store
            .write_apart(move |transaction| {
                Box::pin(async move {
                    // A sign that is being given may begin the next life.
                    replicas::lock(transaction).await?;
                    for life in [current, next] {
                        replicas::delete(transaction, &life.0.id).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn give_sign(&self, company: &Company) -> Result<(), StoreError> {
        let (lives, now) = (self.lives(), company.clock.now());
        let until = now + company.lease;
        // Given up, it may still be carried out, and would speak of a time that is over.
        let is_meant = company.leaving.child_token();
        let _until_given_up = is_meant.clone().drop_guard();
        let Lives { current, next } = lives.clone();
        let ahead = company.ahead.clone();
        let given = company
            .store
            .write_apart(move |transaction| {
                Box::pin(async move {
                    if is_meant.is_cancelled() {
                        return Ok(None);
                    }
                    let goes_on = replicas::extend(transaction, &current.0.id, now, until).await?;
                    if !goes_on {
                        // Who joins meanwhile may find nobody there, and begin anew before this one comes back.
                        replicas::lock(transaction).await?;
                        if is_meant.is_cancelled() {
                            return Ok(None);
                        }
                    }
                    bury_the_silent(transaction, &ahead, now).await?;
                    if !goes_on && !replicas::extend(transaction, &next.0.id, now, until).await? {
                        let presence = Presence { id: &next.0.id, started_at: now, until };
                        replicas::insert(transaction, presence).await?;
                    }
                    outcomes::forget(transaction, now - KEEP_OUTCOMES).await?;
                    Ok::<_, StoreError>(Some(goes_on))
                })
            })
            .await?;
        match given {
            Some(true) => lives.current.ends_at(until - EARLIER_BY),
            Some(false) => {
                lives.current.ends_at(Time::default());
                lives.next.ends_at(until - EARLIER_BY);
                let next = Lives { current: lives.next, ..Lives::new(now, Time::default()) };
                *self.lives.lock().unwrap_or_else(PoisonError::into_inner) = next;
                tracing::warn!(
                    replica.lease_s = company.lease.as_secs_f64(),
                    "this replica was silent for longer than its lease, and others have taken over its work; it begins anew"
                );
            }
            // It leaves.
            None => {}
        }
        Ok(())
    }

    /// Gives a sign now.
    #[cfg(test)]
    pub(super) async fn sign(&self) {
        self.give_sign(self.company.as_ref().expect("it may have company"))
            .await
            .expect("the database works");
    }

    fn current(&self) -> Life {
        self.lives().current
    }

    fn lives(&self) -> Lives {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Forgets the processes that have been silent for too long at `now`, and ends the leases of all that are not there. Answers of how
/// many others it is not known whether they are there.
async fn bury_the_silent(transaction: &mut Transaction, ahead: &Ahead, now: Time) -> Result<u64, StoreError> {
    let looked = ahead.forget_the_silent(transaction).await?;
    let silent = looked.forgotten + replicas::delete_silent(transaction, now).await?;
    let leases = users::end_leases_of_the_gone(transaction, now).await?;
    if silent > 0 || leases > 0 {
        tracing::warn!(
            replicas.gone = silent,
            leases.ended = leases,
            "a replica has ended without a word, or is silent; its work is taken over"
        );
    }
    Ok(looked.unknown)
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Barrier, Notify};

    use super::*;
    use crate::{
        clock::{ManualClock, SystemClock},
        store::{fixture::Database, network::Network},
    };

    const LEASE: Duration = Duration::from_secs(10);

    /// Two processes on one database, and their time.
    struct Lab {
        clock: ManualClock,
        first: Replica,
        second: Replica,
        _folder: tempfile::TempDir,
    }

    impl Lab {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("test.db").display());
            let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
            let time: Arc<dyn Clock> = Arc::new(clock.clone());
            let (store, beside) = (Store::open(&url).await.unwrap(), Store::open_beside(&url).await.unwrap());
            let first = Replica::among(&store, &time, LEASE);
            assert!(first.life(clock.now()).is_none());
            let others = first.join(&store, |_| Box::pin(async { Ok(()) })).await.unwrap();
            assert_eq!(others, Others::Gone);
            let second = Replica::among(&beside, &time, LEASE);
            let others = second.join(&beside, |_| panic!("another one is there")).await.unwrap();
            assert_eq!(others, Others::There);
            Self { clock, first, second, _folder: folder }
        }

        fn now(&self) -> Time {
            self.clock.now()
        }
    }

    #[tokio::test]
    async fn a_life_goes_on_with_each_sign_and_ends_with_silence_here_before_it_does_elsewhere() {
        let lab = Lab::new().await;
        let life = lab.first.life(lab.now()).unwrap();
        for _ in 0..5 {
            lab.clock.advance(LEASE / 2);
            lab.first.sign().await;
            assert!(life.lasts(lab.now()));
        }
        lab.clock.advance(LEASE - EARLIER_BY);
        assert!(!life.lasts(lab.now()) && lab.first.life(lab.now()).is_none());
        // Nobody has noticed, so the life goes on.
        lab.first.sign().await;
        assert!(life.lasts(lab.now()));

        // It is paused for too long, and others may have taken over: it comes back in another life.
        lab.clock.advance(LEASE);
        lab.first.sign().await;
        assert!(!life.lasts(lab.now()));
        let next = lab.first.life(lab.now()).unwrap();
        assert_ne!(next.next_owner().split('/').next(), life.next_owner().split('/').next());
    }

    #[tokio::test]
    async fn of_two_that_join_at_once_one_begins_anew_and_the_other_waits_for_that() {
        let database = Database::new();
        let time: Arc<dyn Clock> = Arc::new(ManualClock::new(Time::from_micros(1_700_000_000_000_000)));
        let store = database.open().await;
        let beside = Store::open_beside(&database.url).await.unwrap();
        let (began, joined) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let join = |store: Store| {
            let (time, began, joined) = (time.clone(), began.clone(), joined.clone());
            async move {
                let replica = Replica::among(&store, &time, LEASE);
                let others = replica.join(&store, move |_| {
                    Box::pin(async move {
                        began.notify_one();
                        // As long as it would take the other one to come in between.
                        let other = tokio::time::timeout(Duration::from_millis(200), joined.notified());
                        assert!(other.await.is_err(), "the other one did not wait");
                        Ok(())
                    })
                });
                let others = others.await.unwrap();
                (replica, others)
            }
        };
        let first = tokio::spawn(join(store.clone()));
        began.notified().await;
        let (second, others) = join(beside.clone()).await;
        joined.notify_one();
        assert_eq!(others, Others::There);
        let (first, others) = first.await.unwrap();
        assert_eq!(others, Others::Gone);
        assert!(first.life(time.now()).is_some() && second.life(time.now()).is_some());
        for store in [store, beside] {
            store.close().await;
        }
    }

    #[tokio::test]
    async fn signs_that_were_given_up_leave_no_life_behind_that_nobody_has() {
        for leaves in [false, true] {
            let database = Database::new();
            let store = database.open().await;
            let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
            let time: Arc<dyn Clock> = Arc::new(clock.clone());
            let replica = Arc::new(Replica::among(&store, &time, LEASE));
            replica.join(&store, |_| Box::pin(async { Ok(()) })).await.unwrap();
            // Somebody has the row.
            let (held, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let holding = tokio::spawn({
                let (store, held, go_on) = (store.clone(), held.clone(), go_on.clone());
                let (life, now) = (replica.current(), clock.now());
                async move {
                    let work = store.write(move |transaction| {
                        Box::pin(async move {
                            replicas::extend(transaction, &life.0.id, now, now).await?;
                            held.notify_one();
                            go_on.notified().await;
                            Ok::<_, StoreError>(())
                        })
                    });
                    work.await.unwrap();
                }
            });
            held.notified().await;
            clock.advance(LEASE);
            for _ in 0..2 {
                let sign = replica.give_sign(replica.company.as_ref().unwrap());
                assert!(tokio::time::timeout(Duration::from_millis(50), sign).await.is_err());
            }
            let last = tokio::spawn({
                let replica = replica.clone();
                async move {
                    match leaves {
                        true => replica.leave().await,
                        false => replica.give_sign(replica.company.as_ref().unwrap()).await,
                    }
                }
            });
            go_on.notify_one();
            holding.await.unwrap();
            last.await.unwrap().unwrap();
            assert_eq!(replica.life(clock.now()).is_some(), !leaves);
            // What was given up is done by then as well.
            store.close().await;
            let store = Store::open_beside(&database.url).await.unwrap();
            assert_eq!(replicas::count(&store, clock.now()).await.unwrap(), u64::from(!leaves));
            store.close().await;
        }
    }

    #[tokio::test]
    async fn who_comes_back_waits_for_who_begins_anew() {
        let database = Database::new();
        let store = database.open().await;
        let beside = Store::open_beside(&database.url).await.unwrap();
        let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let silent = Arc::new(Replica::among(&store, &time, LEASE));
        silent.join(&store, |_| Box::pin(async { Ok(()) })).await.unwrap();
        clock.advance(LEASE);
        let (began, came_back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let coming_back = tokio::spawn({
            let (silent, began, came_back) = (silent.clone(), began.clone(), came_back.clone());
            async move {
                began.notified().await;
                silent.sign().await;
                came_back.notify_one();
            }
        });
        let joining = Replica::among(&beside, &time, LEASE);
        let others = joining.join(&beside, move |_| {
            Box::pin(async move {
                began.notify_one();
                // As long as it would take to claim something in between.
                let back = tokio::time::timeout(Duration::from_millis(200), came_back.notified());
                assert!(back.await.is_err(), "it did not wait");
                Ok(())
            })
        });
        assert_eq!(others.await.unwrap(), Others::Gone);
        coming_back.await.unwrap();
        assert!(silent.life(clock.now()).is_some());
        for store in [store, beside] {
            store.close().await;
        }
    }

    #[tokio::test]
    async fn a_life_goes_on_while_all_who_write_wait_for_a_server_that_vanished() {
        const SHORT_LEASE: Duration = Duration::from_secs(2);
        let database = Database::on_server();
        let network = Network::before(&database.url).await;
        let store = network.open(Duration::from_millis(300), Duration::from_mins(1)).await;
        let time: Arc<dyn Clock> = Arc::new(SystemClock);
        let replica = Replica::among(&store, &time, SHORT_LEASE);
        replica.join(&store, |_| Box::pin(async { Ok(()) })).await.unwrap();
        let life = replica.life(time.now()).unwrap();
        // All who may write at a time are in the middle of it.
        let (begun, vanished) = (Arc::new(Barrier::new(9)), Arc::new(Barrier::new(9)));
        for _ in 0..8 {
            let (store, begun, vanished) = (store.clone(), begun.clone(), vanished.clone());
            let work = async move {
                let write = store.write(move |transaction| {
                    Box::pin(async move {
                        replicas::delete(transaction, "of another").await?;
                        begun.wait().await;
                        vanished.wait().await;
                        replicas::delete(transaction, "of another").await
                    })
                });
                write.await
            };
            tokio::spawn(work);
        }
        let lives = async {
            begun.wait().await;
            network.vanish();
            vanished.wait().await;
            let vanished_at = time.now();
            while time.now().since(vanished_at) < SHORT_LEASE * 2 {
                assert!(life.lasts(time.now()), "{:?} after the end", time.now().since(vanished_at));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = replica.live() => panic!("the store is open"),
            () = lives => {}
        }
        // They wait still, for a minute.
        let another = store.write(|transaction| Box::pin(async { replicas::lock(transaction).await }));
        assert!(tokio::time::timeout(Duration::from_millis(100), another).await.is_err());
    }

    #[tokio::test]
    async fn who_leaves_is_missed_at_once() {
        let lab = Lab::new().await;
        lab.first.leave().await.unwrap();
        assert!(lab.first.life(lab.now()).is_none());
        let store = &lab.second.company.as_ref().unwrap().store;
        assert_eq!(replicas::count(store, lab.now()).await.unwrap(), 1);
    }

    #[test]
    fn who_is_alone_lives_for_ever_and_each_claim_has_its_own_name() {
        let alone = Replica::alone(Time::default());
        let life = alone.life(Time::MAX - Duration::from_secs(1)).unwrap();
        assert!(!alone.has_company());
        assert_ne!(life.next_owner(), life.next_owner());
    }
}
