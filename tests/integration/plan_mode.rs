//! `mode = "plan"`: the IdP is answered as if all was done, nothing is changed at Aha!, and what is printed is what is
//! carried out once the mode is `apply`.

use std::{collections::BTreeMap, time::Duration};

use scim_bridge::{
    clock::ManualClock,
    converge::forecast::{self, Accounts, Action, Totals},
    sim::aha::{DEMO_API_KEY, Fault, Person, switches::DisabledOwner},
    store::StoreError,
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Bridge, Setup, eventually, user};

const SAM: &str = "sam.doe@example.com";
const KIM: &str = "kim.lee@example.com";
const PAT: &str = "pat.roe@example.com";
const PLAN: &str = "mode = 'plan'";
const APPLY: &str = "mode = 'apply'";
const DAY: Duration = Duration::from_hours(24);
const NO_CALLS: [&str; 0] = [];

/// A bridge in plan mode with a clock by hand, in front of an account with some people.
async fn start(change: impl FnOnce(Setup) -> Setup) -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.app_keys(PLAN).app_keys("roster_every = '24h'").with(|aha| {
        aha.seed(Person::new("kim", "lee", KIM));
        aha.seed(Person::new("Patricia", "Roe", PAT).disabled());
        for number in 0..5 {
            aha.seed(Person::new("person", &format!("no{number}"), &email(number)));
        }
    });
    (change(setup).start().await, clock)
}

fn email(number: usize) -> String {
    format!("person.no{number}@example.com")
}

fn active(value: bool) -> Value {
    json!([{ "op": "replace", "path": "active", "value": value }])
}

async fn path_of(bridge: &Bridge, email: &str) -> String {
    let found = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
    format!("/Users/{}", found.only()["id"].as_str().unwrap())
}

/// What would be done, by userName, and what it comes to.
async fn forecast(bridge: &Bridge) -> (BTreeMap<String, (Action, Vec<&'static str>)>, Totals) {
    let target = bridge.beside().await;
    let mut users = BTreeMap::new();
    let totals = forecast::all(&target, Accounts::Listed, |user, forecast| -> Result<(), StoreError> {
        let calls = forecast.calls.iter().map(|call| call.name()).collect();
        let name = user.resource.user_name().unwrap().to_owned();
        assert!(users.insert(name, (forecast.action, calls)).is_none());
        Ok(())
    });
    let totals = totals.await.unwrap();
    (users, totals)
}

fn calls_of(users: &BTreeMap<String, (Action, Vec<&'static str>)>) -> usize {
    users.values().map(|(_, calls)| calls.len()).sum()
}

/// The calls since the last time that no roster makes.
fn work(bridge: &Bridge) -> Vec<String> {
    // Those that were made after the listing began are looked at by their id.
    let of_the_roster = |line: &String| {
        ["GET /users?page=", "GET /me", "GET /users/"].iter().any(|call| line.starts_with(call))
    };
    bridge.calls().into_iter().filter(|line| !of_the_roster(line)).collect()
}

#[tokio::test]
async fn every_write_is_answered_at_once_as_if_it_were_done_and_nothing_is_sent() {
    let (bridge, _clock) = start(|setup| setup).await;
    // Time stands still, so nobody waits.
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.written(201), user(SAM));
    let title = json!([{ "op": "replace", "path": "title", "value": "Clerk" }]);
    assert_eq!(bridge.patch(&created.path(), title).await.status, 200);
    let kim = path_of(&bridge, KIM).await;
    assert_eq!(bridge.patch(&kim, active(false)).await.body["active"], false);
    assert_eq!(bridge.get(&kim).await.body["active"], false);
    bridge.put(&path_of(&bridge, PAT).await, &user(PAT)).await.written(200);
    assert_eq!(bridge.get(&path_of(&bridge, PAT).await).await.body["active"], true);
    let gone = path_of(&bridge, &email(0)).await;
    bridge.delete(&gone).await.no_content();
    assert_eq!(bridge.get(&gone).await.status, 404);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "a", "data": user("bob@example.com") }],
    });
    let bulk = bridge.post("/Bulk", &bulk).await;
    assert_eq!(bulk.body["Operations"][0]["status"], "201", "{bulk}");
    assert_eq!(bridge.filter("/Users", "active eq true").await.body["totalResults"], 8);
    assert_eq!(bridge.calls(), NO_CALLS);
    let status = bridge.status().await;
    assert!(status["mode"].as_str().unwrap().starts_with("plan: "), "{status:#}");
    assert_eq!(status["queue"]["revoke"]["users"], 2);
}

