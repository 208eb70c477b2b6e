//! What Microsoft's validation of gallery apps asks of a server directly.

use rstest::rstest;
use serde_json::{Map, Value, json};

use super::{ENTERPRISE, NO_CALLS, USER};
use crate::harness::{Setup, user};

#[tokio::test]
async fn every_mapped_attribute_is_listed_in_its_schema_lav_1() {
    let bridge = Setup::aha().start().await;
    let schemas = bridge.get("/Schemas").await;
    let listed = |urn: &str, path: &str| {
        let schema = schemas.list(3, 1).iter().find(|schema| schema["id"] == urn).expect("the schema");
        let mut attributes = &schema["attributes"];
        path.split('.').all(|name| {
            let found = attributes.as_array().into_iter().flatten().find(|known| known["name"] == name);
            attributes = found.map_or(&Value::Null, |found| &found["subAttributes"]);
            found.is_some()
        })
    };
    for path in [
        "userName",
        "active",
        "displayName",
        "title",
        "preferredLanguage",
        "externalId",
        "roles.value",
        "emails.value",
        "emails.type",
        "emails.primary",
        "name.givenName",
        "name.familyName",
        "name.formatted",
        "addresses.formatted",
        "addresses.streetAddress",
        "addresses.locality",
        "addresses.region",
        "addresses.postalCode",
        "addresses.country",
        "phoneNumbers.value",
        "phoneNumbers.type",
    ] {
        assert!(listed(USER, path), "{path}");
    }
    for path in ["employeeNumber", "department", "manager.value", "costCenter", "organization", "division"] {
        assert!(listed(ENTERPRISE, path), "{path}");
    }
    for path in ["displayName", "externalId", "members.value"] {
        assert!(listed("urn:ietf:params:scim:schemas:core:2.0:Group", path), "{path}");
    }
}

/// A user with all optional attributes.
fn full_user() -> Value {
    let mut full = user("sam.doe@example.com");
    full["schemas"] = json!([USER, ENTERPRISE]);
    for name in [
        "displayName",
        "nickName",
        "title",
        "userType",
        "preferredLanguage",
        "locale",
        "timezone",
        "profileUrl",
    ] {
        full[name] = json!("x");
    }
    full["name"] =
        json!({ "givenName": "Sam", "familyName": "Doe", "formatted": "Sam Doe", "middleName": "M" });
    full["addresses"] = json!([{ "type": "work", "formatted": "Building 18", "country": "US" }]);
    full["phoneNumbers"] = json!([{ "type": "mobile", "value": "555-0100" }]);
    full[ENTERPRISE] = json!({ "department": "Sales", "employeeNumber": "7", "manager": { "value": "1" } });
    full
}

const PLAIN: [&str; 13] = [
    "externalId",
    "displayName",
    "nickName",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "profileUrl",
    "name.givenName",
    "name.familyName",
    "name.formatted",
    "name.middleName",
];
const OF_ENTERPRISE: [&str; 3] = ["department", "employeeNumber", "manager"];
const FILTERED: [&str; 4] = [
    "emails[type eq \"work\"].value",
    "addresses[type eq \"work\"].formatted",
    "addresses[type eq \"work\"].country",
    "phoneNumbers[type eq \"mobile\"].value",
];

fn clearing(empty: &Value, verbose: bool) -> Value {
    let enterprise = OF_ENTERPRISE.map(|name| format!("{ENTERPRISE}:{name}"));
    let plain = PLAIN.map(str::to_owned).into_iter().chain(enterprise);
    let one = |path: String| json!({ "op": "replace", "path": path, "value": empty });
    let filtered = FILTERED.into_iter().map(|path| one(path.to_owned()));
    if verbose {
        plain.map(one).chain(filtered).collect()
    } else {
        let object: Map<_, _> = plain.map(|path| (path, empty.clone())).collect();
        std::iter::once(json!({ "op": "replace", "value": object })).chain(filtered).collect()
    }
}

#[rstest]
#[case::empty_text_one_by_one(json!(""), true)]
#[case::empty_text_at_once(json!(""), false)]
#[case::null_one_by_one(Value::Null, true)]
#[case::null_at_once(Value::Null, false)]
#[tokio::test]
async fn every_optional_attribute_can_be_cleared_lav_2_q_62(#[case] empty: Value, #[case] verbose: bool) {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &full_user()).await;
    assert_eq!(created.written(201), full_user());
    bridge.calls();
    let patched = bridge.patch(&created.path(), clearing(&empty, verbose)).await;
    let mut left = patched.written(200);
    // Elements without their value are not worth a difference: what counts is that no value is left.
    for name in ["emails", "addresses", "phoneNumbers"] {
        let elements = left.as_object_mut().unwrap().shift_remove(name).unwrap_or_default();
        let has_value =
            elements.as_array().into_iter().flatten().any(|element| {
                ["value", "formatted", "country"].iter().any(|name| element.get(name).is_some())
            });
        assert!(!has_value, "{name}: {elements}");
    }
    assert_eq!(left, json!({ "schemas": [USER], "userName": "sam.doe@example.com", "active": true }));
    // Aha! has a name and an e-mail in any case, and keeps what it has.
    assert_eq!(bridge.calls(), NO_CALLS);
    let again = bridge.patch(&created.path(), clearing(&empty, verbose)).await;
    assert_eq!(again.body, patched.body);
}

#[tokio::test]
async fn a_user_name_makes_the_round_trip_exactly_and_can_be_updated_lav_3_lav_4() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &user("Sam.DOE@Example.com")).await;
    assert_eq!(created.written(201)["userName"], "Sam.DOE@Example.com");
    let patch = json!([{ "op": "replace", "value": { "displayName": "Sam", "title": "Clerk" } }]);
    let patched = bridge.patch(&created.path(), patch).await;
    let mut expected = user("Sam.DOE@Example.com");
    expected["displayName"] = json!("Sam");
    expected["title"] = json!("Clerk");
    assert_eq!(patched.written(200), expected);
}

#[tokio::test]
async fn pages_start_where_they_were_asked_to_lav_9() {
    let bridge = Setup::aha().start().await;
    for number in 0..11 {
        bridge.create_user(&format!("user{number:02}@example.com")).await;
    }
    let mut names = Vec::new();
    for page in 0..3 {
        let start = page * 5 + 1;
        let answer = bridge.get(&format!("/Users?startIndex={start}&count=5")).await;
        let users = answer.list(12, start);
        assert_eq!(users.len(), if page == 2 { 2 } else { 5 });
        names.extend(users.iter().map(|user| user["userName"].as_str().unwrap().to_owned()));
    }
    let created = (0..11).map(|number| format!("user{number:02}@example.com"));
    let expected: Vec<_> = std::iter::once(crate::harness::ADMINISTRATOR.to_owned()).chain(created).collect();
    assert_eq!(names, expected);
}
