//! Adding and removing members.

use rstest::rstest;
use serde_json::{Value, json};

use super::fixture::{GROUP, create_group, create_users, group, listed, members_of, sorted};
use crate::harness::{Bridge, Setup};

/// A group of the first two of three users, and the ids of all three.
async fn start() -> (Bridge, String, Vec<String>) {
    let bridge = Setup::memory().start().await;
    let mut users = create_users(&bridge, "u", 2).await;
    let mut named = crate::harness::user("u3@example.com");
    named["displayName"] = json!("Third");
    users.push(bridge.post("/Users", &named).await.id());
    let path = create_group(&bridge, "G", &[&users[0], &users[1]]).await;
    (bridge, path, users)
}

/// Writes the ids of the users into `{0}`, `{1}`, `{2}`.
fn filled(operations: &Value, users: &[String]) -> Value {
    let text = users
        .iter()
        .enumerate()
        .fold(operations.to_string(), |text, (number, id)| text.replace(&format!("{{{number}}}"), id));
    serde_json::from_str(&text).unwrap()
}

/// Each of these requests leaves the members with the given numbers (0 and 1 are there before).
#[rstest]
#[case::add_ent_35_val_24_q_53(json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "{2}" }] }]), &[0, 1, 2])]
#[case::add_with_display_null_q_52(json!([{ "op": "add", "path": "members", "value": [{ "value": "{2}", "display": null }] }]), &[0, 1, 2])]
#[case::add_one_object_rfc_091(json!([{ "op": "add", "path": "members", "value": { "value": "{2}" } }]), &[0, 1, 2])]
#[case::add_without_a_path(json!([{ "op": "add", "value": { "members": [{ "value": "{2}" }] } }]), &[0, 1, 2])]
#[case::add_in_another_case_q_37(json!([{ "op": "ADD", "path": "Members", "value": [{ "VALUE": "{2}" }] }]), &[0, 1, 2])]
#[case::add_with_the_urn(json!([{ "op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": [{ "value": "{2}" }] }]), &[0, 1, 2])]
#[case::add_who_is_there_q_49_ent_35(json!([{ "op": "add", "path": "members", "value": [{ "value": "{1}" }] }]), &[0, 1])]
#[case::add_one_twice_q_49(json!([{ "op": "add", "path": "members", "value": [{ "value": "{2}" }, { "value": "{2}" }] }]), &[0, 1, 2])]
#[case::several_operations_ent_35_q_54(json!([
    { "op": "Remove", "path": "members", "value": [{ "value": "{0}" }] },
    { "op": "Add", "path": "members", "value": [{ "value": "{2}" }] }]), &[1, 2])]
#[case::remove_listed_ent_36_c_2_q_43(json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "{0}" }] }]), &[1])]
#[case::remove_two_listed_c_2(json!([{ "op": "Remove", "path": "members", "value": [{ "value": "{0}" }, { "value": "{1}" }] }]), &[])]
#[case::remove_one_object(json!([{ "op": "Remove", "path": "members", "value": { "value": "{0}" } }]), &[1])]
#[case::remove_by_filter_ent_37_val_25(json!([{ "op": "remove", "path": "members[value eq \"{0}\"]" }]), &[1])]
#[case::remove_by_filter_with_value_authentik_q_44(json!([{ "op": "remove", "path": "members[value eq \"{0}\"]", "value": [{ "value": "{0}" }] }]), &[1])]
#[case::remove_a_non_member_q_50_ent_37(json!([{ "op": "remove", "path": "members[value eq \"{2}\"]" }]), &[0, 1])]
#[case::remove_nobody_q_50(json!([{ "op": "remove", "path": "members[value eq \"nobody\"]" }]), &[0, 1])]
#[case::remove_a_listed_non_member_q_50(json!([{ "op": "remove", "path": "members", "value": [{ "value": "{2}" }] }]), &[0, 1])]
#[case::remove_all_ent_38(json!([{ "op": "Remove", "path": "members" }]), &[])]
#[case::remove_all_keycloak(json!([{ "op": "remove", "path": "members", "value": null }]), &[])]
#[case::remove_by_type(json!([{ "op": "remove", "path": "members[type eq \"Group\"]" }]), &[0, 1])]
#[case::remove_by_display(json!([
    { "op": "add", "path": "members", "value": [{ "value": "{2}" }] },
    { "op": "remove", "path": "members[display eq \"third\"]" }]), &[0, 1])]
