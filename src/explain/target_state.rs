//! Whether the target works, as far as the newest events of all users tell.

use crate::store::events::{EventKind, Recorded};

/// What stands in the way of everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The target does not accept the credentials.
    CredentialsRefused(String),
    /// Calls fail.
    Failing(String),
}

/// What the newest of the events, which come first, say.
pub(super) fn trouble(lately: &[Recorded]) -> Option<Trouble> {
    lately.iter().find_map(|event| match event.kind? {
        EventKind::Applied | EventKind::Rejected => Some(None),
        EventKind::Blocked => Some(Some(Trouble::CredentialsRefused(event.detail.clone()))),
        EventKind::Failed => Some(Some(Trouble::Failing(event.detail.clone()))),
        _ => None,
    })?
}
