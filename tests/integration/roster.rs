//! The roster: the target's accounts as the IdP reads them, kept up with what people do there by hand.

use std::time::Duration;

use scim_bridge::{
    clock::ManualClock,
    sim::aha::{
        Fault, Person, SimulatedAha,
        switches::{DisabledUsers, UpdatedAt},
    },
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Answer, Bridge, Setup, eventually, pass_time, user};

/// How often the accounts are listed where nothing else is configured.
const EVERY: Duration = Duration::from_secs(15 * 60);

/// A bridge with a clock by hand that has listed the accounts of `people`.
async fn start(people: impl FnOnce(&SimulatedAha)) -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (setup.with(people).start().await, clock)
}

async fn find(bridge: &Bridge, email: &str) -> Option<Value> {
    let list = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
    assert_eq!(list.status, 200, "{list}");
    assert!(list.body["totalResults"].as_u64().unwrap() <= 1, "{list}");
    list.body["Resources"].get(0).cloned()
}

async fn total(bridge: &Bridge) -> u64 {
    bridge.get("/Users?count=0").await.body["totalResults"].as_u64().unwrap()
}

fn assert_not_served_yet(answer: &Answer, reason: &str) {
    let detail = answer.error(503, "");
    assert!(detail.contains(reason), "{answer}");
    assert_eq!(answer.header("retry-after"), "5", "{answer}");
}

#[tokio::test]
async fn nobody_is_said_not_to_exist_until_the_first_pass_is_done() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let listing = Fault::delay(Duration::from_secs(5)).on("GET /users");
    let bridge = setup.with(|aha| aha.fault(listing)).start_unready().await;
    eventually("the first page's request", async || bridge.aha.calls().to("GET /users").len() == 1).await;

    let ready = bridge.ready().await;
    assert_eq!(ready.status, 503, "{ready}");
    assert_eq!(ready.header("content-type"), "application/json");
    assert_eq!(ready.body["status"], "not ready");
    assert_eq!(ready.body["database"], "ok");
    assert!(
        ready.body["apps"]["test"]["roster"].as_str().unwrap().contains("first pass under way"),
        "{ready}"
    );
    let filter = format!("userName eq \"{ADMINISTRATOR}\"");
    for read in [
        bridge.get("/Users").await,
        bridge.get("/Users/unknown").await,
        bridge.filter("/Users", &filter).await,
    ] {
        assert_not_served_yet(&read, "are being listed for the first time");
    }

    pass_time(&clock, Duration::from_secs(1), "the first pass", async || bridge.ready().await.status == 200)
        .await;
    assert_eq!(bridge.ready().await.body["apps"]["test"], json!({ "roster": "known" }));
    assert!(find(&bridge, ADMINISTRATOR).await.is_some());
    assert_eq!(bridge.get("/Users/unknown").await.status, 404);
}

#[tokio::test]
async fn a_target_that_is_down_at_the_first_start_leaves_the_bridge_ready_for_writes_and_says_why_reads_wait()
{
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.with(|aha| aha.fault(Fault::html(503).always())).start_unready().await;
    eventually("the failure of the first pass", async || bridge.ready().await.status == 200).await;
    let ready = bridge.ready().await;
    let app = &ready.body["apps"]["test"];
    assert!(app["roster"].as_str().unwrap().contains("first pass failed"), "{ready}");
    assert_eq!(app["reason"], "Aha! answered 503", "{ready}");
    assert_not_served_yet(&bridge.get("/Users").await, "could not be listed yet: Aha! answered 503");

    let body = user("sam.doe@example.com");
    let (created, ()) = tokio::join!(bridge.post("/Users", &body), async {
        eventually("the attempt", async || bridge.aha.calls().to("GET /users?email").len() == 1).await;
        clock.advance(Duration::from_secs(8));
    });
    assert_eq!(created.status, 201, "{created}");
    assert_eq!(
        bridge.get(&format!("/Users/{}", created.id())).await.status,
        200,
        "what was written can be read"
    );

    bridge.aha.clear_faults();
    pass_time(&clock, Duration::from_secs(1), "the first pass", async || {
        bridge.get("/Users").await.status == 200
    })
    .await;
    pass_time(&clock, Duration::from_secs(1), "the create", async || bridge.aha.invitations().len() == 1)
        .await;
    bridge.wait_until_idle().await;
    assert_eq!(total(&bridge).await, 2);
}

