//! Whole conversations about groups, as Okta and Entra ID hold them: on a target that accepts everything and on Aha!, where
//! a group by itself costs no call.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Bridge, Setup};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

async fn total(bridge: &Bridge, path: &str) -> Value {
    let answer = bridge.get(path).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert!(answer.body["Resources"].is_array(), "{answer}");
    answer.body["totalResults"].clone()
}

fn ids(answer: &crate::harness::Answer) -> Vec<&str> {
    answer.body["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["value"].as_str().unwrap())
        .collect()
}

/// As captured from a custom Okta app: look up, create with members, read, write the whole.
#[rstest]
#[case::memory(Setup::memory())]
#[case::aha(Setup::aha())]
#[tokio::test]
async fn okta_pushes_a_group_with_put_okt_seq_8_okt_14(#[case] setup: Setup) {
    let bridge = setup.start().await;
    let ann = bridge.create_user("ann.lee@example.com").await;
    let bob = bridge.create_user("bob.ray@example.com").await;
    bridge.aha.take_calls();
    let lookup = "/Groups?filter=displayName%20eq%20%22Engineers%22&startIndex=1&count=100";
    assert_eq!(total(&bridge, lookup).await, 0);
    let members = |ids: &[&str]| -> Value {
        ids.iter().map(|id| json!({ "value": id, "display": "somebody@example.com" })).collect()
    };
    let body = json!({ "schemas": [GROUP], "displayName": "Engineers", "members": members(&[&ann]) });
    let created = bridge.post("/Groups", &body).await;
    assert_eq!(created.status, 201, "{created}");
    let path = format!("/Groups/{}", created.id());
    let read = bridge.get(&path).await;
    assert_eq!((read.status, ids(&read)), (200, vec![ann.as_str()]));
    for (name, wanted) in
        [("Engineers", vec![ann.as_str(), &bob]), ("Builders", vec![&bob]), ("Builders", vec![])]
    {
        let body = json!({
            "schemas": [GROUP], "id": created.id(), "displayName": name, "members": members(&wanted),
        });
        let put = bridge.put(&path, &body).await;
        assert_eq!((put.status, &put.body["displayName"]), (200, &json!(name)));
        let read = bridge.get(&path).await;
        assert_eq!((ids(&read), &read.body), (wanted, &put.body));
    }
    assert_eq!(total(&bridge, lookup).await, 0);
    assert_eq!(bridge.aha.take_calls().lines(), [""; 0], "groups alone cost no call");
}

/// An app of Okta's network: create empty, rename always, then members.
#[rstest]
#[case::memory(Setup::memory())]
#[case::aha(Setup::aha())]
#[tokio::test]
async fn okta_pushes_a_group_with_patch_okt_seq_9(#[case] setup: Setup) {
    let bridge = setup.start().await;
    let ann = bridge.create_user("ann.lee@example.com").await;
    let bob = bridge.create_user("bob.ray@example.com").await;
    let created = bridge
        .post("/Groups", &json!({ "schemas": [GROUP], "displayName": "Test SCIMv2", "members": [] }))
        .await;
    let path = format!("/Groups/{}", created.id());
    let rename = json!([{ "op": "replace", "value": { "id": created.id(), "displayName": "Test SCIMv2" } }]);
    assert_eq!(bridge.patch(&path, rename).await.status, 204);
    assert_eq!(bridge.get(&path).await.body["meta"], created.body["meta"], "nothing changed");
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ann, "display": "ann.lee@example.com" }] }]);
    assert_eq!(bridge.patch(&path, add).await.status, 204);
    let swap = json!([
        { "op": "remove", "path": format!("members[value eq \"{ann}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": bob, "display": "bob.ray@example.com" }] },
    ]);
    assert_eq!(bridge.patch(&path, swap).await.status, 204);
    assert_eq!(ids(&bridge.get(&path).await), [&bob]);
    // Push Now: the whole list again, also an empty one (C9316).
    for members in [json!([{ "value": ann }, { "value": bob }]), json!([])] {
        let replace = json!([{ "op": "replace", "path": "members", "value": members }]);
        assert_eq!(bridge.patch(&path, replace).await.status, 204);
        assert_eq!(
            bridge.get(&path).await.body["members"].as_array().unwrap().len(),
            members.as_array().unwrap().len()
        );
    }
}

