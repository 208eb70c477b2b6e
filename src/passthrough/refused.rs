//! Whether the target refuses the token that it is called with.
//!
//! Its answers are the client's, who cannot mend that: the token is ours. So it is noted here, for whoever watches the app.

use std::sync::{Mutex, PoisonError};

use crate::{clock::Time, upstream::StatusOfTarget};

/// What the answers tell.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Since when it is refused, while it is.
    since: Option<Time>,
    /// When it was last accepted.
    accepted_at: Option<Time>,
}

impl Refused {
    /// Takes the status of an answer to heart. Whoever refuses for another reason may not have looked at the token.
    pub(super) fn heed(&self, status: StatusOfTarget, now: Time) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if status == StatusOfTarget::UNAUTHORIZED {
            state.since.get_or_insert(now);
        } else if status.is_success() {
            *state = State { since: None, accepted_at: Some(now) };
        }
    }

    /// Since when, while it is.
    pub(super) fn since(&self) -> Option<Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).since
    }

    /// When it was last accepted, as far as this process knows.
    pub(super) fn accepted_at(&self) -> Option<Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).accepted_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refused_from_the_first_401_until_it_is_taken() {
        let refused = Refused::default();
        let heed = |status: u16, second: i64| {
            let now = Time::from_micros(second * 1_000_000);
            refused.heed(StatusOfTarget::from_u16(status).unwrap(), now);
            refused.since().map(|since| since.as_micros() / 1_000_000)
        };
        assert_eq!(heed(200, 1), None);
        assert_eq!(heed(401, 2), Some(2));
        assert_eq!(heed(401, 3), Some(2));
        assert_eq!(heed(503, 4), Some(2));
        assert_eq!(heed(429, 5), Some(2));
        assert_eq!(heed(201, 6), None);
    }
}
