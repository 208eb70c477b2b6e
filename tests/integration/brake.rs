//! The brake: revocations that are too many to be meant are held until a person decides.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use scim_bridge::{
    clock::ManualClock,
    converge::held::{Decision, decide},
    sim::aha::{Fault, Person},
    store::{User, UserId, users},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup, eventually, pass_time, user};

const UPDATE: &str = "PUT /users/:id";
const HOUR: Duration = Duration::from_hours(1);
const NO_CALLS: [&str; 0] = [];

/// A bridge that disables three in an hour, with a clock by hand.
async fn start() -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.brake("brake = { max_revocations = 3 }").app_keys("roster_every = '24h'");
    (setup.start().await, clock)
}

/// The paths of so many users, who have accounts.
async fn create(bridge: &Bridge, count: usize) -> Vec<String> {
    let mut paths = Vec::new();
    for number in 0..count {
        paths.push(format!("/Users/{}", bridge.create_user(&email(number)).await));
    }
    bridge.aha.take_calls();
    paths
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn active(value: bool) -> Value {
    json!([{ "op": "replace", "path": "active", "value": value }])
}

async fn deactivate(bridge: &Bridge, path: &str) -> Answer {
    let answer = bridge.patch(path, active(false)).await;
    assert_eq!((answer.status, &answer.body["active"]), (200, &json!(false)), "{answer}");
    answer
}

fn disabled(bridge: &Bridge) -> usize {
    bridge.aha.users().iter().filter(|user| !user.enabled).count()
}

async fn held(bridge: &Bridge) -> u64 {
    bridge.status().await["held"]["users"].as_u64().unwrap_or(0)
}

/// The rows that are held.
async fn rows(bridge: &Bridge) -> Vec<User> {
    users::list_held(&bridge.beside().await.store, "test", "", 100).await.unwrap()
}

async fn decide_about(bridge: &Bridge, path: &str, decision: Decision) -> usize {
    let id = UserId::from(path.strip_prefix("/Users/").unwrap());
    decide(&*bridge.beside().await, vec![id], decision).await.unwrap()
}

#[tokio::test]
async fn what_is_beyond_the_brake_is_answered_at_once_and_read_as_promised_and_not_sent() {
    let (bridge, _clock) = start().await;
    let paths = create(&bridge, 6).await;
    // No time passes, so nobody can have waited for it to be over.
    for path in &paths {
        deactivate(&bridge, path).await;
    }
    assert_eq!(bridge.aha.take_calls().counts().into_iter().collect::<Vec<_>>(), [(UPDATE.to_owned(), 3)]);
    assert_eq!(disabled(&bridge), 3);
    for path in &paths {
        assert_eq!(bridge.get(path).await.body["active"], false);
    }
    assert_eq!(bridge.filter("/Users", "active eq false").await.body["totalResults"], 6);
    let status = bridge.status().await;
    assert_eq!(status["queue"], json!({}), "a revocation that is held waits for nobody's turn");
    assert_eq!(status["held"]["users"], 3);
    assert_eq!(status["held"]["since"], "2023-11-14T22:13:20.000Z");
    assert_eq!(status["brake"], json!({ "window": "1h", "revocations": 3 }));
    for row in rows(&bridge).await {
        let reason = row.failure.unwrap();
        assert!(reason.contains("3 accounts were disabled within 1h"), "{reason}");
        assert!(reason.contains("`scim-bridge held`"), "{reason}");
    }
    assert_eq!(bridge.events("held").await.len(), 3);
    // Who asks again is answered the same.
    deactivate(&bridge, &paths[5]).await;
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn of_many_at_once_not_one_too_many_is_let_through() {
    let setup = Setup::aha().brake("brake = { max_revocations = 7 }");
    let bridge = setup.start().await;
    let paths = create(&bridge, 40).await;
    let ways = paths.iter().enumerate().map(async |(number, path)| match number % 2 {
        0 => assert_eq!(bridge.delete(path).await.status, 204),
        _ => _ = deactivate(&bridge, path).await,
    });
    join_all(ways).await;
    assert_eq!(bridge.aha.take_calls().writes().len(), 7);
    assert_eq!((disabled(&bridge), held(&bridge).await), (7, 33));
}

#[tokio::test]
async fn without_a_number_it_is_a_tenth_of_the_accounts_that_were_enabled_before() {
    let bridge = Setup::aha().brake("").with(|aha| {
        for number in 0..200 {
            aha.seed(Person::new("Person", "Number", &email(number)));
            aha.seed(Person::new("Gone", "Number", &format!("gone{number}@example.com")).disabled());
        }
    });
    let bridge = bridge.start().await;
    let found = bridge.get("/Users?filter=userName+sw+%22person%22&count=30").await;
    for found in found.body["Resources"].as_array().unwrap() {
        deactivate(&bridge, &format!("/Users/{}", found["id"].as_str().unwrap())).await;
    }
    // 201 are enabled, the owner of the key with them.
    assert_eq!((disabled(&bridge), held(&bridge).await), (200 + 20, 10));
}

#[tokio::test]
async fn who_needs_no_call_does_not_count() {
    let (bridge, _) = start().await;
    let paths = create(&bridge, 5).await;
    // Those who never had access, and the end of those who have none any more.
    for number in 0..3 {
        let mut without_access = user(&format!("new{number}@example.com"));
        without_access["active"] = json!(false);
        let created = bridge.post("/Users", &without_access).await;
        assert_eq!(created.status, 201);
        assert_eq!(bridge.delete(&created.path()).await.status, 204);
    }
    for path in &paths[..3] {
        deactivate(&bridge, path).await;
        assert_eq!(bridge.delete(path).await.status, 204);
    }
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 0));
    deactivate(&bridge, &paths[3]).await;
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 1));
}

