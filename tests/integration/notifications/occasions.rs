//! What is told, and how often.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use http::Method;
use scim_bridge::{
    clock::{Clock, ManualClock, Time},
    sim::{
        RunningSimulator,
        aha::{DEMO_API_KEY, Fault},
        scim::{SimulatedScim, Switches},
    },
    store::notifications::NotificationKind,
};
use serde_json::json;

use super::{SELDOM, assert_signed, kept, received, section, start, wait};
use crate::{
    group_rights::fixture as rights,
    harness::{
        ADMINISTRATOR, Answer, Bridge, Setup, TOKEN, eventually, pass_time,
        receiver::{Received, Receiver},
    },
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn email(number: usize) -> String {
    format!("joiner{number}@example.com")
}

async fn deactivate(bridge: &Bridge, id: &str) {
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(bridge.patch(&format!("/Users/{id}"), off).await.status, 200);
}

/// So many people, by their ids.
async fn people(bridge: &Bridge, number: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..number {
        ids.push(bridge.create_user(&email(number)).await);
    }
    ids
}

/// Of people there is nothing in what is told.
fn assert_names_nobody(received: &Received) {
    assert!(!received.text.contains("joiner") && !received.text.contains('@'), "{}", received.text);
}

#[tokio::test]
async fn that_the_brake_is_on_is_told_once_however_many_it_holds() {
    let (bridge, clock, receiver) =
        start(|setup| setup.brake("brake = { max_revocations = 2 }").app_keys(SELDOM)).await;
    for id in &people(&bridge, 6).await {
        deactivate(&bridge, id).await;
    }
    let [told] = received(&receiver, &clock, 1).await.try_into().unwrap();
    assert_signed(&told);
    assert_names_nobody(&told);
    let id = told.body["id"].clone();
    assert_eq!(
        told.body,
        json!({
            "text": "scim-bridge, app test: the brake is on: 2 accounts were disabled within 1h, and more were to be. They are held \
                     until a person has looked: `scim-bridge held` releases or drops them",
            "id": id, "app": "test", "kind": "held", "raised_at": told.body["raised_at"], "attempt": 1,
        })
    );
    wait(&clock, Duration::from_mins(4)).await;
    assert_eq!(receiver.kinds(), ["held"]);
    let [row] = kept(&bridge).await.try_into().unwrap();
    assert_eq!((row.kind, row.attempts, row.due_at, row.failure), (NotificationKind::Held, 1, None, None));
    assert!(row.delivered_at.is_some());
}

#[tokio::test]
async fn all_that_one_listing_finds_is_told_once_with_its_numbers_and_no_names() {
    let (bridge, clock, receiver) = start(|setup| setup).await;
    people(&bridge, 4).await;
    let account = |number| bridge.aha.find_user_by_email(&email(number)).unwrap().id;
    bridge.aha.disable(account(0));
    bridge.aha.disable(account(1));
    bridge.aha.rename(account(2), "Other", "Name");
    bridge.next_roster(&clock, Duration::from_mins(15)).await;
    assert_eq!(receiver.kinds(), [""; 0], "others may be found in a moment");
    let [told] = received(&receiver, &clock, 1).await.try_into().unwrap();
    assert_signed(&told);
    assert_names_nobody(&told);
    assert_eq!(told.body["kind"], "drift_found");
    assert_eq!(told.body["findings"], json!({ "disabled": 2, "name_changed": 1 }));
    // What stays so is not told again, and what is found later is.
    bridge.next_roster(&clock, Duration::from_mins(15)).await;
    bridge.next_roster(&clock, Duration::from_mins(15)).await;
    bridge.aha.disable(account(3));
    bridge.next_roster(&clock, Duration::from_mins(15)).await;
    let [_, later] = received(&receiver, &clock, 2).await.try_into().unwrap();
    assert_eq!(later.body["findings"], json!({ "disabled": 1 }));
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_once_until_another_one_is() {
    let (bridge, clock, receiver) = start(|setup| setup.app_keys(SELDOM)).await;
    let owner = bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id;
    let ids = people(&bridge, 2).await;
    let refuse = async |id: &str| {
        bridge.aha.revoke_api_key(DEMO_API_KEY);
        let off = json!([{ "op": "replace", "path": "active", "value": false }]);
        bridge.patch(&format!("/Users/{id}"), off).await.error(503, "");
    };
    refuse(&ids[0]).await;
    let [told] = received(&receiver, &clock, 1).await.try_into().unwrap();
    assert_signed(&told);
    assert_eq!(told.body["kind"], "credentials_refused");
    assert!(told.body["text"].as_str().unwrap().contains("Aha! does not accept"), "{}", told.text);
    wait(&clock, Duration::from_mins(4)).await;
    assert_eq!(receiver.received().len(), 1);
    bridge.aha.add_api_key(DEMO_API_KEY, owner);
    pass_time(&clock, Duration::from_secs(5), "it works again", async || {
        bridge.status().await["target"]["state"] == "working"
    })
    .await;
    clock.advance(HOUR);
    refuse(&ids[1]).await;
    pass_time(&clock, Duration::from_secs(5), "it is told again", async || {
        receiver.kinds().iter().filter(|kind| *kind == "credentials_refused").count() == 2
    })
    .await;
}

/// In larger steps than [`wait`].
async fn wait_for_hours(clock: &ManualClock, hours: u64) {
    let end = clock.now() + Duration::from_hours(hours);
    pass_time(clock, Duration::from_secs(30), "the end of it", async || clock.now() >= end).await;
}

/// The other was answered before that, and sends nothing since.
#[tokio::test]
async fn a_key_that_is_refused_is_told_once_where_another_replica_knows_nothing_of_it() {
    let (bridge, clock, receiver) = start(|setup| setup.on_server().app_keys(SELDOM)).await;
    let other = bridge.another().await;
    let state = async || {
        let request = reqwest::Client::new().get(format!("{}/status", other.root())).bearer_auth(TOKEN);
        Answer::of(request).await.body["apps"]["test"]["target"]["state"].clone()
    };
    pass_time(&clock, Duration::from_secs(5), "the other works", async || state().await == "working").await;
    let ids = people(&bridge, 1).await;
    bridge.aha.revoke_api_key(DEMO_API_KEY);
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    bridge.patch(&format!("/Users/{}", ids[0]), off).await.error(503, "");
    pass_time(&clock, Duration::from_secs(5), "it is told", async || {
        receiver.kinds().contains(&"credentials_refused".to_owned())
    })
    .await;
    wait_for_hours(&clock, 3).await;
    let told = receiver.kinds().iter().filter(|kind| *kind == "credentials_refused").count();
    assert_eq!(told, 1, "{:?}", receiver.kinds());
}

#[tokio::test]
async fn somebody_who_keeps_access_for_five_minutes_is_told_of_once() {
    let (bridge, clock, receiver) =
        start(|setup| setup.app_keys("roster_every = '24h'\nconfirm_within = '0s'")).await;
    let ids = people(&bridge, 2).await;
    bridge.wait_until_idle().await;
    bridge.aha.fault(Fault::html(503).on("PUT /users/:id").always());
    for id in &ids {
        deactivate(&bridge, id).await;
    }
    let asked_at = clock.now();
    let [told] = received(&receiver, &clock, 1).await.try_into().unwrap();
    assert!(clock.now().since(asked_at) > Duration::from_mins(5));
    assert_signed(&told);
    assert_names_nobody(&told);
    assert_eq!(told.body["kind"], "revocations_overdue");
    assert!(
        told.body["text"].as_str().unwrap().contains("still have it: 2, the first since"),
        "{}",
        told.text
    );
    wait(&clock, Duration::from_mins(10)).await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn somebody_who_keeps_a_right_that_a_group_gave_is_told_of_whatever_the_identity_provider_sends_meanwhile()
 {
    let (bridge, clock, receiver) =
        start(|setup| rights::prepared(setup).app_keys("roster_every = '24h'\nconfirm_within = '0s'")).await;
    let ids = people(&bridge, 1).await;
    let group = rights::create_group(&bridge, "Aha PMs", &[&ids[0]]).await;
    bridge.wait_until_idle().await;
    bridge.aha.fault(Fault::html(503).always());
    rights::leave(&bridge, &group, &ids[0]).await;
    let asked_at = clock.now();
    // A change every minute makes nobody's right younger.
    for minute in 0..4 {
        let title = json!([{ "op": "replace", "path": "title", "value": format!("Title {minute}") }]);
        assert_eq!(bridge.patch(&format!("/Users/{}", ids[0]), title).await.status, 200);
        wait(&clock, Duration::from_mins(1)).await;
    }
    assert_eq!(receiver.kinds(), [""; 0]);
    let [told] = received(&receiver, &clock, 1).await.try_into().unwrap();
    let late = clock.now().since(asked_at);
    assert!(late > Duration::from_mins(5) && late < Duration::from_mins(6), "{late:?}");
    assert_eq!(told.body["kind"], "revocations_overdue");
}

#[tokio::test]
async fn somebody_who_is_not_given_a_right_keeps_none() {
    let (bridge, clock, receiver) = start(|setup| rights::prepared(setup).app_keys(SELDOM)).await;
    let ids = people(&bridge, 1).await;
    let group = rights::create_group(&bridge, "Aha PMs", &[&ids[0]]).await;
    bridge.wait_until_idle().await;
    // One right is lost and is taken; another one cannot be given.
    let broken = json!([{ "op": "Replace", "path": "displayName", "value": "Broken" }]);
    bridge.patch(&group, broken).await.no_content();
    assert!(rights::failure(&bridge, &ids[0]).await.contains("workspace 4711"));
    wait(&clock, Duration::from_mins(10)).await;
    assert_eq!(receiver.kinds(), [""; 0]);
}

#[tokio::test]
async fn a_token_that_ends_is_told_of_30_7_and_1_days_before_and_at_the_end() {
    let start = Time::from_micros(1_700_000_000_000_000);
    let clock = ManualClock::new(start);
    let receiver = Receiver::start().await;
    // Tuesday, 14 November 2023, and some hours. The token is good until the last day of the year begins.
    let lab = "[apps.lab]\nconnector = 'memory'\ntokens = [{ name = 'ends', token = 'planted-lab', expires = '2023-12-31' }]";
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone()))
        .config(lab)
        .config(&section(&receiver))
        .start()
        .await;
    let end = Time::from_micros(1_703_980_800_000_000);
    let mut said = Vec::new();
    for (before, words) in [(30, "in 30 days"), (7, "in 7 days"), (1, "within a day"), (0, "has expired")] {
        clock.advance(end.since(clock.now()).saturating_sub(before * DAY));
        let all = received(&receiver, &clock, said.len() + 1).await;
        let told = all.last().unwrap();
        assert_signed(told);
        assert_eq!((&told.body["kind"], &told.body["app"]), (&json!("token_expiring"), &json!("lab")));
        let text = told.body["text"].as_str().unwrap();
        assert!(text.contains("the token ends") && text.contains(words), "{words}: {text}");
        said.push(words);
    }
    drop(bridge);
    assert_eq!(receiver.received().len(), said.len());
}

const TARGET_TOKEN: &str = "planted-target-token-0123456789abcdef0123456789ab";

/// An app that is passed through to `target`, with more lines.
fn passed_through(target: &RunningSimulator, keys: &str) -> String {
    format!(
        "[apps.passed]\nconnector = 'scim'\nbase_url = '{}'\ntoken = '{TARGET_TOKEN}'\n\
         tokens = [{{ name = 'idp', token = 'planted-passed' }}]\n{keys}\n",
        target.base_url()
    )
}

#[tokio::test]
async fn a_target_behind_an_app_that_is_passed_through_may_refuse_the_key_as_well() {
    let receiver = Receiver::start().await;
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let scim = SimulatedScim::new(Switches::default(), "another-token", Arc::new(clock.clone()));
    let target = scim.start().await.unwrap();
    let mut bridge = Setup::memory_with_clock(Arc::new(clock.clone()))
        .config(&passed_through(&target, ""))
        .config(&section(&receiver))
        .start()
        .await;
    let refused = async |bridge: &Bridge| {
        let answer = bridge.anonymous(Method::GET, "/metrics").bearer_auth(TOKEN).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let series = "scim_bridge_target_credentials_refused{app=\"passed\"} ";
        text.lines().find_map(|line| line.strip_prefix(series)).unwrap().to_owned()
    };
    assert_eq!(refused(&bridge).await, "0.0");
    let asked = bridge.anonymous(Method::GET, "/passed/scim/v2/Users").bearer_auth("planted-passed");
    asked.send().await.unwrap();
    assert_eq!(refused(&bridge).await, "1.0");
    let [told] = received(&receiver, &clock, 1).await.try_into().unwrap();
    assert_signed(&told);
    assert_eq!((&told.body["kind"], &told.body["app"]), (&json!("credentials_refused"), &json!("passed")));
    assert!(
        told.body["text"].as_str().unwrap().contains("does not accept the bridge's token"),
        "{}",
        told.text
    );
    wait(&clock, Duration::from_mins(4)).await;
    assert_eq!(receiver.received().len(), 1);
    // One that starts again has seen nothing yet.
    bridge.restart().await;
    wait_for_hours(&clock, 2).await;
    let asked = bridge.anonymous(Method::GET, "/passed/scim/v2/Users").bearer_auth("planted-passed");
    asked.send().await.unwrap();
    wait(&clock, Duration::from_mins(4)).await;
    assert_eq!(receiver.received().len(), 1, "{:?}", receiver.kinds());
}

#[tokio::test]
async fn the_ends_of_keys_and_of_tokens_for_metrics_are_told_of_too() {
    let receiver = Receiver::start().await;
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let limits = json!({ "limits_and_usage": {
        "units_usage_workspace": 5, "units_usage_api_key": 3, "api_key_expiration_date": "2023-11-16T00:00:00Z",
    } });
    let other_api = Router::new().route("/limits", get(move || async move { limits.to_string() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let usage_url = format!("http://{}/limits", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, other_api).await });
    let scim = SimulatedScim::new(Switches::default(), TARGET_TOKEN, Arc::new(clock.clone()));
    let target = scim.start().await.unwrap();
    let keys = format!("api_key = 'planted-api-key'\nusage_url = '{usage_url}'");
    let metrics =
        "[metrics]\ntokens = [{ name = 'prometheus', token = 'planted-reader', expires = '2023-11-20' }]";
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone()))
        .config(&passed_through(&target, &keys))
        .config(metrics)
        .config(&section(&receiver))
        .start()
        .await;
    let mut told: Vec<_> = received(&receiver, &clock, 2)
        .await
        .iter()
        .map(|told| {
            assert_signed(told);
            assert_eq!(told.body["kind"], "token_expiring");
            (told.body["app"].as_str().unwrap().to_owned(), told.body["text"].as_str().unwrap().to_owned())
        })
        .collect();
    told.sort();
    let [(of_bridge, reader), (of_app, key)] = told.try_into().unwrap();
    assert_eq!((of_bridge.as_str(), of_app.as_str()), ("", "passed"));
    assert!(reader.starts_with("scim-bridge: the token prometheus expires in 6 days"), "{reader}");
    assert!(reader.ends_with("give it to whoever reads /metrics"), "{reader}");
    assert!(key.starts_with("scim-bridge, app passed: the API key of the target expires in 2 days"), "{key}");
    drop(bridge);
}

#[tokio::test]
async fn nothing_is_told_twice_by_a_bridge_that_starts_again() {
    let receiver = Receiver::start().await;
    let (setup, clock) = Setup::aha_with_manual_clock();
    let lab = "[apps.lab]\nconnector = 'memory'\ntokens = [{ name = 'ends', token = 'planted-lab', expires = '2023-11-20' }]";
    let setup = setup.app_keys(SELDOM).config(lab).config(&section(&receiver));
    let mut bridge = setup.start().await;
    received(&receiver, &clock, 1).await;
    eventually("it is recorded", async || kept(&bridge).await[0].delivered_at.is_some()).await;
    bridge.restart().await;
    wait(&clock, Duration::from_mins(5)).await;
    assert_eq!(receiver.kinds(), ["token_expiring"]);
}
