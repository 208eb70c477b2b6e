//! The `admissions` table: what was let through where only so much may be within a window. What a count means is decided by
//! those who ask (the brake, the pace of invitations).
//!
//! Whoever counts [locks](lock) first, so that two who count at a time, also in two processes, never let one too many
//! through together.

use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction, UserId};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionKind {
    /// An account is disabled.
    Revocation,
    /// An account is created, with which an invitation is sent.
    Invitation,
}

impl AdmissionKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::Invitation => "invitation",
        }
    }
}

/// Whether an admission is one of the number that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is.
    Yes,
    /// A person let it through.
    No,
}

/// The leave to do something for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The version of the user's desired state that it was given for.
    pub version: i64,
    /// From when on.
    pub admitted_at: Time,
    /// Whether it is counted.
    pub counted: Counted,
}

/// Keeps others from counting until the transaction ends. Answers since when the gate is shut, if it is.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    transaction: &mut Transaction,
    app: &str,
    kind: AdmissionKind,
) -> Result<Option<Time>, StoreError> {
    // The idle assignment takes the row's lock on databases that have row locks.
    let shut_at: Option<i64> = sqlx::query_scalar(
        "INSERT INTO admission_gates (app, kind) VALUES ($1, $2) \
         ON CONFLICT (app, kind) DO UPDATE SET app = excluded.app RETURNING shut_at",
    )
    .bind(app)
    .bind(kind.as_str())
    .fetch_one(transaction)
    .await?;
    Ok(shut_at.map(Time::from_micros))
}

/// Shuts the gate, or opens it.
///
/// # Errors
/// When the database fails.
pub async fn set_shut(
    transaction: &mut Transaction,
    app: &str,
    kind: AdmissionKind,
    shut_at: Option<Time>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE admission_gates SET shut_at = $3 WHERE app = $1 AND kind = $2")
        .bind(app)
        .bind(kind.as_str())
        .bind(shut_at.map(Time::as_micros))
        .execute(transaction)
        .await?;
    Ok(())
}

/// The latest admission of a user that was given after `since`, or for `version` at whatever time.
///
/// # Errors
/// When the database fails.
pub async fn find(
    transaction: &mut Transaction,
    kind: AdmissionKind,
    user: (&UserId, i64),
    since: Time,
) -> Result<Option<Admission>, StoreError> {
    let (id, version) = user;
    let row = sqlx::query(
        "SELECT version, admitted_at, counted FROM admissions WHERE user_id = $1 AND kind = $2 \
         AND (version = $3 OR admitted_at > $4) ORDER BY admitted_at DESC LIMIT 1",
    )
    .bind(id.as_str())
    .bind(kind.as_str())
    .bind(version)
    .bind(since.as_micros())
    .fetch_optional(transaction)
    .await?;
    row.map(|row| {
        Ok(Admission {
            version: row.try_get("version")?,
            admitted_at: Time::from_micros(row.try_get("admitted_at")?),
            counted: if row.try_get::<i64, _>("counted")? == 0 { Counted::No } else { Counted::Yes },
        })
    })
    .transpose()
}

/// When the latest turn of a user is that came or comes after `since`.
///
/// # Errors
/// When the database fails.
pub async fn find_since(
    transaction: &mut Transaction,
    kind: AdmissionKind,
    id: &UserId,
    since: Time,
) -> Result<Option<Time>, StoreError> {
    let time: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(admitted_at) FROM admissions WHERE user_id = $1 AND kind = $2 AND admitted_at > $3",
    )
    .bind(id.as_str())
    .bind(kind.as_str())
    .bind(since.as_micros())
    .fetch_one(transaction)
    .await?;
    Ok(time.map(Time::from_micros))
}

/// Lets a user through; the place of an earlier admission of the same version is taken.
///
/// # Errors
/// When the database fails.
pub async fn save(
    transaction: &mut Transaction,
    app: &str,
    kind: AdmissionKind,
    id: &UserId,
    admission: Admission,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO admissions (app, kind, user_id, version, admitted_at, counted) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (user_id, kind, version) \
         DO UPDATE SET admitted_at = excluded.admitted_at, counted = excluded.counted",
    )
    .bind(app)
    .bind(kind.as_str())
    .bind(id.as_str())
    .bind(admission.version)
    .bind(admission.admitted_at.as_micros())
    .bind(i64::from(admission.counted == Counted::Yes))
    .execute(transaction)
    .await?;
    Ok(())
}

/// How many users were let through after `since`, those apart that a person let through.
const COUNT: &str = "SELECT COUNT(DISTINCT user_id) FROM admissions \
                     WHERE app = $1 AND kind = $2 AND admitted_at > $3 AND counted = 1";

