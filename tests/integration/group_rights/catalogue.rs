//! Roles in workspaces are there as groups before anybody made them.

use std::time::Duration;

use scim_bridge::{
    clock::Clock,
    connector::catalogue::Workspace,
    sim::aha::Role,
    store::{StoreError, catalogues},
};
use serde_json::json;

use super::fixture::{create_group, expect_roles, join, prepared, setup, writes};
use crate::{
    groups::fixture::{group, groups_of},
    harness::{Answer, Bridge, Setup, TOKEN, user},
};

const SAM: &str = "sam.doe@example.com";

async fn names(bridge: &Bridge) -> Vec<String> {
    let answer = bridge.get("/Groups?count=1000").await;
    let resources = answer.body["Resources"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<_> =
        resources.iter().map(|group| group["displayName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn each_role_in_each_workspace_is_a_group_that_an_idp_finds_by_name_and_fills() {
    let bridge = setup().catalogue("").start().await;
    assert_eq!(names(&bridge).await.len(), 12);
    let found = bridge.filter("/Groups", "displayName eq \"prj1: contributor\"").await;
    assert_eq!(found.only()["displayName"], "PRJ1: contributor");
    let path = format!("/Groups/{}", found.only()["id"].as_str().unwrap());
    let sam = bridge.create_user(SAM).await;
    join(&bridge, &path, &sam).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Contributor)]).await;
    assert_eq!(groups_of(&bridge, &format!("/Users/{sam}")).await, ["PRJ1: contributor"]);
}

#[tokio::test]
async fn of_two_who_make_an_offered_group_at_two_replicas_one_does() {
    let bridge = setup().catalogue("catalogue = true").on_server().start().await;
    let other = bridge.another().await;
    for name in names(&bridge).await {
        let body = group(&name, &[]);
        let at_other = async {
            let request = reqwest::Client::new().post(format!("{}/test/scim/v2/Groups", other.root()));
            Answer::of(request.bearer_auth(TOKEN).json(&body)).await
        };
        let (one, other) = tokio::join!(bridge.post("/Groups", &body), at_other);
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{name}: {one} {other}");
    }
}

#[tokio::test]
async fn a_group_that_is_made_in_place_of_an_offered_one_keeps_its_id() {
    let bridge = setup().catalogue("catalogue = true").start().await;
    let found = bridge.filter("/Groups", "displayName eq \"PRJ2: viewer\"").await;
    let offered = found.only()["id"].as_str().unwrap().to_owned();
    let sam = bridge.create_user(SAM).await;
    let path = create_group(&bridge, "prj2: Viewer", &[&sam]).await;
    assert_eq!(path, format!("/Groups/{offered}"));
    expect_roles(&bridge, SAM, [("PRJ2", Role::Viewer)]).await;
    assert_eq!(names(&bridge).await.len(), 12);
    bridge.post("/Groups", &group("PRJ2: viewer", &[])).await.error(409, "uniqueness");
}

#[tokio::test]
async fn offered_groups_follow_the_workspaces_and_those_that_an_idp_has_stay() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).catalogue("catalogue = true").start().await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "PRJ3: owner", &[&sam]).await;
    bridge.wait_until_idle().await;
    let prj3 = bridge.aha.find_workspace("PRJ3").unwrap();
    bridge.aha.rename_workspace(prj3, "NEW3", "Project 3");
    bridge.aha.add_workspace("PRJ4", "Project 4");
    bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
    let names = names(&bridge).await;
    assert!(
        names.contains(&"NEW3: viewer".to_owned()) && names.contains(&"PRJ4: owner".to_owned()),
        "{names:?}"
    );
    assert!(!names.contains(&"PRJ3: viewer".to_owned()), "{names:?}");
    assert!(names.contains(&"PRJ3: owner".to_owned()), "{names:?}");
    // Its name means nothing any more, so what it gave is taken.
    bridge.wait_until_idle().await;
    let role = super::fixture::at_aha(&bridge.aha, SAM).roles.get(&prj3).copied();
    assert_eq!(role, None);
}

