//! What this worker is at work on, by its own account.
//!
//! A lease says it to other processes, and ends by the clock. The clock may jump ahead (a machine that slept, a correction),
//! and then leases are over whose calls are still out. What is in hand is never claimed a second time, however late it is.
//!
//! So who asks for something new of a user that is in hand must reach the work that goes on: it may wait for a turn that is
//! far off, with a change, while the user is to lose access now. That is what `overtake` is for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{
    clock::Time,
    store::{
        UserId,
        users::{Lease, Wanted},
    },
};

use super::replica::Life;

/// The claims in hand. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct InHand {
    claims: Arc<Mutex<Claims>>,
    begun: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Claims {
    /// A user may be claimed again while its last claim, recorded already, is just being let go; so claims have numbers.
    last_number: u64,
    open: Vec<Claim>,
}

#[derive(Debug)]
struct Claim {
    number: u64,
    id: UserId,
    /// It lasts at least so long.
    lease: Lease,
    /// What was wanted of the user when that was last looked at.
    wanted: Wanted,
    overtaken: Arc<Notify>,
}

/// A user is in hand as long as this is.
#[derive(Debug)]
pub(super) struct Held {
    in_hand: InHand,
    number: u64,
    life: Life,
    overtaken: Arc<Notify>,
}

impl InHand {
    /// Something else is wanted of the users of whom `is_meant` is true: whoever is at work on them looks at what that is before
    /// it goes on waiting.
    pub(super) fn overtake(&self, is_meant: impl Fn(&UserId) -> bool) {
        for claim in self.lock().open.iter().filter(|claim| is_meant(&claim.id)) {
            claim.overtaken.notify_one();
        }
    }

    /// This is wanted of the user. If it is something else than before, the user is [overtaken](Self::overtake).
    pub(super) fn learn(&self, id: &UserId, wanted: Wanted) {
        for claim in self.lock().open.iter_mut().filter(|claim| claim.id == *id && claim.wanted != wanted) {
            claim.wanted = wanted;
            claim.overtaken.notify_one();
        }
    }

    /// Takes up a user of whom this is wanted, and who was claimed with `lease` in `life`.
    pub(super) fn hold(&self, id: UserId, wanted: Wanted, lease: Lease, life: Life) -> Held {
        let mut claims = self.lock();
        claims.last_number += 1;
        let number = claims.last_number;
        let overtaken = Arc::new(Notify::new());
        claims.open.push(Claim { number, id, lease, wanted, overtaken: overtaken.clone() });
        self.begun.notify_one();
        Held { in_hand: self.clone(), number, life, overtaken }
    }

    /// Waits until there is anybody.
    pub(super) async fn until_some(&self) {
        while self.lock().open.is_empty() {
            self.begun.notified().await;
        }
    }

    /// The users.
    pub(super) fn ids(&self) -> Vec<UserId> {
        self.lock().open.iter().map(|claim| claim.id.clone()).collect()
    }

    /// The users whose lease may be over at `now`, with those.
    pub(super) fn lapsed(&self, now: Time) -> Vec<(UserId, Lease)> {
        let claims = self.lock();
        let lapsed = claims.open.iter().filter(|claim| claim.lease.until <= now);
        lapsed.map(|claim| (claim.id.clone(), claim.lease.clone())).collect()
    }

    /// These leases last until `until` now.
    pub(super) fn renewed(&self, leases: &[(UserId, Lease)], until: Time) {
        let is_renewed =
            |claim: &&mut Claim| leases.iter().any(|(_, lease)| lease.owner == claim.lease.owner);
        for claim in self.lock().open.iter_mut().filter(is_renewed) {
            claim.lease.until = until;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The life in which it was claimed.
    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    /// Returns once something else is wanted of the user, also if that was since the last call.
    pub(super) async fn overtaken(&self) {
        self.overtaken.notified().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.in_hand.lock().open.retain(|claim| claim.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{super::replica::Replica, *};

    const WANTED: Wanted = Wanted { version: 1, touched: 0 };

    fn hold(in_hand: &InHand, id: &str, owner: &str) -> Held {
        let start = Time::from_micros(0);
        let life = Replica::alone(start).life(start).unwrap();
        let lease = Lease { owner: owner.into(), until: Time::from_micros(1) };
        in_hand.hold(UserId::from(id), WANTED, lease, life)
    }

    #[test]
    fn who_is_at_work_on_a_user_hears_of_it_once_and_nobody_else_does() {
        let (in_hand, id) = (InHand::default(), UserId::from("a"));
        let held = hold(&in_hand, "a", "1");
        let other = hold(&in_hand, "b", "2");
        assert!(held.overtaken().now_or_never().is_none());
        in_hand.overtake(|other| *other == id);
        assert!(other.overtaken().now_or_never().is_none());
        assert!(held.overtaken().now_or_never().is_some());
        assert!(held.overtaken().now_or_never().is_none());
        // What is wanted as before is no news.
        in_hand.learn(&id, WANTED);
        assert!(held.overtaken().now_or_never().is_none());
        for newer in [Wanted { version: 2, ..WANTED }, Wanted { version: 2, touched: 1 }] {
            in_hand.learn(&id, newer);
            in_hand.learn(&id, newer);
            assert!(held.overtaken().now_or_never().is_some());
            assert!(held.overtaken().now_or_never().is_none());
        }
    }

    #[test]
    fn a_user_is_in_hand_until_its_last_claim_is_let_go() {
        let in_hand = InHand::default();
        let (soon, late) = (Time::from_micros(1), Time::from_micros(2));
        let earlier = hold(&in_hand, "a", "1");
        let again = hold(&in_hand, "a", "2");
        drop(earlier);
        let lapsed = in_hand.lapsed(soon);
        assert_eq!(lapsed.iter().map(|(_, lease)| lease.owner.as_str()).collect::<Vec<_>>(), ["2"]);
        in_hand.renewed(&lapsed, late);
        assert!(in_hand.lapsed(soon).is_empty());
        drop(again);
        assert!(in_hand.lapsed(late).is_empty());
    }
}
