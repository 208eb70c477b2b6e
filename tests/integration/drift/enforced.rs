//! `drift = "enforce"`: the worker changes accounts back; and never more than that.

use std::time::Duration;

use rstest::rstest;
use scim_bridge::{
    sim::aha::{AdministratorRoles, Fault, Person, SimulatedAha, UserId},
    store::events::EventKind,
};
use serde_json::json;

use super::{ByHand, EVERY, JANE, SAM, account, deactivate, events, open, open_kinds, reads};
use crate::harness::{Bridge, Setup, pass_time};

async fn enforcing(keys: &str) -> (Bridge, scim_bridge::clock::ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (setup.app_keys("drift = 'enforce'").app_keys(keys).start().await, clock)
}

#[rstest]
#[case::disabled(|aha: &SimulatedAha, id: UserId| aha.disable(id), r#"{"user":{"enabled":true}}"#)]
#[case::given_another_email(
    |aha: &SimulatedAha, id: UserId| aha.change_email(id, "sam.jones@example.com"),
    r#"{"user":{"email":"sam.doe@example.com"}}"#
)]
#[case::renamed(
    |aha: &SimulatedAha, id: UserId| aha.rename(id, "Sam", "Jones"),
    r#"{"user":{"first_name":"sam","last_name":"doe"}}"#
)]
#[case::all_at_once(
    |aha: &SimulatedAha, id: UserId| {
        aha.disable(id);
        aha.rename(id, "Sam", "Jones");
        aha.change_email(id, "sam.jones@example.com");
    },
    r#"{"user":{"email":"sam.doe@example.com","first_name":"sam","last_name":"doe","enabled":true}}"#
)]
#[tokio::test]
async fn a_managed_account_is_changed_back_in_one_call(#[case] change: ByHand, #[case] body: &str) {
    let (bridge, clock) = enforcing("").await;
    let id = bridge.create_user(SAM).await;
    let before = bridge.aha.find_user_by_email(SAM).unwrap();
    change(&bridge.aha, before.id);
    bridge.aha.take_calls();
    bridge.next_roster(&clock, EVERY).await;
    bridge.wait_until_idle().await;
    let after = bridge.aha.find_user(before.id).unwrap();
    assert_eq!(
        (after.email, after.first_name, after.last_name, after.enabled),
        (before.email, before.first_name, before.last_name, true)
    );
    assert_eq!(bridge.aha.take_calls().writes().lines(), [format!("PUT /users/{} {body}", before.id)]);
    assert_eq!(open(&bridge).await, [], "with the change back it is gone");
    let kinds = [EventKind::FindingOpened, EventKind::Enforced, EventKind::FindingResolved];
    let recorded = events(&bridge, &id, &kinds).await;
    let enforced = recorded.iter().filter(|event| event.starts_with("enforced: ")).count();
    let resolved = recorded.iter().filter(|event| event.contains("as asserted again")).count();
    assert_eq!((enforced, resolved), (1, (recorded.len() - 1) / 2), "{recorded:?}");

    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(bridge.aha.take_calls().writes().lines(), Vec::<String>::new());
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn an_account_enabled_by_hand_is_disabled_again_as_a_revocation() {
    let (bridge, clock) = enforcing("").await;
    let id = bridge.create_user(SAM).await;
    deactivate(&bridge, &format!("/Users/{id}")).await;
    bridge.aha.fault(Fault::html(503).on("PUT /users/:id"));
    bridge.aha.enable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    pass_time(&clock, Duration::from_millis(100), "a failure", async || {
        bridge.status().await["queue"]["revoke"]["failing"] == 1
    })
    .await;
    pass_time(&clock, Duration::from_secs(1), "the deactivation", async || {
        !bridge.aha.find_user_by_email(SAM).unwrap().enabled
    })
    .await;
    bridge.wait_until_idle().await;
    assert_eq!(reads(&bridge, &id).await, [json!(false), json!(false), json!(false)]);
}

#[rstest]
#[case::report("report")]
#[case::enforce("enforce")]
#[tokio::test]
async fn reads_show_the_account_as_it_is_with_a_new_version(#[case] drift: &str) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys(&format!("drift = '{drift}'")).start().await;
    let id = bridge.create_user(SAM).await;
    let path = format!("/Users/{id}");
    let before = bridge.get(&path).await;
    assert_eq!(reads(&bridge, &id).await, [json!(true), json!(true), json!(true)]);
    // Whatever is to be done about it cannot be done yet.
    bridge.aha.fault(Fault::html(503).on("PUT /users/:id").always());
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(reads(&bridge, &id).await, [json!(false), json!(false), json!(false)]);
    let drifted = bridge.get(&path).await;
    assert_ne!(drifted.header("etag"), before.header("etag"));
    assert!(drifted.meta("lastModified") > before.meta("lastModified"), "{drifted}");
    let since = before.meta("lastModified");
    let changed = bridge.filter("/Users", &format!("meta.lastModified gt \"{since}\"")).await;
    assert_eq!(changed.only()["id"], json!(id));

    bridge.aha.clear_faults();
    if drift == "report" {
        bridge.aha.enable(account(&bridge, SAM));
        bridge.next_roster(&clock, EVERY).await;
    } else {
        pass_time(&clock, Duration::from_secs(60), "the change back", async || {
            bridge.status().await["queue"] == json!({})
        })
        .await;
    }
    assert_eq!(reads(&bridge, &id).await, [json!(true), json!(true), json!(true)]);
    let after = bridge.get(&path).await;
    assert_ne!(after.header("etag"), drifted.header("etag"));
    assert!(after.meta("lastModified") > drifted.meta("lastModified"), "{after}");
}

#[tokio::test]
async fn while_the_answer_to_a_change_back_is_lost_reads_show_what_was_last_seen() {
    let (bridge, clock) = enforcing("").await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.fault(Fault::drop_connection().on("PUT /users/:id").always());
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    pass_time(&clock, Duration::from_millis(100), "a failure", async || {
        bridge.status().await["queue"]["grant"]["failing"] == 1
    })
    .await;
    assert_eq!(reads(&bridge, &id).await, [json!(false), json!(false), json!(false)]);
}

#[tokio::test]
async fn a_change_back_that_aha_refuses_is_tried_again_now_and_then_and_stays_told() {
    let (bridge, clock) = enforcing("").await;
    bridge.create_user(SAM).await;
    let refusal = json!({ "error": "Validation failed", "errors": { "message": "No seats left" } });
    bridge.aha.fault(Fault::json(422, &refusal).on("PUT /users/:id").times(2));
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    let puts = || bridge.aha.calls().to("PUT /users/:id").len();
    pass_time(&clock, Duration::from_millis(100), "the first refusal", async || {
        bridge.status().await["queue"]["grant"]["failing"] == 1
    })
    .await;
    assert_eq!((puts(), open_kinds(&bridge).await), (1, vec!["disabled"]));
    pass_time(&clock, Duration::from_secs(60), "the change back", async || {
        bridge.aha.find_user_by_email(SAM).unwrap().enabled
    })
    .await;
    bridge.wait_until_idle().await;
    assert_eq!((puts(), open(&bridge).await), (3, vec![]), "every quarter of an hour");
}

#[tokio::test]
async fn a_vanished_account_is_not_invited_again_on_the_bridges_own_accord() {
    let (bridge, clock) = enforcing("").await;
    bridge.create_user(SAM).await;
    bridge.aha.vanish(account(&bridge, SAM));
    for _ in 0..2 {
        bridge.next_roster(&clock, EVERY).await;
        assert_eq!(bridge.status().await["queue"], json!({}));
    }
    assert_eq!(open_kinds(&bridge).await, ["account_vanished"]);
    assert_eq!(bridge.aha.invitations().len(), 1, "the first one alone");
}

#[tokio::test]
async fn what_no_idp_manages_is_left_alone() {
    let (bridge, clock) = enforcing("").await;
    let old = bridge.aha.seed(Person::new("Old", "Timer", "old@example.com"));
    let leaver = bridge.create_user(JANE).await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    assert_eq!(bridge.delete(&format!("/Users/{leaver}")).await.status, 204);
    bridge.next_roster(&clock, EVERY).await;
    bridge.aha.disable(old);
    bridge.aha.rename(old, "New", "Name");
    bridge.aha.enable(account(&bridge, JANE));
    bridge.aha.set_administrator_roles(account(&bridge, SAM), AdministratorRoles::all(true));
    bridge.aha.take_calls();
    for _ in 0..2 {
        bridge.next_roster(&clock, EVERY).await;
        bridge.wait_until_idle().await;
    }
    assert_eq!(bridge.aha.take_calls().writes().lines(), Vec::<String>::new());
    assert_eq!(open_kinds(&bridge).await, ["became_administrator", "leaver_enabled"]);
    assert_eq!(bridge.get(&path).await.body["active"], true);
}

#[tokio::test]
async fn the_guards_hold_against_a_change_back_as_well() {
    let (bridge, clock) = enforcing("protected = ['sam.doe@example.com']").await;
    bridge.create_user(SAM).await;
    bridge.aha.change_email(account(&bridge, SAM), "sam.jones@example.com");
    bridge.next_roster(&clock, EVERY).await;
    bridge.wait_until_idle().await;
    assert!(bridge.aha.find_user_by_email(SAM).is_some(), "back to what the list protects is allowed");

    let breakglass = Person::new("Break", "Glass", "breakglass@example.com");
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup
        .app_keys("drift = 'enforce'\nprotected = ['breakglass@example.com']")
        .with(|aha| _ = aha.seed(breakglass.disabled()))
        .start()
        .await;
    let found = bridge.filter("/Users", "userName eq \"breakglass@example.com\"").await;
    let path = format!("/Users/{}", found.only()["id"].as_str().unwrap());
    // The IdP takes it over as inactive, and then somebody needs it.
    deactivate(&bridge, &path).await;
    bridge.aha.enable(account(&bridge, "breakglass@example.com"));
    bridge.next_roster(&clock, EVERY).await;
    pass_time(&clock, Duration::from_millis(100), "the refusal", async || {
        bridge.status().await["queue"]["revoke"]["failing"] == 1
    })
    .await;
    assert!(bridge.aha.find_user_by_email("breakglass@example.com").unwrap().enabled);
    assert_eq!(bridge.aha.calls().writes().lines(), Vec::<String>::new());
    assert_eq!(open_kinds(&bridge).await, ["enabled"]);
}

#[tokio::test]
async fn nothing_is_enforced_with_mode_plan() {
    let (bridge, clock) = enforcing("mode = 'plan'").await;
    bridge.aha.seed(Person::new("sam", "doe", SAM));
    bridge.next_roster(&clock, EVERY).await;
    let found = bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await;
    let id = found.only()["id"].as_str().unwrap().to_owned();
    // What is so already needs no call, and so it is agreed in any mode.
    let adopted = bridge
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": true }]))
        .await;
    assert_eq!(adopted.status, 200, "{adopted}");
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["disabled"]);
    assert_eq!(bridge.status().await["queue"], json!({}));
    assert_eq!(reads(&bridge, &id).await, [json!(false), json!(false), json!(false)]);
    assert_eq!(bridge.aha.calls().writes().lines(), Vec::<String>::new());
}
