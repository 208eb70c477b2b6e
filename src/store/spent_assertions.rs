//! The `spent_assertions` table: assertions that were accepted, until they expire.

use crate::clock::Time;

use super::{StoreError, Transaction};

/// Keeps an assertion as spent until `expires_at`. Whether it was not spent before.
///
/// # Errors
/// When the database fails.
pub async fn spend(
    transaction: &mut Transaction,
    app: &str,
    id: &str,
    expires_at: Time,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO spent_assertions (app, id, expires_at) VALUES ($1, $2, $3) ON CONFLICT (app, id) DO NOTHING",
    )
    .bind(app)
    .bind(id)
    .bind(expires_at.as_micros())
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets those that have expired: they are refused for that.
///
/// # Errors
/// When the database fails.
pub async fn forget_expired(transaction: &mut Transaction, now: Time) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM spent_assertions WHERE expires_at < $1")
        .bind(now.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}
