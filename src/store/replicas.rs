//! The `replicas` table: the processes that work in the database, where there may be several.

use crate::clock::Time;

use super::{Store, StoreError, Transaction, dialect::serialize};

/// A process that says it is there.
#[derive(Clone, Copy, Debug)]
pub struct Presence<'a> {
    /// Its id, another one after every silence.
    pub id: &'a str,
    /// When it began.
    pub started_at: Time,
    /// How long it counts as there, without a further word.
    pub until: Time,
}

/// The last that a process said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Its id.
    pub id: String,
    /// How long it counts as there.
    pub until: Time,
}

/// Keeps others from joining or leaving until the transaction ends: whoever counts them goes by who is not there.
///
/// # Errors
/// When the database fails.
pub async fn lock(transaction: &mut Transaction) -> Result<(), StoreError> {
    serialize(transaction, "replicas").await
}

/// A process is there from now on.
///
/// # Errors
/// When the database fails.
pub async fn insert(transaction: &mut Transaction, presence: Presence<'_>) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO replicas (id, version, started_at, alive_until) VALUES ($1, $2, $3, $4)")
        .bind(presence.id)
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(presence.started_at.as_micros())
        .bind(presence.until.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

/// A process is there until `until`, or for longer where it has said so: signs of life may arrive late. Whether it still was at
/// `now`: who has been silent for too long has lost what it had, and begins anew.
///
/// # Errors
/// When the database fails.
pub async fn extend(
    transaction: &mut Transaction,
    id: &str,
    now: Time,
    until: Time,
) -> Result<bool, StoreError> {
    let extended = sqlx::query(
        "UPDATE replicas SET alive_until = CASE WHEN alive_until < $1 THEN $1 ELSE alive_until END \
         WHERE id = $2 AND alive_until > $3",
    )
    .bind(until.as_micros())
    .bind(id)
    .bind(now.as_micros())
    .execute(transaction)
    .await?;
    Ok(extended.rows_affected() > 0)
}

/// A process ends.
///
/// # Errors
/// When the database fails.
pub async fn delete(transaction: &mut Transaction, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM replicas WHERE id = $1").bind(id).execute(transaction).await?;
    Ok(())
}

/// Forgets those that have been silent for too long at `now`, and answers how many these are.
///
/// # Errors
/// When the database fails.
pub async fn delete_silent(transaction: &mut Transaction, now: Time) -> Result<u64, StoreError> {
    let deleted = sqlx::query("DELETE FROM replicas WHERE alive_until <= $1")
        .bind(now.as_micros())
        .execute(transaction)
        .await?;
    Ok(deleted.rows_affected())
}

/// The signs of those that count as there for longer than until `after`.
///
/// # Errors
/// When the database fails.
pub async fn list_after(transaction: &mut Transaction, after: Time) -> Result<Vec<Sign>, StoreError> {
    let signs: Vec<(String, i64)> =
        sqlx::query_as("SELECT id, alive_until FROM replicas WHERE alive_until > $1 ORDER BY id")
            .bind(after.as_micros())
            .fetch_all(transaction)
            .await?;
    Ok(signs.into_iter().map(|(id, until)| Sign { id, until: Time::from_micros(until) }).collect())
}

/// Forgets the process that gave `last`, if it has given no other since, and answers how many these are.
///
/// # Errors
/// When the database fails.
pub async fn delete_after(transaction: &mut Transaction, last: &Sign) -> Result<u64, StoreError> {
    let deleted = sqlx::query("DELETE FROM replicas WHERE id = $1 AND alive_until = $2")
        .bind(&last.id)
        .bind(last.until.as_micros())
        .execute(transaction)
        .await?;
    Ok(deleted.rows_affected())
}

/// How many there are besides `id`.
///
/// # Errors
/// When the database fails.
pub async fn count_others(transaction: &mut Transaction, id: &str) -> Result<u64, StoreError> {
    let others: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM replicas WHERE id <> $1")
        .bind(id)
        .fetch_one(transaction)
        .await?;
    Ok(u64::try_from(others).unwrap_or(0))
}

/// How many say at `now` that they are there.
///
/// # Errors
/// When the database fails.
pub async fn count(store: &Store, now: Time) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM replicas WHERE alive_until > $1")
        .bind(now.as_micros())
        .fetch_one(store.reader())
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        connector::Lane,
        store::{
            UserId, administrator_turns,
            fixture::{Database, user, write},
            users::{self, Claim, Lease},
        },
    };

    const NOW: Time = Time::from_micros(1_700_000_000_000_000);

    const fn at(second: i64) -> Time {
        Time::from_micros(NOW.as_micros() + second * 1_000_000)
    }

    fn presence(id: &str, until: Time) -> Presence<'_> {
        Presence { id, started_at: NOW, until }
    }

    /// Claims, for `owner`, all that is due at `now`: who that is, and whether they were taken over.
    async fn claim(store: &Store, owner: &'static str, now: Time) -> Vec<(UserId, bool)> {
        let lease = Lease { owner: owner.into(), until: now + Duration::from_secs(120) };
        let (app, most_urgent, least_urgent) = ("a".to_owned(), Lane::Change, Lane::Grant);
        let claim = Claim { app, lease, now, most_urgent, least_urgent, limit: 10 };
        let claimed =
            write(store, move |transaction| Box::pin(async move { users::claim(transaction, &claim).await }));
        claimed.await.into_iter().map(|claimed| (claimed.user.id, claimed.taken_over)).collect()
    }

    #[tokio::test]
    async fn the_claims_of_who_was_silent_for_too_long_are_taken_over_and_those_of_others_are_not() {
        let database = Database::new();
        let store = database.open().await;
        write(&store, |transaction| {
            Box::pin(async move {
                insert(transaction, presence("silent", at(10))).await?;
                insert(transaction, presence("there", at(20))).await?;
                let mut due = user("u1", json!({ "userName": "u1" }));
                (due.version, due.due_at) = (2, Some(NOW));
                users::insert(transaction, &due).await
            })
        })
        .await;
        assert_eq!(claim(&store, "silent/0", NOW).await, [("u1".into(), false)]);
        write(&store, |transaction| {
            Box::pin(async move {
                let mut due = user("u2", json!({ "userName": "u2" }));
                (due.version, due.due_at) = (2, Some(NOW));
                users::insert(transaction, &due).await
            })
        })
        .await;
        assert_eq!(claim(&store, "there/0", NOW).await, [("u2".into(), false)]);
        // The leases go on for much longer.
        assert_eq!(claim(&store, "there/1", at(10)).await, []);

        let found = write(&store, |transaction| {
            Box::pin(async move {
                Ok((
                    delete_silent(transaction, at(10)).await?,
                    users::end_leases_of_the_gone(transaction, at(10)).await?,
                ))
            })
        });
        assert_eq!(found.await, (1, 1));
        assert_eq!(claim(&store, "there/1", at(10)).await, [("u1".into(), true)]);
        assert_eq!(count(&store, at(10)).await.unwrap(), 1);

        // Who comes back has lost what it had, also if nobody has noticed yet.
        let extended = write(&store, |transaction| {
            Box::pin(async move {
                insert(transaction, presence("late", at(11))).await?;
                Ok((
                    extend(transaction, "silent", at(12), at(22)).await?,
                    extend(transaction, "late", at(12), at(22)).await?,
                    extend(transaction, "there", at(12), at(22)).await?,
                ))
            })
        });
        assert_eq!(extended.await, (false, false, true));
        store.close().await;
    }

    #[tokio::test]
    async fn a_sign_of_life_that_arrives_late_takes_nothing_back() {
        let database = Database::new();
        let store = database.open().await;
        let alive = write(&store, |transaction| {
            Box::pin(async move {
                insert(transaction, presence("there", at(10))).await?;
                assert!(extend(transaction, "there", at(7), at(17)).await?);
                assert!(extend(transaction, "there", NOW, at(10)).await?);
                delete_silent(transaction, at(16)).await
            })
        });
        assert_eq!(alive.await, 0);
        assert_eq!(count(&store, at(16)).await.unwrap(), 1);
        store.close().await;
    }

    #[tokio::test]
    async fn one_administrator_has_the_turn_as_long_as_its_lease_stands() {
        let database = Database::new();
        let store = database.open().await;
        let taken = write(&store, |transaction| {
            Box::pin(async move {
                let lease = |owner: &str| Some(Lease { owner: owner.into(), until: at(120) });
                for id in ["u1", "u2"] {
                    let mut leaving = user(id, json!({ "userName": id }));
                    leaving.lease = lease(&format!("process/{id}"));
                    users::insert(transaction, &leaving).await?;
                }
                let mut taken = Vec::new();
                for id in ["u1", "u2", "u1"] {
                    let (owner, id) = (format!("process/{id}"), UserId::from(id));
                    taken.push(administrator_turns::take(transaction, "a", &id, &owner).await?);
                }
                // Another process has it now, and the one before is still in the middle.
                let mut leaving = user("u1", json!({ "userName": "u1" }));
                leaving.lease = lease("other/0");
                users::save(transaction, &leaving).await?;
                taken.push(administrator_turns::take(transaction, "a", &"u2".into(), "process/u2").await?);
                Ok(taken)
            })
        });
        assert_eq!(taken.await, [true, false, true, true]);
        store.close().await;
    }
}