#[tokio::test]
async fn a_revocation_that_must_be_repeated_counts_once_and_so_does_a_user_who_comes_and_goes() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 4).await;
    bridge.aha.fault(Fault::html(502).on(UPDATE).times(5));
    let patched = crate::harness::as_time_passes(
        &clock,
        Duration::from_millis(500),
        bridge.patch(&paths[0], active(false)),
    );
    assert_eq!(patched.await.status, 200);
    pass_time(&clock, Duration::from_secs(1), "the deactivation", async || disabled(&bridge) == 1).await;
    for _ in 0..3 {
        assert_eq!(bridge.patch(&paths[0], active(true)).await.status, 200);
        deactivate(&bridge, &paths[0]).await;
    }
    deactivate(&bridge, &paths[1]).await;
    deactivate(&bridge, &paths[2]).await;
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 0));
    deactivate(&bridge, &paths[3]).await;
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 1));
}

#[tokio::test]
async fn when_the_window_has_passed_others_go_through_and_what_is_held_stays_held() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 9).await;
    for path in &paths[..5] {
        deactivate(&bridge, path).await;
    }
    clock.advance(HOUR - Duration::from_micros(1));
    deactivate(&bridge, &paths[5]).await;
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 3));
    clock.advance(Duration::from_micros(1));
    for path in &paths[6..] {
        deactivate(&bridge, path).await;
    }
    assert_eq!((disabled(&bridge), held(&bridge).await), (6, 3));
}

#[tokio::test]
async fn an_enable_ends_a_hold_without_a_call_and_a_further_deactivation_is_judged_anew() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        deactivate(&bridge, path).await;
    }
    bridge.aha.take_calls();
    let enabled = bridge.patch(&paths[3], active(true)).await;
    assert_eq!((enabled.status, &enabled.body["active"]), (200, &json!(true)), "{enabled}");
    assert_eq!((bridge.calls().len(), held(&bridge).await), (0, 0));
    bridge.wait_until_idle().await;

    deactivate(&bridge, &paths[3]).await;
    assert_eq!((bridge.calls().len(), held(&bridge).await), (0, 1));
    // Another change of somebody who is held is judged anew as well.
    let title = json!([{ "op": "replace", "path": "title", "value": "Clerk" }]);
    let titled = bridge.patch(&paths[3], title).await;
    assert_eq!(
        (titled.status, &titled.body["active"], &titled.body["title"]),
        (200, &json!(false), &json!("Clerk"))
    );
    assert_eq!((bridge.calls().len(), held(&bridge).await), (0, 1));
    clock.advance(HOUR);
    assert_eq!(bridge.delete(&paths[3]).await.status, 204);
    assert_eq!((disabled(&bridge), held(&bridge).await), (4, 0));
}

#[tokio::test]
async fn who_is_deleted_and_held_and_made_again_has_the_account_and_nothing_is_held() {
    let (bridge, _) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        assert_eq!(bridge.delete(path).await.status, 204);
    }
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 1));
    assert_eq!(bridge.get(&paths[3]).await.status, 404);
    bridge.aha.take_calls();
    let created = bridge.post("/Users", &user(&email(3))).await;
    assert_eq!(created.status, 201, "{created}");
    assert_ne!(created.path(), paths[3]);
    bridge.wait_until_idle().await;
    // Nothing was sent that could be on its way, but a release might have been: all is asserted, in one call.
    assert_eq!(bridge.calls().len(), 1);
    assert_eq!(held(&bridge).await, 0);
    assert!(bridge.aha.find_user_by_email(&email(3)).unwrap().enabled);
}

