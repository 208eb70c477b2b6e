//! Completes rows that an earlier version of the program wrote, with what follows from them. Done once, when the database is
//! opened, in steps, each a transaction, so that it goes on where it was when it is interrupted.

use sqlx::{AnyPool, Connection};

use super::{StoreError, groups, users};

/// How many rows are completed in one transaction.
const STEP: i64 = 500;

/// Completes all rows that need it.
///
/// # Errors
/// When the database fails.
pub(super) async fn rows(pool: &AnyPool) -> Result<(), StoreError> {
    loop {
        let mut connection = pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        let users = users::list_incomplete(&mut transaction, STEP).await?;
        for user in &users {
            users::save(&mut transaction, user).await?;
        }
        let groups = groups::list_incomplete(&mut transaction, STEP).await?;
        for group in &groups {
            groups::save(&mut transaction, group).await?;
        }
        transaction.commit().await?;
        if users.is_empty() && groups.is_empty() {
            return Ok(());
        }
        tracing::info!(
            users = users.len(),
            groups = groups.len(),
            "rows of an earlier version were completed"
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Group, GroupId, Store, User, UserId, groups, listing::Range, users};
    use super::*;
    use crate::{
        clock::Time,
        connector::{Lane, Observed},
        scim::resource::Resource,
    };

    fn user() -> User {
        let resource = json!({ "userName": "bob", "active": false, "emails": [{ "value": "Bob@x" }, { "value": "bob@X" }] });
        User {
            id: UserId::from("u1"),
            app: "a".into(),
            resource: serde_json::from_value::<Resource>(resource).unwrap(),
            ownership: users::Ownership::Created,
            version: 1,
            applied_version: 1,
            created_at: Time::default(),
            modified_at: Time::default(),
            deleted_at: None,
            account_key: None,
            observed: Observed::Unknown,
            observed_at: None,
            answered: users::Answered::Yes,
            fallback: None,
            lane: Lane::Grant,
            due_at: None,
            attempts: 0,
            failure: None,
            held_at: None,
            lease: None,
        }
    }

    fn group() -> Group {
        Group {
            id: GroupId::from("g1"),
            app: "a".into(),
            resource: serde_json::from_value(json!({ "displayName": "Staff" })).unwrap(),
            version: 1,
            created_at: Time::default(),
            modified_at: Time::default(),
        }
    }

    #[tokio::test]
    async fn rows_of_an_earlier_version_are_found_and_shown_as_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(&url).await.unwrap();
        let written: Result<(), StoreError> = store
            .write(|transaction| {
                Box::pin(async move {
                    users::insert(transaction, &user()).await?;
                    groups::insert(transaction, &group()).await?;
                    sqlx::query("UPDATE users SET fragment = '', shown_active = 1")
                        .execute(&mut *transaction)
                        .await?;
                    sqlx::query("UPDATE user_groups SET fragment = ''").execute(&mut *transaction).await?;
                    sqlx::query("DELETE FROM user_emails").execute(transaction).await?;
                    Ok(())
                })
            })
            .await;
        written.unwrap();
        store.close().await;
        drop(store);

        let store = Store::open(&url).await.unwrap();
        let range = Range { after: "", offset: 0, limit: 5 };
        for narrowing in [users::Narrowing::Active(false), users::Narrowing::Email("bob@x".into())] {
            let found = users::page(&store, "a", &narrowing, range).await.unwrap();
            assert_eq!(found.len(), 1, "{narrowing:?}");
            assert_eq!(found[0].fragment, user().fragment());
        }
        let found = groups::page(&store, "a", &groups::Narrowing::All, range).await.unwrap();
        assert_eq!(found[0].fragment, group().fragment());
        store.close().await;
    }
}
