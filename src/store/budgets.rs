//! The `budgets` and `budget_calls` tables: how many calls each target's account allows, and which were made.
//!
//! What follows from it is decided elsewhere, inside the same transaction. Every change begins with [`lock`], so that those
//! who share an account decide one after the other.

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use crate::{clock::Time, connector::RateWindow};

use super::{Store, StoreError, Transaction, id::time_ordered};

/// What holds for an account as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The target refused a call for its limits: none until then.
    pub stopped_until: Option<Time>,
    /// A revocation waits for its turn: until then no others.
    pub urgent_until: Option<Time>,
    /// What is known of the limit a second.
    pub second: Option<Standing>,
    /// What is known of the limit a minute.
    pub minute: Option<Standing>,
    /// How many calls the target refused for its limits.
    pub refusals: u64,
}

/// What a target's answer told about one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How many calls fit in the window.
    pub limit: u32,
    /// How many of those that were in the window then were others'.
    pub others: u32,
    /// When the answer came.
    pub said_at: Time,
    /// When the window ends, or when its oldest call leaves it.
    pub resets_at: Time,
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was sent.
    pub sent_at: Time,
    /// When it was answered; until then the latest that it can be.
    pub ended_at: Time,
}

/// The id of a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallId {
    id: String,
    /// When it was to be sent.
    pub sent_at: Time,
}

/// What holds for `account`, which nobody else changes until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(transaction: &mut Transaction, account: &str) -> Result<Account, StoreError> {
    // An update that changes nothing: it makes the row where it is missing, and locks it where there are other writers.
    let row = sqlx::query(
        "INSERT INTO budgets (account) VALUES ($1) ON CONFLICT (account) DO UPDATE SET account = excluded.account \
         RETURNING stopped_until, urgent_until, second_standing, minute_standing, refusals",
    )
    .bind(account)
    .fetch_one(transaction)
    .await?;
    read(&row)
}

/// What holds for `account`, if it was ever called.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, account: &str) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query(
        "SELECT stopped_until, urgent_until, second_standing, minute_standing, refusals FROM budgets WHERE account = $1",
    )
    .bind(account)
    .fetch_optional(store.reader())
    .await?;
    row.as_ref().map(read).transpose()
}

/// The calls that ended after `since`, or have not ended, in the order in which they end.
///
/// # Errors
/// When the database fails.
pub async fn calls(
    transaction: &mut Transaction,
    account: &str,
    since: Time,
) -> Result<Vec<Call>, StoreError> {
    let rows = sqlx::query(
        "SELECT sent_at, ended_at FROM budget_calls WHERE account = $1 AND ended_at > $2 ORDER BY ended_at",
    )
    .bind(account)
    .bind(since.as_micros())
    .fetch_all(transaction)
    .await?;
    let call = |row: &AnyRow| {
        Ok(Call { sent_at: Time::from_micros(row.try_get(0)?), ended_at: Time::from_micros(row.try_get(1)?) })
    };
    rows.iter().map(call).collect()
}

/// How many calls were sent after `since`.
///
/// # Errors
/// When the database fails.
pub async fn count_since(store: &Store, account: &str, since: Time) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(
        // Those that were sent later have ended later.
        "SELECT COUNT(*) FROM budget_calls WHERE account = $1 AND ended_at > $2 AND sent_at > $2",
    )
    .bind(account)
    .bind(since.as_micros())
    .fetch_one(store.reader())
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Notes a call that is about to be sent.
///
/// # Errors
/// When the database fails.
pub async fn insert(transaction: &mut Transaction, account: &str, call: Call) -> Result<CallId, StoreError> {
    let id = time_ordered(call.sent_at);
    sqlx::query("INSERT INTO budget_calls (id, account, sent_at, ended_at) VALUES ($1, $2, $3, $4)")
        .bind(id.as_str())
        .bind(account)
        .bind(call.sent_at.as_micros())
        .bind(call.ended_at.as_micros())
        .execute(transaction)
        .await?;
    Ok(CallId { id, sent_at: call.sent_at })
}

