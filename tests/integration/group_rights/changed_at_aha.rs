//! Workspaces, custom roles and paid seat groups that come and go at Aha!, and listings of them that fail.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::ManualClock,
    sim::aha::{Fault, Person, Role, SimulatedAha},
};
use serde_json::{Value, json};

use super::fixture::{
    at_aha, create_group, expect_roles, failure, join, leave, prepared, roles, setup, value, writes,
};
use crate::harness::{Bridge, Setup, eventually, user};

const SAM: &str = "sam.doe@example.com";
const HOUR: Duration = Duration::from_secs(3_700);

/// Sam has one right of each kind that a listing has a part in.
async fn sam_in_groups() -> (Bridge, ManualClock, String, Vec<String>) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).start().await;
    let sam = bridge.create_user(SAM).await;
    let mut groups = Vec::new();
    for name in ["Aha PMs", "Scoped", "Seats", "PRJ3: reviewer"] {
        groups.push(create_group(&bridge, name, &[&sam]).await);
    }
    bridge.wait_until_idle().await;
    bridge.calls();
    (bridge, clock, sam, groups)
}

fn held(bridge: &Bridge) -> (Vec<(&'static str, Role)>, usize, bool) {
    let account = at_aha(&bridge.aha, SAM);
    (roles(bridge, SAM).into_iter().collect(), account.custom_roles.len(), account.seat_group.is_some())
}

fn all() -> (Vec<(&'static str, Role)>, usize, bool) {
    (vec![("PRJ1", Role::Contributor), ("PRJ3", Role::Reviewer)], 1, true)
}

/// The API key's owner may not be shown what was shown to it before. Nobody loses anything because of that, and who leaves a
/// group does.
#[rstest]
#[case::no_seat_groups("/paid_seat_groups", Fault::json(403, &json!({ "error": "Forbidden" })))]
#[case::no_workspaces("/products", Fault::json(200, &json!({ "products": [],
    "pagination": { "total_records": 0, "total_pages": 0, "current_page": 1 } })))]
#[case::an_outage("/products", Fault::html(503))]
#[tokio::test]
async fn nobody_loses_what_a_group_gives_because_it_is_not_listed_any_more(
    #[case] listing: &str,
    #[case] fault: Fault,
) {
    let (bridge, clock, sam, groups) = sam_in_groups().await;
    bridge.aha.fault(fault.on_method(Method::GET).on_path_prefix(listing).always());
    bridge.next_roster(&clock, HOUR).await;
    assert_eq!(writes(&bridge).await, [""; 0]);
    assert_eq!(held(&bridge), all());
    for group in &groups {
        leave(&bridge, group, &sam).await;
    }
    bridge.aha.clear_faults();
    bridge.wait_until_idle().await;
    assert_eq!(held(&bridge), (vec![], 0, false));
}

/// A rule names a workspace by its prefix, which somebody changes.
#[tokio::test]
async fn a_rule_about_a_workspace_that_was_renamed_keeps_what_it_gave_and_gives_nothing_new() {
    let (bridge, clock, sam, groups) = sam_in_groups().await;
    let prj1 = bridge.aha.find_workspace("PRJ1").unwrap();
    bridge.aha.rename_workspace(prj1, "NEW1", "New project");
    bridge.next_roster(&clock, HOUR).await;
    assert_eq!(writes(&bridge).await, [""; 0]);
    assert_eq!(at_aha(&bridge.aha, SAM).roles.get(&prj1), Some(&Role::Contributor));
    leave(&bridge, &groups[0], &sam).await;
    bridge.wait_until_idle().await;
    assert_eq!(at_aha(&bridge.aha, SAM).roles.get(&prj1), None);
    join(&bridge, &groups[0], &sam).await;
    bridge.wait_until_idle().await;
    assert_eq!(at_aha(&bridge.aha, SAM).roles.get(&prj1), None);
}

/// Two workspaces may have one name, and a group that is called by it says nothing then.
#[rstest]
#[tokio::test]
async fn who_leaves_a_group_whose_name_two_workspaces_have_loses_what_it_gave(
    #[values("the member leaves", "the group is deleted")] how: &str,
) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).start().await;
    let sam = bridge.create_user(SAM).await;
    let group = create_group(&bridge, "Project 3: contributor", &[&sam]).await;
    expect_roles(&bridge, SAM, [("PRJ3", Role::Contributor)]).await;
    bridge.aha.add_workspace("PRJ4", "Project 3");
    bridge.next_roster(&clock, HOUR).await;
    expect_roles(&bridge, SAM, [("PRJ3", Role::Contributor)]).await;
    match how {
        "the member leaves" => leave(&bridge, &group, &sam).await,
        _ => bridge.delete(&group).await.no_content(),
    }
    expect_roles(&bridge, SAM, []).await;
}

/// Sam has by hand what the groups give as well. The key's owner is told less than there is, and has never been told more.
#[rstest]
#[case::no_workspaces_yet("/products", Fault::html(503))]
#[case::some_of_the_workspaces("/products", Fault::json(200, &json!({
    "products": [{ "id": "7", "reference_prefix": "SEVEN", "name": "Seven", "product_line": false }],
    "pagination": { "total_records": 1, "total_pages": 1, "current_page": 1 } })))]
