//! How long to wait before work is tried again.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use crate::store::UserId;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);
const FIRST_AFTER_REJECTION: Duration = Duration::from_secs(15 * 60);
const LONGEST_AFTER_REJECTION: Duration = Duration::from_secs(4 * 60 * 60);

/// The wait after `attempts` failures in a row (1 is the first): doubled each time up to five minutes, and shortened by up
/// to a quarter, differently for every user, so that users that failed together do not all come back at once. The
/// shortening is derived from the id rather than drawn, which keeps it the same when it is computed again.
pub(super) fn after(attempts: u32, id: &UserId) -> Duration {
    let full = doubled(FIRST, attempts, LONGEST);
    let mut hasher = DefaultHasher::new();
    (id.as_str(), attempts).hash(&mut hasher);
    let thousandths = u32::try_from(hasher.finish() % 251).unwrap_or(0);
    full - full * thousandths / 1000
}

/// The wait before work is tried again that the target rejected after the IdP was promised it, for the `attempts`th time in a row:
/// the reason (no seat left, say) may pass, but seldom soon. Doubled up to four hours, so that thousands who are refused the same do
/// not use up the budget.
pub(super) fn after_rejection(attempts: u32) -> Duration {
    doubled(FIRST_AFTER_REJECTION, attempts, LONGEST_AFTER_REJECTION)
}

/// The longest that work waits to be tried again which failed. What was rejected may be tried sooner than it must.
pub(super) const LONGEST_WAIT: Duration = LONGEST;

fn doubled(first: Duration, attempts: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_are_shortened_by_a_quarter_at_most() {
        let id = UserId::from("a");
        for (attempts, full) in [(1, 1), (2, 2), (3, 4), (8, 128), (9, 256), (10, 300), (1000, 300)] {
            let wait = after(attempts, &id);
            let full = Duration::from_secs(full);
            assert!(wait <= full && wait >= full * 3 / 4, "attempt {attempts} waits {wait:?}");
        }
        for (attempts, minutes) in [(1, 15), (2, 30), (3, 60), (5, 240), (1000, 240)] {
            assert_eq!(after_rejection(attempts), Duration::from_secs(minutes * 60), "attempt {attempts}");
        }
        assert_ne!(after(10, &UserId::from("a")), after(10, &UserId::from("b")));
    }
}
