//! What this worker is at work on, by its own account.
//!
//! A lease says it to other processes, and ends by the clock. The clock may jump ahead (a machine that slept, a correction),
//! and then leases are over whose calls are still out. What is in hand is never claimed a second time, however late it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{clock::Time, store::UserId};

/// The claims in hand. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct InHand {
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
}

/// A user is in hand as long as this is.
#[derive(Debug)]
pub(super) struct Held {
    in_hand: InHand,
    number: u64,
}

impl InHand {
    /// Takes up a user that was claimed until `until`.
    pub(super) fn hold(&self, id: UserId, until: Time) -> Held {
        let mut claims = self.lock();
        claims.last_number += 1;
        let number = claims.last_number;
        claims.open.push(Claim { number, id, until });
        Held { in_hand: self.clone(), number }
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

impl Drop for Held {
    fn drop(&mut self) {
        self.in_hand.lock().open.retain(|claim| claim.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
