//! The `settled_versions` table: how work on users ended, for requests that may wait for it at another process.

use std::sync::LazyLock;

use sqlx::{Row, any::AnyRow};

use crate::clock::Time;

use super::{Store, StoreError, Transaction, UserId, batch::Batch};

/// How the work on a version of a user ended last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The user.
    pub id: UserId,
    /// The newest version that it is about.
    pub version: i64,
    /// How it ended, JSON.
    pub outcome: String,
}

/// Keeps an outcome in the place of the one before it of the same version.
///
/// # Errors
/// When the database fails.
pub async fn save(transaction: &mut Transaction, kept: &Kept, now: Time) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO settled_versions (user_id, version, outcome, settled_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id, version) DO UPDATE SET outcome = excluded.outcome, settled_at = excluded.settled_at",
    )
    .bind(kept.id.as_str())
    .bind(kept.version)
    .bind(kept.outcome.as_str())
    .bind(now.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// The outcomes that are kept of these users, the oldest version of each first: whoever waits for one goes by the first that covers
/// it.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, ids: &[UserId]) -> Result<Vec<Kept>, StoreError> {
    static LIST: LazyLock<Batch> = LazyLock::new(|| {
        let select = "SELECT user_id, version, outcome FROM settled_versions WHERE user_id IN ";
        Batch::ids_in(select, 1, " ORDER BY version")
    });
    let ids: Vec<_> = ids.iter().map(UserId::as_str).collect();
    let mut kept = Vec::new();
    for query in LIST.queries(&[], &ids) {
        let rows = query.fetch_all(store.reader()).await?;
        let read = |row: &AnyRow| {
            Ok(Kept {
                id: UserId::from(row.try_get::<String, _>("user_id")?),
                version: row.try_get("version")?,
                outcome: row.try_get("outcome")?,
            })
        };
        kept.extend(rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?);
    }
    Ok(kept)
}

/// Forgets those from before `before`.
///
/// # Errors
/// When the database fails.
pub async fn forget(transaction: &mut Transaction, before: Time) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM settled_versions WHERE settled_at < $1")
        .bind(before.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::{Database, write};

    const NOW: Time = Time::from_micros(1_700_000_000_000_000);

    #[tokio::test]
    async fn what_became_of_a_later_version_does_not_stand_in_the_place_of_an_earlier_one() {
        let database = Database::new();
        let store = database.open().await;
        let kept = |version: i64, outcome: &str| Kept { id: "u1".into(), version, outcome: outcome.into() };
        let told = [kept(3, "applied"), kept(2, "blocked"), kept(2, "rejected")];
        write(&store, move |transaction| {
            Box::pin(async move {
                for one in &told {
                    save(transaction, one, NOW).await?;
                }
                Ok(())
            })
        })
        .await;
        let listed = list(&store, &["u1".into(), "u2".into()]).await.unwrap();
        assert_eq!(listed, [kept(2, "rejected"), kept(3, "applied")]);
        store.close().await;
    }
}
