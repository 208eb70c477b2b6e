//! The `passed_revocations` and `lifted_brakes` tables: who lost access through apps that are passed through. What a count means
//! is decided by those who ask. Ids are those of requests, which may be of any length: they stand there as their keys.

use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction, key::key};

/// Whether a revocation is one of the number that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is.
    Yes,
    /// It passed while the brake was lifted.
    No,
}

/// What was let through since some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How many users, counted ones alone.
    pub count: u64,
    /// When the first of them was.
    pub first_at: Option<Time>,
}

/// Keeps others from counting until the transaction ends. Answers until when the brake is lifted.
///
/// # Errors
/// When the database fails.
pub async fn lock(transaction: &mut Transaction, app: &str) -> Result<Time, StoreError> {
    // The idle assignment takes the row's lock on databases that have row locks.
    let lifted_until: i64 = sqlx::query_scalar(
        "INSERT INTO lifted_brakes (app, lifted_until) VALUES ($1, 0) \
         ON CONFLICT (app) DO UPDATE SET app = excluded.app RETURNING lifted_until",
    )
    .bind(app)
    .fetch_one(transaction)
    .await?;
    Ok(Time::from_micros(lifted_until))
}

/// Lifts the brake until then.
///
/// # Errors
/// When the database fails.
pub async fn lift(transaction: &mut Transaction, app: &str, until: Time) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO lifted_brakes (app, lifted_until) VALUES ($1, $2) \
         ON CONFLICT (app) DO UPDATE SET lifted_until = excluded.lifted_until",
    )
    .bind(app)
    .bind(until.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// What was let through after `since`.
///
/// # Errors
/// When the database fails.
pub async fn count(transaction: &mut Transaction, app: &str, since: Time) -> Result<Passed, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS passed, MIN(at) AS first_at FROM passed_revocations \
         WHERE app = $1 AND at > $2 AND counted = 1",
    )
    .bind(app)
    .bind(since.as_micros())
    .fetch_one(transaction)
    .await?;
    let count: i64 = row.try_get("passed")?;
    let first_at: Option<i64> = row.try_get("first_at")?;
    Ok(Passed { count: u64::try_from(count).unwrap_or(0), first_at: first_at.map(Time::from_micros) })
}

/// Whether that user was let through after `since`.
///
/// # Errors
/// When the database fails.
pub async fn has_passed(
    transaction: &mut Transaction,
    app: &str,
    user_id: &str,
    since: Time,
) -> Result<bool, StoreError> {
    let found: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM passed_revocations WHERE app = $1 AND user_id = $2 AND at > $3",
    )
    .bind(app)
    .bind(key(user_id))
    .bind(since.as_micros())
    .fetch_one(transaction)
    .await?;
    Ok(found > 0)
}

/// Lets a user through at that time.
///
/// # Errors
/// When the database fails.
pub async fn save(
    transaction: &mut Transaction,
    app: &str,
    user_id: &str,
    at: Time,
    counted: Counted,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO passed_revocations (app, user_id, at, counted) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (app, user_id) DO UPDATE SET at = excluded.at, counted = excluded.counted",
    )
    .bind(app)
    .bind(key(user_id))
    .bind(at.as_micros())
    .bind(i64::from(counted == Counted::Yes))
    .execute(transaction)
    .await?;
    Ok(())
}

/// Lets a user through once more who was let through already: later than before, whatever the clocks say.
///
/// # Errors
/// When the database fails.
pub async fn repeat(
    transaction: &mut Transaction,
    app: &str,
    user_id: &str,
    at: Time,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE passed_revocations SET at = CASE WHEN at < $3 THEN $3 ELSE at + 1 END \
         WHERE app = $1 AND user_id = $2",
    )
    .bind(app)
    .bind(user_id)
    .bind(at.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Forgets that a user was let through at that time, and at no other.
///
/// # Errors
/// When the database fails.
pub async fn take_back(
    transaction: &mut Transaction,
    app: &str,
    user_id: &str,
    at: Time,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM passed_revocations WHERE app = $1 AND user_id = $2 AND at = $3")
        .bind(app)
        .bind(key(user_id))
        .bind(at.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Forgets what was let through until then.
///
/// # Errors
/// When the database fails.
pub async fn prune(transaction: &mut Transaction, app: &str, until: Time) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM passed_revocations WHERE app = $1 AND at <= $2")
        .bind(app)
        .bind(until.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// What was let through after `since`, and until when the brake is lifted, for those who only look.
///
/// # Errors
/// When the database fails.
pub async fn look(store: &Store, app: &str, since: Time) -> Result<(u64, Option<Time>), StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM passed_revocations WHERE app = $1 AND at > $2 AND counted = 1) AS passed, \
         (SELECT lifted_until FROM lifted_brakes WHERE app = $1) AS lifted_until",
    )
    .bind(app)
    .bind(since.as_micros())
    .fetch_one(store.reader())
    .await?;
    let passed: i64 = row.try_get("passed")?;
    let lifted_until: Option<i64> = row.try_get("lifted_until")?;
    Ok((u64::try_from(passed).unwrap_or(0), lifted_until.map(Time::from_micros)))
}
