//! Who is never disabled, whoever wants it and however late that is found out.

use std::time::Duration;

use scim_bridge::sim::aha::{Fault, Person, switches::DisabledOwner};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Bridge, Setup, eventually};

const KIM: &str = "kim.lee@example.com";
const PLAN: &str = "mode = 'plan'";
const APPLY: &str = "mode = 'apply'";

fn active(value: bool) -> Value {
    json!([{ "op": "replace", "path": "active", "value": value }])
}

async fn path_of(bridge: &Bridge, email: &str) -> String {
    let found = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
    format!("/Users/{}", found.only()["id"].as_str().unwrap())
}

/// The worker refused it: nothing was sent, and the record says why.
async fn is_refused_by_the_worker(bridge: &Bridge, reason: &str) {
    eventually("the refusal", async || bridge.events("rejected").await.len() == 1).await;
    let rejected = bridge.events("rejected").await;
    assert!(rejected[0].contains(reason), "{rejected:?}");
    assert_eq!(bridge.aha.calls().writes().lines(), Vec::<String>::new());
    let status = bridge.status().await;
    assert_eq!(status["queue"]["revoke"]["failing"], 1, "{status:#}");
}

#[tokio::test]
async fn an_account_that_is_protected_since_it_was_promised_is_not_disabled() {
    for deletes in [false, true] {
        let setup = Setup::aha().app_keys(PLAN).app_keys("protected = []");
        let mut bridge = setup.with(|aha| _ = aha.seed(Person::new("Kim", "Lee", KIM))).start().await;
        let path = path_of(&bridge, KIM).await;
        if deletes {
            assert_eq!(bridge.delete(&path).await.status, 204);
        } else {
            assert_eq!(bridge.patch(&path, active(false)).await.status, 200);
        }
        let protected = "mode = 'apply'\nprotected = ['KIM.lee@example.com']";
        bridge.reconfigure("mode = 'plan'\nprotected = []", protected).await;
        is_refused_by_the_worker(&bridge, "in the list of protected accounts").await;
        assert!(bridge.aha.find_user_by_email(KIM).unwrap().enabled);
    }
}

#[tokio::test]
async fn who_has_become_the_last_administrator_since_it_was_promised_is_not_disabled() {
    let setup = Setup::aha().app_keys(PLAN).with(|aha| {
        aha.seed(Person::new("Ann", "Admin", "ann@example.com").administrator());
        aha.change(|switches| switches.disabled_owner = DisabledOwner::KeepsKey);
    });
    let mut bridge = setup.start().await;
    assert_eq!(bridge.patch(&path_of(&bridge, "ann@example.com").await, active(false)).await.status, 200);
    let owner = bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id;
    bridge.aha.disable(owner);
    bridge.restart().await;
    let seen = async || bridge.get(&path_of(&bridge, ADMINISTRATOR).await).await.body["active"] == false;
    eventually("the roster", seen).await;
    bridge.aha.take_calls();
    bridge.reconfigure(PLAN, APPLY).await;
    is_refused_by_the_worker(&bridge, "is the last enabled administrator").await;
    assert!(bridge.aha.find_user_by_email("ann@example.com").unwrap().enabled);
}

#[tokio::test]
async fn of_two_administrators_the_second_may_not_be_promised_while_the_first_is_still_to_go() {
    let (setup, _clock) = Setup::aha_with_manual_clock();
    let setup = setup.app_keys("confirm_within = '0s'").with(|aha| {
        for name in ["ann", "bob"] {
            aha.seed(Person::new(name, "Admin", &format!("{name}@example.com")).administrator());
        }
        aha.change(|switches| switches.disabled_owner = DisabledOwner::KeepsKey);
        aha.disable(aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    });
    let bridge = setup.start().await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(5)).on("PUT /users/:id"));
    let (ann, bob) = (path_of(&bridge, "ann@example.com").await, path_of(&bridge, "bob@example.com").await);
    assert_eq!(bridge.patch(&ann, active(false)).await.status, 200);
    let refused = bridge.patch(&bob, active(false)).await;
    assert!(refused.error(403, "").contains("last enabled administrator"), "{refused}");
}

#[tokio::test]
async fn drift_does_not_disable_who_has_been_protected_since() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let keys = "drift = 'enforce'\nroster_every = '24h'\nprotected = []";
    let mut bridge =
        setup.app_keys(keys).with(|aha| _ = aha.seed(Person::new("Kim", "Lee", KIM))).start().await;
    assert_eq!(bridge.patch(&path_of(&bridge, KIM).await, active(false)).await.status, 200);
    bridge.reconfigure("protected = []", "protected = ['kim.lee@example.com']").await;
    bridge.aha.enable(bridge.aha.find_user_by_email(KIM).unwrap().id);
    bridge.aha.take_calls();
    bridge.next_roster(&clock, Duration::from_hours(24)).await;
    is_refused_by_the_worker(&bridge, "in the list of protected accounts").await;
    assert_eq!(bridge.get(&path_of(&bridge, KIM).await).await.body["active"], true);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_story_of_the_user() {
    let setup = Setup::aha().app_keys("protected = ['kim.lee@example.com']");
    let bridge = setup.with(|aha| _ = aha.seed(Person::new("Kim", "Lee", KIM))).start().await;
    let path = path_of(&bridge, KIM).await;
    bridge.delete(&path).await.error(403, "");
    bridge.patch(&path, active(false)).await.error(403, "");
    let refused = bridge.events("refused").await;
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().all(|event| event.contains("in the list of protected accounts")), "{refused:?}");
}
