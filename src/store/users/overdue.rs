//! Who still has the access that was taken away.

use sqlx::Row;

use crate::{
    clock::Time,
    store::{Store, StoreError},
};

/// Revocations that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// How many.
    pub users: u64,
    /// Since when the first of them was asked for.
    pub since: Time,
}

/// Revocations of access that were asked for before `before` and are not done, but for those that the brake holds. `None`: there
/// are none.
///
/// # Errors
/// When the database fails.
pub async fn find_overdue(store: &Store, app: &str, before: Time) -> Result<Option<Overdue>, StoreError> {
    // Whether it is the user that changed or a group that gave a right; when it is due moves with each attempt.
    let row = sqlx::query(
        "SELECT COUNT(*) AS users, MIN(COALESCE(asked_at, due_at)) AS since FROM users WHERE app = $1 AND lane = 0 \
         AND due_at IS NOT NULL AND held_at IS NULL AND COALESCE(asked_at, due_at) < $2",
    )
    .bind(app)
    .bind(before.as_micros())
    .fetch_one(store.reader())
    .await?;
    let Some(since) = row.try_get::<Option<i64>, _>("since")? else { return Ok(None) };
    let users = u64::try_from(row.try_get::<i64, _>("users")?).unwrap_or(0);
    Ok(Some(Overdue { users, since: Time::from_micros(since) }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        connector::{Lane, Observed},
        store::{
            User,
            fixture::{Database, user, write},
            users::{self, Touch},
        },
    };

    const NOW: Time = Time::from_micros(1_700_000_000_000_000);

    fn at(second: u64) -> Time {
        NOW + Duration::from_secs(second)
    }

    async fn save(store: &Store, user: &User) {
        let user = user.clone();
        write(store, move |transaction| Box::pin(async move { users::save(transaction, &user).await })).await;
    }

    async fn since(store: &Store) -> Option<Time> {
        let depth = users::depth(store, "a").await.unwrap();
        let overdue = find_overdue(store, "a", at(1000)).await.unwrap();
        let of_lane =
            depth.iter().find(|depth| depth.lane == Lane::Revoke).map(|depth| depth.oldest_asked_at);
        assert_eq!(of_lane, overdue.map(|overdue| overdue.since));
        of_lane
    }

    #[tokio::test]
    async fn work_is_as_old_as_its_place_in_its_lane() {
        let database = Database::new();
        let store = database.open().await;
        let mut leaver = user("u1", json!({ "userName": "u1" }));
        let first = leaver.clone();
        write(&store, move |transaction| Box::pin(async move { users::insert(transaction, &first).await }))
            .await;
        assert_eq!(since(&store).await, None);
        (leaver.lane, leaver.due_at) = (Lane::Revoke, Some(at(10)));
        save(&store, &leaver).await;
        // It is tried again and again, and the identity provider changes something else.
        for attempt in 1..5 {
            (leaver.due_at, leaver.modified_at) = (Some(at(10 + attempt * 20)), at(11));
            leaver.version += 1;
            save(&store, &leaver).await;
            assert_eq!(since(&store).await, Some(at(10)));
        }
        // Access comes back, and goes again.
        leaver.lane = Lane::Grant;
        save(&store, &leaver).await;
        assert_eq!(since(&store).await, None);
        (leaver.lane, leaver.due_at) = (Lane::Revoke, Some(at(200)));
        save(&store, &leaver).await;
        assert_eq!(since(&store).await, Some(at(200)));
        // A person looks at it first.
        leaver.held_at = Some(at(210));
        save(&store, &leaver).await;
        assert_eq!(since(&store).await, None);
        (leaver.held_at, leaver.due_at) = (None, Some(at(300)));
        save(&store, &leaver).await;
        assert_eq!(since(&store).await, Some(at(300)));
        // It is done, but for an earlier call in doubt.
        leaver.applied_version = leaver.version;
        leaver.observed =
            Observed::Suspected { email: "u1@example.com".into(), given: Box::default(), until: at(360) };
        leaver.due_at = Some(at(360));
        save(&store, &leaver).await;
        assert_eq!(since(&store).await, Some(at(360)));
        // It is done, and something else is wanted.
        leaver.observed = Observed::Absent;
        leaver.due_at = None;
        save(&store, &leaver).await;
        assert_eq!(since(&store).await, None);
        leaver.due_at = Some(at(400));
        save(&store, &leaver).await;
        assert_eq!(since(&store).await, Some(at(400)));
        store.close().await;
    }

    #[tokio::test]
    async fn who_loses_a_right_through_a_group_waits_since_then() {
        let database = Database::new();
        let store = database.open().await;
        let mut member = user("u1", json!({ "userName": "u1" }));
        let account = json!({
            "id": "1", "email": "u1@example.com", "name": "U", "enabled": true, "administrator": false,
        });
        member.observed = Observed::Present(serde_json::from_value(account).unwrap());
        write(&store, move |transaction| Box::pin(async move { users::insert(transaction, &member).await }))
            .await;
        for (second, lane, expected) in [
            (10, Lane::Change, None),
            (20, Lane::Revoke, Some(20)),
            (30, Lane::Revoke, Some(20)),
            (40, Lane::Change, Some(20)),
        ] {
            write(&store, move |transaction| {
                Box::pin(async move {
                    let touch = Touch { app: "a", lane, now: at(second), cause: None };
                    users::touch(transaction, touch, &["u1"]).await
                })
            })
            .await;
            assert_eq!(since(&store).await, expected.map(at), "{second}");
        }
        store.close().await;
    }
}
