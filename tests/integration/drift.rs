//! Drift: what people change at Aha! itself is told, once, until it is undone; and changed back where the app says so.

mod administrators;
mod collisions;
mod enforced;

use std::time::Duration;

use rstest::rstest;
use scim_bridge::{
    clock::ManualClock,
    sim::aha::{SimulatedAha, UserId},
    store::{
        self,
        events::{self, EventKind, Subject},
        findings::{self, Finding},
    },
};
use serde_json::{Value, json};

use crate::harness::{Bridge, Setup};

/// How often the accounts are listed where nothing else is configured.
const EVERY: Duration = Duration::from_secs(15 * 60);

const SAM: &str = "sam.doe@example.com";
const JANE: &str = "jane.roe@example.com";

/// A bridge that reports drift.
async fn reporting() -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (setup.start().await, clock)
}

/// Aha!'s id of the account with this e-mail.
fn account(bridge: &Bridge, email: &str) -> UserId {
    bridge.aha.find_user_by_email(email).unwrap_or_else(|| panic!("{email} has no account")).id
}

/// What is open, oldest first.
async fn open(bridge: &Bridge) -> Vec<Finding> {
    let store = bridge.store().await;
    let open = findings::list_open(&store, "test").await.unwrap();
    store.close().await;
    open
}

/// The kinds of what is open, sorted.
async fn open_kinds(bridge: &Bridge) -> Vec<&'static str> {
    let mut kinds: Vec<_> = open(bridge).await.iter().map(|finding| finding.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds
}

/// What was recorded of a user, as `kind: detail`, oldest first; of these kinds only.
async fn events(bridge: &Bridge, user_id: &str, kinds: &[EventKind]) -> Vec<String> {
    let store = bridge.store().await;
    let mut events = events::list(&store, "test", &Subject::User(&user_id.into()).key(), 1000).await.unwrap();
    events.reverse();
    let wanted = events.into_iter().filter_map(|event| Some((event.kind?, event.detail)));
    let wanted = wanted.filter(|(kind, _)| kinds.contains(kind));
    wanted.map(|(kind, detail)| format!("{}: {detail}", kind.as_str())).collect()
}

async fn deactivate(bridge: &Bridge, path: &str) {
    let answer = bridge.patch(path, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!(answer.status, 200, "{answer}");
}

type ByHand = fn(&SimulatedAha, UserId);

#[rstest]
#[case::disabled("disabled", "disabled at Aha! itself",
    "the account was disabled there", |aha: &SimulatedAha, id: UserId| aha.disable(id), |aha: &SimulatedAha, id: UserId| aha.enable(id))]
#[case::given_another_email(
    "email_changed",
    "has the e-mail sam.jones@example.com at Aha!, while the identity provider says sam.doe@example.com",
    "the account was given another e-mail there",
    |aha: &SimulatedAha, id: UserId| aha.change_email(id, "sam.jones@example.com"),
    |aha: &SimulatedAha, id: UserId| aha.change_email(id, SAM)
)]
#[case::given_the_email_of_another(
    "email_of_another_user",
    "that is the e-mail of another user, jane.roe@example.com",
    "the account was given the e-mail of another user there",
    |aha: &SimulatedAha, id: UserId| aha.change_email(id, "Jane.Roe@example.com"),
    |aha: &SimulatedAha, id: UserId| aha.change_email(id, SAM)
)]
#[case::renamed(
    "name_changed",
    "is called \"Sam Jones\" at Aha!, while the identity provider says \"sam doe\"",
    "the account was given another name there",
    |aha: &SimulatedAha, id: UserId| aha.rename(id, "Sam", "Jones"),
    |aha: &SimulatedAha, id: UserId| aha.rename(id, "sam", "doe")
)]
#[tokio::test]
async fn a_change_by_hand_is_found_once_and_gone_when_it_is_undone(
    #[case] kind: &str,
    #[case] said: &str,
    #[case] phrase: &str,
    #[case] change: ByHand,
    #[case] undo: ByHand,
) {
    let (bridge, clock) = reporting().await;
    let id = bridge.create_user(SAM).await;
    bridge.create_user(JANE).await;
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, Vec::<&str>::new());
    assert_eq!(bridge.status().await["roster"]["findings"], json!({}));
    let sam = account(&bridge, SAM);
    change(&bridge.aha, sam);
    bridge.aha.take_calls();

    bridge.next_roster(&clock, EVERY).await;
    let [found] = open(&bridge).await.try_into().unwrap();
    assert_eq!(found.kind.as_str(), kind);
    assert!(found.sentence.starts_with(SAM) && found.sentence.contains(said), "{}", found.sentence);
    assert_eq!(found.user_id.as_ref().unwrap().as_str(), id);
    assert_eq!(found.account_id, Some(sam.to_string()));
    assert_eq!(bridge.status().await["roster"]["findings"], json!({ kind: 1 }));

    bridge.next_roster(&clock, EVERY).await;
    let [again] = open(&bridge).await.try_into().unwrap();
    assert_eq!((again.found_at, &again.sentence), (found.found_at, &found.sentence));
    assert!(again.seen_at > found.seen_at);
    assert_eq!(bridge.aha.take_calls().writes().lines(), Vec::<String>::new(), "it is only told");

    undo(&bridge.aha, sam);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
    assert_eq!(
        events(&bridge, &id, &[EventKind::FindingOpened, EventKind::FindingResolved]).await,
        [
            format!("finding opened: {phrase}"),
            format!("finding resolved: {phrase}; the account is as asserted again"),
        ]
    );
}