#[tokio::test]
async fn accounts_that_no_idp_manages_are_visible_as_users() {
    let (bridge, _) = start(|aha| {
        aha.seed(Person::new("Mary Ann", "Smith", "Mary.Smith@example.com"));
        aha.seed(Person::new("Old", "Timer", "old@example.com").disabled());
    })
    .await;
    let mary = find(&bridge, "mary.smith@EXAMPLE.com").await.expect("she has an account");
    assert_eq!(mary["userName"], "Mary.Smith@example.com");
    assert_eq!(
        mary["name"],
        json!({ "givenName": "Mary Ann", "familyName": "Smith", "formatted": "Mary Ann Smith" })
    );
    assert_eq!(mary["displayName"], "Mary Ann Smith");
    assert_eq!(
        mary["emails"],
        json!([{ "value": "Mary.Smith@example.com", "type": "work", "primary": true }])
    );
    assert_eq!(mary["active"], true);
    assert_eq!(mary["externalId"], Value::Null);
    assert_eq!(find(&bridge, "old@example.com").await.unwrap()["active"], false);
    assert_eq!(total(&bridge).await, 3);
}

#[tokio::test]
async fn an_account_disabled_by_hand_reads_inactive_and_the_idps_next_word_enables_it_again() {
    let (bridge, clock) = start(|_| {}).await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let path = format!("/Users/{id}");
    let before = bridge.get(&path).await;
    let sam = bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().id;
    bridge.aha.disable(sam);
    bridge.next_roster(&clock, EVERY).await;

    let after = bridge.get(&path).await;
    assert_eq!(after.body["active"], false);
    assert_ne!(after.body["meta"]["lastModified"], before.body["meta"]["lastModified"]);
    assert_ne!(after.header("etag"), before.header("etag"));
    bridge.aha.take_calls();
    let asserted = bridge.patch(&path, json!([{ "op": "Replace", "path": "active", "value": "True" }])).await;
    assert_eq!((asserted.status, &asserted.body["active"]), (200, &json!(true)), "{asserted}");
    assert_eq!(
        bridge.aha.take_calls().lines(),
        [format!("PUT /users/{sam} {{\"user\":{{\"enabled\":true}}}}")]
    );
}

#[tokio::test]
async fn a_change_by_hand_that_moves_no_timestamp_is_seen_all_the_same() {
    let (bridge, clock) = start(|aha| {
        aha.change(|switches| switches.updated_at = UpdatedAt::MovesOnNameAndEmail);
        aha.seed(Person::new("Sam", "Doe", "sam.doe@example.com"));
    })
    .await;
    bridge.aha.disable(bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().id);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(find(&bridge, "sam.doe@example.com").await.unwrap()["active"], false);
}

#[tokio::test]
async fn an_unmanaged_user_follows_its_account_and_goes_with_it() {
    let (bridge, clock) = start(|aha| {
        aha.seed(Person::new("Sam", "Doe", "sam.doe@example.com"));
    })
    .await;
    let before = find(&bridge, "sam.doe@example.com").await.unwrap();
    let sam = bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().id;
    bridge.aha.rename(sam, "Sam", "Jones");
    bridge.aha.change_email(sam, "sam.jones@example.com");
    bridge.next_roster(&clock, EVERY).await;
    let renamed = find(&bridge, "sam.jones@example.com").await.expect("it is under its new address");
    assert_eq!((&renamed["id"], &renamed["name"]["familyName"]), (&before["id"], &json!("Jones")));
    assert_eq!(find(&bridge, "sam.doe@example.com").await, None);

    bridge.aha.vanish(sam);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(bridge.get(&format!("/Users/{}", before["id"].as_str().unwrap())).await.status, 404);
    assert_eq!(total(&bridge).await, 1);
}

#[tokio::test]
async fn a_managed_user_whose_account_vanished_stays_as_inactive_and_gets_a_new_account_when_the_idp_says_so()
{
    let (bridge, clock) = start(|_| {}).await;
    let path = format!("/Users/{}", bridge.create_user("sam.doe@example.com").await);
    bridge.aha.vanish(bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().id);
    bridge.aha.take_calls();
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(bridge.aha.take_calls().to("GET /users/:id").answered(404).len(), 1, "it is looked up once");
    assert_eq!(bridge.get(&path).await.body["active"], false);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(bridge.aha.take_calls().to("GET /users/:id").len(), 0, "it is known to be gone");

    let back = bridge.patch(&path, json!([{ "op": "replace", "value": { "active": true } }])).await;
    assert_eq!((back.status, &back.body["active"]), (200, &json!(true)), "{back}");
    let counts = bridge.aha.take_calls().counts();
    assert_eq!(counts["GET /users?email"] + counts["POST /products/:id/users"], 2, "{counts:?}");
    assert!(bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().enabled);
}