#[case::remove_by_two_tests(json!([{ "op": "remove", "path": "members[type eq \"User\" and value eq \"{1}\"]" }]), &[0])]
#[case::okta_swaps_okt_11(json!([
    { "op": "remove", "path": "members[value eq \"{0}\"]" },
    { "op": "add", "path": "members", "value": [{ "value": "{2}", "display": "b@x" }] }]), &[1, 2])]
#[case::replace_is_exact_okt_12_q_71(json!([{ "op": "replace", "path": "members", "value": [{ "value": "{2}" }, { "value": "{0}" }] }]), &[0, 2])]
#[case::replace_by_nothing_okt_12_q_48(json!([{ "op": "replace", "path": "members", "value": [] }]), &[])]
#[case::replace_without_a_path(json!([{ "op": "replace", "value": { "members": [{ "value": "{2}" }] } }]), &[2])]
#[case::add_and_remove_val_p7_q_54(json!([
    { "op": "add", "path": "members", "value": [{ "value": "{2}" }] },
    { "op": "remove", "path": "members[value eq \"{2}\"]" }]), &[0, 1])]
#[case::remove_and_add_q_54(json!([
    { "op": "remove", "path": "members[value eq \"{0}\"]" },
    { "op": "add", "path": "members", "value": [{ "value": "{0}" }] }]), &[0, 1])]
#[case::a_type_that_is_right_q_51(json!([{ "op": "add", "path": "members", "value": [{ "value": "{2}", "type": "user" }] }]), &[0, 1, 2])]
#[case::a_ref_that_is_told_rfc_020(json!([{ "op": "add", "path": "members", "value": [{ "value": "{2}", "$ref": "https://elsewhere.test/scim/Users/{2}" }] }]), &[0, 1, 2])]
#[tokio::test]
async fn a_patch_of_members_does_what_its_sender_means(#[case] operations: Value, #[case] left: &[usize]) {
    let (bridge, path, users) = start().await;
    let answer = bridge.patch(&path, filled(&operations, &users)).await;
    assert_eq!((answer.status, &answer.body), (204, &Value::Null));
    let expected = left.iter().map(|number| &users[*number]);
    assert_eq!(members_of(&bridge, &path).await, sorted(expected));
    // What changes nothing makes no new version.
    let version =
        if left == [0, 1] && operations.as_array().unwrap().len() == 1 { "W/\"1\"" } else { "W/\"2\"" };
    let read = bridge.get(&path).await;
    if operations.as_array().unwrap().len() == 1 {
        assert_eq!(read.body["meta"]["version"], version);
    }
}

