//! `active`, in all its spellings.

use rstest::rstest;
use serde_json::{Value, json};

use super::{NO_CALLS, test_user, test_user_as_read};
use crate::harness::Setup;

#[rstest]
#[case::replace_text_ent_19_a_q_30(json!({ "op": "Replace", "path": "active", "value": "ACTIVE" }), true)]
#[case::replace_boolean_ent_19_b(json!({ "op": "Replace", "path": "active", "value": "ACTIVE" }), false)]
#[case::flag_ent_19_c(json!({ "op": "replace", "path": "active", "value": "ACTIVE" }), false)]
#[case::add_text_ent_19_d(json!({ "op": "Add", "path": "active", "value": "ACTIVE" }), true)]
#[case::without_path_q_31(json!({ "op": "replace", "value": { "active": "ACTIVE" } }), false)]
#[case::without_path_text_q_31(json!({ "op": "Replace", "value": { "Active": "ACTIVE" } }), true)]
#[tokio::test]
async fn a_user_is_disabled_and_enabled_with_one_call_each_ent_19_ent_20_ent_seq_7_ent_seq_8_q_10_q_78(
    #[case] operation: Value,
    #[case] as_text: bool,
) {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    bridge.calls();
    let with = |active: bool| {
        let value = match (as_text, active) {
            (true, true) => "\"True\"",
            (true, false) => "\"False\"",
            (false, true) => "true",
            (false, false) => "false",
        };
        let text = operation.to_string().replace("\"ACTIVE\"", value);
        json!([serde_json::from_str::<Value>(&text).unwrap()])
    };
    for active in [false, true, false] {
        let patched = bridge.patch(&created.path(), with(active)).await;
        let mut expected = test_user_as_read();
        expected["active"] = json!(active);
        assert_eq!(patched.written(200), expected);
        assert_eq!(
            bridge.calls(),
            [format!("PUT /users/<Test_User_11bb@testuser.com> {{\"user\":{{\"enabled\":{active}}}}}")]
        );
        // It stays visible, with its id, whatever `active` is.
        assert_eq!(bridge.get(&created.path()).await.body, patched.body);
        let found = bridge.filter("/Users", "userName eq \"test_user_00aa\"").await;
        assert_eq!(found.only(), &patched.body);
        let found = bridge.filter("/Users", &format!("active eq {active} and externalId pr")).await;
        assert_eq!(found.only(), &patched.body);
        assert_eq!(bridge.calls(), NO_CALLS);
    }
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn what_changes_while_a_user_is_disabled_is_sent_when_it_is_enabled_ent_20() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    let set = |path: &str, value: Value| json!([{ "op": "Replace", "path": path, "value": value }]);
    bridge.patch(&created.path(), set("active", json!("False"))).await.written(200);
    bridge.calls();
    let renamed = bridge.patch(&created.path(), set("name.familyName", json!("Jones"))).await;
    let mut expected = test_user_as_read();
    expected["active"] = json!(false);
    expected["name"]["familyName"] = json!("Jones");
    assert_eq!(renamed.written(200), expected);
    assert_eq!(bridge.calls(), NO_CALLS);
    let enabled = bridge.patch(&created.path(), set("active", json!("True"))).await;
    expected["active"] = json!(true);
    assert_eq!(enabled.written(200), expected);
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<Test_User_11bb@testuser.com> {\"user\":{\"last_name\":\"Jones\",\"enabled\":true}}"]
    );
}

#[tokio::test]
async fn a_user_that_is_created_inactive_gets_no_invitation_until_it_is_enabled() {
    let bridge = Setup::aha().start().await;
    let mut sent = test_user();
    sent["active"] = json!(false);
    let created = bridge.post("/Users", &sent).await;
    let mut expected = test_user_as_read();
    expected["active"] = json!(false);
    assert_eq!(created.written(201), expected);
    assert_eq!(bridge.calls(), ["GET /users?email=Test_User_11bb@testuser.com"]);
    assert_eq!(bridge.aha.invitations().len(), 0);
    let enable = json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    let enabled = bridge.patch(&created.path(), enable).await;
    assert_eq!(enabled.written(200), test_user_as_read());
    assert_eq!(
        bridge.aha.take_calls().counts().into_iter().collect::<Vec<_>>(),
        [("GET /users?email".to_owned(), 1), ("POST /products/:id/users".to_owned(), 1),]
    );
    assert_eq!(bridge.aha.invitations().len(), 1);
}
