//! The `user_groups` table. Members are rows of [`members`](super::members).

use sqlx::{Any, Row, any::AnyRow, query::Query};

use crate::{
    clock::Time,
    scim::{fold::fold, resource::Resource},
};

use super::{GroupId, Store, StoreError, Transaction};

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The SCIM id.
    pub id: GroupId,
    /// The app it belongs to.
    pub app: String,
    /// The attributes that the IdP asserted, without members.
    pub resource: Resource,
    /// Counts the changes, those of its members among them.
    pub version: i64,
    /// When it was made here.
    pub created_at: Time,
    /// When it last really changed.
    pub modified_at: Time,
}

/// What a filter requires of every match, as far as an index can find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowing {
    /// Nothing that is indexed.
    All,
    /// This id.
    Id(GroupId),
    /// This `displayName`, compared without case.
    DisplayName(String),
    /// This `externalId`, case-exact.
    ExternalId(String),
    /// This member.
    Member(String),
}

macro_rules! columns {
    () => {
        "id, app, display_name_key, display, external_id, resource, version, created_at, modified_at"
    };
}

/// The group of that id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str, id: &GroupId) -> Result<Option<Group>, StoreError> {
    sqlx::query(concat!("SELECT ", columns!(), " FROM user_groups WHERE id = $1 AND app = $2"))
        .bind(id.as_str())
        .bind(app)
        .fetch_optional(store.reader())
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// How many groups the app has.
///
/// # Errors
/// When the database fails.
pub async fn count(store: &Store, app: &str) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM user_groups WHERE app = $1")
        .bind(app)
        .fetch_one(store.reader())
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// A page of the groups, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn page(store: &Store, app: &str, offset: u64, limit: u64) -> Result<Vec<Group>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM user_groups WHERE app = $1 ORDER BY id LIMIT $2 OFFSET $3"
    ))
    .bind(app)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(i64::try_from(offset).unwrap_or(i64::MAX))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// The next groups behind `after` that fit `narrowing`, in the order of their ids: at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn scan(
    store: &Store,
    app: &str,
    narrowing: &Narrowing,
    after: Option<&GroupId>,
    limit: u32,
) -> Result<Vec<Group>, StoreError> {
    const ALL: &str =
        concat!("SELECT ", columns!(), " FROM user_groups WHERE app = $1 AND id > $2 ORDER BY id LIMIT $3");
    const BY_ID: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM user_groups WHERE app = $1 AND id > $2 AND id = $4 ORDER BY id LIMIT $3"
    );
    const BY_DISPLAY_NAME: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM user_groups WHERE app = $1 AND id > $2 AND display_name_key = $4 ORDER BY id LIMIT $3"
    );
    const BY_EXTERNAL_ID: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM user_groups WHERE app = $1 AND id > $2 AND external_id = $4 ORDER BY id LIMIT $3"
    );
    const BY_MEMBER: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM user_groups WHERE app = $1 AND id > $2 AND id IN (SELECT group_id FROM group_members \
         WHERE group_members.app = $1 AND member_id = $4) ORDER BY id LIMIT $3"
    );
    let (sql, value) = match narrowing {
        Narrowing::All => (ALL, None),
        Narrowing::Id(id) => (BY_ID, Some(id.as_str().to_owned())),
        Narrowing::DisplayName(name) => (BY_DISPLAY_NAME, Some(fold(name).into_owned())),
        Narrowing::ExternalId(external_id) => (BY_EXTERNAL_ID, Some(external_id.clone())),
        Narrowing::Member(id) => (BY_MEMBER, Some(id.clone())),
    };
    let mut query = sqlx::query(sql).bind(app).bind(after.map_or("", GroupId::as_str)).bind(i64::from(limit));
    if let Some(value) = value {
        query = query.bind(value);
    }
    query.fetch_all(store.reader()).await?.iter().map(read).collect()
}

/// The group of that id, locked until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn get(
    transaction: &mut Transaction,
    app: &str,
    id: &GroupId,
) -> Result<Option<Group>, StoreError> {
    sqlx::query(concat!("UPDATE user_groups SET id = id WHERE id = $1 AND app = $2 RETURNING ", columns!()))
        .bind(id.as_str())
        .bind(app)
        .fetch_optional(transaction)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// The group of that `displayName`, compared without case.
///
/// # Errors
/// When the database fails.
pub async fn find_by_display_name(
    transaction: &mut Transaction,
    app: &str,
    display_name: &str,
) -> Result<Option<Group>, StoreError> {
    sqlx::query(concat!("SELECT ", columns!(), " FROM user_groups WHERE app = $1 AND display_name_key = $2"))
        .bind(app)
        .bind(fold(display_name).into_owned())
        .fetch_optional(transaction)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// Adds a group.
///
/// # Errors
/// When the database fails, also when the `displayName` is taken: callers look first.
pub async fn insert(transaction: &mut Transaction, group: &Group) -> Result<(), StoreError> {
    let query = sqlx::query(concat!(
        "INSERT INTO user_groups (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    ));
    bind(query, group)?.execute(transaction).await?;
    Ok(())
}

/// Replaces the row of `group`.
///
/// # Errors
/// When the database fails, also when the `displayName` is taken: callers look first.
pub async fn save(transaction: &mut Transaction, group: &Group) -> Result<(), StoreError> {
    let query = sqlx::query(
        "UPDATE user_groups SET app = $2, display_name_key = $3, display = $4, external_id = $5, resource = $6, \
         version = $7, created_at = $8, modified_at = $9 WHERE id = $1",
    );
    bind(query, group)?.execute(transaction).await?;
    Ok(())
}

/// Removes the row. Its members, and its own memberships, are removed with [`super::members`].
///
/// # Errors
/// When the database fails.
pub async fn delete_row(transaction: &mut Transaction, id: &GroupId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM user_groups WHERE id = $1").bind(id.as_str()).execute(transaction).await?;
    Ok(())
}

fn bind<'q>(
    query: Query<'q, Any, sqlx::any::AnyArguments>,
    group: &Group,
) -> Result<Query<'q, Any, sqlx::any::AnyArguments>, StoreError> {
    let resource = serde_json::to_string(&group.resource)
        .map_err(|error| StoreError::Corrupt { column: "resource", reason: error.to_string() })?;
    Ok(query
        .bind(group.id.as_str().to_owned())
        .bind(group.app.clone())
        .bind(fold(group.resource.display_name().unwrap_or_default()).into_owned())
        .bind(group.resource.display_name().unwrap_or_default().to_owned())
        .bind(group.resource.external_id().map(str::to_owned))
        .bind(resource)
        .bind(group.version)
        .bind(group.created_at.as_micros())
        .bind(group.modified_at.as_micros()))
}

fn read(row: &AnyRow) -> Result<Group, StoreError> {
    let resource = serde_json::from_str(&row.try_get::<String, _>("resource")?)
        .map_err(|error| StoreError::Corrupt { column: "resource", reason: error.to_string() })?;
    Ok(Group {
        id: GroupId::from(row.try_get::<String, _>("id")?),
        app: row.try_get("app")?,
        resource,
        version: row.try_get("version")?,
        created_at: Time::from_micros(row.try_get("created_at")?),
        modified_at: Time::from_micros(row.try_get("modified_at")?),
    })
}