/// None of these changes anything, and all say why.
#[rstest]
#[case::an_unknown_member_c_23_ent_40_q_63(json!([{ "op": "add", "path": "members", "value": [{ "value": "{2}" }, { "value": "nobody" }] }]), "invalidValue")]
#[case::an_unknown_member_in_a_replace_c_23(json!([{ "op": "replace", "path": "members", "value": [{ "value": "nobody" }] }]), "invalidValue")]
#[case::an_e_mail_is_no_id_q_75(json!([{ "op": "add", "path": "members", "value": [{ "value": "u3@example.com" }] }]), "invalidValue")]
#[case::remove_an_empty_list_c_2(json!([{ "op": "remove", "path": "members", "value": [] }]), "invalidValue")]
#[case::remove_what_names_nobody_c_2_q_43(json!([{ "op": "remove", "path": "members", "value": [{ "display": "u1" }] }]), "invalidValue")]
#[case::remove_a_text_c_2_q_43(json!([{ "op": "remove", "path": "members", "value": "u1" }]), "invalidValue")]
#[case::remove_an_empty_text_c_2(json!([{ "op": "remove", "path": "members", "value": "" }]), "invalidValue")]
#[case::remove_an_empty_object_c_2(json!([{ "op": "remove", "path": "members", "value": {} }]), "invalidValue")]
#[case::remove_null_in_a_list_c_2(json!([{ "op": "remove", "path": "members", "value": [null] }]), "invalidValue")]
#[case::remove_an_empty_value_c_2(json!([{ "op": "remove", "path": "members", "value": [{ "value": "" }] }]), "invalidValue")]
#[case::an_element_becomes_another_rfc_023(json!([{ "op": "replace", "path": "members[value eq \"{0}\"].value", "value": "{2}" }]), "mutability")]
#[case::an_element_becomes_a_group_rfc_023(json!([{ "op": "replace", "path": "members[value eq \"{0}\"].type", "value": "Group" }]), "mutability")]
#[case::an_element_points_elsewhere_rfc_023(json!([{ "op": "replace", "path": "members[value eq \"{0}\"].$ref", "value": "https://x.test/Users/1" }]), "mutability")]
#[case::a_whole_element_becomes_another_rfc_023(json!([{ "op": "replace", "path": "members[value eq \"{0}\"]", "value": { "value": "{2}" } }]), "mutability")]
#[case::the_values_of_all_rfc_023(json!([{ "op": "remove", "path": "members.value" }]), "mutability")]
#[case::nobody_there_is_replaced_c_3(json!([{ "op": "replace", "path": "members[value eq \"{2}\"].type", "value": "User" }]), "noTarget")]
#[case::a_display_is_the_servers(json!([{ "op": "replace", "path": "members[value eq \"{0}\"].display", "value": "x" }]), "mutability")]
#[case::a_type_that_is_wrong_q_51(json!([{ "op": "add", "path": "members", "value": [{ "value": "{2}", "type": "Group" }] }]), "invalidValue")]
#[case::a_type_that_is_wrong_of_a_member(json!([{ "op": "replace", "path": "members", "value": [{ "value": "{0}", "type": "Group" }] }]), "invalidValue")]
#[case::a_filter_that_is_wrong(json!([{ "op": "remove", "path": "members[value is \"{0}\"]" }]), "invalidFilter")]
#[case::an_index_rfc_108(json!([{ "op": "remove", "path": "members[0]" }]), "invalidPath")]
#[case::half_of_it_is_wrong_q_55(json!([
    { "op": "replace", "path": "displayName", "value": "Other" },
    { "op": "remove", "path": "members[value eq \"{0}\"]" },
    { "op": "add", "path": "members", "value": [{ "value": "nobody" }] }]), "invalidValue")]
#[case::the_name_is_taken_q_55(json!([
    { "op": "remove", "path": "members" },
    { "op": "replace", "path": "displayName", "value": "taken" }]), "uniqueness")]
#[case::itself(json!([{ "op": "add", "path": "members", "value": [{ "value": "{group}" }] }]), "invalidValue")]
#[tokio::test]
async fn a_patch_that_is_wrong_changes_nothing(#[case] operations: Value, #[case] scim_type: &str) {
    let (bridge, path, users) = start().await;
    create_group(&bridge, "Taken", &[]).await;
    let before = bridge.get(&path).await;
    let operations = filled(&operations, &users).to_string().replace("{group}", &before.id());
    let answer = bridge.patch(&path, serde_json::from_str(&operations).unwrap()).await;
    let status = if scim_type == "uniqueness" { 409 } else { 400 };
    let detail = answer.error(status, scim_type).to_owned();
    if operations.contains("nobody") {
        assert!(detail.contains("nobody"), "the member is named: {detail}");
    }
    assert_eq!(bridge.get(&path).await.body, before.body);
}

#[tokio::test]
async fn an_unknown_member_is_refused_by_post_and_put_too_c_23_ent_40_q_63() {
    let (bridge, path, users) = start().await;
    let before = bridge.get(&path).await;
    let detail = bridge.post("/Groups", &group("H", &["nobody"])).await.error(400, "invalidValue").to_owned();
    assert_eq!(detail, "There is no user or group with the id nobody that could be a member.");
    assert_eq!(bridge.filter("/Groups", "displayName eq \"H\"").await.body["totalResults"], 0);
    bridge.put(&path, &group("H", &[&users[2], "nobody"])).await.error(400, "invalidValue");
    assert_eq!(bridge.get(&path).await.body, before.body);
}

