//! The allowance of an Aha! account: never exceeded, nearly all of it used, and leavers first.

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use futures_util::future::join_all;
use rstest::rstest;
use scim_bridge::{
    clock::{Clock, ManualClock, Time},
    sim::aha::{
        Fault, Person,
        switches::{RateHeaders, RateRules, Reset, Rounding, Windows},
    },
};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::task::spawn_blocking;

use crate::harness::{Bridge, Setup, as_time_passes, eventually, pass_time, user};

const CREATE: &str = "POST /products/:id/users";
const DISABLE: &str = "PUT /users/:id";

/// Aha!'s published limits, on both sides.
fn limited(rules: RateRules) -> (Setup, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup
        .rate(20, 300)
        .server_keys("request_timeout = '10m'")
        .app_keys("confirm_within = '0s'")
        .with(|aha| aha.change(|switches| switches.rate = rules));
    (setup, clock)
}

/// Asks for that many new users. Time stands still.
async fn queue_joiners(bridge: &Bridge, count: usize) {
    let create = |number: usize| {
        let data = user(&format!("joiner{number}@example.com"));
        json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data })
    };
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let operations: Vec<_> = (0..count).map(create).collect();
    let answer = bridge.post("/Bulk", &json!({ "schemas": schemas, "Operations": operations })).await;
    assert_eq!(answer.status, 200, "{answer}");
    let is_accepted = |operation: &Value| operation["status"] == "201";
    assert!(answer.body["Operations"].as_array().unwrap().iter().all(is_accepted), "{answer}");
}

async fn disable(bridge: &Bridge, id: &str) {
    let operations = json!([{ "op": "Replace", "path": "active", "value": false }]);
    let answer = bridge.patch(&format!("/Users/{id}"), operations).await;
    assert_eq!(answer.status, 200, "{answer}");
}

/// Moves the clock in small steps until `is_over`. The bridge has its turn before each, however slow the machine and its disk are:
/// calls that are on their way come, and who makes something durable has done so.
async fn pass(bridge: &Bridge, clock: &ManualClock, mut is_over: impl FnMut() -> bool) {
    let mut file = tempfile::tempfile().unwrap();
    let mut quiet_rounds = 0;
    while !is_over() {
        let mark = bridge.aha.mark();
        bridge.wait_until_ready().await;
        file = spawn_blocking(move || {
            file.write_all(b".").unwrap();
            file.sync_all().unwrap();
            file
        })
        .await
        .unwrap();
        let is_quiet = bridge.aha.calls_since(mark).iter().next().is_none();
        quiet_rounds = if is_quiet { quiet_rounds + 1 } else { 0 };
        if quiet_rounds == 2 {
            clock.advance(Duration::from_millis(25));
            quiet_rounds = 0;
        }
    }
}

