//! The `logins` table: logins at targets that were begun.

use sqlx::{Row, any::AnyRow};

use crate::clock::Time;

use super::{Store, StoreError, Transaction, id::time_ordered};

/// A login that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunLogin {
    /// The row's id.
    pub id: String,
    /// The SHA-256 of its state, in hexadecimal digits.
    pub state_digest: String,
    /// Where the target sends the person back to.
    pub redirect_uri: String,
    /// Until when that counts.
    pub expires_at: Time,
    /// What has become of it.
    pub stage: Stage,
}

/// What has become of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The person has not come back.
    Open,
    /// The person came back, and the target is asked for the token.
    UnderWay,
    /// There is a token.
    Done,
    /// There will be none, for this reason.
    Failed(String),
}

/// Keeps a login that is begun now, and forgets those of the app that are over. Answers its id.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    transaction: &mut Transaction,
    app: &str,
    state_digest: &str,
    redirect_uri: &str,
    (now, expires_at): (Time, Time),
) -> Result<String, StoreError> {
    sqlx::query("DELETE FROM logins WHERE app = $1 AND expires_at <= $2")
        .bind(app)
        .bind(now.as_micros())
        .execute(&mut *transaction)
        .await?;
    let id = time_ordered(now);
    sqlx::query(
        "INSERT INTO logins (id, app, state_digest, redirect_uri, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(app)
    .bind(state_digest)
    .bind(redirect_uri)
    .bind(expires_at.as_micros())
    .execute(transaction)
    .await?;
    Ok(id)
}

/// The app's logins that are not over at `now`, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, app: &str, now: Time) -> Result<Vec<BegunLogin>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, state_digest, redirect_uri, expires_at, used_at, done_at, failure FROM logins \
         WHERE app = $1 AND expires_at > $2 ORDER BY id",
    )
    .bind(app)
    .bind(now.as_micros())
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// The login of that id, unless it was forgotten.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, id: &str) -> Result<Option<BegunLogin>, StoreError> {
    let row = sqlx::query(
        "SELECT id, state_digest, redirect_uri, expires_at, used_at, done_at, failure FROM logins WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(store.reader())
    .await?;
    row.as_ref().map(read).transpose()
}

/// The person came back. Whether that was the first time.
///
/// # Errors
/// When the database fails.
pub async fn use_up(transaction: &mut Transaction, id: &str, now: Time) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE logins SET used_at = $2 WHERE id = $1 AND used_at IS NULL")
        .bind(id)
        .bind(now.as_micros())
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// There is a token.
///
/// # Errors
/// When the database fails.
pub async fn complete(transaction: &mut Transaction, id: &str, now: Time) -> Result<(), StoreError> {
    sqlx::query("UPDATE logins SET done_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// There will be none.
///
/// # Errors
/// When the database fails.
pub async fn fail(transaction: &mut Transaction, id: &str, reason: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE logins SET failure = $2 WHERE id = $1")
        .bind(id)
        .bind(reason)
        .execute(transaction)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<BegunLogin, StoreError> {
    let failure: Option<String> = row.try_get("failure")?;
    let used_at: Option<i64> = row.try_get("used_at")?;
    let done_at: Option<i64> = row.try_get("done_at")?;
    Ok(BegunLogin {
        id: row.try_get("id")?,
        state_digest: row.try_get("state_digest")?,
        redirect_uri: row.try_get("redirect_uri")?,
        expires_at: Time::from_micros(row.try_get("expires_at")?),
        stage: match (failure, done_at, used_at) {
            (Some(reason), _, _) => Stage::Failed(reason),
            (None, Some(_), _) => Stage::Done,
            (None, None, Some(_)) => Stage::UnderWay,
            (None, None, None) => Stage::Open,
        },
    })
}
