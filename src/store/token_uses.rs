//! The `token_uses` table: when each token was last used, and from where.

use std::collections::HashMap;

use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction};

/// The last use of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// When.
    pub at: Time,
    /// From which address, if that is known.
    pub address: Option<String>,
    /// By which program, in its own words.
    pub user_agent: Option<String>,
}

/// The last uses of an app's tokens, by the token's id.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, app: &str) -> Result<HashMap<String, TokenUse>, StoreError> {
    let rows = sqlx::query("SELECT token_id, used_at, address, user_agent FROM token_uses WHERE app = $1")
        .bind(app)
        .fetch_all(store.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let last = TokenUse {
                at: Time::from_micros(row.try_get("used_at")?),
                address: row.try_get("address")?,
                user_agent: row.try_get("user_agent")?,
            };
            Ok((row.try_get("token_id")?, last))
        })
        .collect()
}

/// Keeps a use, unless a later one is there: another replica may have seen it.
///
/// # Errors
/// When the database fails.
pub async fn save(
    transaction: &mut Transaction,
    app: &str,
    token_id: &str,
    last: &TokenUse,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO token_uses (app, token_id, used_at, address, user_agent) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (app, token_id) DO UPDATE SET used_at = excluded.used_at, address = excluded.address, \
         user_agent = excluded.user_agent WHERE token_uses.used_at <= excluded.used_at",
    )
    .bind(app)
    .bind(token_id)
    .bind(last.at.as_micros())
    .bind(&last.address)
    .bind(&last.user_agent)
    .execute(transaction)
    .await?;
    Ok(())
}
