//! How many users there are of each kind, for whoever watches. Each count is read from an index alone.

use sqlx::Row;

use crate::store::{Store, StoreError};

/// How many users of an app are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those whose `active` reads as true.
    pub active: u64,
    /// Those whose `active` reads as false.
    pub inactive: u64,
    /// Those of whom the IdP has not said it.
    pub unassigned: u64,
    /// Those of all of them whom no IdP has written to.
    pub unmanaged: u64,
}

/// How many users of `app` are served.
///
/// # Errors
/// When the database fails.
pub async fn counts(store: &Store, app: &str) -> Result<Counts, StoreError> {
    let rows = sqlx::query(
        "SELECT shown_active, COUNT(*) AS users FROM users WHERE app = $1 AND deleted_at IS NULL GROUP BY shown_active",
    )
    .bind(app)
    .fetch_all(store.reader())
    .await?;
    let unmanaged: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users WHERE app = $1 AND deleted_at IS NULL AND ownership = 'unmanaged'",
    )
    .bind(app)
    .fetch_one(store.reader())
    .await?;
    let mut counts = Counts { unmanaged: u64::try_from(unmanaged).unwrap_or(0), ..Counts::default() };
    for row in rows {
        let users = u64::try_from(row.try_get::<i64, _>("users")?).unwrap_or(0);
        match row.try_get::<i64, _>("shown_active")? {
            1 => counts.active = users,
            0 => counts.inactive = users,
            _ => counts.unassigned = users,
        }
    }
    Ok(counts)
}
