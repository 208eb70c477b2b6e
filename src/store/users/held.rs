//! Users whose revocation the brake stopped.

use sqlx::Row;

use crate::{
    clock::Time,
    store::{Store, StoreError},
};

use super::{
    User,
    record::{columns, read},
};

/// How many are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// How many users.
    pub users: u64,
    /// Since when the first of them is.
    pub since: Time,
}

/// How many users are held; `None` if none is.
///
/// # Errors
/// When the database fails.
pub async fn find_held(store: &Store, app: &str) -> Result<Option<Held>, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS users, MIN(held_at) AS since FROM users WHERE app = $1 AND held_at IS NOT NULL",
    )
    .bind(app)
    .fetch_one(store.reader())
    .await?;
    let since = row.try_get::<Option<i64>, _>("since")?.map(Time::from_micros);
    let users = u64::try_from(row.try_get::<i64, _>("users")?).unwrap_or(0);
    Ok(since.map(|since| Held { users, since }))
}

/// Users that are held, in the order of their ids: at most `limit` of those behind the id `after`.
///
/// # Errors
/// When the database fails.
pub async fn list_held(store: &Store, app: &str, after: &str, limit: u32) -> Result<Vec<User>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND held_at IS NOT NULL AND id > $2 ORDER BY id LIMIT $3"
    ))
    .bind(app)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}