/// A hundred people leave while a thousand joiners wait, and halfway the bridge starts anew.
#[tokio::test]
async fn leavers_reach_aha_within_two_seconds_behind_a_thousand_joiners_who_use_the_whole_budget() {
    const JOINERS: usize = 1_000;
    const LEAVERS: usize = 100;
    let (setup, clock) = limited(RateRules::default());
    let leave = |aha: &scim_bridge::sim::aha::SimulatedAha| {
        for number in 0..LEAVERS {
            aha.seed(Person::new("Some", "Leaver", &format!("leaver{number}@example.com")));
        }
    };
    let mut bridge = setup.with(leave).start().await;
    let list = bridge.get("/Users?count=200").await;
    let leavers: BTreeMap<_, _> = list.body["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| (user["userName"].as_str().unwrap().to_owned(), user["id"].as_str().unwrap().to_owned()))
        .filter(|(user_name, _)| user_name.starts_with("leaver"))
        .collect();
    assert_eq!(leavers.len(), LEAVERS);
    clock.advance(Duration::from_secs(120));
    let began_at = clock.now();
    queue_joiners(&bridge, JOINERS).await;

    let mut left_at: BTreeMap<String, Time> = BTreeMap::new();
    for (index, (user_name, id)) in leavers.iter().enumerate() {
        let next = clock.now() + Duration::from_millis(3_900);
        pass(&bridge, &clock, || clock.now() >= next).await;
        left_at.insert(user_name.clone(), clock.now());
        disable(&bridge, id).await;
        if index == LEAVERS / 2 {
            bridge.restart().await;
        }
    }
    assert!(bridge.aha.invitations().len() < JOINERS, "joiners waited all the time");
    pass(&bridge, &clock, || bridge.aha.invitations().len() == JOINERS).await;

    let calls = bridge.aha.calls();
    assert_eq!(calls.answered(429).lines(), Vec::<String>::new());
    let waits: Vec<_> = calls
        .to(DISABLE)
        .iter()
        .map(|call| {
            let id = call.path.rsplit('/').next().unwrap();
            let leaver = bridge.aha.users().into_iter().find(|user| user.id.to_string() == id).unwrap();
            call.at.since(left_at[&leaver.email])
        })
        .collect();
    assert_eq!(waits.len(), LEAVERS);
    let in_time = waits.iter().filter(|wait| **wait <= Duration::from_secs(2)).count();
    let ended_at = calls.to(CREATE).last().unwrap().at;
    let minutes = ended_at.since(began_at).as_secs_f64() / 60.0;
    let used = calls.iter().filter(|call| call.at >= began_at && call.at <= ended_at).count() as f64;
    println!(
        "{in_time} of {LEAVERS} within 2 s, the longest after {:?}; {:.1} % of the budget used in {minutes:.1} minutes",
        waits.iter().max().unwrap(),
        used / minutes / 3.0
    );
    assert!(in_time >= 99, "{waits:?}");
    assert!(used / minutes >= 0.95 * 300.0, "{used} calls in {minutes} minutes");
}

#[tokio::test]
async fn a_bridge_that_was_killed_goes_on_with_what_it_had_called() {
    let (setup, _clock) = limited(RateRules::default());
    let mut bridge = setup.killable().start().await;
    queue_joiners(&bridge, 40).await;
    // The roster took two of the second's calls, and two are kept for leavers.
    eventually("the burst", async || bridge.aha.calls().len() >= 10).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    disable(&bridge, &id_of(&bridge, "joiner0@example.com").await).await;
    eventually("the second's calls", async || bridge.aha.calls().len() >= 16).await;
    assert!(bridge.aha.calls().len() <= 20, "{}", bridge.aha.calls());
    assert_eq!(bridge.aha.calls().answered(429).len(), 0);
}

/// Forty people are renamed at once, more than a second allows. Who is asked to leave whose change waits for its turn is
/// disabled with what is kept for leavers, before any time has passed.
#[tokio::test]
async fn who_leaves_while_a_change_of_them_waits_for_its_turn_leaves_at_once() {
    let (setup, clock) = limited(RateRules::default());
    let bridge = setup.with(|aha| seed_people(aha, 40)).start().await;
    let paths = paths_of_people(&bridge).await;
    clock.advance(Duration::from_secs(120));
    for path in &paths {
        let rename = json!([{ "op": "replace", "path": "name.familyName", "value": "Renamed" }]);
        assert_eq!(bridge.patch(path, rename).await.status, 200);
    }
    eventually("what a second allows", async || bridge.aha.calls().len() == 18).await;
    let waiting = in_hand(&bridge).await;
    for email in &waiting[..2] {
        disable(&bridge, &id_of(&bridge, email).await).await;
    }
    let has_left = |email: &String| !bridge.aha.find_user_by_email(email).unwrap().enabled;
    eventually("both have left", async || waiting[..2].iter().all(has_left)).await;
    assert_eq!(bridge.aha.calls().len(), 20);
}

/// The machine's clock was an hour ahead when all of that happened, and was set right before the next start.
#[tokio::test]
async fn a_clock_that_was_set_back_holds_up_nobody_for_as_long() {
    // Aha! keeps its own time.
    let (setup, clock) = limited(RateRules::unlimited());
    let mut bridge = setup.with(|aha| seed_people(aha, 24)).start().await;
    clock.advance(Duration::from_secs(120));
    let email = |number: usize| format!("person{number}@example.com");
    let is_enabled = |bridge: &Bridge, number| bridge.aha.find_user_by_email(&email(number)).unwrap().enabled;
    disable(&bridge, &id_of(&bridge, &email(20)).await).await;
    eventually("the deactivation", async || !is_enabled(&bridge, 20)).await;
    bridge.aha.fault(Fault::html(503).on(DISABLE));
    disable(&bridge, &id_of(&bridge, &email(21)).await).await;
    eventually("the failure", async || bridge.status().await["queue"]["revoke"]["failing"] == 1).await;
    for number in 0..18 {
        disable(&bridge, &id_of(&bridge, &email(number)).await).await;
    }
    eventually("what a second allows", async || bridge.aha.calls().len() == 20).await;

    let earlier = ManualClock::new(clock.now() - Duration::from_secs(3_600));
    bridge.restart_by(&earlier).await;
    let started_at = earlier.now();
    disable(&bridge, &id_of(&bridge, &email(22)).await).await;
    pass_time(&earlier, Duration::from_millis(25), "both deactivations", async || {
        !is_enabled(&bridge, 21) && !is_enabled(&bridge, 22)
    })
    .await;
    let took = earlier.now().since(started_at);
    assert!(took < Duration::from_secs(5), "{took:?}");
    // What was seen later by the other clock is seen anew.
    bridge.aha.disable(bridge.aha.find_user_by_email(&email(23)).unwrap().id);
    bridge.aha.enable(bridge.aha.find_user_by_email(&email(20)).unwrap().id);
    as_time_passes(&earlier, Duration::from_millis(100), bridge.wait_until_idle()).await;
    bridge.next_roster(&earlier, Duration::from_secs(15 * 60)).await;
    for (number, active) in [(23, false), (20, true)] {
        let shown = bridge.get(&format!("/Users/{}", id_of(&bridge, &email(number)).await)).await;
        assert_eq!(shown.body["active"], active, "{shown}");
    }
}

/// A gateway in front of Aha!, or the company's proxy, tells of limits of its own.
#[tokio::test]
async fn what_a_page_of_a_gateway_says_of_limits_does_not_count() {
    let (setup, clock) = limited(RateRules { headers: RateHeaders::Absent, ..RateRules::default() });
    let bridge = setup.start().await;
    clock.advance(Duration::from_secs(120));
    let reset = clock.now().as_micros() / 1_000_000 + 50;
    let page = Fault::html(503).header("x-ratelimit-limit", "1").header("x-ratelimit-remaining", "0");
    bridge.aha.fault(page.header("x-ratelimit-reset", &reset.to_string()));
    let started_at = clock.now();
    for number in 0..6 {
        bridge.create_user(&format!("joiner{number}@example.com")).await;
    }
    pass_time(&clock, Duration::from_millis(25), "the invitations", async || {
        bridge.aha.invitations().len() == 6
    })
    .await;
    assert!(clock.now().since(started_at) < Duration::from_secs(10));
}

/// That nobody has an account who is not to have any is looked up in the lane of changes.
#[tokio::test]
async fn a_leaver_does_not_wait_behind_new_users_without_access() {
    let (setup, clock) = limited(RateRules::default());
    let bridge = setup.with(|aha| seed_people(aha, 1)).start().await;
    clock.advance(Duration::from_secs(120));
    for number in 0..40 {
        let mut inactive = user(&format!("inactive{number}@example.com"));
        inactive["active"] = json!(false);
        assert_eq!(bridge.post("/Users", &inactive).await.status, 201);
    }
    eventually("what a second allows", async || bridge.aha.calls().len() >= 18).await;
    disable(&bridge, &id_of(&bridge, "person0@example.com").await).await;
    eventually("the leaver has left", async || {
        !bridge.aha.find_user_by_email("person0@example.com").unwrap().enabled
    })
    .await;
    assert_eq!(bridge.aha.calls().len(), 19);
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_idle()).await;
    assert_eq!(bridge.aha.invitations().len(), 0);
}

