//! What people ask about single users.

use crate::{
    clock::Time,
    connector::Lane,
    store::{Store, StoreError, key::key_or_missing},
};

use super::{
    User,
    record::{columns, read},
    user_name_key,
};

/// How many users of one name are found at the most.
const MOST: i64 = 50;

/// The users, live and deleted, that go by `name` in some way: the SCIM id, the `userName` or an e-mail (both compared without
/// case), the `externalId`, or the id of the account. The oldest first.
///
/// # Errors
/// When the database fails.
pub async fn find_by_any_name(store: &Store, app: &str, name: &str) -> Result<Vec<User>, StoreError> {
    // One index each; a deleted user is in others than a live one.
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND id IN (\
         SELECT id FROM users WHERE id = $2 \
         UNION SELECT id FROM users WHERE app = $1 AND user_name_key = $3 AND deleted_at IS NULL \
         UNION SELECT id FROM users WHERE app = $1 AND user_name_key = $3 AND deleted_at IS NOT NULL \
         UNION SELECT id FROM users WHERE app = $1 AND external_id_key = $5 AND deleted_at IS NULL \
         UNION SELECT id FROM users WHERE app = $1 AND external_id_key = $5 AND deleted_at IS NOT NULL \
         UNION SELECT id FROM users WHERE app = $1 AND account_id = $2 \
         UNION SELECT user_id FROM user_emails WHERE app = $1 AND value_key = $3) ORDER BY id LIMIT $4"
    ))
    .bind(app)
    .bind(name)
    .bind(user_name_key(name))
    .bind(MOST)
    .bind(key_or_missing(Some(name)))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// How many users that are due at `now` come before one of this lane that is due at `due_at`.
///
/// # Errors
/// When the database fails.
pub async fn count_before(
    store: &Store,
    app: &str,
    lane: Lane,
    due_at: Time,
    now: Time,
) -> Result<u64, StoreError> {
    let ahead: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users WHERE app = $1 AND due_at <= $2 AND held_at IS NULL \
         AND (lane < $3 OR (lane = $3 AND due_at < $4))",
    )
    .bind(app)
    .bind(now.as_micros())
    .bind(lane.as_number())
    .bind(due_at.as_micros())
    .fetch_one(store.reader())
    .await?;
    Ok(u64::try_from(ahead).unwrap_or(0))
}
