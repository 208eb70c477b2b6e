//! The `tokens` table: bearer tokens and client secrets that were made with `token create`.

use sqlx::{Row, any::AnyRow};

use crate::clock::Time;

use super::{Store, StoreError, Transaction, id::time_ordered};

/// A token that was made. The token itself is known to nobody but those who were given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeToken {
    /// The row's id.
    pub id: String,
    /// The app that it opens.
    pub app: String,
    /// What it is called; unique among those of the app that are not revoked.
    pub name: String,
    /// The OAuth client whose secret it is; `None`: it is a bearer token.
    pub client: Option<String>,
    /// Its SHA-256, in hexadecimal digits.
    pub digest: String,
    /// When it was made.
    pub made_at: Time,
    /// From when on it is refused.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

/// What a token is made of.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The app that it opens.
    pub app: String,
    /// What it is called.
    pub name: String,
    /// The OAuth client whose secret it is.
    pub client: Option<String>,
    /// Its SHA-256, in hexadecimal digits.
    pub digest: String,
    /// From when on it is refused.
    pub expires_at: Option<Time>,
}

/// All tokens of an app, the oldest first, those that are revoked among them.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, app: &str) -> Result<Vec<MadeToken>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, app, name, client, digest, made_at, expires_at, revoked_at FROM tokens WHERE app = $1 ORDER BY id",
    )
    .bind(app)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// Keeps a new token.
///
/// # Errors
/// When the database fails.
pub async fn create(transaction: &mut Transaction, token: &NewToken, now: Time) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tokens (id, app, name, client, digest, made_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(time_ordered(now))
    .bind(&token.app)
    .bind(&token.name)
    .bind(&token.client)
    .bind(&token.digest)
    .bind(now.as_micros())
    .bind(token.expires_at.map(Time::as_micros))
    .execute(transaction)
    .await?;
    Ok(())
}

/// Whether a token of that name is there that is not revoked.
///
/// # Errors
/// When the database fails.
pub async fn exists(transaction: &mut Transaction, app: &str, name: &str) -> Result<bool, StoreError> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM tokens WHERE app = $1 AND name = $2 AND revoked_at IS NULL")
            .bind(app)
            .bind(name)
            .fetch_one(transaction)
            .await?;
    Ok(count > 0)
}

/// Revokes a token. Whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    transaction: &mut Transaction,
    app: &str,
    name: &str,
    now: Time,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE tokens SET revoked_at = $3 WHERE app = $1 AND name = $2 AND revoked_at IS NULL")
            .bind(app)
            .bind(name)
            .bind(now.as_micros())
            .execute(transaction)
            .await?;
    Ok(done.rows_affected() > 0)
}

fn read(row: &AnyRow) -> Result<MadeToken, StoreError> {
    let time = |column| -> Result<Option<Time>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(Time::from_micros))
    };
    Ok(MadeToken {
        id: row.try_get("id")?,
        app: row.try_get("app")?,
        name: row.try_get("name")?,
        client: row.try_get("client")?,
        digest: row.try_get("digest")?,
        made_at: Time::from_micros(row.try_get("made_at")?),
        expires_at: time("expires_at")?,
        revoked_at: time("revoked_at")?,
    })
}
