//! How a call to a target fails, sorted by what it means for the work.

use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// A failed call. The texts are fragments that fit "… could not be applied: {error}" and name what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The target understood and says no; the same call will never succeed.
    #[error("{reason}")]
    Rejected {
        /// The target's reason, in its words, and what to mend.
        reason: String,
        /// What kind of no.
        rejection: RejectionKind,
    },
    /// The target does not accept our credentials: nothing will succeed until a person acts.
    #[error("{reason}")]
    CredentialsRefused {
        /// What happened and what to do.
        reason: String,
    },
    /// The account called is not there (any more).
    #[error("{reason}")]
    AccountNotFound {
        /// What was not found.
        reason: String,
    },
    /// The target's rate limit was hit.
    #[error("the target's rate limit was reached; it goes on when the target allows it")]
    RateLimited {
        /// When the target says that calls are possible again.
        until: Option<Time>,
    },
    /// No usable answer: unreachable, timed out, failed inside, or answered what is not its API. Worth trying again.
    /// The call may have been applied all the same.
    #[error("{reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
}

/// What kind of no a target said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionKind {
    /// A value is not acceptable.
    Invalid,
    /// A value is already in use.
    Conflict,
    /// Our credentials lack the permission, or the target does not allow this to anybody.
    Forbidden,
}
