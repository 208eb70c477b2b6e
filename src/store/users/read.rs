//! Reads that answer the IdP: live users only.

use crate::store::{Store, StoreError, UserId};

use super::{
    User,
    record::{columns, read},
    user_name_key,
};

/// What a filter requires of every match, as far as an index can find it. At most one thing: each leaves few rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowing {
    /// Nothing that is indexed.
    All,
    /// This id.
    Id(UserId),
    /// This `userName`, compared without case.
    UserName(String),
    /// This `externalId`, case-exact.
    ExternalId(String),
}

/// A part of an app's users in the order of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many users to pass over.
    pub offset: u64,
    /// How many to read at the most.
    pub limit: u64,
}

/// The live user of that id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str, id: &UserId) -> Result<Option<User>, StoreError> {
    sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE id = $1 AND app = $2 AND deleted_at IS NULL"
    ))
    .bind(id.as_str())
    .bind(app)
    .fetch_optional(store.reader())
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// The user of that id, deleted or not.
///
/// # Errors
/// When the database fails.
pub async fn find_any(store: &Store, app: &str, id: &UserId) -> Result<Option<User>, StoreError> {
    sqlx::query(concat!("SELECT ", columns!(), " FROM users WHERE id = $1 AND app = $2"))
        .bind(id.as_str())
        .bind(app)
        .fetch_optional(store.reader())
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// How many live users the app has.
///
/// # Errors
/// When the database fails.
pub async fn count(store: &Store, app: &str) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users WHERE app = $1 AND deleted_at IS NULL")
        .bind(app)
        .fetch_one(store.reader())
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// A page of the live users, in the order of their ids, which is that of their creation.
///
/// # Errors
/// When the database fails.
pub async fn page(store: &Store, app: &str, page: Page) -> Result<Vec<User>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2 OFFSET $3"
    ))
    .bind(app)
    .bind(i64::try_from(page.limit).unwrap_or(i64::MAX))
    .bind(i64::try_from(page.offset).unwrap_or(i64::MAX))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// The next live users behind `after` that fit `narrowing`, in the order of their ids: at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn scan(
    store: &Store,
    app: &str,
    narrowing: &Narrowing,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<User>, StoreError> {
    const ALL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT $3"
    );
    const BY_ID: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND deleted_at IS NULL AND id > $2 AND id = $4 ORDER BY id LIMIT $3"
    );
    const BY_USER_NAME: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND deleted_at IS NULL AND id > $2 AND user_name_key = $4 ORDER BY id LIMIT $3"
    );
    const BY_EXTERNAL_ID: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND deleted_at IS NULL AND id > $2 AND external_id = $4 ORDER BY id LIMIT $3"
    );
    let (sql, value) = match narrowing {
        Narrowing::All => (ALL, None),
        Narrowing::Id(id) => (BY_ID, Some(id.as_str().to_owned())),
        Narrowing::UserName(user_name) => (BY_USER_NAME, Some(user_name_key(user_name))),
        Narrowing::ExternalId(external_id) => (BY_EXTERNAL_ID, Some(external_id.clone())),
    };
    let mut query = sqlx::query(sql).bind(app).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
    if let Some(value) = value {
        query = query.bind(value);
    }
    query.fetch_all(store.reader()).await?.iter().map(read).collect()
}

/// How many enabled administrators the target has, as last seen.
///
/// # Errors
/// When the database fails.
pub async fn count_enabled_administrators(store: &Store, app: &str) -> Result<u64, StoreError> {
    let administrators: i64 = sqlx::query_scalar(
        "SELECT COUNT(DISTINCT account_id) FROM users WHERE app = $1 AND enabled_administrator = 1",
    )
    .bind(app)
    .fetch_one(store.reader())
    .await?;
    Ok(u64::try_from(administrators).unwrap_or(0))
}
