//! How far the first pass is, for readiness and status.

use crate::store::rosters::Roster;

use super::RosterError;

/// How far the first pass is. Clones share it.
#[derive(Clone, Debug)]
pub struct Progress {
    state: tokio::sync::watch::Sender<RosterState>,
}

/// Whether an app's accounts are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterState {
    /// The first pass is under way: nobody knows yet who has an account.
    First,
    /// The first pass failed, and is tried again.
    FirstFailed {
        /// Why.
        reason: String,
    },
    /// There was a complete pass, now or before a restart; or the target has no directory.
    Known,
}

impl Progress {
    /// Starts in `state`.
    pub fn new(state: RosterState) -> Self {
        Self { state: tokio::sync::watch::Sender::new(state) }
    }

    /// The state now.
    pub fn current(&self) -> RosterState {
        self.state.borrow().clone()
    }

    /// Waits until the accounts are known.
    pub async fn known(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| *state == RosterState::Known).await;
    }

    /// There was a complete pass, whoever made it.
    pub(super) fn know(&self) {
        self.state.send_if_modified(|state| {
            let is_news = *state != RosterState::Known;
            *state = RosterState::Known;
            is_news
        });
    }

    pub(super) fn report(&self, result: &Result<Roster, RosterError>) {
        self.state.send_if_modified(|state| {
            let next = match result {
                Ok(_) => RosterState::Known,
                Err(_) if *state == RosterState::Known => return false,
                Err(error) => RosterState::FirstFailed { reason: error.to_string() },
            };
            *state = next;
            true
        });
    }
}
