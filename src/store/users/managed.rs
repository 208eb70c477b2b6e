//! The users that an IdP manages, to be compared with their accounts, or handed back.

use sqlx::Row;

use crate::{
    clock::Time,
    store::{Store, StoreError, UserId},
};

use super::{
    User,
    record::{columns, read},
};

/// How many users are to be handed back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InHands {
    /// Live users that an IdP manages.
    pub managed: u64,
    /// Those of them with work that is not done, held work too.
    pub unfinished: u64,
    /// Deleted users whose account is still to be disabled.
    pub leaving: u64,
}

/// Live, managed users that nothing is to be done for at `now`, in the order of their ids: at most `limit`, from behind the id
/// `after`. What waits for a later attempt says nothing about the account, unless a call is in doubt.
///
/// # Errors
/// When the database fails.
pub async fn page_settled(
    store: &Store,
    app: &str,
    now: Time,
    after: &str,
    limit: u32,
) -> Result<Vec<User>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND deleted_at IS NULL AND id > $2 AND ownership <> 'unmanaged' \
         AND (due_at IS NULL OR due_at > $4 AND uncertain = 0) AND version = applied_version ORDER BY id LIMIT $3"
    ))
    .bind(app)
    .bind(after)
    .bind(i64::from(limit))
    .bind(now.as_micros())
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// The ids of all that are in an IdP's hands: live, managed users, and deleted ones that are not done with. In the order of
/// their ids: at most `limit`, from behind the id `after`.
///
/// # Errors
/// When the database fails.
pub async fn page_in_hands(
    store: &Store,
    app: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM users WHERE app = $1 AND id > $2 \
         AND ((deleted_at IS NULL AND ownership <> 'unmanaged') OR (deleted_at IS NOT NULL AND due_at IS NOT NULL)) \
         ORDER BY id LIMIT $3",
    )
    .bind(app)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await?;
    Ok(ids.into_iter().map(UserId::from).collect())
}

/// How many these are.
///
/// # Errors
/// When the database fails.
pub async fn count_in_hands(store: &Store, app: &str) -> Result<InHands, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(CASE WHEN deleted_at IS NULL AND ownership <> 'unmanaged' THEN 1 END) AS managed, \
         COUNT(CASE WHEN deleted_at IS NULL AND ownership <> 'unmanaged' AND due_at IS NOT NULL THEN 1 END) AS unfinished, \
         COUNT(CASE WHEN deleted_at IS NOT NULL AND due_at IS NOT NULL THEN 1 END) AS leaving \
         FROM users WHERE app = $1",
    )
    .bind(app)
    .fetch_one(store.reader())
    .await?;
    let number = |column: &str| Ok::<_, StoreError>(u64::try_from(row.try_get::<i64, _>(column)?));
    Ok(InHands {
        managed: number("managed")?.unwrap_or(0),
        unfinished: number("unfinished")?.unwrap_or(0),
        leaving: number("leaving")?.unwrap_or(0),
    })
}
