//! The whole conversations of Okta and Entra ID about a group that gives a role.

use scim_bridge::sim::aha::Role;
use serde_json::{Value, json};

use super::fixture::{expect_roles, setup, writes};
use crate::{groups::fixture::GROUP, harness::Bridge};

const ANN: &str = "ann.lee@example.com";
const BOB: &str = "bob.ray@example.com";

async fn people(bridge: &Bridge) -> [String; 2] {
    [bridge.create_user(ANN).await, bridge.create_user(BOB).await]
}

async fn expect_both<const N: usize, const M: usize>(
    bridge: &Bridge,
    ann: [(&'static str, Role); N],
    bob: [(&'static str, Role); M],
) {
    expect_roles(bridge, ANN, ann).await;
    expect_roles(bridge, BOB, bob).await;
}

#[tokio::test]
async fn entra_links_a_group_by_name_adds_removes_renames_and_deletes_ent_30_to_ent_39() {
    let bridge = setup().catalogue("catalogue = true").start().await;
    let [ann, bob] = people(&bridge).await;
    let prj1 = ("PRJ1", Role::Contributor);
    // It asks for the name first, and finds what is offered.
    let filter = "/Groups?excludedAttributes=members&filter=displayName+eq+%22PRJ1:+contributor%22";
    let found = bridge.get(filter).await;
    assert_eq!(found.body["totalResults"], 1, "{found}");
    let path = format!("/Groups/{}", found.body["Resources"][0]["id"].as_str().unwrap());
    let external_id = json!([{ "op": "Add", "path": "externalId", "value": "8aa1a0c0-c4c3" }]);
    bridge.patch(&path, external_id).await.no_content();
    let member = |id: &str| json!([{ "$ref": null, "value": id }]);
    for id in [&ann, &bob] {
        let add = json!([{ "op": "Add", "path": "members", "value": member(id) }]);
        bridge.patch(&path, add.clone()).await.no_content();
        bridge.patch(&path, add).await.no_content();
    }
    expect_both(&bridge, [prj1], [prj1]).await;
    bridge.calls();
    let without_flag = json!([{ "op": "Remove", "path": "members", "value": member(&ann) }]);
    bridge.patch(&path, without_flag).await.no_content();
    expect_both(&bridge, [], [prj1]).await;
    let with_flag = json!([{ "op": "remove", "path": format!("members[value eq \"{bob}\"]") }]);
    bridge.patch(&path, with_flag).await.no_content();
    expect_both(&bridge, [], []).await;
    assert_eq!(writes(&bridge).await.len(), 2, "one call for each who left");
    let both: Value = [&ann, &bob].iter().map(|id| json!({ "$ref": null, "value": id })).collect();
    bridge.patch(&path, json!([{ "op": "Add", "path": "members", "value": both }])).await.no_content();
    expect_both(&bridge, [prj1], [prj1]).await;
    let rename = json!([{ "op": "Replace", "path": "displayName", "value": "PRJ2: viewer" }]);
    // That name is offered already, and Entra reports the conflict.
    bridge.patch(&path, rename).await.error(409, "uniqueness");
    let rename = json!([{ "op": "Replace", "path": "displayName", "value": "Readers DE" }]);
    bridge.patch(&path, rename).await.no_content();
    expect_both(&bridge, [("PRJ2", Role::Viewer)], [("PRJ2", Role::Viewer)]).await;
    bridge.delete(&path).await.no_content();
    expect_both(&bridge, [], []).await;
    bridge.get(&path).await.error(404, "");
}

#[tokio::test]
async fn okta_pushes_a_group_with_put_okt_seq_8() {
    let bridge = setup().start().await;
    let [ann, bob] = people(&bridge).await;
    let members = |ids: &[&String]| -> Value {
        ids.iter().map(|id| json!({ "value": id, "display": "somebody@example.com" })).collect()
    };
    let body = json!({ "schemas": [GROUP], "displayName": "Aha PMs", "members": members(&[&ann]) });
    let created = bridge.post("/Groups", &body).await;
    assert_eq!(created.status, 201, "{created}");
    let path = format!("/Groups/{}", created.id());
    let prj1 = ("PRJ1", Role::Contributor);
    expect_both(&bridge, [prj1], []).await;
    bridge.calls();
    let put = |name: &str, ids: &[&String]| json!({ "schemas": [GROUP], "id": created.id(), "displayName": name, "members": members(ids) });
    assert_eq!(bridge.put(&path, &put("Aha PMs", &[&ann, &bob])).await.status, 200);
    expect_both(&bridge, [prj1], [prj1]).await;
    assert_eq!(writes(&bridge).await.len(), 1, "the whole list for one change is one call");
    assert_eq!(bridge.put(&path, &put("Aha Owners", &[&bob])).await.status, 200);
    expect_both(&bridge, [], [("PRJ1", Role::Owner), ("PRJ2", Role::Viewer)]).await;
    assert_eq!(bridge.put(&path, &put("Aha Owners", &[])).await.status, 200);
    expect_both(&bridge, [], []).await;
}

#[tokio::test]
async fn okta_pushes_a_group_with_patch_okt_seq_9_okt_12() {
    let bridge = setup().start().await;
    let [ann, bob] = people(&bridge).await;
    let body = json!({ "schemas": [GROUP], "displayName": "Aha PMs", "members": [] });
    let created = bridge.post("/Groups", &body).await;
    let path = format!("/Groups/{}", created.id());
    let prj1 = ("PRJ1", Role::Contributor);
    let rename = json!([{ "op": "replace", "value": { "id": created.id(), "displayName": "Aha PMs" } }]);
    bridge.patch(&path, rename).await.no_content();
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ann, "display": ANN }] }]);
    bridge.patch(&path, add).await.no_content();
    expect_both(&bridge, [prj1], []).await;
    let swap = json!([
        { "op": "remove", "path": format!("members[value eq \"{ann}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": bob, "display": BOB }] },
    ]);
    bridge.patch(&path, swap).await.no_content();
    expect_both(&bridge, [], [prj1]).await;
    let none = json!([{ "op": "replace", "path": "members", "value": [] }]);
    bridge.patch(&path, none).await.no_content();
    expect_both(&bridge, [], []).await;
    bridge.delete(&path).await.no_content();
}