#[tokio::test]
async fn what_becomes_so_again_is_found_again_and_the_first_time_is_kept() {
    let (bridge, clock) = reporting().await;
    let id = bridge.create_user(SAM).await;
    for _ in 0..2 {
        bridge.aha.disable(account(&bridge, SAM));
        bridge.next_roster(&clock, EVERY).await;
        bridge.aha.enable(account(&bridge, SAM));
        bridge.next_roster(&clock, EVERY).await;
    }
    let store = bridge.store().await;
    let all = findings::list_of(&store, "test", &store::UserId::from(id)).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|finding| finding.resolved_at.is_some()), "{all:?}");
    assert!(all[0].resolved_at.unwrap() < all[1].found_at);
}

#[tokio::test]
async fn an_account_enabled_by_hand_that_must_not_be_is_found() {
    let (bridge, clock) = reporting().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    deactivate(&bridge, &path).await;
    bridge.aha.enable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["enabled"]);
    assert_eq!(bridge.get(&path).await.body["active"], true, "reads tell the truth");
}

#[tokio::test]
async fn several_things_changed_about_one_account_are_a_finding_each() {
    let (bridge, clock) = reporting().await;
    bridge.create_user(SAM).await;
    let sam = account(&bridge, SAM);
    bridge.aha.disable(sam);
    bridge.aha.rename(sam, "Sam", "Jones");
    bridge.aha.change_email(sam, "sam.jones@example.com");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["disabled", "email_changed", "name_changed"]);
}

#[tokio::test]
async fn what_is_only_sent_when_a_user_is_enabled_is_no_drift_before() {
    let (bridge, clock) = reporting().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    deactivate(&bridge, &path).await;
    let renamed = json!([{ "op": "replace", "path": "name.familyName", "value": "Jones" }]);
    assert_eq!(bridge.patch(&path, renamed).await.status, 200);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn a_vanished_account_is_found_until_the_idp_provisions_a_new_one() {
    let (bridge, clock) = reporting().await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.vanish(account(&bridge, SAM));
    for _ in 0..2 {
        bridge.next_roster(&clock, EVERY).await;
        let [found] = open(&bridge).await.try_into().unwrap();
        assert_eq!(found.kind.as_str(), "account_vanished");
        assert!(found.sentence.contains("not at Aha! any more"), "{}", found.sentence);
    }
    let path = format!("/Users/{id}");
    let back = bridge.patch(&path, json!([{ "op": "replace", "path": "active", "value": true }])).await;
    assert_eq!((back.status, &back.body["active"]), (200, &json!(true)), "{back}");
    assert_eq!(open(&bridge).await, [], "it need not wait for the next pass");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn a_user_without_access_whose_account_vanished_has_what_was_asserted() {
    let (bridge, clock) = reporting().await;
    deactivate(&bridge, &format!("/Users/{}", bridge.create_user(SAM).await)).await;
    bridge.aha.vanish(account(&bridge, SAM));
    clock.advance(Duration::from_secs(24 * 60 * 60));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn findings_about_a_user_end_with_the_user() {
    let (bridge, clock) = reporting().await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["disabled"]);
    assert_eq!(bridge.delete(&format!("/Users/{id}")).await.status, 204);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn a_write_that_changes_nothing_closes_drift_and_its_finding() {
    let (bridge, clock) = reporting().await;
    let created = bridge.post("/Users", &crate::harness::user(SAM)).await;
    let path = created.path();
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["disabled"]);
    bridge.aha.take_calls();
    let written = bridge.put(&path, &crate::harness::user(SAM)).await;
    assert_eq!((written.status, &written.body["active"]), (200, &json!(true)), "{written}");
    assert_eq!(bridge.calls(), [format!("PUT /users/<{SAM}> {{\"user\":{{\"enabled\":true}}}}")]);
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn findings_outlast_a_restart_and_are_not_found_anew() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let mut bridge = setup.start().await;
    bridge.create_user(SAM).await;
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    let [before] = open(&bridge).await.try_into().unwrap();
    bridge.restart().await;
    assert_eq!(bridge.status().await["roster"]["findings"], json!({ "disabled": 1 }));
    bridge.next_roster(&clock, EVERY).await;
    let [after] = open(&bridge).await.try_into().unwrap();
    assert_eq!(after.found_at, before.found_at);
}

#[tokio::test]
async fn users_with_work_in_progress_are_neither_found_nor_taken_for_resolved() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys("confirm_within = '0s'").start().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    bridge.wait_until_idle().await;
    bridge.aha.rename(account(&bridge, SAM), "Sam", "Jones");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["name_changed"]);
    bridge.aha.fault(scim_bridge::sim::aha::Fault::html(503).on("PUT /users/:id").always());
    deactivate(&bridge, &path).await;
    bridge.aha.rename(account(&bridge, SAM), "sam", "doe");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["name_changed"], "the worker has the say");
    assert_eq!(bridge.get(&path).await.body["active"], false, "what was promised is shown meanwhile");
    bridge.aha.clear_faults();
    crate::harness::pass_time(&clock, Duration::from_secs(60), "the deactivation", async || {
        bridge.status().await["queue"] == json!({})
    })
    .await;
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

/// The whole of what an IdP reads about a user by its three ways.
async fn reads(bridge: &Bridge, id: &str) -> [Value; 3] {
    let one = bridge.get(&format!("/Users/{id}")).await;
    let all = bridge.get("/Users").await;
    let in_list = all.body["Resources"].as_array().unwrap().iter().find(|user| user["id"] == id).cloned();
    let active = bridge.filter("/Users", &format!("id eq \"{id}\" and active eq true")).await;
    [one.body["active"].clone(), in_list.unwrap()["active"].clone(), json!(active.body["totalResults"] == 1)]
}
