//! Replicas whose last sign of life lies far ahead.
//!
//! A sign says until when it counts, which is a lease's length after it was given. By a clock that was set back since, or by that of
//! another server, this may be in days; and for as long the leases would stand of a process that has died with it. Or it is at work:
//! who runs goes by the time before ([`SetClock`](crate::clock::SetClock)). So such a sign is watched. Who is there gives another one
//! within a lease's length; who does not has died.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Clock, Time},
    config::LONGEST_LEASE,
    store::{
        StoreError, Transaction,
        replicas::{self, Sign},
    },
};

/// Watches such signs. Clones watch the same ones.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    clock: Arc<dyn Clock>,
    lease: Duration,
    /// By the id of who gave them.
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
}

/// A sign that is watched.
#[derive(Clone, Copy, Debug)]
struct Seen {
    until: Time,
    /// Since when it is known to stand there.
    since: Time,
    /// Whether it is not the first of that process: it was there when it gave this one.
    follows_another: bool,
}

/// How those are who gave the signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Judged {
    silent: Vec<Sign>,
    unknown: u64,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looked {
    /// How many processes have died, and are forgotten.
    pub(super) forgotten: u64,
    /// Of how many it is not known yet whether they are there.
    pub(super) unknown: u64,
}

impl Ahead {
    pub(super) fn new(clock: &Arc<dyn Clock>, lease: Duration) -> Self {
        Self { clock: clock.clone(), lease, seen: Arc::default() }
    }

    /// Forgets the processes that gave no other sign for as long as a lease.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn forget_the_silent(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Looked, StoreError> {
        let asked_at = self.clock.now();
        // While another lease is being rolled out, there are two.
        let far_ahead = asked_at + LONGEST_LEASE + self.lease;
        let signs = replicas::list_after(transaction, far_ahead).await?;
        let Judged { silent, unknown } = self.judge(signs, asked_at, self.clock.now());
        let mut forgotten = 0;
        for sign in silent {
            forgotten += replicas::delete_after(transaction, &sign).await?;
        }
        Ok(Looked { forgotten, unknown })
    }

    /// Takes into account that these signs, and no others, were found between these times.
    fn judge(&self, signs: Vec<Sign>, asked_at: Time, answered_at: Time) -> Judged {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *seen);
        let mut judged = Judged::default();
        for sign in signs {
            let known = match before.get(&sign.id) {
                Some(known) if known.until == sign.until => *known,
                other => Seen { until: sign.until, since: answered_at, follows_another: other.is_some() },
            };
            seen.insert(sign.id.clone(), known);
            // Both the shortest that it can have been.
            if asked_at.since(known.since) >= self.lease {
                judged.silent.push(sign);
            } else if !known.follows_another {
                judged.unknown += 1;
            }
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Life, Others, Replica},
        *,
    };
    use crate::{
        clock::ManualClock,
        connector::Lane,
        store::{
            Store,
            fixture::{Database, user, write},
            users::{self, Claim, Lease},
        },
    };

    const NOW: Time = Time::from_micros(1_700_000_000_000_000);
    const LEASE: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_secs(2);
    const DAY: Duration = Duration::from_hours(24);

    fn replica(store: &Store, clock: &ManualClock) -> Arc<Replica> {
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        Arc::new(Replica::among(store, &clock, LEASE))
    }

    /// Claims what is due in the life of a process: whether there was anything.
    async fn claims(store: &Store, life: &Life, now: Time) -> bool {
        let lease = Lease { owner: life.next_owner(), until: now + Duration::from_mins(2) };
        let (most_urgent, least_urgent) = (Lane::Change, Lane::Grant);
        let claim = Claim { app: "a".into(), lease, now, most_urgent, least_urgent, limit: 1 };
        let claimed =
            write(store, move |transaction| Box::pin(async move { users::claim(transaction, &claim).await }));
        !claimed.await.is_empty()
    }

    /// A process that joins, while time passes and `meanwhile` is done again and again: who it finds.
    async fn join(
        replica: &Arc<Replica>,
        store: &Store,
        clock: &ManualClock,
        meanwhile: impl AsyncFn(),
    ) -> Others {
        let (replica, store) = (replica.clone(), store.clone());
        let joining = tokio::spawn(async move { replica.join(&store, |_| Box::pin(async { Ok(()) })).await });
        while !joining.is_finished() {
            clock.advance(Duration::from_millis(50));
            meanwhile().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        joining.await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn who_is_there_is_not_missed_for_being_ahead_and_who_has_died_is_after_a_lease() {
        let database = Database::new();
        let store = database.open().await;
        write(&store, |transaction| {
            Box::pin(async move {
                let mut due = user("u1", json!({ "userName": "u1" }));
                (due.version, due.due_at) = (2, Some(NOW));
                users::insert(transaction, &due).await
            })
        })
        .await;
        let (clock, ahead_clock) = (ManualClock::new(NOW), ManualClock::new(NOW + DAY));
        let ahead = replica(&store, &ahead_clock);
        assert_eq!(join(&ahead, &store, &ahead_clock, async || ()).await, Others::Gone);
        let life = ahead.life(ahead_clock.now()).unwrap();
        assert!(claims(&store, &life, ahead_clock.now()).await);

        let beside = Store::open_beside(&database.url).await.unwrap();
        let next = replica(&beside, &clock);
        let others = join(&next, &beside, &clock, async || {
            ahead_clock.advance(Duration::from_millis(50));
            ahead.sign().await;
        });
        assert_eq!(others.await, Others::There);
        for _ in 0..20 {
            clock.advance(STEP);
            ahead_clock.advance(STEP);
            ahead.sign().await;
            next.sign().await;
        }
        assert!(life.lasts(ahead_clock.now()), "it has lost its life");
        assert!(!claims(&beside, &next.life(clock.now()).unwrap(), clock.now()).await);

        // It dies.
        next.sign().await;
        let died_at = clock.now();
        while !claims(&beside, &next.life(clock.now()).unwrap(), clock.now()).await {
            assert!(clock.now().since(died_at) <= LEASE + STEP, "its claim stands");
            clock.advance(STEP);
            next.sign().await;
        }
        assert!(clock.now().since(died_at) >= LEASE);
        for store in [store, beside] {
            store.close().await;
        }
    }

    #[tokio::test]
    async fn who_finds_nothing_but_signs_far_ahead_begins_anew_when_nobody_has_given_another_for_a_lease() {
        let database = Database::new();
        let store = database.open().await;
        let ahead_clock = ManualClock::new(NOW + DAY);
        let died = replica(&store, &ahead_clock);
        assert_eq!(join(&died, &store, &ahead_clock, async || ()).await, Others::Gone);
        let clock = ManualClock::new(NOW);
        let next = replica(&store, &clock);
        assert_eq!(join(&next, &store, &clock, async || ()).await, Others::Gone);
        let took = clock.now().since(NOW);
        assert!(took >= LEASE && took < DAY / 2, "{took:?}");
        assert!(next.life(clock.now()).is_some());
        assert_eq!(replicas::count(&store, clock.now()).await.unwrap(), 1);
        store.close().await;
    }
}
