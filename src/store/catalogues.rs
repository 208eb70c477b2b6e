//! The `catalogues` table: what groups can give at a target, as last listed.

use sqlx::Row;

use crate::{clock::Time, connector::Catalogue};

use super::{Store, StoreError, Transaction};

/// What was listed last; `None` if nothing was yet.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str) -> Result<Option<Catalogue>, StoreError> {
    let row = sqlx::query("SELECT listing FROM catalogues WHERE app = $1")
        .bind(app)
        .fetch_optional(store.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let listing: String = row.try_get("listing")?;
    let listing = serde_json::from_str(&listing);
    listing.map(Some).map_err(|error| StoreError::Corrupt { column: "listing", reason: error.to_string() })
}

/// Replaces the listing.
///
/// # Errors
/// When the database fails.
pub async fn save(
    transaction: &mut Transaction,
    app: &str,
    catalogue: &Catalogue,
    now: Time,
) -> Result<(), StoreError> {
    let listing = serde_json::to_string(catalogue)
        .map_err(|error| StoreError::Corrupt { column: "listing", reason: error.to_string() })?;
    sqlx::query(
        "INSERT INTO catalogues (app, listing, listed_at) VALUES ($1, $2, $3) \
         ON CONFLICT (app) DO UPDATE SET listing = $2, listed_at = $3",
    )
    .bind(app)
    .bind(listing)
    .bind(now.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// When it was listed last; `None` if nothing was yet.
///
/// # Errors
/// When the database fails.
pub async fn listed_at(store: &Store, app: &str) -> Result<Option<Time>, StoreError> {
    let listed_at: Option<i64> = sqlx::query_scalar("SELECT listed_at FROM catalogues WHERE app = $1")
        .bind(app)
        .fetch_optional(store.reader())
        .await?;
    Ok(listed_at.map(Time::from_micros))
}
