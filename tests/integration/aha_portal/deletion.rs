//! What becomes of the portal user of a user that is deleted.

use rstest::rstest;
use scim_bridge::{
    converge::{
        forecast::{self, Accounts, Action},
        held::{Decision, decide},
    },
    sim::aha::{Fault, PortalPerson},
    store::{StoreError, UserId},
};
use serde_json::json;

use super::{CREATE, DELETE, FIND, READ, SAM, UPDATE, active, counts, expected, portal_user, seed};
use crate::harness::{Bridge, PORTAL, Setup, eventually, user};

async fn start_with_sam(setup: Setup) -> (Bridge, String) {
    let bridge = setup.start().await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.take_calls();
    (bridge, id)
}

#[tokio::test]
async fn who_is_disabled_already_is_deleted_as_well() {
    let (bridge, id) = start_with_sam(Setup::portal()).await;
    bridge.patch(&format!("/Users/{id}"), active(false)).await.written(200);
    assert_eq!(counts(&bridge), expected([(UPDATE, 1)]));
    bridge.delete(&format!("/Users/{id}")).await.no_content();
    assert_eq!(counts(&bridge), expected([(DELETE, 1)]));
    assert_eq!(portal_user(&bridge, SAM), None);
    bridge.get(&format!("/Users/{id}")).await.error(404, "");
    // Who comes back is a new user there, and is invited anew.
    assert_ne!(bridge.create_user(SAM).await, id);
    assert_eq!(counts(&bridge), expected([(FIND, 1), (CREATE, 1)]));
    assert_eq!(bridge.aha.portal_invitations().len(), 2);
}

#[tokio::test]
async fn where_the_app_says_so_the_portal_user_is_disabled_and_comes_back() {
    let (bridge, id) = start_with_sam(Setup::portal().app_keys("on_delete = 'disable'")).await;
    let account = portal_user(&bridge, SAM).unwrap();
    bridge.delete(&format!("/Users/{id}")).await.no_content();
    assert_eq!(counts(&bridge), expected([(UPDATE, 1)]));
    assert!(!portal_user(&bridge, SAM).unwrap().enabled);
    bridge.create_user(SAM).await;
    assert_eq!(counts(&bridge), expected([(UPDATE, 1)]));
    let back = portal_user(&bridge, SAM).unwrap();
    assert_eq!((back.id, back.enabled), (account.id, true));
    assert_eq!(bridge.aha.portal_invitations().len(), 1);
}

#[rstest]
#[case::by_hand(None, [(DELETE, 1), (READ, 1), (FIND, 1)])]
#[case::by_a_call_whose_answer_was_lost(
    Some(Fault::drop_connection().after_applying().on(DELETE)),
    [(DELETE, 2), (READ, 1), (FIND, 1)]
)]
#[tokio::test]
async fn who_is_gone_already_counts_as_deleted(
    #[case] lost: Option<Fault>,
    #[case] calls: [(&str, usize); 3],
) {
    let (bridge, id) = start_with_sam(Setup::portal()).await;
    match lost {
        Some(fault) => bridge.aha.fault(fault),
        None => bridge.aha.vanish_portal_user(portal_user(&bridge, SAM).unwrap().id),
    }
    bridge.delete(&format!("/Users/{id}")).await.no_content();
    bridge.wait_until_idle().await;
    assert_eq!(counts(&bridge), expected(calls));
    assert_eq!(portal_user(&bridge, SAM), None);
}

#[tokio::test]
async fn a_no_of_aha_leaves_the_user_as_it_was() {
    let (bridge, id) = start_with_sam(Setup::portal()).await;
    bridge.aha.fault(Fault::json(403, &json!({ "error": "Not yours" })).on(DELETE));
    let refused = bridge.delete(&format!("/Users/{id}")).await;
    assert!(refused.error(403, "").contains("Not yours"), "{refused}");
    assert_eq!(bridge.get(&format!("/Users/{id}")).await.body["active"], true);
    assert!(portal_user(&bridge, SAM).unwrap().enabled);
}

