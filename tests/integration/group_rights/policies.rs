//! `roles`, drift, guards, and what was given by hand.

use std::time::Duration;

use rstest::rstest;
use scim_bridge::sim::aha::{AdministratorRoles, Person, Role, switches};
use serde_json::json;

use super::fixture::{at_aha, create_group, expect_roles, failure, leave, prepared, roles, setup, writes};
use crate::harness::{ADMINISTRATOR, Bridge, Setup};

const SAM: &str = "sam.doe@example.com";
const EVERY: Duration = Duration::from_secs(60);

async fn sam_with_roles_by_hand(setup: Setup) -> (Bridge, String) {
    let sam = Person::new("Sam", "Doe", SAM).role("PRJ2", Role::Owner).role("PRJ3", Role::Viewer);
    let bridge = setup
        .with(|aha| {
            aha.seed(sam);
        })
        .start()
        .await;
    let found = bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await;
    let id = found.only()["id"].as_str().unwrap().to_owned();
    (bridge, id)
}

#[tokio::test]
async fn additive_roles_leave_what_somebody_else_gave() {
    let (bridge, sam) = sam_with_roles_by_hand(setup()).await;
    let groups = [
        create_group(&bridge, "Aha PMs", &[&sam]).await,
        create_group(&bridge, "Readers DE", &[&sam]).await,
        create_group(&bridge, "PRJ3: owner", &[&sam]).await,
    ];
    let given = [("PRJ1", Role::Contributor), ("PRJ2", Role::Owner), ("PRJ3", Role::Owner)];
    expect_roles(&bridge, SAM, given).await;
    for group in groups {
        leave(&bridge, &group, &sam).await;
    }
    expect_roles(&bridge, SAM, [("PRJ2", Role::Owner), ("PRJ3", Role::Viewer)]).await;
}

#[tokio::test]
async fn authoritative_roles_take_what_no_group_gives_once_the_user_is_managed() {
    let (bridge, sam) = sam_with_roles_by_hand(setup().app_keys("roles = 'authoritative'")).await;
    bridge.wait_until_idle().await;
    expect_roles(&bridge, SAM, [("PRJ2", Role::Owner), ("PRJ3", Role::Viewer)]).await;
    create_group(&bridge, "Readers DE", &[&sam]).await;
    expect_roles(&bridge, SAM, [("PRJ2", Role::Viewer)]).await;
}

#[rstest]
#[case::not_found(switches::AbsentRole::NotFound)]
#[case::no_content(switches::AbsentRole::NoContent)]
#[tokio::test]
async fn a_role_that_is_gone_already_is_no_trouble_to_take(#[case] absent: switches::AbsentRole) {
    let bridge = setup().with(|aha| aha.change(|switches| switches.absent_role = absent)).start().await;
    let sam = bridge.create_user(SAM).await;
    let groups =
        [create_group(&bridge, "Aha PMs", &[&sam]).await, create_group(&bridge, "Scoped", &[&sam]).await];
    bridge.wait_until_idle().await;
    let account = at_aha(&bridge.aha, SAM);
    let prj1 = bridge.aha.find_workspace("PRJ1").unwrap();
    bridge.aha.set_role(account.id, prj1, None);
    for (workspace, role) in account.custom_roles {
        bridge.aha.set_custom_role(account.id, workspace, role, false);
    }
    for group in groups {
        bridge.delete(&group).await.no_content();
    }
    expect_roles(&bridge, SAM, []).await;
    assert_eq!(bridge.failure_of(&sam).await, None);
}

/// Somebody took it meanwhile, so it was not the bridge's any more when the group was left.
#[tokio::test]
async fn an_administrator_who_was_made_one_by_hand_later_stays_one() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Admins", &[&sam]).await;
    bridge.wait_until_idle().await;
    let account = at_aha(&bridge.aha, SAM);
    assert!(account.is_administrator());
    bridge.aha.set_administrator_roles(account.id, AdministratorRoles::default());
    bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
    leave(&bridge, &group, &sam).await;
    bridge.wait_until_idle().await;
    bridge.aha.set_administrator_roles(
        account.id,
        AdministratorRoles { account: true, ..AdministratorRoles::default() },
    );
    bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
    let other = create_group(&bridge, "Readers DE", &[&sam]).await;
    bridge.wait_until_idle().await;
    bridge.delete(&other).await.no_content();
    bridge.wait_until_idle().await;
    assert!(at_aha(&bridge.aha, SAM).is_administrator(), "{}", bridge.aha.calls());
}

