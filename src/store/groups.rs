//! The `user_groups` table. Members are rows of [`members`](super::members).

use std::sync::LazyLock;

use sqlx::{Any, Row, any::AnyRow, query::Query};

use crate::{
    clock::Time,
    scim::{fold::fold, meta, resource::Resource, urn},
};

use super::{
    GroupId, Store, StoreError, Transaction,
    batch::Batch,
    dialect::locking,
    key::{key, key_or_missing},
    listing::{self, Parameter, Range, Statements, Stored, page_end, page_start, shown_column, shown_page},
    marks::{self, List},
    sorted::{SortedBy, SortedRange, sorted_statements},
};

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
    /// Whether it stands for something at the target, and no IdP has written to it.
    pub is_offered: bool,
}

impl Group {
    /// A group that nobody made: it stands for what `name` is called at the target.
    pub fn offered(app: &str, id: GroupId, name: &str, now: Time) -> Self {
        Self {
            id,
            app: app.to_owned(),
            resource: Resource::default().with("displayName", name),
            version: 1,
            created_at: now,
            modified_at: now,
            is_offered: true,
        }
    }

    /// What answers show of the row, as [`meta::fragment`] makes it.
    pub fn fragment(&self) -> String {
        meta::fragment(urn::GROUP, self.id.as_str(), &self.resource)
    }
}

/// What a filter requires of every match, as far as an index can find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowing {
    /// Nothing that is indexed.
    All,
    /// This id.
    Id(String),
    /// This `displayName`, folded.
    DisplayName(String),
    /// This `externalId`, case-exact.
    ExternalId(String),
    /// This member.
    Member(String),
}

macro_rules! columns {
    () => {
        "id, app, display_name_key, display, external_id_key, resource, version, created_at, modified_at, offered"
    };
}

/// What [`Stored`] is read from.
macro_rules! shown {
    () => {
        shown_column!("0")
    };
}

/// The two statements that read the groups that fulfil a condition, with as many values as it has places from `$2` on.
macro_rules! statements {
    ($condition:literal, []) => {
        statements!($condition, " AND id > $2 ORDER BY id LIMIT $3 OFFSET $4", Vec::new())
    };
    ($condition:literal, [$value:expr]) => {
        statements!($condition, " AND id > $3 ORDER BY id LIMIT $4 OFFSET $5", vec![Parameter::Text($value)])
    };
    ($condition:literal, $range:literal, $values:expr) => {
        Statements {
            page: shown_page!("SELECT ", shown!(), " FROM user_groups WHERE app = $1", $condition, $range),
            count: concat!("SELECT COUNT(*) FROM user_groups WHERE app = $1", $condition),
            values: $values,
        }
    };
}

impl Narrowing {
    fn statements(&self) -> Statements {
        match self {
            Self::All => statements!("", []),
            Self::Id(id) => statements!(" AND id = $2", [id.clone()]),
            Self::DisplayName(name) => statements!(" AND display_name_key = $2", [key(name)]),
            Self::ExternalId(id) => statements!(" AND external_id_key = $2", [key_or_missing(Some(id))]),
            Self::Member(id) => statements!(
                " AND id IN (SELECT group_id FROM group_members WHERE group_members.app = $1 AND member_id = $2)",
                [id.clone()]
            ),
        }
    }
}

/// The key of a `displayName`, folded for comparison: it is unique without case.
fn display_name_key(display_name: &str) -> String {
    key(&fold(display_name))
}

/// The groups that fit `narrowing`, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn page(
    store: &Store,
    app: &str,
    narrowing: &Narrowing,
    range: Range<'_>,
) -> Result<Vec<Stored>, StoreError> {
    let mark = match narrowing {
        Narrowing::All if range.after.is_empty() => {
            marks::find(store, app, List::Groups, range.offset).await?
        }
        _ => None,
    };
    let range = mark.as_ref().map_or(range, |mark| range.from(mark));
    narrowing.statements().page(store, app, range).await
}

/// The groups of a part of a sorted list.
///
/// # Errors
/// When the database fails.
pub async fn page_sorted(
    store: &Store,
    app: &str,
    range: SortedRange<'_>,
) -> Result<Vec<Stored>, StoreError> {
    let statements = match range.by {
        SortedBy::Id => sorted_statements!(shown!(), "user_groups WHERE app = $1", "id"),
        SortedBy::Name => sorted_statements!(shown!(), "user_groups WHERE app = $1", "display_name_key"),
        SortedBy::ExternalId => sorted_statements!(shown!(), "user_groups WHERE app = $1", "external_id_key"),
        SortedBy::ModifiedAt => sorted_statements!(shown!(), "user_groups WHERE app = $1", "modified_at"),
    };
    statements.page(store, app, range).await
}

/// Where the group stands in the order, as a [`Place`](super::sorted::Place) says it.
///
/// # Errors
/// When the stored text is no JSON.
pub fn sort_key(by: SortedBy, group: &Stored) -> Result<String, StoreError> {
    by.key(group, "displayName")
}

/// How many groups fit `narrowing`.
///
/// # Errors
/// When the database fails.
pub async fn count_matching(store: &Store, app: &str, narrowing: &Narrowing) -> Result<u64, StoreError> {
    match narrowing {
        Narrowing::All => marks::count(store, app, List::Groups).await,
        _ => narrowing.statements().count(store, app).await,
    }
}

/// The groups of these ids, in any order; those that there are none of are left out.
///
/// # Errors
/// When the database fails.
pub async fn find_all(store: &Store, app: &str, ids: &[&str]) -> Result<Vec<Stored>, StoreError> {
    static FIND_ALL: LazyLock<Batch> = LazyLock::new(|| {
        let before =
            concat!(page_start!(), "SELECT ", shown!(), " FROM user_groups WHERE app = $1 AND id IN ");
        Batch::ids_in(before, 2, page_end!())
    });
    listing::find_all(store, &FIND_ALL, app, ids).await
}

