//! The `group_members` table: who is in which group.

use std::{collections::HashMap, sync::LazyLock};

use sqlx::{Row, any::AnyRow};

use crate::clock::Time;

use super::{GroupId, Store, StoreError, Transaction, batch::Batch, dialect::LockingBatch};

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

    /// The one of that name, compared without case; `None` if there is none.
    pub fn find(name: &str) -> Option<Self> {
        [Self::User, Self::Group].into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user's or group's id.
    pub id: String,
    /// Which of the two it is.
    pub kind: MemberKind,
    /// What it is called; `None` where nothing of that id is known, or it has no name for people.
    pub display: Option<String>,
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

macro_rules! members {
    () => {
        "SELECT member_id, kind, \
         COALESCE((SELECT display FROM users WHERE users.id = member_id), \
                  (SELECT display FROM user_groups WHERE user_groups.id = member_id)) AS display \
         FROM group_members WHERE group_id = $1"
    };
}

const LIST: &str = concat!(members!(), " ORDER BY member_id");

/// As [`list`], only those members that have one of the `ids`, in no order.
///
/// # Errors
/// When the database fails.
pub async fn list_some(store: &Store, group_id: &GroupId, ids: &[&str]) -> Result<Vec<Member>, StoreError> {
    static LIST_SOME: LazyLock<Batch> =
        LazyLock::new(|| Batch::ids_in(concat!(members!(), " AND member_id IN "), 2, ""));
    let mut members = Vec::new();
    for query in LIST_SOME.queries(&[group_id.as_str()], ids) {
        for row in query.fetch_all(store.reader()).await? {
            members.push(read(&row)?);
        }
    }
    Ok(members)
}

/// The ids of the members of a group, with what they belong to.
///
/// # Errors
/// When the database fails.
pub async fn ids(
    transaction: &mut Transaction,
    group_id: &GroupId,
) -> Result<HashMap<String, MemberKind>, StoreError> {
    let rows = sqlx::query("SELECT member_id, kind FROM group_members WHERE group_id = $1")
        .bind(group_id.as_str())
        .fetch_all(transaction)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("member_id")?, kind(row)?))).collect()
}

/// The groups that these resources are members of, in no order.
///
/// # Errors
/// When the database fails.
pub async fn memberships(store: &Store, app: &str, ids: &[&str]) -> Result<Vec<Membership>, StoreError> {
    static MEMBERSHIPS: LazyLock<Batch> = LazyLock::new(|| {
        Batch::ids_in(
            "SELECT member_id, group_id, display FROM group_members JOIN user_groups ON user_groups.id = group_id \
             WHERE group_members.app = $1 AND member_id IN ",
            2,
            "",
        )
    });
    let mut memberships = Vec::new();
    for query in MEMBERSHIPS.queries(&[app], ids) {
        for row in query.fetch_all(store.reader()).await? {
            memberships.push(Membership {
                member_id: row.try_get("member_id")?,
                group_id: GroupId::from(row.try_get::<String, _>("group_id")?),
                display: row.try_get("display")?,
            });
        }
    }
    Ok(memberships)
}

/// How many users are in groups for whom something is still to be done, because of the groups or of anything else. Those that are
/// held are not among them.
///
/// # Errors
/// When the database fails.
pub async fn count_waiting(store: &Store, app: &str) -> Result<u64, StoreError> {
    let users: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users WHERE app = $1 AND due_at IS NOT NULL AND held_at IS NULL AND EXISTS (SELECT 1 FROM group_members \
         WHERE group_members.app = $1 AND group_members.member_id = users.id)",
    )
    .bind(app)
    .fetch_one(store.reader())
    .await?;
    Ok(u64::try_from(users).unwrap_or(0))
}

/// How far it is with the users in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many there are.
    pub users: u64,
    /// How many of them something is still to be done for.
    pub waiting: u64,
    /// The first of those whose last attempt failed: `userName`, folded, and why.
    pub failing: Vec<(String, String)>,
}

/// How far it is with the users in a group; at most `failures` of them are told of one by one.
///
/// # Errors
/// When the database fails.
pub async fn standing(store: &Store, group_id: &GroupId, failures: u32) -> Result<Standing, StoreError> {
    let counts = sqlx::query(
        "SELECT COUNT(*) AS users, COUNT(users.due_at) AS waiting FROM group_members \
         JOIN users ON users.id = member_id WHERE group_id = $1",
    )
    .bind(group_id.as_str())
    .fetch_one(store.reader())
    .await?;
    let rows = sqlx::query(
        "SELECT user_name_key, failure FROM group_members JOIN users ON users.id = member_id \
         WHERE group_id = $1 AND due_at IS NOT NULL AND failure IS NOT NULL ORDER BY member_id LIMIT $2",
    )
    .bind(group_id.as_str())
    .bind(i64::from(failures))
    .fetch_all(store.reader())
    .await?;
    let number = |column: &str| Ok::<_, StoreError>(u64::try_from(counts.try_get::<i64, _>(column)?));
    Ok(Standing {
        users: number("users")?.unwrap_or(0),
        waiting: number("waiting")?.unwrap_or(0),
        failing: rows
            .iter()
            .map(|row| Ok((row.try_get("user_name_key")?, row.try_get("failure")?)))
            .collect::<Result<_, StoreError>>()?,
    })
}

/// The names of the groups that a user is in, inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn groups_of(
    transaction: &mut Transaction,
    app: &str,
    id: &str,
) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar(
        "SELECT display FROM group_members JOIN user_groups ON user_groups.id = group_id \
         WHERE group_members.app = $1 AND member_id = $2",
    );
    Ok(names.bind(app).bind(id).fetch_all(transaction).await?)
}

