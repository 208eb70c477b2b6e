//! Users for whom something is still to be done.

use crate::store::{Store, StoreError};

use super::{
    User,
    record::{columns, read},
};

/// Whether live, managed users are listed besides for whom nothing is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// They are.
    Listed,
    /// They are not.
    LeftOut,
}

/// Users whose desired state is not known to be at the target, deleted ones too, in the order of their ids: at most `limit`
/// of those behind the id `after`.
///
/// # Errors
/// When the database fails.
pub async fn list_unsettled(
    store: &Store,
    app: &str,
    settled: Settled,
    after: &str,
    limit: u32,
) -> Result<Vec<User>, StoreError> {
    // An app that no index knows: left alone, SQLite takes any index that begins with one, and sorts all of the app's users for
    // every step.
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app || '' = $1 AND id > $2 AND (due_at IS NOT NULL OR version > applied_version \
         OR ($3 = 1 AND ownership <> 'unmanaged' AND deleted_at IS NULL)) ORDER BY id LIMIT $4"
    ))
    .bind(app)
    .bind(after)
    .bind(i64::from(settled == Settled::Listed))
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}