/// How many users were let through after `since` and are counted.
///
/// # Errors
/// When the database fails.
pub async fn count(
    transaction: &mut Transaction,
    app: &str,
    kind: AdmissionKind,
    since: Time,
) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(COUNT)
        .bind(app)
        .bind(kind.as_str())
        .bind(since.as_micros())
        .fetch_one(transaction)
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// When the `nth` latest (1 is the latest) of other users than `id` was let through that was not later than `until`.
///
/// # Errors
/// When the database fails.
pub async fn nth_latest_of_others(
    transaction: &mut Transaction,
    app: &str,
    kind: AdmissionKind,
    id: &UserId,
    until: Time,
    nth: u32,
) -> Result<Option<Time>, StoreError> {
    let time: Option<i64> = sqlx::query_scalar(
        "SELECT admitted_at FROM admissions WHERE app = $1 AND kind = $2 AND counted = 1 \
         AND user_id <> $3 AND admitted_at <= $4 ORDER BY admitted_at DESC LIMIT 1 OFFSET $5",
    )
    .bind(app)
    .bind(kind.as_str())
    .bind(id.as_str())
    .bind(until.as_micros())
    .bind(i64::from(nth.saturating_sub(1)))
    .fetch_optional(transaction)
    .await?;
    Ok(time.map(Time::from_micros))
}

/// How many users are due at `now` to be invited and have had no turn since `since`.
///
/// # Errors
/// When the database fails.
pub async fn count_without_turn(
    transaction: &mut Transaction,
    app: &str,
    now: Time,
    since: Time,
) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users WHERE app = $1 AND lane = 2 AND due_at <= $2 AND held_at IS NULL \
         AND account_id IS NULL AND NOT EXISTS (SELECT 1 FROM admissions WHERE admissions.user_id = users.id \
         AND admissions.kind = 'invitation' AND admissions.admitted_at > $3)",
    )
    .bind(app)
    .bind(now.as_micros())
    .bind(since.as_micros())
    .fetch_one(transaction)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

const ENABLED_ACCOUNTS: &str = "SELECT (SELECT COUNT(*) FROM users WHERE app = $1 AND account_enabled = 1) \
     + (SELECT COUNT(DISTINCT user_id) FROM admissions WHERE app = $1 AND kind = 'revocation' AND admitted_at > $2 \
     AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = admissions.user_id AND users.account_enabled = 1))";

/// How many accounts were enabled at `since`, as far as is known: those that are, and those that were disabled since.
///
/// # Errors
/// When the database fails.
pub async fn count_enabled_accounts(
    transaction: &mut Transaction,
    app: &str,
    since: Time,
) -> Result<u64, StoreError> {
    let count: i64 =
        sqlx::query_scalar(ENABLED_ACCOUNTS).bind(app).bind(since.as_micros()).fetch_one(transaction).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Gives back what a user was let through for after `since`.
///
/// # Errors
/// When the database fails.
pub async fn give_back(
    transaction: &mut Transaction,
    kind: AdmissionKind,
    id: &UserId,
    since: Time,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM admissions WHERE user_id = $1 AND kind = $2 AND admitted_at > $3")
        .bind(id.as_str())
        .bind(kind.as_str())
        .bind(since.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Forgets what was let through until `until`, unless it is still to be done.
///
/// # Errors
/// When the database fails.
pub async fn prune(
    transaction: &mut Transaction,
    app: &str,
    kind: AdmissionKind,
    until: Time,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM admissions WHERE app = $1 AND kind = $2 AND admitted_at <= $3 \
         AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = admissions.user_id \
         AND users.version = admissions.version AND users.due_at IS NOT NULL)",
    )
    .bind(app)
    .bind(kind.as_str())
    .bind(until.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Takes back all turns that are later than `now`: whoever has one is due now, and gets another.
///
/// # Errors
/// When the database fails.
pub async fn forget_turns(transaction: &mut Transaction, app: &str, now: Time) -> Result<(), StoreError> {
    let kind = AdmissionKind::Invitation.as_str();
    sqlx::query(
        "UPDATE users SET due_at = $3 WHERE due_at > $3 AND id IN \
         (SELECT user_id FROM admissions WHERE app = $1 AND kind = $2 AND admitted_at > $3)",
    )
    .bind(app)
    .bind(kind)
    .bind(now.as_micros())
    .execute(&mut *transaction)
    .await?;
    sqlx::query("DELETE FROM admissions WHERE app = $1 AND kind = $2 AND admitted_at > $3")
        .bind(app)
        .bind(kind)
        .bind(now.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Brings admissions back that lie ahead of `now`, as they do where the clock was set back since they were stored: they count
/// as given now.
///
/// # Errors
/// When the database fails.
pub async fn bring_back(transaction: &mut Transaction, app: &str, now: Time) -> Result<(), StoreError> {
    sqlx::query("UPDATE admissions SET admitted_at = $2 WHERE app = $1 AND admitted_at > $2")
        .bind(app)
        .bind(now.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// The same as [`count`], for those who only look.
///
/// # Errors
/// When the database fails.
pub async fn look(store: &Store, app: &str, kind: AdmissionKind, since: Time) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(COUNT)
        .bind(app)
        .bind(kind.as_str())
        .bind(since.as_micros())
        .fetch_one(store.reader())
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The same as [`count_enabled_accounts`], for whoever only looks.
///
/// # Errors
/// When the database fails.
pub async fn look_at_enabled_accounts(store: &Store, app: &str, since: Time) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(ENABLED_ACCOUNTS)
        .bind(app)
        .bind(since.as_micros())
        .fetch_one(store.reader())
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
