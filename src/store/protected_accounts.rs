//! The `protected_accounts` table: the ids of accounts that were seen with a protected e-mail, whatever they are called by now.

use super::{Store, StoreError, Transaction};

/// Keeps that the account was seen with this e-mail, folded.
///
/// # Errors
/// When the database fails.
pub async fn save(
    transaction: &mut Transaction,
    app: &str,
    account_id: &str,
    email_key: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO protected_accounts (app, account_id, email_key) VALUES ($1, $2, $3) \
         ON CONFLICT (app, account_id) DO UPDATE SET email_key = excluded.email_key \
         WHERE protected_accounts.email_key <> excluded.email_key",
    )
    .bind(app)
    .bind(account_id)
    .bind(email_key)
    .execute(transaction)
    .await?;
    Ok(())
}

/// The e-mail, folded, that the account was seen with when it was protected.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str, account_id: &str) -> Result<Option<String>, StoreError> {
    let email =
        sqlx::query_scalar("SELECT email_key FROM protected_accounts WHERE app = $1 AND account_id = $2")
            .bind(app)
            .bind(account_id)
            .fetch_optional(store.reader())
            .await?;
    Ok(email)
}
