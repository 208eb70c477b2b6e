//! Who still has the access that was taken away.

use sqlx::Row;

use crate::{
    clock::Time,
    store::{Store, StoreError},
};

/// Revocations that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// How many.
    pub users: u64,
    /// Since when the first of them was asked for.
    pub since: Time,
}

/// Revocations of access that were asked for before `before` and are not done, but for those that the brake holds. `None`: there
/// are none.
///
/// # Errors
/// When the database fails.
pub async fn find_overdue(store: &Store, app: &str, before: Time) -> Result<Option<Overdue>, StoreError> {
    // When a user becomes due moves with each attempt; the version that is not applied says since when it waits.
    let row = sqlx::query(
        "SELECT COUNT(*) AS users, MIN(modified_at) AS since FROM users WHERE app = $1 AND lane = 0 \
         AND due_at IS NOT NULL AND held_at IS NULL AND version > applied_version AND modified_at < $2",
    )
    .bind(app)
    .bind(before.as_micros())
    .fetch_one(store.reader())
    .await?;
    let Some(since) = row.try_get::<Option<i64>, _>("since")? else { return Ok(None) };
    let users = u64::try_from(row.try_get::<i64, _>("users")?).unwrap_or(0);
    Ok(Some(Overdue { users, since: Time::from_micros(since) }))
}
