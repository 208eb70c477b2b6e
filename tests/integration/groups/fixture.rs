//! What the tests of groups share.

use serde_json::{Value, json};

use crate::harness::{Answer, Bridge};

/// The URN of the core schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A body of a create with these members.
pub fn group(display_name: &str, members: &[&str]) -> Value {
    json!({ "schemas": [GROUP], "displayName": display_name, "members": listed(members) })
}

/// Members as Entra ID lists them.
pub fn listed(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "$ref": null, "value": id })).collect()
}

/// Creates a group and answers its path.
pub async fn create_group(bridge: &Bridge, display_name: &str, members: &[&str]) -> String {
    let answer = bridge.post("/Groups", &group(display_name, members)).await;
    assert_eq!(answer.status, 201, "{answer}");
    format!("/Groups/{}", answer.id())
}

/// Creates users named `<prefix>1@example.com` and so on, and answers their ids.
pub async fn create_users(bridge: &Bridge, prefix: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 1..=count {
        ids.push(bridge.create_user(&format!("{prefix}{number}@example.com")).await);
    }
    ids
}

/// The ids of the members in an answer, sorted.
#[track_caller]
pub fn member_ids(answer: &Answer) -> Vec<String> {
    let members = answer.body["members"].as_array().unwrap_or_else(|| panic!("no members: {answer}"));
    let mut ids: Vec<String> =
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// The members that the group at `path` has now, sorted.
pub async fn members_of(bridge: &Bridge, path: &str) -> Vec<String> {
    let answer = bridge.get(path).await;
    assert_eq!(answer.status, 200, "{answer}");
    member_ids(&answer)
}

/// The ids, sorted, to compare with.
pub fn sorted<I: AsRef<str>>(ids: impl IntoIterator<Item = I>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
    ids.sort();
    ids
}

/// `displayName` of the groups that the user at `path` is in.
pub async fn groups_of(bridge: &Bridge, path: &str) -> Vec<String> {
    let answer = bridge.get(path).await;
    let groups = answer.body["groups"].as_array().cloned().unwrap_or_default();
    sorted(groups.iter().map(|group| group["display"].as_str().unwrap()))
}
