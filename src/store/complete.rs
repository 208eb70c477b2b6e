//! Completes rows that an earlier version of the program wrote, with what follows from them. Done once, when the database is
//! opened, in steps, each a transaction, so that it goes on where it was when it is interrupted.

use sqlx::{AnyPool, Connection};

use crate::scim::fold::fold;

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
        let mut users = users::list_incomplete(&mut transaction, STEP).await?;
        for user in &mut users {
            // What connectors make of an e-mail is folded, too; to fold it again is to fold the e-mail.
            user.account_key = user.account_key.as_deref().map(|key| fold(key).into_owned());
            users::save(&mut transaction, user).await?;
            if !users::has_own_name(&mut transaction, user).await? {
                warn_of_shared_name(&user.app, "User", user.id.as_str());
            }
        }
        let groups = groups::list_incomplete(&mut transaction, STEP).await?;
        for group in &groups {
            groups::save(&mut transaction, group).await?;
            if !groups::has_own_name(&mut transaction, group).await? {
                warn_of_shared_name(&group.app, "Group", group.id.as_str());
            }
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

/// An earlier version took two names for different ones. Both resources stay and can be changed; who looks for the name finds
/// the other one.
fn warn_of_shared_name(app: &str, resource_type: &str, id: &str) {
    tracing::warn!(
        app,
        scim.resource_type = resource_type,
        scim.id = id,
        "another resource has the same name, written with other characters: give one of them another name in the identity provider"
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{
        Store,
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

    /// What an earlier version, which only knew of lower case, made of names.
    async fn with_earlier_keys(store: &Store) {
        write(store, |transaction| {
            Box::pin(async move {
                for (id, name, email) in [
                    ("u1", "Straße", "Élodie@x"),
                    ("u2", "STRASSE", "strasse@x"),
                    ("u3", "E\u{301}lodie", "elodie@x"),
                ] {
                    let mut user = user(id, json!({ "userName": id, "emails": [{ "value": email }] }));
                    users::insert(transaction, &user).await?;
                    user.resource =
                        serde_json::from_value(json!({ "userName": name, "emails": [{ "value": email }] })).unwrap();
                    let resource = serde_json::to_string(&user.resource).unwrap();
                    let earlier = "UPDATE users SET resource = $2, user_name_key = $3, account_key = $4, fragment = '' WHERE id = $1";
                    sqlx::query(earlier)
                        .bind(id)
                        .bind(resource)
                        .bind(name.to_lowercase())
                        .bind(email.to_lowercase())
                        .execute(&mut *transaction)
                        .await?;
                }
                for (id, name) in [("g1", "ΟΔΟΣ"), ("g2", "οδοσ")] {
                    groups::insert(transaction, &group(id, id)).await?;
                    let resource = serde_json::to_string(&group(id, name).resource).unwrap();
                    let earlier = "UPDATE user_groups SET resource = $2, display_name_key = $3, fragment = '' WHERE id = $1";
                    sqlx::query(earlier)
                        .bind(id)
                        .bind(resource)
                        .bind(name.to_lowercase())
                        .execute(&mut *transaction)
                        .await?;
                }
                Ok(())
            })
        })
        .await;
    }

    #[tokio::test]
    async fn names_are_folded_anew_and_those_that_are_the_same_now_all_stay_and_can_be_changed_rfc_028() {
        let database = Database::new();
        let store = database.open().await;
        with_earlier_keys(&store).await;
        store.close().await;
        drop(store);

        let store = database.open().await;
        let range = Range { after: "", offset: 0, limit: 5 };
        let found = async |narrowing: users::Narrowing| {
            let page = users::page(&store, "a", &narrowing, range).await.unwrap();
            page.into_iter().map(|stored| stored.id).collect::<Vec<_>>()
        };
        assert_eq!(found(users::Narrowing::UserName("strasse".into())).await, ["u2"]);
        assert_eq!(found(users::Narrowing::UserName("\u{e9}lodie".into())).await, ["u3"]);
        assert_eq!(found(users::Narrowing::Email("\u{e9}lodie@x".into())).await, ["u1"]);
        assert_eq!(found(users::Narrowing::All).await, ["u1", "u2", "u3"]);
        let groups =
            groups::page(&store, "a", &groups::Narrowing::DisplayName("οδοσ".into()), range).await.unwrap();
        assert_eq!(groups.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["g2"]);

        // The one that is not found by its name still leaves, and takes another one.
        write(&store, |transaction| {
            Box::pin(async move {
                let mut user = users::get(transaction, "a", &"u1".into()).await?.unwrap();
                user.resource = user.resource.with_active(false);
                users::save(transaction, &user).await?;
                assert!(!users::has_own_name(transaction, &user).await?);
                user.resource = serde_json::from_value(json!({ "userName": "Weg" })).unwrap();
                users::save(transaction, &user).await?;
                assert!(users::has_own_name(transaction, &user).await?);
                let mut group = groups::get(transaction, "a", &"g1".into()).await?.unwrap();
                group.version += 1;
                groups::save(transaction, &group).await
            })
        })
        .await;
        assert_eq!(found(users::Narrowing::UserName("weg".into())).await, ["u1"]);
        store.close().await;
    }
}
