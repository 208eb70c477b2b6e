//! A change of groups is about rights: it invites nobody, undoes nothing that was done by hand, and holds no leaver up.

use std::time::Duration;

use rstest::rstest;
use scim_bridge::sim::aha::{Fault, Person, Role, switches::RateRules};
use serde_json::json;

use super::fixture::{at_aha, create_group, failure, prepared, rename, roles, set_active, setup, writes};
use crate::harness::{Setup, as_time_passes, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";
const EVERY: Duration = Duration::from_secs(3_700);

#[tokio::test]
async fn a_group_that_changes_gives_nobody_the_access_back_that_somebody_took_by_hand() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
    bridge.wait_until_idle().await;
    bridge.aha.disable(at_aha(&bridge.aha, SAM).id);
    bridge.next_roster(&clock, EVERY).await;
    bridge.calls();
    rename(&bridge, &group, "Readers DE").await;
    assert_eq!(writes(&bridge).await.len(), 2);
    assert!(!at_aha(&bridge.aha, SAM).enabled);
    assert_eq!(roles(&bridge, SAM), [("PRJ2", Role::Viewer)].into());
}

#[rstest]
#[case::it_is_busy(Fault::html(503))]
#[case::the_answer_is_lost(Fault::drop_connection().after_applying())]
#[case::it_does_not_arrive(Fault::drop_connection())]
#[tokio::test]
async fn a_call_about_a_right_that_fails_gives_nobody_the_access_back_either(
    #[case] fault: Fault,
    #[values("POST /users/:id/product_roles", "DELETE /users/:id/product_roles/:product_id")]
    on: &'static str,
) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
    bridge.wait_until_idle().await;
    bridge.aha.disable(at_aha(&bridge.aha, SAM).id);
    bridge.next_roster(&clock, EVERY).await;
    bridge.calls();
    bridge.aha.fault(fault.on(on));
    rename(&bridge, &group, "Readers DE").await;
    pass_time(&clock, Duration::from_millis(500), "the other role", async || {
        roles(&bridge, SAM) == [("PRJ2", Role::Viewer)].into()
    })
    .await;
    as_time_passes(&clock, Duration::from_secs(5), bridge.wait_until_idle()).await;
    assert!(!bridge.aha.has_faults());
    assert!(!at_aha(&bridge.aha, SAM).enabled);
    assert_eq!(bridge.aha.calls().to("PUT /users/:id").len(), 0, "{}", bridge.aha.calls());
    assert_eq!(bridge.failure_of(&sam).await, None);
}

#[tokio::test]
async fn a_bridge_that_dies_while_a_right_is_given_gives_nobody_the_access_back_either() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let mut bridge = prepared(setup).killable().start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
    bridge.wait_until_idle().await;
    bridge.aha.disable(at_aha(&bridge.aha, SAM).id);
    bridge.next_roster(&clock, EVERY).await;
    bridge.calls();
    let slow = Fault::delay(Duration::from_secs(600)).on("POST /users/:id/product_roles");
    bridge.aha.fault(slow);
    rename(&bridge, &group, "Readers DE").await;
    eventually("the call", async || !bridge.aha.has_faults()).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    pass_time(&clock, Duration::from_millis(500), "the other role", async || {
        roles(&bridge, SAM) == [("PRJ2", Role::Viewer)].into()
    })
    .await;
    as_time_passes(&clock, Duration::from_secs(5), bridge.wait_until_idle()).await;
    assert!(!at_aha(&bridge.aha, SAM).enabled);
    assert_eq!(bridge.aha.calls().to("PUT /users/:id").len(), 0, "{}", bridge.aha.calls());
    assert_eq!(bridge.failure_of(&sam).await, None);
}

