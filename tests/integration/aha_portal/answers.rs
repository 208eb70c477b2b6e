//! Answers that tell less than the documents show.

use rstest::rstest;
use scim_bridge::sim::aha::Fault;
use serde_json::{Value, json};

use super::{CREATE, FIND, SAM, UPDATE, counts, expected, portal_user};
use crate::harness::{Setup, user};

/// The names that are desired are those that the portal tells, so what it does not tell must not count as told.
#[rstest]
#[case::a_deactivation(json!([{ "op": "replace", "path": "active", "value": false }]))]
#[case::a_first_name(json!([{ "op": "replace", "path": "name.givenName", "value": "Samuel" }]))]
#[case::both_names(json!([
    { "op": "replace", "path": "name.givenName", "value": "Samuel" },
    { "op": "replace", "path": "name.familyName", "value": "van der Berg" },
]))]
#[tokio::test]
async fn what_the_answer_to_a_change_leaves_out_is_as_it_was_sent(#[case] operations: Value) {
    let bridge = Setup::portal().start().await;
    let created = bridge.post("/Users", &user(SAM)).await;
    let account = portal_user(&bridge, SAM).unwrap();
    let little = json!({ "portal_user": { "id": account.id.to_string(), "email": account.email } });
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::json(200, &little).after_applying().on(UPDATE).always());
    let before = bridge.get(&created.path()).await.body;
    bridge.patch(&created.path(), operations).await.written(200);
    bridge.wait_until_idle().await;
    assert_eq!(counts(&bridge), expected([(UPDATE, 1)]));
    // And so it is the next time.
    bridge.put(&created.path(), &before).await.written(200);
    bridge.wait_until_idle().await;
    assert_eq!(counts(&bridge), expected([(UPDATE, 1)]));
    let account = portal_user(&bridge, SAM).unwrap();
    let names = (account.first_name.as_deref(), account.last_name.as_deref());
    assert_eq!((account.enabled, names), (true, (Some("sam"), Some("doe"))));
    assert_eq!(bridge.failure_of(&created.id()).await, None);
}

#[tokio::test]
async fn what_the_answer_to_a_create_leaves_out_is_as_it_was_sent() {
    let bridge = Setup::portal().start().await;
    let little = json!({ "portal_user": { "id": "4711", "email": SAM } });
    bridge.aha.fault(Fault::json(200, &little).after_applying().on(CREATE));
    bridge.post("/Users", &user(SAM)).await.written(201);
    bridge.wait_until_idle().await;
    assert_eq!(counts(&bridge), expected([(FIND, 1), (CREATE, 1)]));
}
