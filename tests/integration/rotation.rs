//! An API key is replaced while the bridge runs.

use std::time::Duration;

use scim_bridge::sim::aha::{DEMO_API_KEY, Person};
use serde_json::json;

use crate::harness::{ADMINISTRATOR, Bridge, Setup, eventually};

const NEW_KEY: &str = "planted-new-key-0123456789";

async fn start() -> Bridge {
    Setup::aha()
        .credentials("api_key = { file = 'key' }")
        .file("key", format!("{DEMO_API_KEY}\n"))
        .start()
        .await
}

/// A new key of the same person takes the place of the one before.
fn rotate(bridge: &Bridge) {
    bridge.aha.add_api_key(NEW_KEY, bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    bridge.aha.revoke_api_key(DEMO_API_KEY);
    std::fs::write(bridge.folder().join("key"), NEW_KEY).unwrap();
}

#[tokio::test]
async fn a_key_that_is_replaced_leaves_no_gap() {
    let bridge = start().await;
    let ids = futures_util::future::join_all(
        (0..6).map(async |number| bridge.create_user(&format!("p{number}@example.com")).await),
    )
    .await;
    rotate(&bridge);
    // Before it was looked at the file: the 401 leads to the new key.
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    let answers = futures_util::future::join_all(
        ids.iter().map(async |id| bridge.patch(&format!("/Users/{id}"), off.clone()).await),
    )
    .await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{answer}");
    }
    assert!((0..6).all(|number| {
        !bridge.aha.find_user_by_email(&format!("p{number}@example.com")).unwrap().enabled
    }));
    assert_eq!(bridge.status().await["target"]["state"], "working");
    assert_eq!(bridge.events("blocked").await, [""; 0]);
}

#[tokio::test]
async fn a_key_that_is_replaced_is_used_before_the_one_before_is_refused() {
    let bridge = start().await;
    bridge.aha.add_api_key(NEW_KEY, bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    std::fs::write(bridge.folder().join("key"), NEW_KEY).unwrap();
    let wanted = scim_bridge::sim::aha::fingerprint(NEW_KEY);
    let mut number = 0;
    eventually("calls are made with the new key", || {
        number += 1;
        let (bridge, wanted) = (&bridge, wanted.clone());
        async move {
            bridge.create_user(&format!("p{number}@example.com")).await;
            bridge.aha.take_calls().iter().all(|call| call.api_key.as_ref() == Some(&wanted))
        }
    })
    .await;
}

#[tokio::test]
async fn half_of_a_key_in_the_file_keeps_nobody_waiting_while_the_key_before_is_good() {
    let bridge = start().await;
    let id = bridge.create_user("ann.lee@example.com").await;
    bridge.aha.add_api_key(NEW_KEY, bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    std::fs::write(bridge.folder().join("key"), &NEW_KEY[..20]).unwrap();
    let half = scim_bridge::sim::aha::fingerprint(&NEW_KEY[..20]);
    let mut number = 0;
    eventually("half a key is tried", || {
        number += 1;
        let (bridge, half) = (&bridge, half.clone());
        async move {
            bridge.create_user(&format!("p{number}@example.com")).await;
            bridge.aha.take_calls().iter().any(|call| call.api_key.as_ref() == Some(&half))
        }
    })
    .await;
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    let answer = bridge.patch(&format!("/Users/{id}"), off).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(bridge.events("blocked").await, [""; 0]);
    // The rest of it is seen as well.
    rotate(&bridge);
    bridge.create_user("late@example.com").await;
}

#[tokio::test]
async fn where_the_key_was_refused_a_new_one_is_tried_within_seconds() {
    let bridge = start().await;
    let id = bridge.create_user("ann.lee@example.com").await;
    bridge.aha.revoke_api_key(DEMO_API_KEY);
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    let answer = bridge.patch(&format!("/Users/{id}"), off).await;
    assert!(answer.error(503, "").contains("write it to"), "{answer}");
    rotate(&bridge);
    // A probe after a refusal comes a minute later; this one does not wait for that.
    let left = eventually("she leaves", || async {
        !bridge.aha.find_user_by_email("ann.lee@example.com").unwrap().enabled
    });
    tokio::time::timeout(Duration::from_secs(20), left).await.unwrap();
}

#[tokio::test]
async fn the_owner_of_the_new_key_is_not_disabled_with_it_and_the_one_before_may_be() {
    let bridge = start().await;
    let successor = Person::new("New", "Owner", "new.owner@example.com").administrator();
    let successor = bridge.aha.seed(successor);
    let id = bridge.create_user("new.owner@example.com").await;
    let found = bridge.filter("/Users", &format!("userName eq \"{ADMINISTRATOR}\"")).await;
    let before = found.body["Resources"][0]["id"].as_str().unwrap().to_owned();
    bridge.aha.add_api_key(NEW_KEY, successor);
    bridge.aha.revoke_api_key(DEMO_API_KEY);
    std::fs::write(bridge.folder().join("key"), NEW_KEY).unwrap();
    // The first call is refused with the key before: what it was asked for is not done to the owner of the new one.
    let answer = bridge.delete(&format!("/Users/{id}")).await;
    assert_eq!(answer.status, 403, "{answer}");
    assert!(bridge.aha.find_user_by_email("new.owner@example.com").unwrap().enabled);
    let answer = bridge.delete(&format!("/Users/{before}")).await;
    assert_eq!(answer.status, 204, "{answer}");
    assert!(!bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().enabled);
}
