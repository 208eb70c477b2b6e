//! The `events` table: the append-only record of who asked for what, what was decided and what the target said.

use crate::clock::Time;

use super::{Store, StoreError, Transaction, UserId, id::time_ordered};

/// One thing that happened to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The app.
    pub app: &'a str,
    /// The user.
    pub user_id: &'a UserId,
    /// When.
    pub at: Time,
    /// What.
    pub kind: EventKind,
    /// The name of the token that asked, or the part of the bridge that acted.
    pub actor: &'a str,
    /// A sentence or fragment for people. Never a secret.
    pub detail: &'a str,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The IdP created the user.
    Created,
    /// The IdP took over an account that was at the target already.
    Adopted,
    /// The IdP changed the user.
    Changed,
    /// The IdP deleted the user.
    Deleted,
    /// The target agrees with the desired state.
    Applied,
    /// The target said no, and the desired state was put back.
    Rejected,
    /// An attempt failed and will be repeated.
    Failed,
    /// An account was found at the target.
    Found,
    /// An account is not at the target any more.
    Vanished,
    /// The brake stopped a revocation.
    Held,
    /// A person let a revocation through that was held.
    Released,
    /// A person decided against a revocation that was held.
    Dropped,
}

impl EventKind {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Found => "found",
            Self::Vanished => "vanished",
            Self::Held => "held",
            Self::Released => "released",
            Self::Dropped => "dropped",
        }
    }
}

/// Appends an event.
///
/// # Errors
/// When the database fails.
pub async fn append(transaction: &mut Transaction, event: Event<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO events (id, app, user_id, at, kind, actor, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(time_ordered(event.at))
    .bind(event.app)
    .bind(event.user_id.as_str())
    .bind(event.at.as_micros())
    .bind(event.kind.as_str())
    .bind(event.actor)
    .bind(event.detail)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Who last asked for a change of the user: the name of the token.
///
/// # Errors
/// When the database fails.
pub async fn find_asker(store: &Store, app: &str, id: &UserId) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT actor FROM events WHERE app = $1 AND user_id = $2 \
         AND kind IN ('created', 'adopted', 'changed', 'deleted') ORDER BY id DESC LIMIT 1",
    )
    .bind(app)
    .bind(id.as_str())
    .fetch_optional(store.reader())
    .await?)
}