/// Aha! answers alike where somebody is gone and where the caller may not see them.
#[rstest]
#[tokio::test]
async fn an_administrator_who_left_the_group_while_out_of_sight_is_none_once_seen_again(
    #[values("by a call", "by a listing", "by a call, and found by another")] how: &str,
) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Admins", &[&sam]).await;
    bridge.wait_until_idle().await;
    let account = at_aha(&bridge.aha, SAM);
    assert!(account.is_administrator());
    bridge.aha.vanish(account.id);
    if how == "by a listing" {
        bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
    }
    leave(&bridge, &group, &sam).await;
    bridge.wait_until_idle().await;
    bridge.aha.reappear(account);
    if how == "by a call, and found by another" {
        let inactive = json!([{ "op": "replace", "path": "active", "value": false }]);
        bridge.patch(&format!("/Users/{sam}"), inactive).await.written(200);
        bridge.wait_until_idle().await;
        let active = json!([{ "op": "replace", "path": "active", "value": true }]);
        bridge.patch(&format!("/Users/{sam}"), active).await.written(200);
    } else {
        bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
    }
    bridge.wait_until_idle().await;
    assert!(!at_aha(&bridge.aha, SAM).is_administrator(), "{}", bridge.aha.calls());
    assert_eq!(bridge.aha.invitations().len(), 1);
}

async fn changed_by_hand(drift: &str) -> (Bridge, String, scim_bridge::clock::ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = prepared(setup).app_keys(&format!("drift = '{drift}'\nroster_every = '60s'"));
    let bridge = setup.start().await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "Aha PMs", &[&sam]).await;
    bridge.wait_until_idle().await;
    let prj1 = bridge.aha.find_workspace("PRJ1").unwrap();
    bridge.aha.set_role(at_aha(&bridge.aha, SAM).id, prj1, Some(Role::Viewer));
    bridge.calls();
    bridge.next_roster(&clock, EVERY).await;
    (bridge, sam, clock)
}

#[tokio::test]
async fn a_role_that_was_changed_by_hand_is_told_and_stays_until_the_groups_change() {
    let (bridge, sam, _clock) = changed_by_hand("report").await;
    assert_eq!(writes(&bridge).await, [""; 0]);
    let opened = bridge.events("finding opened").await;
    assert!(opened.iter().any(|finding| finding.contains("rights")), "{opened:?}");
    assert_eq!(roles(&bridge, SAM), [("PRJ1", Role::Viewer)].into());
    create_group(&bridge, "Readers DE", &[&sam]).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor), ("PRJ2", Role::Viewer)]).await;
    assert_eq!(bridge.events("finding resolved").await.len(), 1);
}

#[tokio::test]
async fn a_role_that_was_changed_by_hand_is_changed_back_where_that_is_configured() {
    let (bridge, ..) = changed_by_hand("enforce").await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;
}

#[tokio::test]
async fn rules_that_changed_are_carried_out_after_a_restart() {
    let mut bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "Aha PMs", &[&sam]).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;
    bridge
        .reconfigure(
            r#"grants = [{ workspace = "PRJ1", role = "contributor" }]"#,
            r#"grants = [{ workspace = "PRJ3", role = "reviewer" }]"#,
        )
        .await;
    crate::harness::eventually("the new role", || async {
        roles(&bridge, SAM) == [("PRJ3", Role::Reviewer)].into()
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_the_keys_owner_and_the_protected_keep_their_administrator_roles() {
    let protected = "break.glass@example.com";
    let bridge = setup().app_keys(&format!("protected = ['{protected}']")).start().await;
    let find = async |email: &str| {
        let found = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
        found.only()["id"].as_str().unwrap().to_owned()
    };
    let owner = find(ADMINISTRATOR).await;
    let guarded = bridge.create_user(protected).await;
    let sam = bridge.create_user(SAM).await;
    let admins = create_group(&bridge, "Admins", &[&owner, &guarded, &sam]).await;
    let billing = create_group(&bridge, "Billing", &[&owner, &guarded, &sam]).await;
    bridge.wait_until_idle().await;
    for group in [admins, billing] {
        bridge.delete(&group).await.no_content();
    }
    assert!(failure(&bridge, &guarded).await.contains("protected"));
    crate::harness::eventually("Sam is no administrator", || async {
        !at_aha(&bridge.aha, SAM).is_administrator()
    })
    .await;
    assert!(at_aha(&bridge.aha, protected).is_administrator());
    assert!(at_aha(&bridge.aha, ADMINISTRATOR).is_administrator());
    // A refusal about rights has no say in the rest of the user. What Aha! did is known once it has answered.
    let inactive = json!([{ "op": "replace", "path": "active", "value": false }]);
    crate::harness::eventually("Sam may leave", || async {
        bridge.patch(&format!("/Users/{sam}"), inactive.clone()).await.status == 200
    })
    .await;
    let title = json!([{ "op": "replace", "path": "title", "value": "Clerk" }]);
    bridge.patch(&format!("/Users/{guarded}"), title).await.written(200);
}

#[tokio::test]
async fn administrators_made_by_a_group_are_no_finding() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).app_keys("roster_every = '60s'").start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Admins", &[&sam]).await;
    bridge.wait_until_idle().await;
    bridge.next_roster(&clock, EVERY).await;
    bridge.delete(&group).await.no_content();
    bridge.wait_until_idle().await;
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(bridge.events("finding opened").await, [""; 0]);
}
