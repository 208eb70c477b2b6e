//! Groups tell who changed them, and their members tell it too.

use serde_json::json;

use super::record::{of_group, of_user};
use crate::harness::{Bridge, Setup};

async fn create(bridge: &Bridge, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(bridge.create_user(&format!("p{number:03}@example.com")).await);
    }
    ids
}

#[tokio::test]
async fn a_group_tells_its_changes_and_its_members_tell_when_they_joined_and_left() {
    let bridge = Setup::memory().start().await;
    let people = create(&bridge, 2).await;
    let [ann, bob] = [&people[0], &people[1]];
    let created =
        bridge.post("/Groups", &json!({ "displayName": "Staff", "members": [{ "value": ann }] })).await;
    let (id, path) = (created.id(), format!("/Groups/{}", created.id()));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ann }, { "value": bob }] }]);
    for _ in 0..2 {
        assert_eq!(bridge.patch(&path, add.clone()).await.status, 204);
    }
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Team" }]);
    assert_eq!(bridge.patch(&path, rename).await.status, 204);
    // Out and in again is no change.
    let both = json!([
        { "op": "remove", "path": format!("members[value eq \"{ann}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": ann }] },
    ]);
    assert_eq!(bridge.patch(&path, both).await.status, 204);
    assert_eq!(bridge.delete(&format!("/Users/{ann}")).await.status, 204);
    assert_eq!(bridge.delete(&path).await.status, 204);
    assert_eq!(
        of_group(&bridge, &id).await,
        [
            "created idp 1: Staff".to_owned(),
            format!("members added idp 1: 1: {ann}"),
            format!("members added idp 2: 1: {bob}"),
            "changed idp 3: displayName, from Staff to Team".to_owned(),
            format!("members removed idp: 1: {ann}, who was deleted"),
            "deleted idp 4: Team".to_owned(),
            format!("members removed idp 4: 1: {bob}"),
        ]
    );
    let of_bob: Vec<_> = of_user(&bridge, bob).await;
    assert_eq!(of_bob[2..], ["joined idp: Staff", "left idp: Team"]);
}

#[tokio::test]
async fn a_change_of_many_members_counts_all_and_names_some() {
    let bridge = Setup::memory().start().await;
    let people = create(&bridge, 120).await;
    let members: Vec<_> = people.iter().map(|id| json!({ "value": id })).collect();
    let group = bridge.post("/Groups", &json!({ "displayName": "All", "members": members })).await.id();
    let added = of_group(&bridge, &group).await.pop().unwrap();
    assert!(added.starts_with("members added idp 1: 120: ") && added.ends_with(" and 96 more"), "{added}");
    let mut told = 0;
    for id in &people {
        told += of_user(&bridge, id).await.iter().filter(|line| *line == "joined idp: All").count();
    }
    assert_eq!(told, 100);
}
