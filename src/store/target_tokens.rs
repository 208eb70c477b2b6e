//! The `target_tokens` table: what calls to targets carry that a person logs in to. Sealed by those who use it.

use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction};

/// A token, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// Counts logins and renewals.
    pub version: i64,
    /// When a person logged in.
    pub logged_in_at: Time,
    /// What calls carry, sealed.
    pub access_token: String,
    /// What another one is given for, sealed; `None`: it cannot be renewed.
    pub refresh_token: Option<String>,
    /// When it ends; `None`: that is not known.
    pub expires_at: Option<Time>,
}

/// The token of `app`, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str) -> Result<Option<SealedToken>, StoreError> {
    let row = sqlx::query(
        "SELECT version, logged_in_at, access_token, refresh_token, expires_at FROM target_tokens WHERE app = $1",
    )
    .bind(app)
    .fetch_optional(store.reader())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(SealedToken {
        version: row.try_get("version")?,
        logged_in_at: Time::from_micros(row.try_get("logged_in_at")?),
        access_token: row.try_get("access_token")?,
        refresh_token: row.try_get("refresh_token")?,
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(Time::from_micros),
    }))
}

/// Puts a token in the place of the one that is there. Its version becomes the next one, whatever `token` says.
///
/// # Errors
/// When the database fails.
pub async fn save(transaction: &mut Transaction, app: &str, token: &SealedToken) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO target_tokens (app, version, logged_in_at, access_token, refresh_token, expires_at, renewing_until) \
         VALUES ($1, 1, $2, $3, $4, $5, 0) \
         ON CONFLICT (app) DO UPDATE SET version = target_tokens.version + 1, logged_in_at = excluded.logged_in_at, \
         access_token = excluded.access_token, refresh_token = excluded.refresh_token, \
         expires_at = excluded.expires_at, renewing_until = 0",
    )
    .bind(app)
    .bind(token.logged_in_at.as_micros())
    .bind(&token.access_token)
    .bind(&token.refresh_token)
    .bind(token.expires_at.map(Time::as_micros))
    .execute(transaction)
    .await?;
    Ok(())
}

/// Puts a renewed token in the place of `version`. Whether that was still there: if not, somebody logged in meanwhile, and
/// that counts.
///
/// # Errors
/// When the database fails.
pub async fn renew(
    transaction: &mut Transaction,
    app: &str,
    version: i64,
    token: &SealedToken,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE target_tokens SET version = version + 1, access_token = $3, refresh_token = $4, expires_at = $5, \
         renewing_until = 0 WHERE app = $1 AND version = $2",
    )
    .bind(app)
    .bind(version)
    .bind(&token.access_token)
    .bind(&token.refresh_token)
    .bind(token.expires_at.map(Time::as_micros))
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes the turn to renew `version` until `until`. Whether it was free: a refresh token may be good once only, so two
/// processes must not show it at a time.
///
/// # Errors
/// When the database fails.
pub async fn take_turn(
    transaction: &mut Transaction,
    app: &str,
    version: i64,
    (now, until): (Time, Time),
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE target_tokens SET renewing_until = $4 WHERE app = $1 AND version = $2 AND renewing_until <= $3",
    )
    .bind(app)
    .bind(version)
    .bind(now.as_micros())
    .bind(until.as_micros())
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives the turn up.
///
/// # Errors
/// When the database fails.
pub async fn give_up_turn(transaction: &mut Transaction, app: &str, version: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE target_tokens SET renewing_until = 0 WHERE app = $1 AND version = $2")
        .bind(app)
        .bind(version)
        .execute(transaction)
        .await?;
    Ok(())
}