/// The `userName`s of those whom the worker is at work on, once that are as many as it has places for.
async fn in_hand(bridge: &Bridge) -> Vec<String> {
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    let mut in_hand: Vec<String> = Vec::new();
    for _ in 0..10_000 {
        let leased = sqlx::query_scalar("SELECT user_name_key FROM users WHERE lease_owner IS NOT NULL");
        in_hand = leased.fetch_all(&mut database).await.unwrap();
        if in_hand.len() == 16 {
            return in_hand;
        }
    }
    panic!("there is room for more: {in_hand:?}");
}

fn seed_people(aha: &scim_bridge::sim::aha::SimulatedAha, count: usize) {
    for number in 0..count {
        aha.seed(Person::new("Some", "Person", &format!("person{number}@example.com")));
    }
}

async fn paths_of_people(bridge: &Bridge) -> Vec<String> {
    let list = bridge.get("/Users?filter=userName+sw+%22person%22&count=200").await;
    let people = list.body["Resources"].as_array().unwrap();
    people.iter().map(|user| format!("/Users/{}", user["id"].as_str().unwrap())).collect()
}

async fn id_of(bridge: &Bridge, user_name: &str) -> String {
    let list = bridge.filter("/Users", &format!("userName eq \"{user_name}\"")).await;
    list.body["Resources"][0]["id"].as_str().unwrap().to_owned()
}