#[tokio::test]
async fn a_protected_portal_user_is_neither_disabled_nor_deleted() {
    let (bridge, id) = start_with_sam(Setup::portal().app_keys("protected = ['Sam.Doe@example.com']")).await;
    let path = format!("/Users/{id}");
    let refused = bridge.delete(&path).await;
    assert!(refused.error(403, "").contains("must not be deleted"), "{refused}");
    let refused = bridge.patch(&path, active(false)).await;
    assert!(refused.error(403, "").contains("must not be disabled"), "{refused}");
    assert_eq!(counts(&bridge), expected([]));
}

#[tokio::test]
async fn the_brake_holds_deletions_too() {
    let (bridge, sam) = start_with_sam(Setup::portal().brake("brake = { max_revocations = 1 }")).await;
    let kim = bridge.create_user("kim.lee@example.com").await;
    bridge.aha.take_calls();
    for id in [&sam, &kim] {
        bridge.delete(&format!("/Users/{id}")).await.no_content();
    }
    assert_eq!(bridge.status().await["held"]["users"], 1);
    assert_eq!(counts(&bridge), expected([(DELETE, 1)]));
    assert!(portal_user(&bridge, "kim.lee@example.com").unwrap().enabled);
    let target = bridge.beside().await;
    let kim = UserId::from(kim.as_str());
    assert_eq!(decide(&target, vec![kim], Decision::Release).await.unwrap(), 1);
    eventually("the released deletion", async || portal_user(&bridge, "kim.lee@example.com").is_none()).await;
}

#[tokio::test]
async fn a_deletion_is_planned_and_not_carried_out_in_plan_mode() {
    let setup = Setup::portal().app_keys("mode = 'plan'").with(|aha| {
        aha.seed_portal_user(aha.find_portal(PORTAL).unwrap(), PortalPerson::new("sam", "doe", SAM));
    });
    let bridge = setup.start().await;
    let target = bridge.beside().await;
    let found = bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await;
    bridge.delete(&format!("/Users/{}", found.only()["id"].as_str().unwrap())).await.no_content();
    let mut calls = Vec::new();
    let totals = forecast::all(&target, Accounts::Listed, |_, forecast| -> Result<(), StoreError> {
        calls.extend(forecast.calls.iter().map(|call| call.name().to_owned()));
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!((totals.of(Action::Delete), totals.of(Action::Disable), totals.calls), (1, 0, 1));
    assert_eq!(calls, ["delete"]);
    assert_eq!(bridge.aha.calls().writes().len(), 0);
}

/// Nobody asked that the account goes which was there before.
#[tokio::test]
async fn a_create_that_is_undone_disables_what_it_enabled_and_deletes_nobody() {
    let bridge = Setup::portal().start().await;
    seed(&bridge, PortalPerson::new("sam", "doe", SAM).disabled());
    bridge.aha.fault(Fault::drop_connection().after_applying().on(UPDATE));
    bridge.aha.fault(Fault::json(400, &json!({ "error": "No" })).on(UPDATE));
    bridge.post("/Users", &user(SAM)).await.error(400, "invalidValue");
    eventually("the account to be disabled again", async || {
        portal_user(&bridge, SAM).is_some_and(|user| !user.enabled)
    })
    .await;
    bridge.wait_until_idle().await;
    assert_eq!(counts(&bridge), expected([(FIND, 1), (UPDATE, 3)]));
}

#[tokio::test]
async fn who_is_deleted_and_made_again_while_aha_is_down_has_one_account_in_the_end() {
    let (mut bridge, id) = start_with_sam(Setup::portal().app_keys("confirm_within = '100ms'")).await;
    bridge.unplug_aha().await;
    bridge.delete(&format!("/Users/{id}")).await.no_content();
    let again = bridge.create_user(SAM).await;
    bridge.plug_aha_in().await;
    bridge.wait_until_idle().await;
    assert!(portal_user(&bridge, SAM).unwrap().enabled);
    let read = bridge.get(&format!("/Users/{again}")).await;
    assert_eq!(read.body["active"], true, "{read}");
    bridge.get(&format!("/Users/{id}")).await.error(404, "");
}
