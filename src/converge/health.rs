//! Whether a target works, as far as the last calls tell.

use tokio::sync::watch;

use crate::{clock::Time, connector::TargetError};

/// The state of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// No call has been answered yet.
    Unknown,
    /// The last call was answered.
    Working,
    /// Calls fail; each is repeated.
    Failing {
        /// Since when.
        since: Time,
        /// Why.
        reason: String,
    },
    /// The target does not accept our credentials. Nothing is sent but one probe now and then.
    CredentialsRefused {
        /// Since when.
        since: Time,
        /// What to do.
        reason: String,
    },
}

/// Keeps the state and tells who watches it.
#[derive(Debug)]
pub struct HealthMonitor {
    state: watch::Sender<Health>,
}

impl Default for HealthMonitor {
    fn default() -> Self {
        Self { state: watch::Sender::new(Health::Unknown) }
    }
}

impl HealthMonitor {
    /// The state now.
    pub fn current(&self) -> Health {
        self.state.borrow().clone()
    }

    /// The reason, while credentials are refused.
    pub fn credentials_refused(&self) -> Option<String> {
        match &*self.state.borrow() {
            Health::CredentialsRefused { reason, .. } => Some(reason.clone()),
            _ => None,
        }
    }

    /// What was known of the target is to be found out again.
    pub fn forget(&self) {
        self.state.send_replace(Health::Unknown);
    }

    /// Waits until the target refuses our credentials, and answers why; at once if it does.
    pub async fn until_credentials_refused(&self) -> String {
        let mut state = self.state.subscribe();
        loop {
            if let Some(reason) = self.credentials_refused() {
                return reason;
            }
            // The sender is `self`, so waiting cannot fail.
            let _ = state.changed().await;
        }
    }

    /// Waits while the target refuses our credentials; returns at once if it does not.
    pub async fn while_credentials_refused(&self) {
        let refused = |state: &Health| matches!(state, Health::CredentialsRefused { .. });
        // The sender is `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| !refused(state)).await;
    }

    /// Takes the result of a call into account. A change is logged, once.
    pub fn record<T>(&self, app: &str, now: Time, result: &Result<T, TargetError>) {
        let next = match result {
            Err(TargetError::CredentialsRefused { reason }) => {
                Health::CredentialsRefused { since: now, reason: reason.clone() }
            }
            Err(TargetError::Unavailable { reason }) => {
                Health::Failing { since: now, reason: reason.clone() }
            }
            // Any other answer, a no as well, shows that the target works.
            _ => Health::Working,
        };
        self.state.send_if_modified(|state| {
            match (&mut *state, &next) {
                // The same trouble for another reason: the newest is what there is to do about.
                (Health::Failing { reason, .. }, Health::Failing { reason: newest, .. })
                | (
                    Health::CredentialsRefused { reason, .. },
                    Health::CredentialsRefused { reason: newest, .. },
                ) => {
                    reason.clone_from(newest);
                    return false;
                }
                (Health::Working, Health::Working) | (Health::Unknown, Health::Unknown) => return false,
                _ => {}
            }
            match &next {
                Health::CredentialsRefused { reason, .. } => {
                    tracing::error!(
                        app,
                        reason,
                        "the target refuses our credentials; nothing is sent until it accepts them"
                    );
                }
                Health::Failing { reason, .. } => {
                    tracing::warn!(app, reason, "the target fails; calls are repeated")
                }
                Health::Working | Health::Unknown => tracing::info!(app, "the target works"),
            }
            *state = next;
            true
        });
    }
}