/// Notes that a call was answered, and answers when it was sent, if it is still known.
///
/// # Errors
/// When the database fails.
pub async fn end(
    transaction: &mut Transaction,
    id: &CallId,
    ended_at: Time,
) -> Result<Option<Time>, StoreError> {
    let sent_at: Option<i64> =
        sqlx::query_scalar("UPDATE budget_calls SET ended_at = $1 WHERE id = $2 RETURNING sent_at")
            .bind(ended_at.as_micros())
            .bind(id.id.as_str())
            .fetch_optional(transaction)
            .await?;
    Ok(sent_at.map(Time::from_micros))
}

/// Forgets a call that was not sent after all.
///
/// # Errors
/// When the database fails.
pub async fn delete(transaction: &mut Transaction, id: &CallId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM budget_calls WHERE id = $1").bind(id.id.as_str()).execute(transaction).await?;
    Ok(())
}

/// Forgets the calls that had ended by `until`.
///
/// # Errors
/// When the database fails.
pub async fn delete_ended(
    transaction: &mut Transaction,
    account: &str,
    until: Time,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM budget_calls WHERE account = $1 AND ended_at <= $2")
        .bind(account)
        .bind(until.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Brings times back that lie ahead of `now`, as they do where the clock was set back since they were stored: those calls count
/// as made now, no stop lasts longer than until `latest_stop`, and what the target said then says nothing. Whether the last call,
/// which is always kept, was one of those.
///
/// # Errors
/// When the database fails.
pub async fn bring_back(
    transaction: &mut Transaction,
    account: &str,
    now: Time,
    latest_stop: Time,
) -> Result<bool, StoreError> {
    lock(transaction, account).await?;
    let of_later = sqlx::query(
        "UPDATE budget_calls SET sent_at = $2, ended_at = $2 WHERE account = $1 AND sent_at > $2",
    )
    .bind(account)
    .bind(now.as_micros())
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE budgets SET stopped_until = $2 WHERE account = $1 AND stopped_until > $2")
        .bind(account)
        .bind(latest_stop.as_micros())
        .execute(&mut *transaction)
        .await?;
    let was_set_back = of_later.rows_affected() > 0;
    if was_set_back {
        sqlx::query(
            "UPDATE budgets SET urgent_until = NULL, second_standing = NULL, minute_standing = NULL WHERE account = $1",
        )
        .bind(account)
        .execute(transaction)
        .await?;
    }
    Ok(was_set_back)
}

/// A revocation waits for its turn until `until`.
///
/// # Errors
/// When the database fails.
pub async fn save_urgency(
    transaction: &mut Transaction,
    account: &str,
    until: Time,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE budgets SET urgent_until = $1 WHERE account = $2")
        .bind(until.as_micros())
        .bind(account)
        .execute(transaction)
        .await?;
    Ok(())
}

/// The target refused a call for its limits: no calls until `until`, or until a later time that was said before.
///
/// # Errors
/// When the database fails.
pub async fn save_refusal(
    transaction: &mut Transaction,
    account: &str,
    until: Time,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE budgets SET refusals = refusals + 1, \
         stopped_until = CASE WHEN stopped_until > $1 THEN stopped_until ELSE $1 END WHERE account = $2",
    )
    .bind(until.as_micros())
    .bind(account)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Keeps what the target said about one of its limits.
///
/// # Errors
/// When the database fails.
pub async fn save_standing(
    transaction: &mut Transaction,
    account: &str,
    window: RateWindow,
    standing: Standing,
) -> Result<(), StoreError> {
    let statement = match window {
        RateWindow::Second => "UPDATE budgets SET second_standing = $1 WHERE account = $2",
        RateWindow::Minute => "UPDATE budgets SET minute_standing = $1 WHERE account = $2",
    };
    let standing = serde_json::to_string(&standing).expect("a struct of numbers is JSON");
    sqlx::query(statement).bind(standing).bind(account).execute(transaction).await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Account, StoreError> {
    let time =
        |column: &str| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(column)?.map(Time::from_micros));
    let standing = |column: &'static str| {
        let text: Option<String> = row.try_get(column)?;
        let read = |text: String| serde_json::from_str(&text);
        text.map(read).transpose().map_err(|error| StoreError::Corrupt { column, reason: error.to_string() })
    };
    Ok(Account {
        stopped_until: time("stopped_until")?,
        urgent_until: time("urgent_until")?,
        second: standing("second_standing")?,
        minute: standing("minute_standing")?,
        refusals: u64::try_from(row.try_get::<i64, _>("refusals")?).unwrap_or(0),
    })
}