#[tokio::test]
async fn the_account_of_a_deleted_user_stays_hidden_until_somebody_enables_it_by_hand() {
    let (bridge, clock) = start(|_| {}).await;
    let id = bridge.create_user("sam.doe@example.com").await;
    assert_eq!(bridge.delete(&format!("/Users/{id}")).await.status, 204);
    let sam = bridge.aha.find_user_by_email("sam.doe@example.com").unwrap();
    assert!(!sam.enabled);
    for _ in 0..2 {
        bridge.next_roster(&clock, EVERY).await;
        assert_eq!(find(&bridge, "sam.doe@example.com").await, None);
    }
    bridge.aha.enable(sam.id);
    bridge.next_roster(&clock, EVERY).await;
    let found = find(&bridge, "sam.doe@example.com").await.expect("it has access, and must not be invisible");
    assert_ne!(found["id"], json!(id));
    assert_eq!((&found["active"], total(&bridge).await), (&json!(true), 2));
    assert!(bridge.aha.find_user(sam.id).unwrap().enabled, "what was done by hand is not undone");
}

#[tokio::test]
async fn a_user_whose_create_is_out_while_a_pass_lists_the_account_is_not_doubled() {
    let every = Duration::from_secs(3);
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys("roster_every = '3s'").start().await;
    let slow = Fault::delay(Duration::from_secs(5)).after_applying().on("POST /products/:id/users");
    bridge.aha.fault(slow);
    let body = user("sam.doe@example.com");
    let (created, ()) = tokio::join!(bridge.post("/Users", &body), async {
        eventually("the invitation", async || bridge.aha.invitations().len() == 1).await;
        bridge.next_roster(&clock, every).await;
        clock.advance(every);
    });
    assert_eq!(created.status, 201, "{created}");
    bridge.wait_until_idle().await;
    bridge.next_roster(&clock, every).await;
    assert_eq!(total(&bridge).await, 2);
    assert_eq!(find(&bridge, "sam.doe@example.com").await.unwrap()["id"], created.body["id"]);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_page_that_is_older_than_a_write_does_not_undo_it() {
    let (bridge, clock) = start(|aha| {
        aha.seed(Person::new("Sam", "Doe", "sam.doe@example.com"));
    })
    .await;
    let id = find(&bridge, "sam.doe@example.com").await.unwrap()["id"].as_str().unwrap().to_owned();
    bridge.aha.take_calls();
    // For longer than a pass gives no sign of life.
    bridge.aha.fault(Fault::delay(Duration::from_secs(15)).after_applying().on("GET /users"));
    pass_time(&clock, EVERY, "the next pass", async || !bridge.aha.calls().is_empty()).await;
    let listed = bridge.status().await["roster"]["completed_at"].clone();
    let patched = bridge
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": false }]))
        .await;
    assert_eq!(patched.body["active"], false, "{patched}");
    pass_time(&clock, Duration::from_secs(1), "the end of the pass", async || {
        bridge.status().await["roster"]["completed_at"] != listed
    })
    .await;
    assert_eq!(bridge.get(&format!("/Users/{id}")).await.body, patched.body);
}

#[tokio::test]
async fn disabled_accounts_that_a_listing_leaves_out_are_looked_up_once_and_not_taken_for_gone() {
    const PEOPLE: usize = 60;
    let (bridge, clock) = start(|aha| {
        for number in 0..PEOPLE {
            aha.seed(Person::new("Some", "Body", &format!("p{number}@example.com")));
        }
        aha.change(|switches| switches.disabled_users = DisabledUsers::Hidden);
    })
    .await;
    for user in bridge.aha.users().into_iter().skip(1) {
        bridge.aha.disable(user.id);
    }
    let mut look_ups = Vec::new();
    for _ in 0..4 {
        bridge.next_roster(&clock, EVERY).await;
        look_ups.push(bridge.aha.take_calls().to("GET /users/:id").len());
    }
    assert_eq!(look_ups, [50, 10, 0, 0], "fifty a pass, each once");
    assert_eq!(total(&bridge).await, PEOPLE as u64 + 1);
    assert_eq!(bridge.filter("/Users", "active eq false").await.body["totalResults"], PEOPLE);

    // One of them is deleted by hand: that is noticed within a day.
    bridge.aha.vanish(bridge.aha.find_user_by_email("p7@example.com").unwrap().id);
    clock.advance(Duration::from_secs(24 * 60 * 60));
    for _ in 0..3 {
        bridge.next_roster(&clock, EVERY).await;
    }
    assert_eq!(find(&bridge, "p7@example.com").await, None);
    assert_eq!(total(&bridge).await, PEOPLE as u64);
}

#[tokio::test]
async fn four_hundred_and_one_accounts_are_three_calls() {
    let (bridge, clock) = start(|aha| {
        // The administrator is the first.
        for number in 0..400 {
            aha.seed(Person::new("Some", "Body", &format!("p{number}@example.com")));
        }
    })
    .await;
    assert_eq!(total(&bridge).await, 401);
    bridge.next_roster(&clock, EVERY).await;
    let pages = ["page=1", "page=2", "page=3"].map(|page| format!("GET /users?{page}&per_page=200"));
    assert_eq!(bridge.aha.take_calls().lines(), pages);
    let status = bridge.status().await;
    assert_eq!(status["roster"]["accounts"], 401, "{status:#}");
    assert_eq!(status["roster"]["last_failure"], Value::Null);
}

#[tokio::test]
async fn while_people_come_and_go_during_a_pass_nobody_is_taken_for_gone_and_nobody_is_doubled() {
    let (bridge, clock) = start(|aha| {
        for number in 0..450 {
            aha.seed(Person::new("Some", "Body", &format!("p{number}@example.com")));
        }
    })
    .await;
    let ids: Vec<_> = bridge.aha.users().into_iter().map(|user| user.id).collect();
    // Between the first and the second page ten of the first go: ten of the second move to the first and are not seen.
    bridge.aha.fault(Fault::delay(Duration::from_secs(5)).skipping(1).on("GET /users"));
    let listed = bridge.status().await["roster"]["completed_at"].clone();
    clock.advance(EVERY);
    // In small steps: a pass that took as long as the time between passes would be followed by the next at once.
    pass_time(&clock, Duration::from_millis(10), "the second page", async || {
        bridge.aha.calls().to("GET /users").len() == 2
    })
    .await;
    for id in &ids[10..20] {
        bridge.aha.vanish(*id);
    }
    pass_time(&clock, Duration::from_secs(1), "the end of the pass", async || {
        bridge.status().await["roster"]["completed_at"] != listed
    })
    .await;
    assert_eq!(
        bridge.aha.take_calls().to("GET /users/:id").len(),
        0,
        "a listing that moved says nothing of absence"
    );
    assert_eq!(total(&bridge).await, 451);

    bridge.aha.seed(Person::new("New", "Comer", "new@example.com"));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(total(&bridge).await, 442);
    let user_names: std::collections::HashSet<_> = bridge.get("/Users?count=1000").await.body["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["userName"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(user_names.len(), 442);
}

#[tokio::test]
async fn a_restart_with_a_known_roster_serves_at_once_though_the_target_is_down() {
    let (setup, _) = Setup::aha_with_manual_clock();
    let mut bridge = setup.start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    bridge.stop().await;
    bridge.aha.fault(Fault::html(503).always());
    bridge.start_again().await;
    assert_eq!(bridge.ready().await.status, 200);
    assert_eq!(bridge.get(&format!("/Users/{id}")).await.status, 200);
    assert_eq!(total(&bridge).await, 2);
    eventually("the failure", async || !bridge.status().await["roster"]["last_failure"].is_null()).await;
    assert_eq!(total(&bridge).await, 2, "a pass that failed takes nothing away");
}

#[tokio::test]
async fn a_pass_that_fails_halfway_is_tried_again_soon_and_takes_nobody_for_gone() {
    let (bridge, clock) = start(|aha| {
        for number in 0..250 {
            aha.seed(Person::new("Some", "Body", &format!("p{number}@example.com")));
        }
    })
    .await;
    bridge.aha.fault(Fault::html(502).skipping(1).on("GET /users"));
    pass_time(&clock, EVERY, "the failure", async || {
        !bridge.status().await["roster"]["last_failure"].is_null()
    })
    .await;
    assert_eq!(total(&bridge).await, 251);
    let failed_at = bridge.status().await["roster"]["completed_at"].clone();
    pass_time(&clock, Duration::from_secs(1), "the next pass", async || {
        bridge.status().await["roster"]["completed_at"] != failed_at
    })
    .await;
    assert_eq!(bridge.status().await["roster"]["last_failure"], Value::Null);
}

#[tokio::test]
async fn the_owner_of_the_key_is_not_disabled_by_a_write_that_comes_before_the_first_pass_after_a_start() {
    let (setup, _) = Setup::aha_with_manual_clock();
    let other = Person::new("Other", "Admin", "other.admin@example.com").administrator();
    let mut bridge = setup.with(|aha| _ = aha.seed(other)).start().await;
    let id = find(&bridge, ADMINISTRATOR).await.unwrap()["id"].as_str().unwrap().to_owned();
    bridge.stop().await;
    // The pass of the new start does not get to know whose key it is.
    bridge.aha.fault(Fault::html(503).on("GET /me"));
    bridge.start_again().await;
    eventually("the failure", async || !bridge.status().await["roster"]["last_failure"].is_null()).await;
    let refused = bridge
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": false }]))
        .await;
    assert!(refused.error(403, "").contains("this bridge works at the target as"), "{refused}");
    assert!(bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().enabled);
    assert_eq!(bridge.aha.calls().writes().lines(), Vec::<String>::new());
}