#[tokio::test]
async fn what_is_held_survives_a_restart_and_its_roster() {
    let (mut bridge, clock) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        deactivate(&bridge, path).await;
    }
    bridge.restart().await;
    bridge.next_roster(&clock, Duration::from_hours(24)).await;
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 1));
    assert_eq!(bridge.get(&paths[3]).await.body["active"], false);
    let events = bridge.events("held").await;
    assert_eq!(events.len(), 1, "{events:?}");
}

#[tokio::test]
async fn who_is_released_is_disabled_whatever_the_count_says_and_does_not_count() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 8).await;
    for path in &paths[..5] {
        deactivate(&bridge, path).await;
    }
    clock.advance(HOUR / 2);
    bridge.aha.take_calls();
    assert_eq!(decide_about(&bridge, &paths[4], Decision::Release).await, 1);
    assert_eq!(decide_about(&bridge, &paths[4], Decision::Release).await, 0, "it is not held any more");
    pass_time(&clock, Duration::from_millis(100), "the deactivation", async || disabled(&bridge) == 4).await;
    bridge.wait_until_idle().await;
    assert_eq!(bridge.calls(), ["PUT /users/<person4@example.com> {\"user\":{\"enabled\":false}}"]);
    assert_eq!(held(&bridge).await, 1);
    assert_eq!(bridge.events("released").await.len(), 1);
    assert_eq!(bridge.get(&paths[4]).await.body["active"], false);
    // The three that the brake let through leave the window; the one that a person let through never was in it.
    clock.advance(HOUR / 2);
    for path in &paths[5..] {
        deactivate(&bridge, path).await;
    }
    assert_eq!((disabled(&bridge), held(&bridge).await), (7, 1));
}

#[tokio::test]
async fn a_release_holds_until_it_is_carried_out_however_often_that_fails() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        deactivate(&bridge, path).await;
    }
    bridge.aha.fault(Fault::html(503).on(UPDATE).times(20));
    decide_about(&bridge, &paths[3], Decision::Release).await;
    // Longer than the window of the brake.
    pass_time(&clock, Duration::from_secs(20), "the deactivation", async || disabled(&bridge) == 4).await;
    assert_eq!(bridge.events("held").await.len(), 1);
}

#[tokio::test]
async fn who_is_dropped_is_active_again_under_a_new_version_and_no_call_is_made() {
    let (bridge, _) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        deactivate(&bridge, path).await;
    }
    let before = bridge.get(&paths[3]).await;
    bridge.aha.take_calls();
    assert_eq!(decide_about(&bridge, &paths[3], Decision::Drop).await, 1);
    let after = bridge.get(&paths[3]).await;
    assert_eq!(after.body["active"], true);
    assert_ne!(after.header("etag"), before.header("etag"));
    let status = bridge.status().await;
    assert_eq!((&status["queue"], &status["held"]), (&json!({}), &Value::Null));
    assert_eq!(bridge.calls(), NO_CALLS);
    assert_eq!(bridge.events("dropped").await, ["the user keeps the account"]);
}

#[tokio::test]
async fn a_drop_carries_out_what_else_was_asserted() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths[..3] {
        deactivate(&bridge, path).await;
    }
    let mut married = user(&email(3));
    married["name"]["familyName"] = json!("Smith");
    married["active"] = json!(false);
    assert_eq!(bridge.put(&paths[3], &married).await.status, 200);
    assert_eq!(held(&bridge).await, 1);
    bridge.aha.take_calls();
    decide_about(&bridge, &paths[3], Decision::Drop).await;
    pass_time(&clock, Duration::from_millis(100), "the change", async || !bridge.aha.calls().is_empty())
        .await;
    bridge.wait_until_idle().await;
    assert_eq!(bridge.calls(), ["PUT /users/<person3@example.com> {\"user\":{\"last_name\":\"Smith\"}}"]);
}

#[tokio::test]
async fn who_was_deleted_and_is_dropped_is_an_account_that_nobody_manages() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        assert_eq!(bridge.delete(path).await.status, 204);
    }
    bridge.aha.take_calls();
    decide_about(&bridge, &paths[3], Decision::Drop).await;
    assert_eq!(bridge.get(&paths[3]).await.status, 404, "the IdP was told that it is gone");
    let found = bridge.filter("/Users", &format!("userName eq \"{}\"", email(3))).await;
    assert_eq!(found.only()["active"], true);
    assert_eq!(held(&bridge).await, 0);
    bridge.next_roster(&clock, Duration::from_hours(24)).await;
    let after = bridge.filter("/Users", &format!("userName eq \"{}\"", email(3))).await;
    assert_eq!(after.only()["id"], found.only()["id"]);
    assert_eq!(bridge.aha.calls().writes().lines(), NO_CALLS);
    // As of every other account, an IdP may take it over.
    assert_eq!(
        bridge.patch(&format!("/Users/{}", found.only()["id"].as_str().unwrap()), active(true)).await.status,
        200
    );
}