#[tokio::test]
async fn what_is_planned_is_what_is_done_in_the_fewest_calls() {
    let (mut bridge, _clock) = start(|setup| setup).await;
    // Joins; joins, and is given another name; joins and leaves; joins and is deleted.
    for email in [SAM, "ann@example.com", "bob@example.com", "cat@example.com"] {
        assert_eq!(bridge.post("/Users", &user(email)).await.status, 201);
    }
    let rename = json!([{ "op": "replace", "path": "name.familyName", "value": "Smith" }]);
    bridge.patch(&path_of(&bridge, "ann@example.com").await, rename.clone()).await;
    bridge.patch(&path_of(&bridge, "bob@example.com").await, active(false)).await;
    bridge.delete(&path_of(&bridge, "cat@example.com").await).await.no_content();
    // Adopted as it is; adopted and enabled; changed; disabled; deleted; away and back; deleted and made again.
    assert_eq!(bridge.put(&path_of(&bridge, KIM).await, &user(KIM)).await.status, 200);
    assert_eq!(bridge.put(&path_of(&bridge, PAT).await, &user(PAT)).await.status, 200);
    bridge.patch(&path_of(&bridge, &email(0)).await, rename).await;
    bridge.patch(&path_of(&bridge, &email(1)).await, active(false)).await;
    bridge.delete(&path_of(&bridge, &email(2)).await).await.no_content();
    let back = path_of(&bridge, &email(3)).await;
    bridge.patch(&back, active(false)).await;
    bridge.patch(&back, active(true)).await;
    bridge.delete(&path_of(&bridge, &email(4)).await).await.no_content();
    assert_eq!(bridge.post("/Users", &user(&email(4))).await.status, 201);

    let (users, totals) = forecast(&bridge).await;
    let expected = [
        (SAM.to_owned(), (Action::Create, vec!["find", "create"])),
        ("ann@example.com".to_owned(), (Action::Create, vec!["find", "create"])),
        ("bob@example.com".to_owned(), (Action::Nothing, vec!["find"])),
        ("cat@example.com".to_owned(), (Action::Nothing, vec!["find"])),
        (KIM.to_owned(), (Action::Adopt, vec![])),
        (PAT.to_owned(), (Action::Enable, vec!["update"])),
        (email(0), (Action::Change, vec!["update"])),
        (email(1), (Action::Disable, vec!["update"])),
        (email(2), (Action::Disable, vec!["update"])),
        (email(3), (Action::Adopt, vec![])),
        (email(4), (Action::Adopt, vec![])),
    ];
    assert_eq!(users, BTreeMap::from(expected));
    assert_eq!((totals.invitations, totals.calls), (2, 10));
    assert_eq!((totals.of(Action::Create), totals.of(Action::Disable), totals.held), (2, 2, 0));
    assert_eq!(bridge.aha.take_calls().len(), 0);
    let promised = bridge.get("/Users").await.body["Resources"].clone();

    bridge.reconfigure(PLAN, APPLY).await;
    bridge.wait_until_idle().await;
    let mut done = work(&bridge);
    done.sort();
    assert_eq!(
        done,
        [
            "GET /users?email=ann@example.com",
            "GET /users?email=bob@example.com",
            "GET /users?email=cat@example.com",
            "GET /users?email=sam.doe@example.com",
            "POST /products/PRJ1/users {\"user\":{\"email\":\"ann@example.com\",\"first_name\":\"ann\",\"last_name\":\"Smith\",\"role\":\"viewer\"}}",
            "POST /products/PRJ1/users {\"user\":{\"email\":\"sam.doe@example.com\",\"first_name\":\"sam\",\"last_name\":\"doe\",\"role\":\"viewer\"}}",
            "PUT /users/<pat.roe@example.com> {\"user\":{\"first_name\":\"pat\",\"last_name\":\"roe\",\"enabled\":true}}",
            "PUT /users/<person.no0@example.com> {\"user\":{\"first_name\":\"person\",\"last_name\":\"Smith\"}}",
            "PUT /users/<person.no1@example.com> {\"user\":{\"enabled\":false}}",
            "PUT /users/<person.no2@example.com> {\"user\":{\"enabled\":false}}",
        ]
    );
    assert_eq!(done.len(), calls_of(&users));
    // What was promised is so: to be carried out is no change.
    let without_location = |mut resources: Value| {
        for resource in resources.as_array_mut().unwrap() {
            resource["meta"]["location"].take();
        }
        resources
    };
    let now = bridge.get("/Users").await.body["Resources"].clone();
    assert_eq!(without_location(now), without_location(promised));
    assert_eq!(forecast(&bridge).await.0, BTreeMap::new());
    let status = bridge.status().await;
    assert_eq!(status["mode"], "apply");
}