/// The group of that id, to be shown.
///
/// # Errors
/// When the database fails.
pub async fn find_shown(store: &Store, app: &str, id: &GroupId) -> Result<Option<Stored>, StoreError> {
    const STATEMENT: &str = concat!("SELECT ", shown!(), " FROM user_groups WHERE app = $1 AND id = $2");
    let row = sqlx::query(STATEMENT).bind(app).bind(id.as_str()).fetch_optional(store.reader()).await?;
    row.map(|row| listing::read(&row)).transpose()
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
        .bind(display_name_key(display_name))
        .fetch_optional(transaction)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// The group of that `displayName`, compared without case, or of that id.
///
/// # Errors
/// When the database fails.
pub async fn find_by_any_name(store: &Store, app: &str, name: &str) -> Result<Option<Group>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM user_groups WHERE app = $1 AND display_name_key = $2 UNION ALL SELECT ",
        columns!(),
        " FROM user_groups WHERE app = $1 AND id = $3 LIMIT 1"
    ))
    .bind(app)
    .bind(display_name_key(name))
    .bind(name)
    .fetch_optional(store.reader())
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// The ids and names of the groups that an IdP has, in the order of their ids: at most `limit`, from behind the id `after`.
///
/// # Errors
/// When the database fails.
pub async fn list_names(
    store: &Store,
    app: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<(GroupId, String)>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, display FROM user_groups WHERE app = $1 AND id > $2 AND offered = 0 ORDER BY id LIMIT $3",
    )
    .bind(app)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| Ok((GroupId::from(row.try_get::<String, _>("id")?), row.try_get("display")?)))
        .collect()
}

/// The ids and names of the groups that no IdP has written to.
///
/// # Errors
/// When the database fails.
pub async fn list_offered(store: &Store, app: &str) -> Result<Vec<(GroupId, String)>, StoreError> {
    let rows = sqlx::query("SELECT id, display FROM user_groups WHERE app = $1 AND offered = 1 ORDER BY id")
        .bind(app)
        .fetch_all(store.reader())
        .await?;
    rows.iter()
        .map(|row| Ok((GroupId::from(row.try_get::<String, _>("id")?), row.try_get("display")?)))
        .collect()
}

/// Adds a group.
///
/// # Errors
/// When the database fails, also when the `displayName` is taken: callers look first.
pub async fn insert(transaction: &mut Transaction, group: &Group) -> Result<(), StoreError> {
    let query = sqlx::query(concat!(
        "INSERT INTO user_groups (",
        columns!(),
        ", fragment) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ));
    bind(query, group)?.execute(&mut *transaction).await?;
    marks::add(transaction, &group.app, List::Groups, group.id.as_str()).await
}

/// Replaces the row of `group`.
///
/// # Errors
/// When the database fails, also when the `displayName` is taken: callers look first.
pub async fn save(transaction: &mut Transaction, group: &Group) -> Result<(), StoreError> {
    // Names that are the same to this version, but were not to the one that stored them, keep their keys.
    let query = sqlx::query(
        "UPDATE user_groups SET app = $2, display_name_key = CASE WHEN EXISTS (SELECT 1 FROM user_groups AS other \
         WHERE other.app = $2 AND other.display_name_key = $3 AND other.id <> $1) THEN display_name_key ELSE $3 END, \
         display = $4, external_id_key = $5, resource = $6, \
         version = $7, created_at = $8, modified_at = $9, offered = $10, fragment = $11 WHERE id = $1",
    );
    bind(query, group)?.execute(transaction).await?;
    Ok(())
}

/// Whether the stored `group` is found by its `displayName`. If not, another one is, whose name was not the same to the version
/// that stored them.
///
/// # Errors
/// When the database fails.
pub async fn has_own_name(transaction: &mut Transaction, group: &Group) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM user_groups WHERE id = $1 AND display_name_key = $2")
            .bind(group.id.as_str())
            .bind(display_name_key(group.resource.display_name().unwrap_or_default()))
            .fetch_optional(transaction)
            .await?;
    Ok(found.is_some())
}

/// Removes the row. Its members, and its own memberships, are removed with [`super::members`].
///
/// # Errors
/// When the database fails.
pub async fn delete_row(transaction: &mut Transaction, id: &GroupId) -> Result<(), StoreError> {
    let app: Option<String> = sqlx::query_scalar("DELETE FROM user_groups WHERE id = $1 RETURNING app")
        .bind(id.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
    match app {
        Some(app) => marks::remove(transaction, &app, List::Groups, id.as_str()).await,
        None => Ok(()),
    }
}

/// Groups whose derived column was never written, locked until the transaction ends: at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn list_incomplete(transaction: &mut Transaction, limit: i64) -> Result<Vec<Group>, StoreError> {
    let statement = locking!("SELECT ", columns!(), " FROM user_groups WHERE fragment = '' LIMIT $1");
    let rows = sqlx::query(statement.within(transaction)).bind(limit).fetch_all(transaction).await?;
    rows.iter().map(read).collect()
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
        .bind(display_name_key(group.resource.display_name().unwrap_or_default()))
        .bind(group.resource.display_name().unwrap_or_default().to_owned())
        .bind(key_or_missing(group.resource.external_id()))
        .bind(resource)
        .bind(group.version)
        .bind(group.created_at.as_micros())
        .bind(group.modified_at.as_micros())
        .bind(i64::from(group.is_offered))
        .bind(group.fragment()))
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
        is_offered: row.try_get::<i64, _>("offered")? != 0,
    })
}