#[case::no_seat_groups("/paid_seat_groups", Fault::json(403, &json!({ "error": "Forbidden" })))]
#[tokio::test]
async fn authoritative_roles_take_nothing_of_what_was_never_listed(
    #[case] listing: &str,
    #[case] fault: Fault,
) {
    let setup = Setup::aha().app_keys(
        "roles = 'authoritative'\ndefault_role = 'viewer'\n\
         groups = [{ name = 'Seats', grants = [{ seat_group = 'Group 2' }] }]",
    );
    let prepare = |aha: &SimulatedAha| {
        aha.add_workspace("PRJ2", "Project 2");
        let owner = aha.users()[0].id;
        let seats = aha.add_seat_group("Group 2", 10, owner);
        let sam = Person::new("Sam", "Doe", SAM).role("PRJ1", Role::Viewer).role("PRJ2", Role::Owner);
        let sam = aha.seed(sam);
        aha.set_seat_group(sam, Some(seats));
        aha.fault(fault.on_method(Method::GET).on_path_prefix(listing).always());
    };
    let bridge = setup.with(prepare).start_unready().await;
    bridge.wait_until_ready().await;
    let found = bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await;
    let sam = found.only()["id"].as_str().unwrap().to_owned();
    bridge.calls();
    create_group(&bridge, "PRJ2: owner", &[&sam]).await;
    create_group(&bridge, "Seats", &[&sam]).await;
    assert_eq!(writes(&bridge).await, [""; 0]);
    assert_eq!(bridge.failure_of(&sam).await, None);
}

#[tokio::test]
async fn a_workspace_that_was_deleted_takes_its_roles_with_it_and_nothing_else() {
    let (bridge, clock, sam, groups) = sam_in_groups().await;
    bridge.aha.delete_workspace(bridge.aha.find_workspace("PRJ3").unwrap());
    bridge.next_roster(&clock, HOUR).await;
    bridge.wait_until_idle().await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;
    assert_eq!(bridge.failure_of(&sam).await, None);
    for group in &groups {
        bridge.delete(group).await.no_content();
    }
    expect_roles(&bridge, SAM, []).await;
    assert_eq!(bridge.failure_of(&sam).await, None);
}

/// The listing is an hour old at most: nobody is kept out because of a workspace that went in between.
#[tokio::test]
async fn whoever_is_to_join_a_workspace_that_was_just_deleted_is_created_in_the_default_one() {
    let bridge = setup().start().await;
    bridge.aha.delete_workspace(bridge.aha.find_workspace("PRJ3").unwrap());
    let mut sent = user(SAM);
    sent["roles"] = value("PRJ3: contributor");
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.status, 201, "{created}");
    assert!(at_aha(&bridge.aha, SAM).enabled);
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert!(failure(&bridge, &created.id()).await.contains("give the role contributor"));
}

#[tokio::test]
async fn a_custom_role_that_was_deleted_is_told_of_those_who_should_get_it_and_holds_up_nobody() {
    let (bridge, _clock, sam, groups) = sam_in_groups().await;
    let (_, custom_role) = *at_aha(&bridge.aha, SAM).custom_roles.first().unwrap();
    bridge.aha.delete_custom_role(custom_role);
    let ann = bridge.create_user("ann.lee@example.com").await;
    join(&bridge, &groups[1], &ann).await;
    join(&bridge, &groups[0], &ann).await;
    assert!(failure(&bridge, &ann).await.contains("custom role 409541421"));
    eventually("the other role", async || {
        roles(&bridge, "ann.lee@example.com") == [("PRJ1", Role::Contributor)].into()
    })
    .await;
    for id in [&ann, &sam] {
        leave(&bridge, &groups[1], id).await;
    }
    bridge.wait_until_idle().await;
    for id in [&ann, &sam] {
        assert_eq!(bridge.failure_of(id).await, None);
    }
}

/// Aha! lists its accounts and not its workspaces: people are provisioned, and roles follow once it does.
#[tokio::test]
async fn roles_wait_until_the_workspaces_are_listed_and_people_do_not() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let no_listing = |aha: &SimulatedAha| {
        aha.fault(Fault::html(503).on_method(Method::GET).on_path_prefix("/products").always())
    };
    let bridge = prepared(setup).with(no_listing).start_unready().await;
    bridge.wait_until_ready().await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "Aha PMs", &[&sam]).await;
    bridge.wait_until_idle().await;
    assert_eq!(roles(&bridge, SAM), [].into());
    let status = bridge.status().await;
    assert_eq!(status["groups"], json!({ "groups": 1, "users_waiting": 0 }), "{status:#}");
    bridge.aha.clear_faults();
    bridge.next_roster(&clock, HOUR).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;
}

/// How far it is with groups is told while Aha! does not answer.
#[tokio::test]
async fn the_status_counts_the_people_in_groups_for_whom_something_is_left_to_do() {
    let mut bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    let ann = bridge.create_user("ann.lee@example.com").await;
    bridge.unplug_aha().await;
    create_group(&bridge, "Aha PMs", &[&sam, &ann]).await;
    create_group(&bridge, "Readers DE", &[&sam]).await;
    create_group(&bridge, "Staff", &[&ann]).await;
    let groups = async || bridge.status().await["groups"].clone();
    assert_eq!(groups().await, json!({ "groups": 3, "users_waiting": 2 }));
    bridge.plug_aha_in().await;
    eventually("all of it", async || groups().await == json!({ "groups": 3, "users_waiting": 0 })).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor), ("PRJ2", Role::Viewer)]).await;
    let portal = Setup::portal().start().await;
    assert_eq!(portal.status().await["groups"], Value::Null);
}
