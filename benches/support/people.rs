//! People, as Entra ID describes them.

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
