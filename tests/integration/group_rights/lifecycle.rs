//! Rights of people who come, go and come back.

use scim_bridge::sim::aha::{Fault, Role};
use serde_json::json;

use super::fixture::{at_aha, create_group, expect_roles, rename, set_active, setup, value, writes};
use crate::{
    groups::fixture::groups_of,
    harness::{Setup, user},
};

const SAM: &str = "sam.doe@example.com";

/// Twenty groups of which each gives something.
async fn twenty_groups(bridge: &crate::harness::Bridge, user: &str) {
    for number in 0..19 {
        create_group(bridge, &format!("Readers {number}"), &[user]).await;
    }
    create_group(bridge, "Aha PMs", &[user]).await;
}

#[tokio::test]
async fn a_leaver_in_twenty_groups_is_one_call_and_comes_back_with_all_of_them() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    twenty_groups(&bridge, &sam).await;
    let both = [("PRJ1", Role::Contributor), ("PRJ2", Role::Viewer)];
    expect_roles(&bridge, SAM, both).await;
    bridge.calls();

    set_active(&bridge, &sam, false).await;
    assert_eq!(writes(&bridge).await, [r#"PUT /users/<sam.doe@example.com> {"user":{"enabled":false}}"#]);
    assert_eq!(groups_of(&bridge, &format!("/Users/{sam}")).await.len(), 20, "membership stays");
    expect_roles(&bridge, SAM, both).await;

    set_active(&bridge, &sam, true).await;
    assert_eq!(writes(&bridge).await, [r#"PUT /users/<sam.doe@example.com> {"user":{"enabled":true}}"#]);
    expect_roles(&bridge, SAM, both).await;
}

#[tokio::test]
async fn a_leaver_loses_the_roles_too_where_that_is_configured_and_gets_them_back() {
    let bridge = setup().app_keys("on_deactivate = 'disable_and_remove_roles'").start().await;
    let sam = bridge.create_user(SAM).await;
    twenty_groups(&bridge, &sam).await;
    bridge.wait_until_idle().await;
    bridge.calls();
    set_active(&bridge, &sam, false).await;
    let calls = writes(&bridge).await;
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(calls[0].ends_with(r#"{"user":{"enabled":false}}"#), "access first: {calls:?}");
    expect_roles(&bridge, SAM, []).await;
    set_active(&bridge, &sam, true).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor), ("PRJ2", Role::Viewer)]).await;
}

#[tokio::test]
async fn what_was_lost_while_disabled_is_gone_before_the_account_is_enabled() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Aha Owners", &[&sam]).await;
    bridge.wait_until_idle().await;
    set_active(&bridge, &sam, false).await;
    bridge.wait_until_idle().await;
    bridge.calls();
    bridge.delete(&group).await.no_content();
    assert_eq!(writes(&bridge).await.len(), 0, "a disabled account needs nothing");
    set_active(&bridge, &sam, true).await;
    let calls = writes(&bridge).await;
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(calls[..2].iter().all(|call| call.starts_with("DELETE ")), "{calls:?}");
    expect_roles(&bridge, SAM, []).await;
}

#[tokio::test]
async fn a_deleted_user_who_is_made_again_has_no_roles_of_the_groups_it_left() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "Aha PMs", &[&sam]).await;
    bridge.wait_until_idle().await;
    bridge.calls();
    bridge.delete(&format!("/Users/{sam}")).await.no_content();
    assert_eq!(writes(&bridge).await.len(), 1);
    let again = bridge.create_user(SAM).await;
    assert_ne!(again, sam);
    expect_roles(&bridge, SAM, []).await;
    assert!(at_aha(&bridge.aha, SAM).enabled);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_user_with_a_role_is_created_in_that_workspace() {
    let bridge = setup().start().await;
    let mut sent = user(SAM);
    sent["roles"] = value("PRJ3: contributor");
    assert_eq!(bridge.post("/Users", &sent).await.status, 201);
    let prj3 = bridge.aha.find_workspace("PRJ3").unwrap();
    let calls = writes(&bridge).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].starts_with(&format!("POST /products/{prj3}/users")), "{calls:?}");
    expect_roles(&bridge, SAM, [("PRJ3", Role::Contributor)]).await;
    assert_eq!(at_aha(&bridge.aha, SAM).roles.len(), 1, "and in no other workspace");
}