#[rstest]
#[case::memory(Setup::memory())]
#[case::aha(Setup::aha())]
#[tokio::test]
async fn okta_unlinks_and_deletes_a_group_and_its_people_stay_okt_seq_10(#[case] setup: Setup) {
    let bridge = setup.start().await;
    let ann = bridge.create_user("ann.lee@example.com").await;
    let body = json!({ "schemas": [GROUP], "displayName": "G", "members": [{ "value": ann }] });
    let path = format!("/Groups/{}", bridge.post("/Groups", &body).await.id());
    bridge.aha.take_calls();
    assert_eq!(bridge.delete(&path).await.status, 204);
    bridge.get(&path).await.error(404, "");
    let ann = bridge.get(&format!("/Users/{ann}")).await;
    assert_eq!((&ann.body["active"], ann.body.get("groups")), (&json!(true), None));
    assert_eq!(bridge.aha.take_calls().lines(), [""; 0], "nobody's access changes");
}

/// Entra ID: probe, create without members, members in later PATCHes, a group out of scope is deleted.
#[rstest]
#[case::memory(Setup::memory())]
#[case::aha(Setup::aha())]
#[tokio::test]
async fn entra_provisions_a_group_references_last_ent_seq_5_ent_seq_10(#[case] setup: Setup) {
    let bridge = setup.start().await;
    let probe = "/Groups?excludedAttributes=members&filter=displayName%20eq%20%2284d5e7f0-2f0c-4f3c-a8a5-1d1d3b2c7b11%22";
    assert_eq!(total(&bridge, probe).await, 0);
    let by_name = "/Groups?excludedAttributes=members&filter=displayName%20eq%20%22Sales%22";
    assert_eq!(total(&bridge, by_name).await, 0);
    let group = bridge
        .post("/Groups", &json!({
            "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "displayName": "Sales",
            "meta": { "resourceType": "Group" },
        }))
        .await;
    assert_eq!(group.status, 201, "{group}");
    let path = format!("/Groups/{}", group.id());
    let ann = bridge.create_user("ann.lee@example.com").await;
    let bob = bridge.create_user("bob.ray@example.com").await;
    let read = bridge.get(&format!("{path}?excludedAttributes=members")).await;
    assert_eq!((read.status, read.body.get("members")), (200, None));
    let add = json!([{ "op": "Add", "path": "members", "value": [
        { "$ref": null, "value": ann }, { "$ref": null, "value": bob }] }]);
    assert_eq!(bridge.patch(&path, add.clone()).await.status, 204);
    assert_eq!(bridge.patch(&path, add).await.status, 204);
    assert_eq!(ids(&bridge.get(&path).await).len(), 2);
    let member = format!(
        "/Groups?filter=id%20eq%20%22{}%22%20and%20members%20eq%20%22{ann}%22&attributes=id",
        group.id()
    );
    assert_eq!(total(&bridge, &member).await, 1);
    let remove = json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": ann }] }]);
    assert_eq!(bridge.patch(&path, remove).await.status, 204);
    assert_eq!(ids(&bridge.get(&path).await), [&bob]);
    assert_eq!(total(&bridge, &member).await, 0);
    assert_eq!(bridge.delete(&path).await.status, 204);
    bridge.get(&path).await.error(404, "");
    assert_eq!(bridge.get(&format!("/Users/{bob}")).await.body["active"], true);
}

/// What a database keeps is there after a restart, with its members.
#[tokio::test]
async fn groups_survive_a_restart() {
    let mut bridge = Setup::memory().start().await;
    let ann = bridge.create_user("ann.lee@example.com").await;
    let body = json!({ "schemas": [GROUP], "displayName": "G", "members": [{ "value": ann }] });
    let created = bridge.post("/Groups", &body).await;
    let path = format!("/Groups/{}", created.id());
    bridge.restart().await;
    let read = bridge.get(&path).await;
    assert_eq!((read.status, ids(&read)), (200, vec![ann.as_str()]));
    assert_eq!(read.body["meta"]["version"], created.body["meta"]["version"]);
}
