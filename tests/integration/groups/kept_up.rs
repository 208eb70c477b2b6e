//! `User.groups` and `members.display` follow what happens elsewhere (RFC 7643 §4.1.2; `RFC-022`).

use serde_json::json;

use super::fixture::{create_group, create_users, groups_of, members_of};
use crate::harness::{Setup, user};

async fn display_of_first(bridge: &crate::harness::Bridge, path: &str) -> String {
    bridge.get(path).await.body["members"][0]["display"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_users_groups_follow_members_and_names_rfc_022() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("a@example.com").await;
    let user_path = format!("/Users/{id}");
    assert!(groups_of(&bridge, &user_path).await.is_empty());
    let first = create_group(&bridge, "First", &[&id]).await;
    let second = create_group(&bridge, "Second", &[]).await;
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
    assert_eq!(bridge.patch(&second, add).await.status, 204);
    let shown = bridge.get(&user_path).await.body["groups"].clone();
    let entry = |path: &str, name: &str| {
        let (base, group) = (bridge.base_url(), path.rsplit('/').next().unwrap().to_owned());
        json!({ "value": group, "$ref": format!("{base}{path}"), "display": name, "type": "direct" })
    };
    assert_eq!(shown, json!([entry(&first, "First"), entry(&second, "Second")]));
    // In a list and by filter too.
    let found = bridge.filter("/Users", "groups.display eq \"second\"").await;
    assert_eq!((&found.body["totalResults"], &found.body["Resources"][0]["groups"]), (&json!(1), &shown));
    assert_eq!(bridge.get("/Users").await.body["Resources"][0]["groups"], shown);

    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Renamed" }]);
    assert_eq!(bridge.patch(&first, rename).await.status, 204);
    assert_eq!(groups_of(&bridge, &user_path).await, ["Renamed", "Second"]);
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
    assert_eq!(bridge.patch(&first, remove).await.status, 204);
    assert_eq!(groups_of(&bridge, &user_path).await, ["Second"]);
    assert_eq!(bridge.delete(&second).await.status, 204);
    assert_eq!(bridge.get(&user_path).await.body.get("groups"), None);
}

#[tokio::test]
async fn what_a_user_says_of_its_groups_is_ignored_rfc_022_q_59() {
    let bridge = Setup::memory().start().await;
    let group = create_group(&bridge, "G", &[]).await;
    let mut body = user("a@example.com");
    body["groups"] = json!([{ "value": group.rsplit('/').next().unwrap(), "display": "G" }]);
    let created = bridge.post("/Users", &body).await;
    assert_eq!((created.status, created.body.get("groups")), (201, None));
    let path = format!("/Users/{}", created.id());
    let put = bridge.put(&path, &body).await;
    assert_eq!((put.status, put.body.get("groups")), (200, None));
    let patch = json!([{ "op": "add", "path": "groups", "value": body["groups"] }]);
    bridge.patch(&path, patch).await.error(400, "mutability");
    assert!(members_of(&bridge, &group).await.is_empty());
}

#[tokio::test]
async fn a_members_name_follows_the_user() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("ann.lee@example.com").await;
    let group = create_group(&bridge, "G", &[&id]).await;
    let user_path = format!("/Users/{id}");
    for (path, value, display) in [
        ("userName", json!("ann@example.com"), ""),
        ("name.formatted", json!("Ann Lee"), "Ann Lee"),
        ("displayName", json!("Ann"), "Ann"),
        ("displayName", json!("Annie"), "Annie"),
        ("displayName", json!(""), "Ann Lee"),
    ] {
        let patch = json!([{ "op": "replace", "path": path, "value": value }]);
        assert_eq!(bridge.patch(&user_path, patch).await.status, 200);
        assert_eq!(display_of_first(&bridge, &group).await, display, "after {path} = {value}");
    }
}

#[tokio::test]
async fn who_is_deleted_leaves_all_groups_and_who_is_disabled_stays() {
    let bridge = Setup::memory().start().await;
    let users = create_users(&bridge, "u", 2).await;
    let group = create_group(&bridge, "G", &[&users[0], &users[1]]).await;
    let disable = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(bridge.patch(&format!("/Users/{}", users[0]), disable).await.status, 200);
    assert_eq!(members_of(&bridge, &group).await.len(), 2);
    assert_eq!(bridge.delete(&format!("/Users/{}", users[0])).await.status, 204);
    assert_eq!(members_of(&bridge, &group).await, users[1..]);
    let version = bridge.get(&group).await.body["meta"]["version"].clone();
    assert_eq!(version, "W/\"2\"", "the group that it left changed");
    // Made again, it is another user, who is in no group.
    let again = bridge.create_user("u1@example.com").await;
    assert!(groups_of(&bridge, &format!("/Users/{again}")).await.is_empty());
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": users[0] }] }]);
    bridge.patch(&group, add).await.error(400, "invalidValue");
}

#[tokio::test]
async fn groups_in_groups_follow_names_and_deletions() {
    let bridge = Setup::memory().start().await;
    let inner = create_group(&bridge, "Inner", &[]).await;
    let inner_id = inner.rsplit('/').next().unwrap().to_owned();
    let outer = create_group(&bridge, "Outer", &[&inner_id]).await;
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Core" }]);
    assert_eq!(bridge.patch(&inner, rename).await.status, 204);
    assert_eq!(display_of_first(&bridge, &outer).await, "Core");
    // Each may be in the other: nothing here follows members of members.
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": outer.rsplit('/').next().unwrap() }] }]);
    assert_eq!(bridge.patch(&inner, add).await.status, 204);
    assert_eq!(members_of(&bridge, &inner).await, [outer.rsplit('/').next().unwrap()]);
    assert_eq!(bridge.delete(&inner).await.status, 204);
    assert!(members_of(&bridge, &outer).await.is_empty());
}

#[tokio::test]
async fn a_delete_that_the_target_rejects_leaves_the_user_in_its_groups() {
    let bridge = Setup::aha().start().await;
    let id = bridge.create_user("ann.lee@example.com").await;
    let kept = create_group(&bridge, "Kept", &[&id]).await;
    let gone = create_group(&bridge, "Gone", &[&id]).await;
    bridge.aha.fault(
        scim_bridge::sim::aha::Fault::json(422, &json!({ "errors": { "message": "Cannot be disabled" } }))
            .on_method(http::Method::PUT)
            .times(1),
    );
    let answer = bridge.delete(&format!("/Users/{id}")).await;
    assert_eq!(answer.status, 400, "{answer}");
    assert_eq!(bridge.get(&format!("/Users/{id}")).await.body["active"], true);
    assert_eq!(members_of(&bridge, &kept).await, std::slice::from_ref(&id));
    assert_eq!(groups_of(&bridge, &format!("/Users/{id}")).await, ["Gone", "Kept"]);
    // The second time it is not rejected.
    assert_eq!(bridge.delete(&gone).await.status, 204);
    assert_eq!(bridge.delete(&format!("/Users/{id}")).await.status, 204);
    assert!(members_of(&bridge, &kept).await.is_empty());
}
