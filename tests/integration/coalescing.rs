//! Many writes to one user while it waits: the target hears of the last state only, in the fewest calls.

use std::time::Duration;

use scim_bridge::{clock::ManualClock, sim::aha::Fault};
use serde_json::{Value, json};

use crate::harness::{Bridge, Setup, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";
const KIM: &str = "kim.lee@example.com";
const NO_CALLS: [&str; 0] = [];

/// A bridge that answers at once, with Sam at Aha!, while Aha! lets nobody call for a minute.
async fn start() -> (Bridge, ManualClock, String) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys("confirm_within = '0s'").start().await;
    let sam = format!("/Users/{}", bridge.create_user(SAM).await);
    let other = format!("/Users/{}", bridge.create_user("other@example.com").await);
    bridge.wait_until_idle().await;
    bridge.aha.fault(Fault::too_many_requests().header("retry-after", "60"));
    bridge.aha.take_calls();
    rename(&bridge, &other, "Any").await;
    eventually("the refusal", async || bridge.aha.calls().answered(429).len() == 1).await;
    bridge.aha.take_calls();
    (bridge, clock, sam)
}

async fn rename(bridge: &Bridge, path: &str, name: &str) {
    let rename = json!([{ "op": "replace", "path": "name.familyName", "value": name }]);
    assert_eq!(bridge.patch(path, rename).await.status, 200);
}

async fn set_active(bridge: &Bridge, path: &str, value: bool) {
    let answer = bridge.patch(path, json!([{ "op": "replace", "path": "active", "value": value }])).await;
    assert_eq!((answer.status, &answer.body["active"]), (200, &Value::Bool(value)), "{answer}");
}

/// The calls once Aha! lets us call again, without the one that it refused at first.
async fn calls(bridge: &Bridge, clock: &ManualClock) -> Vec<String> {
    assert_eq!(bridge.calls(), NO_CALLS, "nothing is sent yet");
    pass_time(clock, Duration::from_secs(1), "the end of the work", async || {
        bridge.status().await["queue"] == json!({})
    })
    .await;
    let calls = bridge.calls().into_iter();
    calls.filter(|line| !line.contains("other@example.com") && !line.starts_with("GET /users?page")).collect()
}

#[tokio::test]
async fn ten_changes_are_one_call_with_the_last_of_them() {
    let (bridge, clock, sam) = start().await;
    for number in 0..10 {
        rename(&bridge, &sam, &format!("Name{number}")).await;
    }
    assert_eq!(
        calls(&bridge, &clock).await,
        ["PUT /users/<sam.doe@example.com> {\"user\":{\"last_name\":\"Name9\"}}"]
    );
}

#[tokio::test]
async fn what_is_taken_back_is_no_call() {
    let (bridge, clock, sam) = start().await;
    for _ in 0..5 {
        set_active(&bridge, &sam, false).await;
        rename(&bridge, &sam, "Smith").await;
        set_active(&bridge, &sam, true).await;
        rename(&bridge, &sam, "doe").await;
    }
    assert_eq!(calls(&bridge, &clock).await, NO_CALLS);
}

#[tokio::test]
async fn of_a_leaver_only_the_disable_is_sent_and_of_who_returns_all_at_once() {
    let (bridge, clock, sam) = start().await;
    rename(&bridge, &sam, "Smith").await;
    set_active(&bridge, &sam, false).await;
    rename(&bridge, &sam, "Jones").await;
    assert_eq!(
        calls(&bridge, &clock).await,
        ["PUT /users/<sam.doe@example.com> {\"user\":{\"enabled\":false}}"]
    );
    set_active(&bridge, &sam, true).await;
    bridge.wait_until_idle().await;
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<sam.doe@example.com> {\"user\":{\"last_name\":\"Jones\",\"enabled\":true}}"]
    );
}

#[tokio::test]
async fn a_create_is_sent_as_it_was_last_wanted() {
    let (bridge, clock, _) = start().await;
    let kim = format!("/Users/{}", bridge.create_user(KIM).await);
    for name in ["Smith", "Jones", "Brown"] {
        rename(&bridge, &kim, name).await;
    }
    set_active(&bridge, &kim, false).await;
    set_active(&bridge, &kim, true).await;
    assert_eq!(
        calls(&bridge, &clock).await,
        [
            "GET /users?email=kim.lee@example.com",
            "POST /products/PRJ1/users {\"user\":{\"email\":\"kim.lee@example.com\",\"first_name\":\"kim\",\"last_name\":\"Brown\",\"role\":\"viewer\"}}",
        ]
    );
    assert_eq!(bridge.aha.invitations().len(), 3);
}

#[tokio::test]
async fn who_leaves_before_the_create_was_sent_is_looked_up_and_never_invited() {
    let (bridge, clock, _) = start().await;
    let kim = format!("/Users/{}", bridge.create_user(KIM).await);
    set_active(&bridge, &kim, false).await;
    let pat = format!("/Users/{}", bridge.create_user("pat.roe@example.com").await);
    assert_eq!(bridge.delete(&pat).await.status, 204);
    let mut calls = calls(&bridge, &clock).await;
    calls.sort();
    assert_eq!(calls, ["GET /users?email=kim.lee@example.com", "GET /users?email=pat.roe@example.com"]);
    assert_eq!(bridge.aha.invitations().len(), 2, "Sam and the other");
    assert_eq!(bridge.get(&kim).await.body["active"], false);
    assert_eq!(bridge.get(&pat).await.status, 404);
}

#[tokio::test]
async fn two_hundred_writes_to_twenty_users_are_twenty_calls() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys("confirm_within = '0s'").start().await;
    let mut paths = Vec::new();
    for number in 0..20 {
        paths.push(format!("/Users/{}", bridge.create_user(&format!("person{number}@example.com")).await));
    }
    bridge.wait_until_idle().await;
    bridge.aha.fault(Fault::too_many_requests().header("retry-after", "60"));
    rename(&bridge, &paths[0], "Name").await;
    eventually("the refusal", async || bridge.aha.calls().answered(429).len() == 1).await;
    bridge.aha.take_calls();
    for number in 0..10 {
        for path in &paths {
            let mut body = user("any@example.com");
            let old = bridge.get(path).await.body;
            for key in ["userName", "externalId", "emails"] {
                body[key] = old[key].clone();
            }
            body["name"]["familyName"] = json!(format!("Name{number}"));
            assert_eq!(bridge.put(path, &body).await.status, 200);
        }
    }
    pass_time(&clock, Duration::from_secs(1), "the end of the work", async || {
        bridge.status().await["queue"] == json!({})
    })
    .await;
    assert_eq!(bridge.aha.calls().writes().len(), 20);
    assert!(bridge.aha.users().iter().filter(|user| user.last_name == "Name9").count() == 20);
}
