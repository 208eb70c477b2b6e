//! What this worker is at work on, by its own account.
//!
//! A lease says it to other processes, and ends by the clock. The clock may jump ahead (a machine that slept, a correction),
//! and then leases are over whose calls are still out. What is in hand is never claimed a second time, however late it is.
//!
//! So who asks for something new of a user that is in hand must reach the work that goes on: it may wait for a turn that is
//! far off, with a change, while the user is to lose access now. That is what `overtake` is for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{clock::Time, store::UserId};

/// The claims in hand. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct InHand {
    claims: Arc<Mutex<Claims>>,
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
    /// The lease lasts at least until then.
    until: Time,
    overtaken: Arc<Notify>,
}

/// A user is in hand as long as this is.
#[derive(Debug)]
pub(super) struct Held {
    in_hand: InHand,
    number: u64,
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

    /// Takes up a user that was claimed until `until`.
    pub(super) fn hold(&self, id: UserId, until: Time) -> Held {
        let mut claims = self.lock();
        claims.last_number += 1;
        let number = claims.last_number;
        let overtaken = Arc::new(Notify::new());
        claims.open.push(Claim { number, id, until, overtaken: overtaken.clone() });
        Held { in_hand: self.clone(), number, overtaken }
    }

    /// The users whose lease may be over at `now`.
    pub(super) fn lapsed(&self, now: Time) -> Vec<UserId> {
        self.lock().open.iter().filter(|claim| claim.until <= now).map(|claim| claim.id.clone()).collect()
    }

    /// The leases of these users last until `until` now.
    pub(super) fn renewed(&self, ids: &[UserId], until: Time) {
        for claim in self.lock().open.iter_mut().filter(|claim| ids.contains(&claim.id)) {
            claim.until = until;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
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

    use super::*;

    #[test]
    fn who_is_at_work_on_a_user_hears_of_it_once_and_nobody_else_does() {
        let (in_hand, id) = (InHand::default(), UserId::from("a"));
        let held = in_hand.hold(id.clone(), Time::from_micros(1));
        let other = in_hand.hold(UserId::from("b"), Time::from_micros(1));
        assert!(held.overtaken().now_or_never().is_none());
        in_hand.overtake(|other| *other == id);
        assert!(other.overtaken().now_or_never().is_none());
        assert!(held.overtaken().now_or_never().is_some());
        assert!(held.overtaken().now_or_never().is_none());
    }

    #[test]
    fn a_user_is_in_hand_until_its_last_claim_is_let_go() {
        let (in_hand, id) = (InHand::default(), UserId::from("a"));
        let (soon, late) = (Time::from_micros(1), Time::from_micros(2));
        let earlier = in_hand.hold(id.clone(), soon);
        let again = in_hand.hold(id.clone(), soon);
        drop(earlier);
        assert_eq!(in_hand.lapsed(soon).len(), 1);
        in_hand.renewed(&[id], late);
        assert!(in_hand.lapsed(soon).is_empty());
        drop(again);
        assert!(in_hand.lapsed(late).is_empty());
    }
}
