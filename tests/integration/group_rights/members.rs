//! Members of groups get what the groups give, in the fewest calls.

use std::time::Duration;

use rstest::rstest;
use scim_bridge::sim::aha::{AdministratorRoles, Person, Role};
use serde_json::json;

use super::fixture::{
    at_aha, create_group, expect_roles, join, leave, prepared, rename, set_active, setup, value, writes,
};
use crate::harness::{Setup, user};

const SAM: &str = "sam.doe@example.com";
const NO_CALLS: [&str; 0] = [];

#[tokio::test]
async fn one_changed_role_is_one_call_however_it_changes() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    bridge.calls();
    let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
    let given = writes(&bridge).await;
    assert_eq!(given.len(), 1, "{given:?}");
    assert!(given[0].starts_with("POST /users/<sam.doe@example.com>/product_roles"), "{given:?}");
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;

    // A group that gives more, and less again.
    let owners = create_group(&bridge, "Aha Owners", &[&sam]).await;
    assert_eq!(writes(&bridge).await.len(), 2, "a stronger role, and one in another workspace");
    expect_roles(&bridge, SAM, [("PRJ1", Role::Owner), ("PRJ2", Role::Viewer)]).await;
    leave(&bridge, &owners, &sam).await;
    assert_eq!(writes(&bridge).await.len(), 2);
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;

    leave(&bridge, &group, &sam).await;
    let taken = writes(&bridge).await;
    assert_eq!(taken.len(), 1, "{taken:?}");
    expect_roles(&bridge, SAM, []).await;
    join(&bridge, &group, &sam).await;
    assert_eq!(writes(&bridge).await.len(), 1);
}

#[tokio::test]
async fn what_is_so_already_costs_no_call() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
    writes(&bridge).await;
    join(&bridge, &group, &sam).await;
    let second = create_group(&bridge, "PRJ1: viewer", &[&sam]).await;
    let nothing = create_group(&bridge, "Staff", &[&sam]).await;
    rename(&bridge, &nothing, "All staff").await;
    for path in [second, nothing] {
        bridge.delete(&path).await.no_content();
    }
    assert_eq!(writes(&bridge).await, NO_CALLS);
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;
}

#[tokio::test]
async fn every_kind_of_right_is_given_and_taken_with_one_call_each() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    bridge.calls();
    for (name, kind) in [
        ("Admins", "PUT /users/<sam.doe@example.com>"),
        ("Scoped", "POST /users/<sam.doe@example.com>/user_roles"),
        ("Seats", "POST /paid_seat_groups/"),
    ] {
        let group = create_group(&bridge, name, &[&sam]).await;
        let given = writes(&bridge).await;
        assert!(given.len() == 1 && given[0].starts_with(kind), "{name}: {given:?}");
        let account = at_aha(&bridge.aha, SAM);
        let held = (account.administrator_roles.account, account.custom_roles.len(), account.seat_group);
        assert!(held.0 || held.1 == 1 || held.2.is_some(), "{name}: {held:?}");
        bridge.delete(&group).await.no_content();
        let taken = writes(&bridge).await;
        assert_eq!(taken.len(), 1, "{name}: {taken:?}");
        let account = at_aha(&bridge.aha, SAM);
        let held = (account.administrator_roles.any(), account.custom_roles.len(), account.seat_group);
        assert_eq!(held, (false, 0, None), "{name}");
    }
}

#[tokio::test]
async fn administrator_roles_of_several_groups_are_one_call() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    set_active(&bridge, &sam, false).await;
    create_group(&bridge, "Admins", &[&sam]).await;
    create_group(&bridge, "Billing", &[&sam]).await;
    assert!(!writes(&bridge).await.iter().any(|call| call.contains("administrator_roles")));
    set_active(&bridge, &sam, true).await;
    let calls = writes(&bridge).await;
    let administrator = calls.iter().filter(|call| call.contains("administrator_roles")).count();
    assert_eq!((calls.len(), administrator), (2, 1), "{calls:?}");
    let expected = AdministratorRoles { account: true, billing: true, configuration: false };
    assert_eq!(at_aha(&bridge.aha, SAM).administrator_roles, expected);
}