/// Okta imports what is there, links one of the groups by its name, and pushes to it.
#[tokio::test]
async fn okta_imports_the_offered_groups_links_one_and_pushes_its_members_okt_14_okt_seq_9() {
    let bridge = setup().catalogue("").start().await;
    let [ann, bob] = people(&bridge).await;
    let mut imported = Vec::new();
    for start in [1, 6, 11] {
        let page = bridge.get(&format!("/Groups?startIndex={start}&count=5")).await;
        assert_eq!(page.body["totalResults"], 12, "{page}");
        for group in page.body["Resources"].as_array().unwrap() {
            assert_eq!(group["members"], json!([]), "{group}");
            imported.push((group["displayName"].clone(), group["id"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(imported.len(), 12);
    let (_, id) = imported.iter().find(|(name, _)| name == "PRJ2: contributor").unwrap();
    let path = format!("/Groups/{id}");
    bridge.calls();
    // A link renames to the name that is there, and then pushes the list.
    let rename = json!([{ "op": "replace", "value": { "id": id, "displayName": "PRJ2: contributor" } }]);
    bridge.patch(&path, rename).await.no_content();
    let members = json!([{ "value": ann, "display": ANN }, { "value": bob, "display": BOB }]);
    let push = json!([{ "op": "replace", "path": "members", "value": members }]);
    bridge.patch(&path, push.clone()).await.no_content();
    bridge.patch(&path, push).await.no_content();
    let prj2 = ("PRJ2", Role::Contributor);
    expect_both(&bridge, [prj2], [prj2]).await;
    assert_eq!(writes(&bridge).await.len(), 2, "one call for each, however often it is pushed");
    let read = bridge.get(&path).await;
    assert_eq!(read.body["members"].as_array().unwrap().len(), 2, "{read}");
    // Unlinking without deleting changes nothing; deleting takes the role.
    bridge.delete(&path).await.no_content();
    expect_both(&bridge, [], []).await;
}

/// Members that are not there, filters that fit nobody, and lists that name somebody twice.
#[tokio::test]
async fn rubbish_about_members_changes_nothing_and_is_told() {
    let bridge = setup().start().await;
    let [ann, bob] = people(&bridge).await;
    let body = json!({ "schemas": [GROUP], "displayName": "Aha PMs", "members": [{ "value": ann }] });
    let path = format!("/Groups/{}", bridge.post("/Groups", &body).await.id());
    let prj1 = ("PRJ1", Role::Contributor);
    expect_both(&bridge, [prj1], []).await;
    bridge.calls();
    let nobody = "0198c0de-0000-7000-8000-000000000000";
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": bob }, { "value": nobody }] }]);
    bridge.patch(&path, add).await.error(400, "invalidValue");
    for nothing in [
        json!([{ "op": "remove", "path": format!("members[value eq \"{nobody}\"]") }]),
        json!([{ "op": "Remove", "path": "members", "value": [{ "value": nobody }, { "value": bob }] }]),
        json!([{ "op": "add", "path": "members", "value": [{ "value": ann }, { "value": ann }] }]),
    ] {
        bridge.patch(&path, nothing).await.no_content();
    }
    bridge
        .patch(&path, json!([{ "op": "remove", "path": "members[value eq" }]))
        .await
        .error(400, "invalidFilter");
    assert_eq!(writes(&bridge).await, [""; 0]);
    expect_both(&bridge, [prj1], []).await;
    // What the filter says of the display name counts as well.
    let by_name =
        json!([{ "op": "remove", "path": format!("members[value eq \"{ann}\" or display eq \"x\"]") }]);
    bridge.patch(&path, by_name).await.no_content();
    expect_both(&bridge, [], []).await;
}