#[tokio::test]
async fn a_group_that_changes_invites_nobody_whose_account_vanished() {
    for is_known in [false, true] {
        let (setup, clock) = Setup::aha_with_manual_clock();
        let bridge = prepared(setup).start().await;
        let sam = bridge.create_user(SAM).await;
        let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
        bridge.wait_until_idle().await;
        bridge.aha.vanish(at_aha(&bridge.aha, SAM).id);
        if is_known {
            bridge.next_roster(&clock, EVERY).await;
            rename(&bridge, &group, "Readers DE").await;
        } else {
            rename(&bridge, &group, "Readers DE").await;
            failure(&bridge, &sam).await;
            bridge.next_roster(&clock, EVERY).await;
        }
        as_time_passes(&clock, Duration::from_secs(5), bridge.wait_until_idle()).await;
        assert_eq!(bridge.aha.invitations().len(), 1, "known: {is_known}");
        assert_eq!(bridge.get(&format!("/Users/{sam}")).await.body["active"], false, "known: {is_known}");
    }
}

#[tokio::test]
async fn a_leaver_whose_role_cannot_be_taken_is_still_looked_at() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup)
        .app_keys("roster_every = '5m'\non_deactivate = 'disable_and_remove_roles'")
        .start()
        .await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "Aha PMs", &[&sam]).await;
    bridge.wait_until_idle().await;
    let refused = Fault::json(403, &json!({ "error": "Forbidden" }));
    bridge.aha.fault(refused.on("DELETE /users/:id/product_roles/:product_id").always());
    set_active(&bridge, &sam, false).await;
    failure(&bridge, &sam).await;
    bridge.aha.enable(at_aha(&bridge.aha, SAM).id);
    bridge.next_roster(&clock, Duration::from_secs(300)).await;
    assert_eq!(bridge.get(&format!("/Users/{sam}")).await.body["active"], true);
}

/// Nobody waits behind those who have no account yet, and so nothing to lose.
#[tokio::test]
async fn a_leaver_does_not_wait_behind_joiners_whose_group_is_deleted() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = prepared(setup)
        .rate(20, 300)
        .server_keys("request_timeout = '10m'")
        .app_keys("confirm_within = '0s'")
        .with(|aha| {
            aha.change(|switches| switches.rate = RateRules::default());
            aha.seed(Person::new("Some", "Leaver", "leaver@example.com"));
        });
    let bridge = setup.start_unready().await;
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_ready()).await;
    let leaver = bridge.filter("/Users", "userName eq \"leaver@example.com\"").await;
    let leaver = leaver.only()["id"].as_str().unwrap().to_owned();
    clock.advance(Duration::from_secs(120));
    let mut joiners = Vec::new();
    for number in 0..40 {
        let created = bridge.post("/Users", &user(&format!("joiner{number}@example.com"))).await;
        assert_eq!(created.status, 201, "{created}");
        joiners.push(created.id());
    }
    let members: Vec<&str> = joiners.iter().map(String::as_str).collect();
    let group = create_group(&bridge, "Aha PMs", &members).await;
    bridge.delete(&group).await.no_content();
    set_active(&bridge, &leaver, false).await;
    // Without any time passing, so with what is kept for leavers.
    eventually("the leaver is out", async || !at_aha(&bridge.aha, "leaver@example.com").enabled).await;
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_idle()).await;
    assert_eq!(bridge.aha.invitations().len(), 40);
    assert_eq!(roles(&bridge, "joiner39@example.com"), [].into());
}

/// Two calls for the account and one for each role: no attempt fails on the way, since time stands still.
#[tokio::test]
async fn a_joiner_with_many_roles_has_them_all_after_one_attempt() {
    const WORKSPACES: usize = 20;
    let key = |number: usize| format!("WS{number}");
    let setup = setup().with(move |aha| {
        for number in 0..WORKSPACES {
            aha.add_workspace(&key(number), &format!("Workspace {number}"));
        }
    });
    let bridge = setup.start().await;
    let mut sent = user(SAM);
    let values = (0..WORKSPACES).map(|number| json!({ "value": format!("{}: viewer", key(number)) }));
    sent["roles"] = values.collect();
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.status, 201, "{created}");
    bridge.wait_until_idle().await;
    let account = at_aha(&bridge.aha, SAM);
    assert!((0..WORKSPACES).all(|number| {
        let workspace = bridge.aha.find_workspace(&key(number)).unwrap();
        account.roles.get(&workspace) == Some(&Role::Viewer)
    }));
    assert_eq!(bridge.events("failed").await, Vec::<String>::new());
}