#[tokio::test]
async fn a_seat_group_takes_the_place_of_another() {
    for moves in [true, false] {
        let bridge = setup()
            .with(|aha| {
                use scim_bridge::sim::aha::switches::SeatGroupMove;
                aha.change(|switches| {
                    switches.seat_group_move =
                        if moves { SeatGroupMove::Moves } else { SeatGroupMove::Refused }
                });
            })
            .start()
            .await;
        let sam = bridge.create_user(SAM).await;
        let seats = create_group(&bridge, "Seats", &[&sam]).await;
        bridge.wait_until_idle().await;
        let first = at_aha(&bridge.aha, SAM).seat_group;
        assert!(first.is_some());
        create_group(&bridge, "More seats", &[&sam]).await;
        leave(&bridge, &seats, &sam).await;
        bridge.wait_until_idle().await;
        let second = at_aha(&bridge.aha, SAM).seat_group;
        assert!(second.is_some() && second != first, "{second:?}");
    }
}

/// Entra's app roles in their two shapes, and Okta's entitlements.
#[rstest]
#[case::ent_28("roles", "PRJ2: reviewer")]
#[case::ent_29("roles", "{\"id\":\"06b0\",\"value\":\"PRJ2: reviewer\",\"displayName\":\"R\"}")]
#[case::okt_18("entitlements", "PRJ2: reviewer")]
#[tokio::test]
async fn roles_and_entitlements_give_what_a_group_of_that_name_does(
    #[case] attribute: &str,
    #[case] name: &str,
) {
    let bridge = setup().start().await;
    let mut sent = user(SAM);
    sent[attribute] = value(name);
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.status, 201, "{created}");
    expect_roles(&bridge, SAM, [("PRJ2", Role::Reviewer)]).await;
    bridge.calls();
    let replace = json!([{ "op": "replace", "path": attribute, "value": value("PRJ2: owner") }]);
    bridge.patch(&created.path(), replace).await.written(200);
    expect_roles(&bridge, SAM, [("PRJ2", Role::Owner)]).await;
    assert_eq!(writes(&bridge).await.len(), 1);
    let remove = json!([{ "op": "remove", "path": attribute }]);
    bridge.patch(&created.path(), remove).await.written(200);
    expect_roles(&bridge, SAM, []).await;
}

#[tokio::test]
async fn somebody_who_was_found_at_aha_is_managed_once_in_a_group_that_gives_something() {
    let bridge = setup()
        .with(|aha| {
            aha.seed(Person::new("Sam", "Doe", SAM));
        })
        .start()
        .await;
    let found = bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await;
    let sam = found.only()["id"].as_str().unwrap().to_owned();
    let staff = create_group(&bridge, "Staff", &[&sam]).await;
    assert_eq!(writes(&bridge).await, NO_CALLS);
    let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
    assert_eq!(writes(&bridge).await.len(), 1);
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;
    for path in [group, staff] {
        bridge.delete(&path).await.no_content();
    }
    expect_roles(&bridge, SAM, []).await;
    assert_eq!(bridge.aha.invitations().len(), 0);
}

/// Entra matches people who are there already, and finds nothing to say of them but their groups.
#[tokio::test]
async fn somebody_who_was_found_at_aha_gets_what_a_group_gives_that_meant_nothing_when_it_was_pushed() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup)
        .with(|aha| {
            aha.seed(Person::new("Sam", "Doe", SAM));
        })
        .start()
        .await;
    let found = bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await;
    let sam = found.only()["id"].as_str().unwrap().to_owned();
    let new = bridge.aha.add_workspace("NEW", "New");
    create_group(&bridge, "NEW: viewer", &[&sam]).await;
    assert_eq!(writes(&bridge).await, NO_CALLS);
    bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
    let given = writes(&bridge).await;
    assert!(given.len() == 1 && given[0].contains("/product_roles"), "{given:?}");
    assert_eq!(at_aha(&bridge.aha, SAM).roles.get(&new), Some(&Role::Viewer));
}