#[tokio::test]
async fn an_app_that_keeps_unknown_members_keeps_them_until_they_are_removed() {
    let bridge = Setup::memory().app_keys("unknown_members = 'keep'").start().await;
    let user = bridge.create_user("a@example.com").await;
    let path = create_group(&bridge, "G", &["nobody", &user]).await;
    let read = bridge.get(&path).await;
    let unknown = read.body["members"].as_array().unwrap().iter().find(|member| member["value"] == "nobody");
    let expected = json!({
        "value": "nobody", "$ref": format!("{}/Users/nobody", bridge.base_url()), "type": "User",
    });
    assert_eq!(unknown, Some(&expected));
    let patch = json!([{ "op": "remove", "path": "members[value eq \"nobody\"]" }]);
    assert_eq!(bridge.patch(&path, patch).await.status, 204);
    assert_eq!(members_of(&bridge, &path).await, [user.as_str()]);
    // No index takes ids of any length, and what one database takes the other one takes as well.
    let add =
        |length| json!([{ "op": "add", "path": "members", "value": [{ "value": "n".repeat(length) }] }]);
    bridge.patch(&path, add(1_025)).await.error(400, "invalidValue");
    assert_eq!(members_of(&bridge, &path).await, [user.as_str()]);
    assert_eq!(bridge.patch(&path, add(1_024)).await.status, 204);
    assert_eq!(members_of(&bridge, &path).await.len(), 2);
}

#[tokio::test]
async fn a_member_reads_with_its_url_its_type_and_its_name_q_75_q_51() {
    let bridge = Setup::memory().start().await;
    let mut body = crate::harness::user("ann.lee@example.com");
    body["displayName"] = json!("Ann Lee");
    let user = bridge.post("/Users", &body).await.id();
    let inner = create_group(&bridge, "Inner", &[]).await;
    let inner = inner.rsplit('/').next().unwrap();
    let path = create_group(&bridge, "Outer", &[&user, inner]).await;
    let base = bridge.base_url();
    let mut members = bridge.get(&path).await.body["members"].as_array().unwrap().clone();
    members.sort_by_key(|member| member["type"] == "User");
    assert_eq!(
        members,
        [
            json!({ "value": inner, "$ref": format!("{base}/Groups/{inner}"), "type": "Group", "display": "Inner" }),
            json!({ "value": user, "$ref": format!("{base}/Users/{user}"), "type": "User", "display": "Ann Lee" }),
        ]
    );
    let parts = bridge.get(&format!("{path}?attributes=members.value")).await;
    let only_value = |member: &Value| member.as_object().unwrap().keys().eq(["value"]);
    assert!(parts.body["members"].as_array().unwrap().iter().all(only_value), "{parts}");
}

#[tokio::test]
async fn members_of_another_app_cannot_join() {
    // The other app stands in the same database.
    let bridge = Setup::memory()
        .app_keys("[apps.other]\nconnector = 'memory'\ntokens = [{ name = 'other', token = 'other-token-0123456789abcdef0123456789' }]")
        .start()
        .await;
    let url = format!("{}/other/scim/v2/Users", bridge.root());
    let stranger: Value = reqwest::Client::new()
        .post(url)
        .bearer_auth("other-token-0123456789abcdef0123456789")
        .body(crate::harness::user("s@example.com").to_string())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let stranger = stranger["id"].as_str().unwrap();
    bridge.post("/Groups", &group("G", &[stranger])).await.error(400, "invalidValue");
    let path = create_group(&bridge, "G", &[]).await;
    let add = json!([{ "op": "add", "path": "members", "value": listed(&[stranger]) }]);
    bridge.patch(&path, add).await.error(400, "invalidValue");
}

#[tokio::test]
async fn a_group_made_before_its_members_gets_them_later_q_67_ent_seq_5() {
    let bridge = Setup::memory().start().await;
    let body = json!({ "schemas": [GROUP], "displayName": "G", "externalId": "E" });
    let group = bridge.post("/Groups", &body).await;
    let path = format!("/Groups/{}", group.id());
    let user = bridge.create_user("a@example.com").await;
    let add = json!([{ "op": "Add", "path": "members", "value": listed(&[&user]) }]);
    assert_eq!(bridge.patch(&path, add).await.status, 204);
    assert_eq!(members_of(&bridge, &path).await, [user]);
}
