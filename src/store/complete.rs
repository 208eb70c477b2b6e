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

    use super::super::{
        fixture::{Database, group, user, write},
        groups,
        listing::Range,
        users,
    };

    #[tokio::test]
    async fn rows_of_an_earlier_version_are_found_and_shown_as_new_ones() {
        let database = Database::new();
        let store = database.open().await;
        let emails = json!([{ "value": "Bob@x" }, { "value": "bob@X" }]);
        let user = user("u1", json!({ "userName": "bob", "active": false, "emails": emails }));
        let group = group("g1", "Staff");
        let fragments = (user.fragment(), group.fragment());
        write(&store, |transaction| {
            Box::pin(async move {
                users::insert(transaction, &user).await?;
                groups::insert(transaction, &group).await?;
                sqlx::query("UPDATE users SET fragment = '', shown_active = 1")
                    .execute(&mut *transaction)
                    .await?;
                sqlx::query("UPDATE user_groups SET fragment = ''").execute(&mut *transaction).await?;
                sqlx::query("DELETE FROM user_emails").execute(transaction).await?;
                Ok(())
            })
        })
        .await;
        store.close().await;
        drop(store);

        let store = database.open().await;
        let range = Range { after: "", offset: 0, limit: 5 };
        for narrowing in [users::Narrowing::Active(false), users::Narrowing::Email("bob@x".into())] {
            let found = users::page(&store, "a", &narrowing, range).await.unwrap();
            assert_eq!(found.len(), 1, "{narrowing:?}");
            assert_eq!(found[0].fragment, fragments.0);
        }
        let found = groups::page(&store, "a", &groups::Narrowing::All, range).await.unwrap();
        assert_eq!(found[0].fragment, fragments.1);
        store.close().await;
    }
}
