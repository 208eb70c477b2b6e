//! The `rosters` table: when the accounts of a target were last listed from first to last.

use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction};

/// A completed listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roster {
    /// When it was complete.
    pub completed_at: Time,
    /// How many accounts there were.
    pub accounts: u64,
}

/// The last completed listing of an app's target, if there was one.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str) -> Result<Option<Roster>, StoreError> {
    let row = sqlx::query("SELECT completed_at, accounts FROM rosters WHERE app = $1")
        .bind(app)
        .fetch_optional(store.reader())
        .await?;
    row.map(|row| {
        Ok(Roster {
            completed_at: Time::from_micros(row.try_get("completed_at")?),
            accounts: u64::try_from(row.try_get::<i64, _>("accounts")?).unwrap_or(0),
        })
    })
    .transpose()
}

/// Records a completed listing.
///
/// # Errors
/// When the database fails.
pub async fn save(transaction: &mut Transaction, app: &str, roster: Roster) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO rosters (app, completed_at, accounts) VALUES ($1, $2, $3) \
         ON CONFLICT (app) DO UPDATE SET completed_at = excluded.completed_at, accounts = excluded.accounts",
    )
    .bind(app)
    .bind(roster.completed_at.as_micros())
    .bind(i64::try_from(roster.accounts).unwrap_or(i64::MAX))
    .execute(transaction)
    .await?;
    Ok(())
}
