//! The `user_emails` table: the addresses of each user, so that one is found without looking at all users. It follows from
//! the users' rows and is kept up with them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    scim::fold::fold,
    store::{StoreError, Transaction, User, UserId, key::key},
};

/// The addresses of `user`, which is new.
pub(super) async fn insert(transaction: &mut Transaction, user: &User) -> Result<(), StoreError> {
    for key in keys(user) {
        sqlx::query("INSERT INTO user_emails (app, user_id, value_key) VALUES ($1, $2, $3)")
            .bind(user.app.clone())
            .bind(user.id.as_str())
            .bind(key)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(())
}

/// Makes the addresses those of `user`. Mostly they are already: rows are saved for many reasons.
pub(super) async fn save(transaction: &mut Transaction, user: &User) -> Result<(), StoreError> {
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT value_key FROM user_emails WHERE user_id = $1 ORDER BY value_key")
            .bind(user.id.as_str())
            .fetch_all(&mut *transaction)
            .await?;
    if stored.iter().eq(&keys(user)) {
        return Ok(());
    }
    delete(transaction, &user.id).await?;
    insert(transaction, user).await
}

/// Forgets the addresses of a user that is no more.
pub(super) async fn delete(transaction: &mut Transaction, id: &UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM user_emails WHERE user_id = $1").bind(id.as_str()).execute(transaction).await?;
    Ok(())
}

/// The key of each address once, folded as filters fold it.
fn keys(user: &User) -> BTreeSet<String> {
    let values =
        user.resource.elements("emails").filter_map(|email| email.get("value").and_then(Value::as_str));
    values.map(|value| key(&fold(value))).collect()
}