/// Others have made 200 calls, and go on. No call of ours is refused, whatever the headers mean.
#[rstest]
#[case::sliding(RateRules::default())]
#[case::fixed(RateRules { windows: Windows::Fixed, ..RateRules::default() })]
#[case::tightest(RateRules { headers: RateHeaders::Tightest, ..RateRules::default() })]
#[case::until_all_is_free(RateRules { reset: Reset::AllRoom, ..RateRules::default() })]
#[case::early(RateRules { rounding: Rounding::Down, ..RateRules::default() })]
#[tokio::test]
async fn what_others_call_is_left_to_them(#[case] rules: RateRules) {
    const JOINERS: usize = 60;
    let (setup, clock) = limited(rules);
    let bridge = setup
        .with(|aha| aha.change(|switches| switches.clock_ahead = Duration::from_secs(3_600)))
        .start()
        .await;
    clock.advance(Duration::from_secs(120));
    for _ in 0..20 {
        assert_eq!(bridge.aha.use_up(10), 10);
        clock.advance(Duration::from_millis(1_000));
    }
    queue_joiners(&bridge, JOINERS).await;
    let mut most_others = 0;
    while bridge.aha.invitations().len() < JOINERS {
        for _ in 0..30 {
            clock.advance(Duration::from_millis(50));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bridge.aha.use_up(1);
        most_others = most_others.max(bridge.status().await["budget"]["calls_of_others"].as_u64().unwrap());
    }
    assert_eq!(bridge.aha.calls().answered(429).lines(), Vec::<String>::new());
    assert!(most_others >= 150, "they were noticed: {most_others}");
}

#[tokio::test]
async fn a_refused_call_is_counted_and_stops_all_others_and_the_status_says_so() {
    let (setup, clock) = limited(RateRules::default());
    let bridge = setup.start().await;
    let before = bridge.status().await["budget"].clone();
    assert_eq!((&before["refused_calls"], &before["stopped_until"]), (&json!(0), &json!(null)), "{before:#}");
    assert_eq!((&before["per_second"], &before["per_minute"]), (&json!(20), &json!(300)), "{before:#}");
    assert!(before["account"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{before:#}");
    assert_eq!(before["calls_in_last_minute"], 2, "{before:#}");
    bridge.aha.fault(Fault::too_many_requests().header("retry-after", "30"));
    queue_joiners(&bridge, 1).await;
    eventually("the refusal", async || bridge.status().await["budget"]["refused_calls"] == 1).await;
    let stopped = bridge.status().await["budget"]["stopped_until"].clone();
    assert_eq!(stopped, (clock.now() + Duration::from_secs(30)).to_string());
    as_time_passes(&clock, Duration::from_millis(500), bridge.wait_until_idle()).await;
    let after = bridge.status().await["budget"].clone();
    assert_eq!((&after["refused_calls"], &after["stopped_until"]), (&json!(1), &json!(null)), "{after:#}");
}

// --- the longest wait ---

#[tokio::test]
async fn grants_that_would_wait_too_long_are_429_with_retry_after_and_nothing_else_is() {
    let (setup, clock) = limited(RateRules::default());
    let bridge = setup.app_keys("max_queue_wait = '60s'").start().await;
    let leaver = id_of_seeded(&bridge, "leaver@example.com").await;
    let other = id_of_seeded(&bridge, "other@example.com").await;
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_idle()).await;
    // 290 calls in sixty seconds, two for each.
    let mut accepted = 0;
    let refused = loop {
        let answer = bridge.post("/Users", &user(&format!("joiner{accepted}@example.com"))).await;
        if answer.status != 201 {
            break answer;
        }
        accepted += 1;
    };
    assert!((140..=165).contains(&accepted), "{accepted} were accepted");
    let detail = refused.error(429, "");
    assert!(
        detail.contains("wait for their turn at Aha!") && detail.contains("Nothing was changed"),
        "{detail}"
    );
    let retry_after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=5).contains(&retry_after), "{refused}");
    let name = format!("joiner{accepted}@example.com");
    let found = bridge.filter("/Users", &format!("userName eq \"{name}\"")).await;
    assert_eq!(found.body["totalResults"], 0, "nothing is stored of it");

    // The same in a bulk request, one by one; a change and a revocation in it are taken.
    let operations = json!([
        { "method": "POST", "path": "/Users", "bulkId": "1", "data": user(&name) },
        { "method": "PATCH", "path": format!("/Users/{leaver}"),
          "data": { "Operations": [{ "op": "replace", "path": "active", "value": false }] } },
        { "method": "PATCH", "path": format!("/Users/{other}"),
          "data": { "Operations": [{ "op": "replace", "path": "name.familyName", "value": "Jones" }] } },
    ]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let answer = bridge.post("/Bulk", &json!({ "schemas": schemas, "Operations": operations })).await;
    let statuses: Vec<_> =
        answer.body["Operations"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["429", "200", "200"], "{answer}");
    // A change of somebody who waits already is no new grant.
    let waiting = id_of(&bridge, &format!("joiner{}@example.com", accepted - 1)).await;
    let changed = bridge
        .patch(
            &format!("/Users/{waiting}"),
            json!([{ "op": "replace", "path": "name.familyName", "value": "New" }]),
        )
        .await;
    assert_eq!(changed.status, 200, "{changed}");
    // To give access back is one.
    pass_time(&clock, Duration::from_millis(25), "the deactivation", async || {
        !bridge.aha.find_user_by_email("leaver@example.com").unwrap().enabled
    })
    .await;
    let enable = json!([{ "op": "replace", "path": "active", "value": true }]);
    let path = format!("/Users/{leaver}");
    let mut until_full = 0;
    while bridge.post("/Users", &user(&format!("late{until_full}@example.com"))).await.status == 201 {
        until_full += 1;
    }
    bridge.patch(&path, enable.clone()).await.error(429, "");
    assert_eq!(bridge.get(&path).await.body["active"], false);

    let later = clock.now() + Duration::from_secs(5);
    pass(&bridge, &clock, || clock.now() >= later).await;
    assert_eq!(bridge.patch(&path, enable).await.status, 200);
    assert_eq!(bridge.post("/Users", &user(&name)).await.status, 201);
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_idle()).await;
    assert_eq!(bridge.aha.invitations().len(), accepted + until_full + 3);
}

async fn id_of_seeded(bridge: &Bridge, email: &str) -> String {
    bridge.create_user(email).await
}

#[tokio::test]
async fn invitations_that_are_paced_make_the_wait_longer() {
    let (setup, _clock) = limited(RateRules::default());
    let bridge = setup.app_keys("max_queue_wait = '10m'\ninvites_per_hour = 60").start().await;
    // They stay where they are.
    bridge.aha.fault(Fault::html(503).always());
    let mut accepted = 0;
    let refused = loop {
        let answer = bridge.post("/Users", &user(&format!("joiner{accepted}@example.com"))).await;
        if answer.status != 201 {
            break answer;
        }
        accepted += 1;
    };
    refused.error(429, "");
    assert_eq!(accepted, 60, "the next one must wait for an hour");
    assert_eq!(refused.header("retry-after"), "3000");
}

#[tokio::test]
async fn during_a_stop_grants_wait_for_its_end_as_well() {
    let (setup, clock) = limited(RateRules::default());
    let bridge = setup.app_keys("max_queue_wait = '100s'").start().await;
    bridge.aha.fault(Fault::too_many_requests().header("retry-after", "200"));
    assert_eq!(bridge.post("/Users", &user("first@example.com")).await.status, 201);
    eventually("the refusal", async || bridge.status().await["budget"]["refused_calls"] == 1).await;
    let refused = bridge.post("/Users", &user("second@example.com")).await;
    refused.error(429, "");
    // The two calls of the first are still to be made.
    assert_eq!(refused.header("retry-after"), "101", "{refused}");
    clock.advance(Duration::from_secs(101));
    assert_eq!(bridge.post("/Users", &user("second@example.com")).await.status, 201);
}

#[tokio::test]
async fn a_target_without_limits_has_no_queue_that_is_too_long() {
    let bridge = Setup::memory().start().await;
    let created = join_all((0..50).map(|number| {
        let bridge = &bridge;
        async move { bridge.post("/Users", &user(&format!("p{number}@example.com"))).await.status }
    }))
    .await;
    assert!(created.iter().all(|status| *status == 201), "{created:?}");
    assert_eq!(bridge.status().await["budget"], json!(null));
}
