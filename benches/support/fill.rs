//! People in a database, without asking a service to create each.

use scim_bridge::{
    clock::Time,
    connector::{Lane, Observed},
    scim::{normalize, registry::Registry, resource::Resource},
    store::{
        Store, StoreError, User, UserId,
        users::{self, Answered, Ownership},
    },
};

use super::people::{body, id};

/// Adds people of the numbers up to `count`.
pub async fn people(store: &Store, app: &'static str, count: u64) {
    const STEP: usize = 1_000;
    let registry = Registry::default();
    for start in (0..count).step_by(STEP) {
        let people: Vec<User> = (start..count.min(start + STEP as u64))
            .map(|number| {
                let resource = normalize::create(registry.user(), body(number)).unwrap().resource;
                user(app, number, resource)
            })
            .collect();
        let inserted: Result<(), StoreError> = store
            .write(move |transaction| {
                Box::pin(async move {
                    for user in &people {
                        users::insert(transaction, user).await?;
                    }
                    Ok(())
                })
            })
            .await;
        inserted.unwrap();
    }
}

fn user(app: &str, number: u64, resource: Resource) -> User {
    let created_at = Time::from_micros(1_750_000_000_000_000 + i64::try_from(number).unwrap() * 1_000);
    User {
        id: UserId::from(id(number)),
        app: app.to_owned(),
        resource,
        ownership: Ownership::Created,
        version: 1,
        applied_version: 1,
        created_at,
        modified_at: created_at,
        deleted_at: None,
        account_key: None,
        observed: Observed::Unknown,
        out_of_sight: None,
        observed_at: None,
        answered: Answered::Yes,
        fallback: None,
        lane: Lane::Grant,
        due_at: None,
        attempts: 0,
        failure: None,
        held_at: None,
        lease: None,
        touched: 0,
        cause: None,
    }
}
