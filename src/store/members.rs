//! The `group_members` table: who is in which group.

use sqlx::{Row, any::AnyRow};

use super::{
    GroupId, Store, StoreError, Transaction,
    listing::{ids, rows_of},
};

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A user.
    User,
    /// Another group.
    Group,
}

impl MemberKind {
    /// As `members.type` says it, and as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user's or group's id.
    pub id: String,
    /// Which of the two it is.
    pub kind: MemberKind,
    /// What it is called.
    pub display: String,
}

/// A group that something is a member of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Who is the member.
    pub member_id: String,
    /// The group.
    pub group_id: GroupId,
    /// The group's `displayName`.
    pub display: String,
}

/// The members of a group with what they are called, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, group_id: &GroupId) -> Result<Vec<Member>, StoreError> {
    let rows = sqlx::query(LIST).bind(group_id.as_str()).fetch_all(store.reader()).await?;
    rows.iter().map(read).collect()
}

/// As [`list`], inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn list_in(transaction: &mut Transaction, group_id: &GroupId) -> Result<Vec<Member>, StoreError> {
    let rows = sqlx::query(LIST).bind(group_id.as_str()).fetch_all(transaction).await?;
    rows.iter().map(read).collect()
}

const LIST: &str = "SELECT member_id, kind, \
     COALESCE((SELECT display FROM users WHERE users.id = member_id), \
              (SELECT display FROM user_groups WHERE user_groups.id = member_id), '') AS display \
     FROM group_members WHERE group_id = $1 ORDER BY member_id";

/// The ids of the members of a group.
///
/// # Errors
/// When the database fails.
pub async fn ids(transaction: &mut Transaction, group_id: &GroupId) -> Result<Vec<String>, StoreError> {
    let ids = sqlx::query_scalar("SELECT member_id FROM group_members WHERE group_id = $1")
        .bind(group_id.as_str())
        .fetch_all(transaction)
        .await?;
    Ok(ids)
}

/// The groups that these resources are members of, in no order.
///
/// # Errors
/// When the database fails.
pub async fn memberships(store: &Store, app: &str, ids: &[&str]) -> Result<Vec<Membership>, StoreError> {
    const STATEMENT: &str = concat!(
        "SELECT member_id, group_id, display FROM group_members JOIN user_groups ON user_groups.id = group_id \
         WHERE group_members.app = $1 AND member_id IN (",
        ids!(),
        ")"
    );
    rows_of(store, STATEMENT, app, ids)
        .await?
        .iter()
        .map(|row| {
            Ok(Membership {
                member_id: row.try_get("member_id")?,
                group_id: GroupId::from(row.try_get::<String, _>("group_id")?),
                display: row.try_get("display")?,
            })
        })
        .collect()
}

/// What the id belongs to, if it can be a member: a user that is not deleted, or a group of the same app.
///
/// # Errors
/// When the database fails.
pub async fn find_kind(
    transaction: &mut Transaction,
    app: &str,
    id: &str,
) -> Result<Option<MemberKind>, StoreError> {
    let row = sqlx::query(
        "SELECT 'User' AS kind FROM users WHERE id = $1 AND app = $2 AND deleted_at IS NULL \
         UNION ALL SELECT 'Group' AS kind FROM user_groups WHERE id = $1 AND app = $2",
    )
    .bind(id)
    .bind(app)
    .fetch_optional(transaction)
    .await?;
    row.map(|row| kind(&row)).transpose()
}

/// Makes `id` a member. Whether it was none before.
///
/// # Errors
/// When the database fails.
pub async fn add(
    transaction: &mut Transaction,
    app: &str,
    group_id: &GroupId,
    id: &str,
    kind: MemberKind,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO group_members (app, group_id, member_id, kind) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(app)
    .bind(group_id.as_str())
    .bind(id)
    .bind(kind.as_str())
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends the membership of `id`. Whether it was a member.
///
/// # Errors
/// When the database fails.
pub async fn remove(transaction: &mut Transaction, group_id: &GroupId, id: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM group_members WHERE group_id = $1 AND member_id = $2")
        .bind(group_id.as_str())
        .bind(id)
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all memberships in the group. Whether there were any.
///
/// # Errors
/// When the database fails.
pub async fn clear(transaction: &mut Transaction, group_id: &GroupId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM group_members WHERE group_id = $1")
        .bind(group_id.as_str())
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all memberships of `id`, which is no more. The groups that it leaves get a new version.
///
/// # Errors
/// When the database fails.
pub async fn leave_all(
    transaction: &mut Transaction,
    app: &str,
    id: &str,
    now: crate::clock::Time,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE user_groups SET version = version + 1, modified_at = $3 \
         WHERE id IN (SELECT group_id FROM group_members WHERE app = $1 AND member_id = $2)",
    )
    .bind(app)
    .bind(id)
    .bind(now.as_micros())
    .execute(&mut *transaction)
    .await?;
    sqlx::query("DELETE FROM group_members WHERE app = $1 AND member_id = $2")
        .bind(app)
        .bind(id)
        .execute(transaction)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Member, StoreError> {
    Ok(Member { id: row.try_get("member_id")?, kind: kind(row)?, display: row.try_get("display")? })
}

fn kind(row: &AnyRow) -> Result<MemberKind, StoreError> {
    let text: String = row.try_get("kind")?;
    [MemberKind::User, MemberKind::Group].into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        StoreError::Corrupt { column: "kind", reason: format!("{text:?} is no kind of member") }
    })
}
