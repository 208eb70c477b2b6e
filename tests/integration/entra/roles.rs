//! App roles, which Entra ID maps to `roles` in three ways.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Bridge, Setup, user};

async fn user_with_roles(bridge: &Bridge, roles: Value) -> crate::harness::Answer {
    let mut sent = user("sam.doe@example.com");
    sent["roles"] = roles;
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.status, 201, "{created}");
    created
}

#[rstest]
#[case::text("Replace", "roles[primary eq \"True\"].value")]
#[case::lower_case_text("replace", "roles[primary eq \"true\"].value")]
#[case::boolean("replace", "roles[primary eq true].value")]
#[case::added("Add", "roles[primary eq \"True\"].value")]
#[tokio::test]
async fn a_single_role_is_found_by_primary_as_text_or_boolean_ent_28(#[case] op: &str, #[case] path: &str) {
    let bridge = Setup::aha().start().await;
    let admin = json!({ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin" });
    let created = user_with_roles(&bridge, json!([admin])).await;
    assert_eq!(created.written(201)["roles"], json!([admin]));
    let patched = bridge.patch(&created.path(), json!([{ "op": op, "path": path, "value": "User" }])).await;
    let expected = json!([{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "User" }]);
    assert_eq!(patched.written(200)["roles"], expected);
    let more = json!([
        { "op": op, "path": path.replace(".value", ".display"), "value": "A user" },
        { "op": op, "path": path.replace(".value", ".type"), "value": "X" },
    ]);
    let patched = bridge.patch(&created.path(), more).await;
    let expected = json!([{ "primary": true, "type": "X", "value": "User", "display": "A user" }]);
    assert_eq!(patched.written(200)["roles"], expected);
    let found = bridge.filter("/Users", "roles[primary eq \"True\"].value eq \"User\"").await;
    assert_eq!(found.only(), &patched.body);
}

#[tokio::test]
async fn a_single_role_is_made_where_there_is_none_ent_28_ent_18() {
    let bridge = Setup::aha().start().await;
    let created = user_with_roles(&bridge, json!([])).await;
    let set = json!([{ "op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin" }]);
    let patched = bridge.patch(&created.path(), set).await;
    assert_eq!(patched.written(200)["roles"], json!([{ "primary": true, "value": "Admin" }]));
}

#[tokio::test]
async fn several_roles_are_kept_and_text_that_looks_like_json_stays_text_ent_29() {
    let bridge = Setup::aha().start().await;
    let role =
        |name: &str| json!({ "primary": false, "type": "WindowsAzureActiveDirectoryRole", "value": name });
    let mut sent = [role("Admin"), role("User")];
    for role in &mut sent {
        role["displayName"] = role["value"].clone();
    }
    let created = user_with_roles(&bridge, json!(sent)).await;
    // `displayName` is no part of a role; `display` is.
    assert_eq!(created.written(201)["roles"], json!([role("Admin"), role("User")]));
    let text =
        "{\"id\":\"06b07648-ecfe-589f-9d2f-6325724a46ee\",\"value\":\"Admin\",\"displayName\":\"Admin\"}";
    let add = json!([{ "op": "Add", "path": "roles", "value": [{ "value": text }] }]);
    let patched = bridge.patch(&created.path(), add.clone()).await;
    assert_eq!(patched.written(200)["roles"], json!([role("Admin"), role("User"), { "value": text }]));
    let again = bridge.patch(&created.path(), add).await;
    assert_eq!(again.body, patched.body);
    // The assertive kind sends the whole list.
    let replace = json!([{ "op": "replace", "path": "roles", "value": [{ "value": text }] }]);
    let patched = bridge.patch(&created.path(), replace).await;
    assert_eq!(patched.written(200)["roles"], json!([{ "value": text }]));
    let cleared = bridge.patch(&created.path(), json!([{ "op": "Remove", "path": "roles" }])).await;
    assert_eq!(cleared.written(200), user("sam.doe@example.com"));
}
