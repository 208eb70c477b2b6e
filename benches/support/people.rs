//! People, as Entra ID describes them.

use scim_bridge::{
    clock::Time,
    connector::{Lane, Observed},
    scim::{normalize, registry::Registry},
    store::{
        Store, StoreError, User, UserId,
        users::{self, Answered, Ownership},
    },
};
use serde_json::{Value, json};

/// The id of the person of that number: they sort as the numbers do.
pub fn id(number: u64) -> String {
    format!("01980000-0000-7000-8000-{number:012}")
}

/// Its e-mail address, which is also its `userName`.
pub fn email(number: u64) -> String {
    format!("given{number}.family{}@example.com", number.wrapping_mul(7_919) % 1_000)
}

/// The body of a create.
pub fn body(number: u64) -> Value {
    let (given, family) = (format!("Given{number}"), format!("Family{}", number.wrapping_mul(7_919) % 1_000));
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "userName": email(number),
        "externalId": format!("8aa1a0c0-c4c3-4bc0-b4a5-{number:012}"),
        "displayName": format!("{given} {family}"),
        "name": { "givenName": given, "familyName": family, "formatted": format!("{given} {family}") },
        "title": format!("Engineer {}", number % 20),
        "emails": [{ "primary": true, "type": "work", "value": email(number) }],
        "phoneNumbers": [{ "type": "work", "value": format!("+49 30 {number:08}") }],
        "active": true,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": format!("Department {}", number % 30),
            "employeeNumber": number.to_string(),
            "manager": { "value": id(number / 10) },
        },
    })
}

/// Adds people of the numbers up to `count`.
pub async fn fill(store: &Store, app: &'static str, count: u64) {
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

fn user(app: &str, number: u64, resource: scim_bridge::scim::resource::Resource) -> User {
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
        observed_at: None,
        answered: Answered::Yes,
        fallback: None,
        lane: Lane::Grant,
        due_at: None,
        attempts: 0,
        failure: None,
        lease: None,
    }
}
