//! What became of the newest request of the identity provider.

use crate::store::events::{EventKind, Recorded};

/// A request that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal<'a> {
    /// The event that says so.
    pub(super) event: &'a Recorded,
    /// Why.
    pub(super) reason: &'a str,
}

/// The newest request, if it was refused, or rejected and taken back, and the user is still in the hands of who sent it. `events` are the oldest first.
pub(super) fn newest_refusal(events: &[Recorded]) -> Option<Refusal<'_>> {
    let mut taken_back = false;
    for event in events.iter().rev() {
        match event.kind? {
            EventKind::Refused => return Some(Refusal { event, reason: refused(&event.detail).1 }),
            EventKind::PutBack => taken_back = true,
            EventKind::Rejected | EventKind::Blocked if taken_back => {
                return Some(Refusal { event, reason: &event.detail });
            }
            EventKind::Created
            | EventKind::Adopted
            | EventKind::Changed
            | EventKind::Deleted
            | EventKind::HandedBack => return None,
            _ => {}
        }
    }
    None
}

/// What was asked for and why it was refused, of the detail of a refusal.
pub(super) fn refused(detail: &str) -> (&str, &str) {
    detail.split_once(": ").unwrap_or(("write", detail))
}