#[tokio::test]
async fn a_restart_in_plan_mode_keeps_the_plan() {
    let (mut bridge, _clock) = start(|setup| setup).await;
    bridge.create_user(SAM).await;
    bridge.delete(&path_of(&bridge, KIM).await).await.no_content();
    let before = forecast(&bridge).await;
    bridge.restart().await;
    assert_eq!(forecast(&bridge).await, before);
    assert_eq!(work(&bridge), NO_CALLS);
    // Not shown as an account that nobody manages, although it is enabled.
    assert_eq!(bridge.filter("/Users", &format!("userName eq \"{KIM}\"")).await.body["totalResults"], 0);
}

#[tokio::test]
async fn an_account_that_appears_meanwhile_is_adopted_in_the_plan_and_then() {
    let (mut bridge, clock) = start(|setup| setup).await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    bridge.aha.seed(Person::new("sam", "doe", "Sam.Doe@example.com"));
    bridge.next_roster(&clock, DAY).await;
    let (users, totals) = forecast(&bridge).await;
    assert_eq!(users[SAM], (Action::Adopt, vec![]));
    assert_eq!((totals.invitations, totals.calls), (0, 0));
    bridge.reconfigure(PLAN, APPLY).await;
    bridge.wait_until_idle().await;
    assert_eq!(work(&bridge), NO_CALLS);
    assert_eq!(bridge.aha.invitations(), []);
    assert_eq!(bridge.get(&path).await.body["active"], true);
}

#[tokio::test]
async fn what_was_begun_before_plan_mode_waits_in_it_and_is_looked_up_after_it() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let mut bridge = setup.app_keys(APPLY).app_keys("confirm_within = '0s'").start().await;
    let lost = Fault::drop_connection().after_applying().on("POST /products/:id/users");
    bridge.aha.fault(lost);
    bridge.create_user(SAM).await;
    eventually("the create", async || bridge.aha.invitations().len() == 1).await;
    eventually("its failure", async || bridge.status().await["queue"]["grant"]["failing"] == 1).await;
    bridge.reconfigure(APPLY, PLAN).await;
    bridge.calls();
    clock.advance(Duration::from_mins(10));
    bridge.patch(&path_of(&bridge, SAM).await, active(false)).await;
    assert_eq!(bridge.aha.calls().writes().lines(), NO_CALLS);
    bridge.reconfigure(PLAN, APPLY).await;
    bridge.wait_until_idle().await;
    assert!(!bridge.aha.find_user_by_email(SAM).unwrap().enabled);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_write_that_no_one_was_answered_is_promised_when_it_comes_again() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.server_keys("request_timeout = '10m'").app_keys("confirm_within = '9m'");
    let mut bridge = setup.app_keys(APPLY).killable().start().await;
    bridge.aha.fault(Fault::html(503).always());
    let body = user(SAM);
    let request = bridge.request(http::Method::POST, "/Users").body(body.to_string());
    let request = request.header("content-type", "application/scim+json");
    tokio::spawn(async move { _ = request.send().await });
    eventually("its failure", async || bridge.status().await["queue"]["grant"]["failing"] == 1).await;
    bridge.crash();
    bridge.aha.clear_faults();
    clock.advance(Duration::from_hours(1));
    bridge.reconfigure(APPLY, PLAN).await;
    let path = path_of(&bridge, SAM).await;
    assert_eq!(bridge.put(&path, &body).await.status, 200);
    // What Aha! says no to later is not undone: it was answered.
    bridge
        .aha
        .fault(Fault::json(422, &json!({ "errors": { "message": "no" } })).on("POST /products/:id/users"));
    bridge.reconfigure(PLAN, APPLY).await;
    eventually("the rejection", async || !bridge.aha.has_faults()).await;
    assert_eq!(bridge.get(&path).await.status, 200);
}

