//! The `roster_passes` table: who lists a target's accounts now, and how the latest pass ended. One pass an app at a time,
//! over all processes.

use sqlx::Row;

use crate::clock::Time;

use super::{Store, StoreError, Transaction};

/// Where the passes of an app stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterPass {
    /// Who makes one now, or died making one.
    pub owner: Option<String>,
    /// How long it counts as being made, without a further word.
    pub lease_until: Option<Time>,
    /// When the latest one began.
    pub began_at: Option<Time>,
    /// When the latest one ended.
    pub ended_at: Option<Time>,
    /// Why it was not completed, if it was not.
    pub failure: Option<String>,
    /// How many in a row were not.
    pub failures: u32,
    /// When the target last said that something was changed there.
    pub asked_at: Option<Time>,
}

impl RosterPass {
    /// Whether nobody makes one at `now`: neither does anybody who gives signs of life.
    pub fn is_free(&self, now: Time) -> bool {
        self.owner.is_none() || self.lease_until.is_none_or(|until| until <= now)
    }
}

/// Where the passes of an app stand.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, app: &str) -> Result<RosterPass, StoreError> {
    let row = sqlx::query(
        "SELECT owner, lease_until, began_at, ended_at, failure, failures, asked_at FROM roster_passes WHERE app = $1",
    )
    .bind(app)
    .fetch_optional(store.reader())
    .await?;
    let Some(row) = row else { return Ok(RosterPass::default()) };
    let time = |column| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(column)?.map(Time::from_micros));
    Ok(RosterPass {
        owner: row.try_get("owner")?,
        lease_until: time("lease_until")?,
        began_at: time("began_at")?,
        ended_at: time("ended_at")?,
        failure: row.try_get("failure")?,
        failures: u32::try_from(row.try_get::<i64, _>("failures")?).unwrap_or(u32::MAX),
        asked_at: time("asked_at")?,
    })
}

/// The target says at `now` that something was changed there: only a pass that begins later has seen it.
///
/// # Errors
/// When the database fails.
pub async fn ask(transaction: &mut Transaction, app: &str, now: Time) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO roster_passes (app, asked_at) VALUES ($1, $2) \
         ON CONFLICT (app) DO UPDATE SET asked_at = excluded.asked_at",
    )
    .bind(app)
    .bind(now.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// A wish to make a pass.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// Who wishes it.
    pub owner: &'a str,
    /// Now.
    pub now: Time,
    /// How long it counts as being made, without a further word.
    pub until: Time,
    /// When the latest pass ended, as far as the owner knows: one that ended since is what it wished for.
    pub last_end: Option<Time>,
}

/// Grants `turn`, if nobody makes a pass now, or who did is gone, and none ended in the meantime. Whether it did.
///
/// # Errors
/// When the database fails.
pub async fn take(transaction: &mut Transaction, app: &str, turn: Turn<'_>) -> Result<bool, StoreError> {
    let taken = sqlx::query(
        "INSERT INTO roster_passes (app, owner, lease_until, began_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (app) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until, \
         began_at = excluded.began_at \
         WHERE (roster_passes.owner IS NULL OR roster_passes.lease_until <= $4) \
         AND COALESCE(roster_passes.ended_at, 0) = $5",
    )
    .bind(app)
    .bind(turn.owner)
    .bind(turn.until.as_micros())
    .bind(turn.now.as_micros())
    .bind(turn.last_end.map_or(0, Time::as_micros))
    .execute(transaction)
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// Lets the pass of `owner` last until `until`. Whether it still was that of `owner`.
///
/// # Errors
/// When the database fails.
pub async fn renew(
    transaction: &mut Transaction,
    app: &str,
    owner: &str,
    until: Time,
) -> Result<bool, StoreError> {
    let renewed = sqlx::query("UPDATE roster_passes SET lease_until = $1 WHERE app = $2 AND owner = $3")
        .bind(until.as_micros())
        .bind(app)
        .bind(owner)
        .execute(transaction)
        .await?;
    Ok(renewed.rows_affected() > 0)
}

/// Ends the pass of `owner`; `failure` says why it was not completed. Whether it still was that of `owner`.
///
/// # Errors
/// When the database fails.
pub async fn end(
    transaction: &mut Transaction,
    app: &str,
    owner: &str,
    now: Time,
    failure: Option<&str>,
) -> Result<bool, StoreError> {
    let ended = sqlx::query(
        "UPDATE roster_passes SET owner = NULL, lease_until = NULL, ended_at = $1, failure = $2, \
         failures = CASE WHEN CAST($2 AS TEXT) IS NULL THEN 0 ELSE failures + 1 END WHERE app = $3 AND owner = $4",
    )
    .bind(now.as_micros())
    .bind(failure)
    .bind(app)
    .bind(owner)
    .execute(transaction)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// Gives up the pass of an owner whose name begins so, as if it had not been begun.
///
/// # Errors
/// When the database fails.
pub async fn abandon(transaction: &mut Transaction, app: &str, owners: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE roster_passes SET owner = NULL, lease_until = NULL WHERE app = $1 AND owner LIKE $2")
        .bind(app)
        .bind(format!("{owners}%"))
        .execute(transaction)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pass_is_made_by_who_gave_a_sign_of_life_lately() {
        let now = Time::from_micros(1_700_000_000_000_000);
        let made = |lease_until| RosterPass { owner: Some("a".into()), lease_until, ..RosterPass::default() };
        assert!(RosterPass::default().is_free(now));
        assert!(!made(Some(now + Duration::from_micros(1))).is_free(now));
        assert!(made(Some(now)).is_free(now));
    }
}
