//! Managers, in all the forms in which Entra ID sends one.

use rstest::rstest;
use serde_json::{Value, json};

use super::{ENTERPRISE, NO_CALLS, USER};
use crate::harness::{Setup, user};

/// Puts the ids of the two bosses where `BOSS` and `OTHER` stand.
fn named(operation: &Value, boss: &str, other: &str) -> Value {
    let text = operation.to_string().replace("BOSS", boss).replace("OTHER", other);
    serde_json::from_str(&text).unwrap()
}

#[rstest]
#[case::bare_text_ent_22(json!({ "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "BOSS" }))]
#[case::object(json!({ "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": { "value": "BOSS" } }))]
#[case::array_of_one_ent_23_q_45(json!({
    "op": "Add", "path": "manager", "value": [{ "$ref": "http://bridge.test/scim/v2/Users/BOSS", "value": "BOSS" }],
}))]
#[case::part(json!({ "op": "Add", "path": format!("{ENTERPRISE}:manager.value"), "value": "BOSS" }))]
#[case::replace_ent_24(json!({ "op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": "BOSS" }))]
#[case::without_path(json!({ "op": "replace", "value": { format!("{ENTERPRISE}:manager"): "BOSS" } }))]
#[case::whole_extension(json!({ "op": "replace", "value": { ENTERPRISE: { "manager": { "value": "BOSS" } } } }))]
#[tokio::test]
async fn a_manager_is_set_in_any_form(#[case] operation: Value) {
    let bridge = Setup::aha().start().await;
    let boss = bridge.create_user("the.boss@example.com").await;
    let sam = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.calls();
    let patched = bridge.patch(&sam.path(), json!([named(&operation, &boss, "")])).await;
    let mut expected = user("sam.doe@example.com");
    expected["schemas"] = json!([USER, ENTERPRISE]);
    expected[ENTERPRISE] = json!({ "manager": { "value": boss } });
    let mut written = patched.written(200);
    let manager = written[ENTERPRISE]["manager"].as_object_mut().unwrap();
    let reference = manager.shift_remove("$ref");
    assert!(reference.is_none_or(|reference| reference.as_str().unwrap().ends_with(&boss)));
    assert_eq!(written, expected);
    // A manager is nothing that Aha! holds.
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[rstest]
#[case::bare_text(json!({ "op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": "OTHER" }))]
#[case::added(json!({ "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "OTHER" }))]
#[case::object(json!({ "op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": { "value": "OTHER" } }))]
#[case::array(json!({ "op": "Replace", "path": "manager", "value": [{ "value": "OTHER" }] }))]
#[tokio::test]
async fn a_manager_is_changed_in_any_form_ent_24(#[case] operation: Value) {
    let bridge = Setup::aha().start().await;
    let boss = bridge.create_user("the.boss@example.com").await;
    let other = bridge.create_user("other.boss@example.com").await;
    let mut sam = user("sam.doe@example.com");
    sam[ENTERPRISE] = json!({ "department": "Sales", "manager": { "value": boss } });
    let sam = bridge.post("/Users", &sam).await;
    let patched = bridge.patch(&sam.path(), json!([named(&operation, &boss, &other)])).await;
    let expected = json!({ "department": "Sales", "manager": { "value": other } });
    assert_eq!(patched.written(200)[ENTERPRISE], expected);
}

#[rstest]
#[case::empty_text(json!({ "op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": "" }))]
#[case::empty_value(json!({ "op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": { "value": "" } }))]
#[case::null(json!({ "op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": null }))]
#[case::remove(json!({ "op": "Remove", "path": format!("{ENTERPRISE}:manager") }))]
#[case::remove_unqualified(json!({ "op": "Remove", "path": "manager" }))]
#[tokio::test]
async fn a_manager_is_taken_away_in_any_form_ent_24_q_45(#[case] operation: Value) {
    let bridge = Setup::aha().start().await;
    let boss = bridge.create_user("the.boss@example.com").await;
    let mut with_more = user("sam.doe@example.com");
    with_more[ENTERPRISE] = json!({ "department": "Sales", "manager": { "value": boss } });
    let mut alone = user("kim.lee@example.com");
    alone[ENTERPRISE] = json!({ "manager": { "value": boss } });
    let with_more = bridge.post("/Users", &with_more).await;
    let alone = bridge.post("/Users", &alone).await;
    let patched = bridge.patch(&with_more.path(), json!([operation])).await;
    assert_eq!(patched.written(200)[ENTERPRISE], json!({ "department": "Sales" }));
    let patched = bridge.patch(&alone.path(), json!([operation])).await;
    assert_eq!(patched.written(200), user("kim.lee@example.com"));
}

#[tokio::test]
async fn a_manager_who_is_not_there_is_accepted_c_5() {
    let bridge = Setup::aha().start().await;
    let sam = bridge.post("/Users", &user("sam.doe@example.com")).await;
    let set =
        json!([{ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": { "value": "random" } }]);
    let patched = bridge.patch(&sam.path(), set).await;
    assert_eq!(patched.written(200)[ENTERPRISE], json!({ "manager": { "value": "random" } }));
}
