//! The `own_keys` table: keys that the bridge makes for itself, the same on every replica.

use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction, dialect::serialize};

/// A key, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// Its id.
    pub id: String,
    /// What protects it.
    pub form: Form,
    /// The key in that form, in base64.
    pub material: String,
    /// When it is first used.
    pub active_at: Time,
}

/// What protects a key in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It is sealed.
    Sealed,
    /// Nothing: there is nothing to seal it with.
    Plain,
}

impl Form {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Plain => "plain",
        }
    }
}

/// The keys for `purpose`, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, purpose: &str) -> Result<Vec<KeptKey>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, form, material, active_at FROM own_keys WHERE purpose = $1 ORDER BY active_at, id",
    )
    .bind(purpose)
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let form = match row.try_get::<String, _>("form")?.as_str() {
                "sealed" => Form::Sealed,
                "plain" => Form::Plain,
                other => return Err(StoreError::Corrupt { column: "form", reason: other.to_owned() }),
            };
            Ok(KeptKey {
                id: row.try_get("id")?,
                form,
                material: row.try_get("material")?,
                active_at: Time::from_micros(row.try_get("active_at")?),
            })
        })
        .collect()
}

/// Keeps a key, unless one of that id is there.
///
/// # Errors
/// When the database fails.
pub async fn create(transaction: &mut Transaction, purpose: &str, key: &KeptKey) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO own_keys (id, purpose, form, material, active_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&key.id)
    .bind(purpose)
    .bind(key.form.as_str())
    .bind(&key.material)
    .bind(key.active_at.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Keeps a key as the newest for `purpose`, unless another than `last` has become that meanwhile. Whether it is kept.
///
/// # Errors
/// When the database fails.
pub async fn append(
    transaction: &mut Transaction,
    purpose: &str,
    key: &KeptKey,
    last: Option<&str>,
) -> Result<bool, StoreError> {
    // Two who make one at a time would not see each other's.
    serialize(transaction, &format!("own keys {purpose}")).await?;
    let newest: Option<String> = sqlx::query_scalar(
        "SELECT id FROM own_keys WHERE purpose = $1 ORDER BY active_at DESC, id DESC LIMIT 1",
    )
    .bind(purpose)
    .fetch_optional(&mut *transaction)
    .await?;
    if newest.as_deref() != last {
        return Ok(false);
    }
    create(transaction, purpose, key).await?;
    Ok(true)
}

/// Forgets a key, if it is there.
///
/// # Errors
/// When the database fails.
pub async fn delete(transaction: &mut Transaction, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM own_keys WHERE id = $1").bind(id).execute(transaction).await?;
    Ok(())
}

/// Forgets exactly this key, if it is there.
///
/// # Errors
/// When the database fails.
pub async fn delete_this(transaction: &mut Transaction, key: &KeptKey) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM own_keys WHERE id = $1 AND material = $2")
        .bind(&key.id)
        .bind(&key.material)
        .execute(transaction)
        .await?;
    Ok(())
}