#[tokio::test]
async fn a_bulk_request_that_deactivates_everybody_is_held_like_any_other() {
    let (bridge, _) = start().await;
    let paths = create(&bridge, 8).await;
    let operations: Vec<_> = paths.iter().map(|path| json!({ "method": "DELETE", "path": path })).collect();
    let body =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    let answer = bridge.send(Method::POST, "/Bulk", Some(&body)).await;
    assert_eq!(answer.status, 200, "{answer}");
    let statuses: Vec<_> =
        answer.body["Operations"].as_array().unwrap().iter().map(|done| done["status"].clone()).collect();
    assert_eq!(statuses, vec![json!("204"); 8]);
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 5));
}

#[tokio::test]
async fn a_target_without_limits_has_no_brake() {
    let bridge = Setup::memory().start().await;
    for number in 0..30 {
        let id = bridge.create_user(&email(number)).await;
        deactivate(&bridge, &format!("/Users/{id}")).await;
    }
    let status = bridge.status().await;
    assert_eq!(
        (&status["held"], &status["brake"], &status["queue"]),
        (&Value::Null, &Value::Null, &json!({}))
    );
}

#[tokio::test]
async fn who_is_held_and_whose_account_is_disabled_by_hand_can_be_released_all_the_same() {
    let (bridge, clock) = start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        deactivate(&bridge, path).await;
    }
    bridge.aha.disable(bridge.aha.find_user_by_email(&email(3)).unwrap().id);
    bridge.next_roster(&clock, Duration::from_hours(24)).await;
    decide_about(&bridge, &paths[3], Decision::Release).await;
    pass_time(&clock, Duration::from_millis(100), "the end", async || {
        rows(&bridge).await.is_empty() && bridge.status().await["queue"] == json!({})
    })
    .await;
    eventually("the end", async || bridge.get(&paths[3]).await.body["active"] == false).await;
}

#[tokio::test]
async fn a_bridge_that_dies_with_revocations_under_way_lets_not_one_more_through() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.brake("brake = { max_revocations = 3 }").app_keys("confirm_within = '0s'");
    let mut bridge = setup.killable().start().await;
    let paths = create(&bridge, 6).await;
    bridge.wait_until_idle().await;
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::delay(HOUR).on(UPDATE).always());
    for path in &paths {
        deactivate(&bridge, path).await;
    }
    eventually("the calls", async || bridge.aha.calls().to(UPDATE).len() == 3).await;
    eventually("the hold", async || held(&bridge).await == 3).await;
    bridge.crash();
    bridge.aha.clear_faults();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    pass_time(&clock, Duration::from_secs(1), "the end of the work", async || {
        bridge.status().await["queue"] == json!({})
    })
    .await;
    assert_eq!((disabled(&bridge), held(&bridge).await), (3, 3));
    assert_eq!(bridge.events("held").await.len(), 3);
}

#[tokio::test]
async fn what_drift_would_have_changed_back_is_held_as_well_and_reads_as_it_is() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let keys = "roster_every = '24h'\ndrift = 'enforce'";
    let bridge = setup.brake("brake = { max_revocations = 2 }").app_keys(keys).start().await;
    let paths = create(&bridge, 4).await;
    for path in &paths {
        deactivate(&bridge, path).await;
        clock.advance(HOUR);
    }
    assert_eq!((disabled(&bridge), held(&bridge).await), (4, 0));
    for number in 0..4 {
        bridge.aha.enable(bridge.aha.find_user_by_email(&email(number)).unwrap().id);
    }
    bridge.aha.take_calls();
    bridge.next_roster(&clock, Duration::from_hours(24)).await;
    eventually("the hold", async || held(&bridge).await == 2).await;
    bridge.wait_until_idle().await;
    assert_eq!((disabled(&bridge), bridge.aha.calls().writes().len()), (2, 2));
    let mut shown = Vec::new();
    for path in &paths {
        shown.push(bridge.get(path).await.body["active"] == true);
    }
    assert_eq!(shown.iter().filter(|active| **active).count(), 2, "nobody was promised anything: {shown:?}");
    // Who is dropped keeps what was given by hand.
    for row in rows(&bridge).await {
        decide_about(&bridge, &format!("/Users/{}", row.id), Decision::Drop).await;
    }
    bridge.next_roster(&clock, Duration::from_hours(24)).await;
    bridge.wait_until_idle().await;
    assert_eq!((disabled(&bridge), held(&bridge).await), (2, 0));
}
