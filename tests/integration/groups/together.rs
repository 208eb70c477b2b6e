//! Several clients at one group.

use std::sync::Arc;

use serde_json::json;

use super::fixture::{create_group, create_users, members_of, sorted};
use crate::harness::{Bridge, Setup};

/// Entra ID sends several PATCHes of one group in parallel (`fleet#50724`).
#[tokio::test(flavor = "multi_thread")]
async fn two_clients_that_patch_one_group_at_once_lose_nothing_q_65_rfc_114() {
    let bridge = Arc::new(Setup::memory().start().await);
    let users = create_users(&bridge, "u", 60).await;
    let staying: Vec<&str> = users[40..].iter().map(String::as_str).collect();
    let path = create_group(&bridge, "G", &staying).await;
    let patch_each = |ids: &[String], remove: bool| {
        let (bridge, path, ids) = (bridge.clone(), path.clone(), ids.to_vec());
        tokio::spawn(async move {
            for id in ids {
                let operation = if remove {
                    json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") })
                } else {
                    json!({ "op": "add", "path": "members", "value": [{ "value": id }] })
                };
                assert_eq!(bridge.patch(&path, json!([operation])).await.status, 204);
            }
        })
    };
    let renaming = {
        let (bridge, path) = (bridge.clone(), path.clone());
        tokio::spawn(async move {
            for number in 0..10 {
                let rename =
                    json!([{ "op": "replace", "path": "displayName", "value": format!("G{number}") }]);
                assert_eq!(bridge.patch(&path, rename).await.status, 204);
            }
        })
    };
    let clients = [
        patch_each(&users[..20], false),
        patch_each(&users[20..40], false),
        patch_each(&users[40..50], true),
        renaming,
    ];
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(members_of(&bridge, &path).await, sorted(users[..40].iter().chain(&users[50..])));
    let read = bridge.get(&path).await;
    assert_eq!(
        (&read.body["displayName"], &read.body["meta"]["version"]),
        (&json!("G9"), &json!("W/\"61\""))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_create_one_group_at_once_one_succeeds_c_14() {
    let bridge = Arc::new(Setup::memory().start().await);
    let create = |name: &'static str| {
        let bridge: Arc<Bridge> = bridge.clone();
        tokio::spawn(async move { bridge.post("/Groups", &super::fixture::group(name, &[])).await.status })
    };
    let mut statuses = Vec::new();
    for creating in ["Sales", "SALES", "sales", "Sales", "sALES", "Sales"].map(create) {
        statuses.push(creating.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
}