#[tokio::test]
async fn what_a_command_beside_the_server_listed_counts_from_the_next_pass_on() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepared(setup).catalogue("catalogue = true").start().await;
    let sam = bridge.create_user(SAM).await;
    bridge.wait_until_idle().await;
    let prj4 = bridge.aha.add_workspace("PRJ4", "Project 4");
    let store = bridge.store().await;
    let mut listed = catalogues::find(&store, "test").await.unwrap().unwrap();
    let (id, key, name) = (prj4.to_string(), "PRJ4".to_owned(), "Project 4".to_owned());
    listed.workspaces.push(Workspace { id, key, name, is_line: false });
    let now = clock.now();
    let save = store.write(move |transaction| {
        Box::pin(async move { catalogues::save(transaction, "test", &listed, now).await })
    });
    let saved: Result<(), StoreError> = save.await;
    saved.unwrap();
    bridge.next_roster(&clock, Duration::from_secs(1_000)).await;
    assert_eq!(lists(&bridge), 0, "an hour is not over");
    create_group(&bridge, "PRJ4: viewer", &[&sam]).await;
    bridge.wait_until_idle().await;
    let role = super::fixture::at_aha(&bridge.aha, SAM).roles.get(&prj4).copied();
    assert_eq!(role, Some(Role::Viewer));
    assert_eq!(lists(&bridge), 0, "nor is it by now");
    store.close().await;
}

#[tokio::test]
async fn more_than_fifty_workspaces_are_offered_only_if_that_is_configured() {
    let many = |setup: Setup| {
        setup.with(|aha| {
            for number in 4..60 {
                aha.add_workspace(&format!("PRJ{number}"), "More");
            }
        })
    };
    let bridge = many(setup()).catalogue("").start().await;
    assert_eq!(names(&bridge).await, [""; 0]);
    // Their names mean what they say all the same.
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "PRJ1: viewer", &[&sam]).await;
    expect_roles(&bridge, SAM, [("PRJ1", Role::Viewer)]).await;
    let bridge = many(setup()).catalogue("catalogue = true").start().await;
    assert_eq!(names(&bridge).await.len(), 59 * 4);
}

fn lists(bridge: &Bridge) -> usize {
    bridge.calls().iter().filter(|call| call.starts_with("GET /products?")).count()
}

#[tokio::test]
async fn the_workspaces_are_listed_once_an_hour_and_not_where_nothing_needs_them() {
    for (setup_of, expected) in [(true, 1), (false, 0)] {
        let (setup, clock) = Setup::aha_with_manual_clock();
        let setup = if setup_of { prepared(setup) } else { setup };
        let bridge = setup.app_keys("roster_every = '20m'").start_unready().await;
        bridge.wait_until_ready().await;
        bridge.next_roster(&clock, Duration::from_secs(1_200)).await;
        assert_eq!(lists(&bridge), expected);
        bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
        assert_eq!(lists(&bridge), expected);
    }
}

/// Entra's app roles come with the user, and need neither a group nor a rule.
#[tokio::test]
async fn the_workspaces_are_listed_once_the_roles_of_a_user_name_one() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.app_keys("default_role = 'none'").with(|aha| {
        aha.add_workspace("PRJ2", "Project 2");
    });
    let bridge = setup.start().await;
    let mut sent = user(SAM);
    sent["roles"] =
        json!([{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "PRJ2: viewer" }]);
    assert_eq!(bridge.post("/Users", &sent).await.status, 201);
    bridge.next_roster(&clock, Duration::from_secs(3_700)).await;
    expect_roles(&bridge, SAM, [("PRJ2", Role::Viewer)]).await;
}

#[tokio::test]
async fn a_line_is_given_roles_as_a_workspace_is() {
    let bridge = setup()
        .with(|aha| {
            aha.add_line("LINE", "All products");
        })
        .catalogue("catalogue = true")
        .start()
        .await;
    let sam = bridge.create_user(SAM).await;
    let offered = bridge.filter("/Groups", "displayName eq \"LINE: viewer\"").await;
    let path = format!("/Groups/{}", offered.only()["id"].as_str().unwrap());
    let rename = json!([{ "op": "replace", "path": "externalId", "value": "x" }]);
    bridge.patch(&path, rename).await.no_content();
    join(&bridge, &path, &sam).await;
    assert_eq!(writes(&bridge).await.len(), 2, "the create, and the role");
    let line = bridge.aha.find_workspace("LINE").unwrap();
    assert_eq!(super::fixture::at_aha(&bridge.aha, SAM).roles.get(&line), Some(&Role::Viewer));
}
