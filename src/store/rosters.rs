//! The `rosters` table: what the last listing of a target's accounts from first to last came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction, dialect::locking};

/// A completed listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roster {
    /// When it was begun.
    pub started_at: Time,
    /// When it was complete.
    pub completed_at: Time,
    /// How many accounts there were.
    pub accounts: u64,
    /// How many calls it took, look-ups included.
    pub calls: u64,
    /// Whose the accounts were.
    pub census: Census,
}

/// Accounts by whose they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Census {
    /// Of users whose account the bridge made.
    pub created: Count,
    /// Of users whose account was there, and whom the IdP took over.
    pub adopted: Count,
    /// That no IdP manages.
    pub unmanaged: Count,
    /// Of users whom the IdP deleted.
    pub deleted: Count,
    /// That are not shown because their e-mail is a user's.
    pub hidden: Count,
}

impl Census {
    /// All of it, each part by its name.
    pub fn parts(&self) -> [(&'static str, Count); 5] {
        [
            ("created", self.created),
            ("adopted", self.adopted),
            ("unmanaged", self.unmanaged),
            ("deleted", self.deleted),
            ("hidden", self.hidden),
        ]
    }
}

/// Accounts by whether they can log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Count {
    /// Those that can.
    pub enabled: u64,
    /// Those that cannot.
    pub disabled: u64,
}

/// The administrators among the accounts: account id, and whether it is enabled.
pub type Administrators = BTreeMap<String, bool>;

/// The last completed listing of an app's target, if there was one.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str) -> Result<Option<Roster>, StoreError> {
    let row =
        sqlx::query("SELECT started_at, completed_at, accounts, calls, census FROM rosters WHERE app = $1")
            .bind(app)
            .fetch_optional(store.reader())
            .await?;
    row.map(|row| {
        let number = |column: &str| Ok::<_, StoreError>(u64::try_from(row.try_get::<i64, _>(column)?));
        Ok(Roster {
            started_at: Time::from_micros(row.try_get("started_at")?),
            completed_at: Time::from_micros(row.try_get("completed_at")?),
            accounts: number("accounts")?.unwrap_or(0),
            calls: number("calls")?.unwrap_or(0),
            census: from_json("census", &row.try_get::<String, _>("census")?)?,
        })
    })
    .transpose()
}

/// The administrators of the last completed listing, locked until the transaction ends; `None` if there was none that knew
/// them.
///
/// # Errors
/// When the database fails.
pub async fn find_administrators(
    transaction: &mut Transaction,
    app: &str,
) -> Result<Option<Administrators>, StoreError> {
    let statement = locking!("SELECT administrators FROM rosters WHERE app = $1");
    let kept: Option<Option<String>> =
        sqlx::query_scalar(statement.within(transaction)).bind(app).fetch_optional(transaction).await?;
    kept.flatten().map(|json| from_json("administrators", &json)).transpose()
}

/// Replaces what is known of the administrators, if there was a listing.
///
/// # Errors
/// When the database fails.
pub async fn save_administrators(
    transaction: &mut Transaction,
    app: &str,
    administrators: &Administrators,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE rosters SET administrators = $2 WHERE app = $1")
        .bind(app)
        .bind(to_json("administrators", administrators)?)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Records a completed listing.
///
/// # Errors
/// When the database fails.
pub async fn save(
    transaction: &mut Transaction,
    app: &str,
    roster: Roster,
    administrators: &Administrators,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO rosters (app, started_at, completed_at, accounts, calls, census, administrators) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (app) DO UPDATE SET started_at = excluded.started_at, \
         completed_at = excluded.completed_at, accounts = excluded.accounts, calls = excluded.calls, \
         census = excluded.census, administrators = excluded.administrators",
    )
    .bind(app)
    .bind(roster.started_at.as_micros())
    .bind(roster.completed_at.as_micros())
    .bind(i64::try_from(roster.accounts).unwrap_or(i64::MAX))
    .bind(i64::try_from(roster.calls).unwrap_or(i64::MAX))
    .bind(to_json("census", &roster.census)?)
    .bind(to_json("administrators", administrators)?)
    .execute(transaction)
    .await?;
    Ok(())
}

fn to_json(column: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt { column, reason: error.to_string() })
}

fn from_json<T: for<'de> Deserialize<'de>>(column: &'static str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt { column, reason: error.to_string() })
}
