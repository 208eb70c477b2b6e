//! Who administers the target.

use crate::store::{Store, StoreError};

/// Whether administrators who are to be disabled, and are not yet, count as enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// They do: for who is about to disable one.
    Counted,
    /// They do not: for who is asked to promise it. Who is only to lose a right stays one.
    LeftOut,
}

/// Whether the target has an enabled administrator besides the account `account_id`, as last seen.
///
/// # Errors
/// When the database fails.
pub async fn has_other_enabled_administrator(
    store: &Store,
    app: &str,
    account_id: &str,
    leaving: Leaving,
) -> Result<bool, StoreError> {
    let others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users WHERE app = $1 AND enabled_administrator = 1 AND account_id <> $2 \
         AND ($3 = 1 OR lane <> 0 OR due_at IS NULL OR version = applied_version)",
    )
    .bind(app)
    .bind(account_id)
    .bind(i64::from(leaving == Leaving::Counted))
    .fetch_one(store.reader())
    .await?;
    Ok(others > 0)
}