#[tokio::test]
async fn a_user_who_waits_to_be_created_joins_the_workspace_of_its_group() {
    let bridge = setup().app_keys("confirm_within = '0s'").start().await;
    bridge.aha.fault(Fault::html(503).on("GET /users?email").times(1));
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.status, 201, "{created}");
    create_group(&bridge, "PRJ2: owner", &[&created.id()]).await;
    bridge.wait_until_idle().await;
    assert_eq!(at_aha(&bridge.aha, SAM).roles.values().copied().collect::<Vec<_>>(), [Role::Owner]);
}

/// Entra ID and Okta may push somebody who is not active yet, who then is in a group before there is an account.
#[tokio::test]
async fn a_member_of_a_group_who_has_no_account_yet_is_created_in_its_workspace_with_its_role() {
    let bridge = setup().start().await;
    let mut sent = user(SAM);
    sent["active"] = json!(false);
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.status, 201, "{created}");
    create_group(&bridge, "PRJ2: reviewer", &[&created.id()]).await;
    assert_eq!(writes(&bridge).await, [""; 0]);
    set_active(&bridge, &created.id(), true).await;
    let calls = writes(&bridge).await;
    let prj2 = bridge.aha.find_workspace("PRJ2").unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].starts_with(&format!("POST /products/{prj2}/users")), "{calls:?}");
    assert!(calls[0].contains(r#""role":"reviewer""#), "{calls:?}");
    expect_roles(&bridge, SAM, [("PRJ2", Role::Reviewer)]).await;
    assert_eq!(at_aha(&bridge.aha, SAM).roles.len(), 1, "and in no other workspace");
}

/// One request makes the person and the group.
#[tokio::test]
async fn who_is_made_in_bulk_together_with_a_group_has_its_role_and_one_invitation() {
    let bridge = setup().start().await;
    let operations = json!([
        { "method": "POST", "path": "/Users", "bulkId": "sam", "data": user(SAM) },
        { "method": "POST", "path": "/Groups", "bulkId": "group",
          "data": { "displayName": "PRJ2: reviewer", "members": [{ "value": "bulkId:sam" }] } },
    ]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let answer = bridge.post("/Bulk", &json!({ "schemas": schemas, "Operations": operations })).await;
    assert_eq!(answer.status, 200, "{answer}");
    expect_roles(&bridge, SAM, [("PRJ2", Role::Reviewer)]).await;
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn the_default_role_comes_back_when_a_group_does_not_give_more_any_more() {
    let bridge = Setup::aha().app_keys("default_role = 'viewer'").catalogue("catalogue = true").start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "PRJ1: owner", &[&sam]).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Owner)]).await;
    bridge.delete(&group).await.no_content();
    expect_roles(&bridge, SAM, [("PRJ1", Role::Viewer)]).await;
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_gave_the_role_all_the_same() {
    let bridge = setup().app_keys("request_timeout = '200ms'").start().await;
    bridge.aha.fault(Fault::drop_connection().after_applying().on("POST /products/:id/users"));
    let mut sent = user(SAM);
    sent["roles"] = value("PRJ3: contributor");
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.status, 201, "{created}");
    expect_roles(&bridge, SAM, [("PRJ3", Role::Contributor)]).await;
    let remove = json!([{ "op": "remove", "path": "roles" }]);
    bridge.patch(&created.path(), remove).await.written(200);
    expect_roles(&bridge, SAM, []).await;
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_rename_takes_what_the_old_name_gave_and_gives_what_the_new_one_does() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Staff", &[&sam]).await;
    for (name, roles) in [
        ("Aha PMs", vec![("PRJ1", Role::Contributor)]),
        ("PRJ3: reviewer", vec![("PRJ3", Role::Reviewer)]),
        ("Readers of all", vec![("PRJ2", Role::Viewer)]),
        ("Staff", vec![]),
    ] {
        rename(&bridge, &group, name).await;
        bridge.wait_until_idle().await;
        assert_eq!(super::fixture::roles(&bridge, SAM), roles.into_iter().collect(), "{name}");
    }
}