/// What those of the `ids` belong to that can be members: users that are not deleted, and groups, of the same app. They are
/// locked until the transaction ends, and so stay what they are.
///
/// # Errors
/// When the database fails.
pub async fn kinds(
    transaction: &mut Transaction,
    app: &str,
    ids: &[&str],
) -> Result<HashMap<String, MemberKind>, StoreError> {
    const USERS: &str = "SELECT id FROM users WHERE app = $1 AND deleted_at IS NULL AND id IN ";
    const GROUPS: &str = "SELECT id FROM user_groups WHERE app = $1 AND id IN ";
    static KINDS: LazyLock<[LockingBatch; 2]> =
        LazyLock::new(|| [USERS, GROUPS].map(|before| LockingBatch::ids_in(before, 2)));
    let mut kinds = HashMap::with_capacity(ids.len());
    for (statement, kind) in KINDS.iter().zip([MemberKind::User, MemberKind::Group]) {
        let batch = statement.within(transaction);
        // Nearly all members are users, and nothing is both.
        let left: Vec<&str> = ids.iter().copied().filter(|id| !kinds.contains_key(*id)).collect();
        for query in batch.queries(&[app], &left) {
            for row in query.fetch_all(&mut *transaction).await? {
                kinds.insert(row.try_get(0)?, kind);
            }
        }
    }
    Ok(kinds)
}

/// Makes the `ids`, which are all of that kind, members. Answers those that were none before.
///
/// # Errors
/// When the database fails.
pub async fn add(
    transaction: &mut Transaction,
    app: &str,
    group_id: &GroupId,
    kind: MemberKind,
    ids: &[&str],
) -> Result<Vec<String>, StoreError> {
    static ADD: LazyLock<Batch> = LazyLock::new(|| {
        let row = |parameter| format!("($1, $2, $3, ${parameter})");
        Batch::new(
            "INSERT INTO group_members (app, group_id, kind, member_id) VALUES ",
            4,
            row,
            " ON CONFLICT DO NOTHING RETURNING member_id",
        )
    });
    let mut added = Vec::new();
    for query in ADD.queries(&[app, group_id.as_str(), kind.as_str()], ids) {
        for row in query.fetch_all(&mut *transaction).await? {
            added.push(row.try_get("member_id")?);
        }
    }
    Ok(added)
}

/// Ends the memberships of the `ids`. Answers those that were members, and what they are.
///
/// # Errors
/// When the database fails.
pub async fn remove(
    transaction: &mut Transaction,
    group_id: &GroupId,
    ids: &[&str],
) -> Result<Vec<(String, MemberKind)>, StoreError> {
    static REMOVE: LazyLock<Batch> = LazyLock::new(|| {
        Batch::ids_in(
            "DELETE FROM group_members WHERE group_id = $1 AND member_id IN ",
            2,
            " RETURNING member_id, kind",
        )
    });
    let mut removed = Vec::new();
    for query in REMOVE.queries(&[group_id.as_str()], ids) {
        for row in query.fetch_all(&mut *transaction).await? {
            removed.push((row.try_get("member_id")?, self::kind(&row)?));
        }
    }
    Ok(removed)
}

/// Ends all memberships in the group. Answers who was a member, and what they are.
///
/// # Errors
/// When the database fails.
pub async fn clear(
    transaction: &mut Transaction,
    group_id: &GroupId,
) -> Result<Vec<(String, MemberKind)>, StoreError> {
    let rows = sqlx::query("DELETE FROM group_members WHERE group_id = $1 RETURNING member_id, kind")
        .bind(group_id.as_str())
        .fetch_all(transaction)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("member_id")?, kind(row)?))).collect()
}

/// Ends all memberships of `id`, which is no more. The groups that it leaves get a new version; they are the answer.
///
/// # Errors
/// When the database fails.
pub async fn leave_all(
    transaction: &mut Transaction,
    app: &str,
    id: &str,
    now: Time,
) -> Result<Vec<GroupId>, StoreError> {
    let left: Vec<String> =
        sqlx::query_scalar("DELETE FROM group_members WHERE app = $1 AND member_id = $2 RETURNING group_id")
            .bind(app)
            .bind(id)
            .fetch_all(&mut *transaction)
            .await?;
    let left: Vec<GroupId> = left.into_iter().map(GroupId::from).collect();
    for group_id in &left {
        touch(transaction, group_id, now).await?;
    }
    Ok(left)
}

/// Makes the user `id` a member again of those `groups` that are still there; they get a new version.
///
/// # Errors
/// When the database fails.
pub async fn rejoin(
    transaction: &mut Transaction,
    app: &str,
    id: &str,
    groups: &[GroupId],
    now: Time,
) -> Result<(), StoreError> {
    for group_id in groups {
        if touch(transaction, group_id, now).await? {
            add(transaction, app, group_id, MemberKind::User, &[id]).await?;
        }
    }
    Ok(())
}

/// Gives the group a new version. Whether it is there.
async fn touch(transaction: &mut Transaction, group_id: &GroupId, now: Time) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE user_groups SET version = version + 1, modified_at = $2 WHERE id = $1")
        .bind(group_id.as_str())
        .bind(now.as_micros())
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() > 0)
}

fn read(row: &AnyRow) -> Result<Member, StoreError> {
    let display: Option<String> = row.try_get("display")?;
    Ok(Member {
        id: row.try_get("member_id")?,
        kind: kind(row)?,
        display: display.filter(|display| !display.is_empty()),
    })
}

fn kind(row: &AnyRow) -> Result<MemberKind, StoreError> {
    let text: String = row.try_get("kind")?;
    MemberKind::find(&text).ok_or_else(|| StoreError::Corrupt {
        column: "kind",
        reason: format!("{text:?} is no kind of member"),
    })
}
