//! The `outcomes` table: how work on users ended, for requests that may wait for it at another process.

use std::sync::LazyLock;

use sqlx::{Row, any::AnyRow};

use crate::clock::Time;

use super::{Store, StoreError, Transaction, UserId, batch::Batch};

/// How the work on a user ended last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The user.
    pub id: UserId,
    /// The newest version that it is about.
    pub version: i64,
    /// How it ended, JSON.
    pub outcome: String,
}

/// Keeps an outcome in the place of the one before it.
///
/// # Errors
/// When the database fails.
pub async fn save(transaction: &mut Transaction, kept: &Kept, now: Time) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO outcomes (user_id, version, outcome, settled_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, outcome = excluded.outcome, \
         settled_at = excluded.settled_at WHERE outcomes.version <= excluded.version",
    )
    .bind(kept.id.as_str())
    .bind(kept.version)
    .bind(kept.outcome.as_str())
    .bind(now.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// The outcomes that are kept of these users.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, ids: &[UserId]) -> Result<Vec<Kept>, StoreError> {
    static LIST: LazyLock<Batch> = LazyLock::new(|| {
        Batch::ids_in("SELECT user_id, version, outcome FROM outcomes WHERE user_id IN ", 1, "")
    });
    let ids: Vec<_> = ids.iter().map(UserId::as_str).collect();
    let mut kept = Vec::new();
    for query in LIST.queries(&[], &ids) {
        let rows = query.fetch_all(store.reader()).await?;
        let read = |row: &AnyRow| {
            Ok(Kept {
                id: UserId::from(row.try_get::<String, _>("user_id")?),
                version: row.try_get("version")?,
                outcome: row.try_get("outcome")?,
            })
        };
        kept.extend(rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?);
    }
    Ok(kept)
}

/// Forgets those from before `before`.
///
/// # Errors
/// When the database fails.
pub async fn forget(transaction: &mut Transaction, before: Time) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM outcomes WHERE settled_at < $1")
        .bind(before.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}
