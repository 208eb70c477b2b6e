//! Who administers the target.

use crate::store::{Store, StoreError};

/// Whether the target has an enabled administrator besides the account `account_id`, as last seen.
///
/// # Errors
/// When the database fails.
pub async fn has_other_enabled_administrator(
    store: &Store,
    app: &str,
    account_id: &str,
) -> Result<bool, StoreError> {
    let others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users WHERE app = $1 AND enabled_administrator = 1 AND account_id <> $2",
    )
    .bind(app)
    .bind(account_id)
    .fetch_one(store.reader())
    .await?;
    Ok(others > 0)
}