#[tokio::test]
async fn guards_refuse_with_403_also_what_is_only_planned() {
    let (mut bridge, _clock) = start(|setup| {
        setup.app_keys("protected = ['kim.lee@example.com']").with(|aha| {
            aha.seed(Person::new("Ann", "Admin", "ann@example.com").administrator());
            aha.seed(Person::new("Bob", "Admin", "bob@example.com").administrator());
            aha.disable(aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
            aha.change(|switches| switches.disabled_owner = DisabledOwner::KeepsKey);
        })
    })
    .await;
    let refused = bridge.patch(&path_of(&bridge, KIM).await, active(false)).await;
    assert!(refused.error(403, "").contains("protected accounts"), "{refused}");
    assert_eq!(bridge.patch(&path_of(&bridge, "ann@example.com").await, active(false)).await.status, 200);
    let refused = bridge.delete(&path_of(&bridge, "bob@example.com").await).await;
    assert!(refused.error(403, "").contains("last enabled administrator"), "{refused}");
    assert_eq!(bridge.calls(), NO_CALLS);

    // Protected since it was promised.
    assert_eq!(bridge.patch(&path_of(&bridge, &email(0)).await, active(false)).await.status, 200);
    let protected = format!("protected = ['{}']", email(0));
    bridge.reconfigure("protected = ['kim.lee@example.com']", &protected).await;
    let (users, totals) = forecast(&bridge).await;
    assert_eq!(users[&email(0)], (Action::Refuse, vec![]));
    assert_eq!((totals.of(Action::Disable), totals.calls), (1, 1), "the first administrator");
}

#[tokio::test]
async fn a_key_that_does_not_work_does_not_keep_anybody_from_planning() {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.revoke_api_key(DEMO_API_KEY);
    eventually("the refusal", async || {
        clock.advance(DAY);
        bridge.status().await["target"]["state"].as_str().unwrap().starts_with("credentials refused")
    })
    .await;
    bridge.create_user(SAM).await;
    assert_eq!(bridge.patch(&path_of(&bridge, KIM).await, active(false)).await.status, 200);
    // The key works again, which is found out without work.
    let owner = bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id;
    bridge.aha.add_api_key(DEMO_API_KEY, owner);
    eventually("the probe", async || {
        clock.advance(Duration::from_mins(1));
        bridge.status().await["target"]["state"] == "working"
    })
    .await;
    assert_eq!(bridge.aha.calls().writes().lines(), NO_CALLS);
}

#[tokio::test]
async fn the_plan_says_how_many_the_brake_would_hold_and_so_it_is() {
    let (mut bridge, _clock) = start(|setup| setup.brake("brake = { max_revocations = 2 }")).await;
    for number in 0..5 {
        bridge.patch(&path_of(&bridge, &email(number)).await, active(false)).await;
    }
    let (_, totals) = forecast(&bridge).await;
    assert_eq!((totals.of(Action::Disable), totals.to_be_held, totals.held), (5, 3, 0));
    bridge.reconfigure(PLAN, APPLY).await;
    eventually("the hold", async || bridge.status().await["held"]["users"] == 3).await;
    bridge.wait_until_idle().await;
    assert_eq!(bridge.aha.calls().writes().len(), 2);
    let (_, totals) = forecast(&bridge).await;
    assert_eq!((totals.of(Action::Disable), totals.to_be_held, totals.held, totals.calls), (3, 0, 3, 0));
}

#[tokio::test]
async fn before_the_first_roster_nobody_can_tell_a_create_from_an_adoption() {
    let (setup, _clock) = Setup::aha_with_manual_clock();
    let setup = setup.app_keys(PLAN).with(|aha| {
        aha.seed(Person::new("sam", "doe", SAM));
        aha.fault(Fault::html(503).on("GET /users").times(1));
    });
    let bridge = setup.start().await;
    let id = bridge.create_user(SAM).await;
    let target = bridge.beside().await;
    let mut actions = Vec::new();
    forecast::all(&target, Accounts::NotListed, |_, forecast| -> Result<(), StoreError> {
        actions.push(forecast.action);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(actions, [Action::CreateOrAdopt]);
    // The roster finds the account of the user that was planned.
    bridge.next_roster(&_clock, Duration::from_secs(10)).await;
    assert_eq!(forecast(&bridge).await.0, BTreeMap::from([(SAM.to_owned(), (Action::Adopt, vec![]))]));
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 2, "the account has one user");
    assert_eq!(path_of(&bridge, SAM).await, format!("/Users/{id}"));
}

#[tokio::test]
async fn who_is_as_asserted_is_listed_with_nothing_to_do() {
    let (mut bridge, _clock) = start(|setup| setup).await;
    bridge.reconfigure(PLAN, APPLY).await;
    bridge.create_user(SAM).await;
    bridge.wait_until_idle().await;
    assert_eq!(forecast(&bridge).await.0, BTreeMap::new(), "what is still to be done");
    bridge.reconfigure(APPLY, PLAN).await;
    let (users, totals) = forecast(&bridge).await;
    assert_eq!(users, BTreeMap::from([(SAM.to_owned(), (Action::Nothing, vec![]))]));
    assert_eq!((totals.of(Action::Nothing), totals.calls, totals.invitations), (1, 0, 0));
}
