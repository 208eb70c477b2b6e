//! Groups of 1, 101 and 10,000 members, and several writers of one group.

use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;
use scim_bridge::{
    clock::{Clock, SystemClock},
    sim::aha::{Person, Role},
};
use serde_json::{Value, json};

use super::fixture::{at_aha, create_group, expect_roles, join, leave, setup, writes};
use crate::{
    groups::fixture::listed,
    harness::{Bridge, Setup},
};

/// An Aha! with so many people who have a role already, so that a group that gives it costs no call.
async fn with_people(count: usize) -> (Bridge, Vec<String>) {
    people_of(setup(), count).await
}

async fn people_of(setup: Setup, count: usize) -> (Bridge, Vec<String>) {
    let bridge = setup
        .with(|aha| {
            for number in 0..count {
                let email = format!("person{number}@example.com");
                aha.seed(Person::new("Some", "Body", &email).role("PRJ1", Role::Contributor));
            }
        })
        .start()
        .await;
    let mut ids = Vec::new();
    while ids.len() < count {
        let path = format!(
            "/Users?attributes=id&filter=userName+sw+%22person%22&startIndex={}&count=500",
            ids.len() + 1
        );
        let page = bridge.get(&path).await;
        let resources = page.body["Resources"].as_array().unwrap();
        assert!(!resources.is_empty(), "{page}");
        ids.extend(resources.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
    }
    (bridge, ids)
}

fn texts(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

#[rstest]
#[case(1)]
#[case(101)]
#[tokio::test]
async fn every_member_gets_and_loses_the_role_with_a_call_each(#[case] count: usize) {
    let (bridge, ids) = with_people(count).await;
    let group = create_group(&bridge, "Readers", &texts(&ids)).await;
    bridge.calls();
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Readers DE" }]);
    bridge.patch(&group, rename).await.no_content();
    assert_eq!(writes(&bridge).await.len(), count);
    let prj2 = bridge.aha.find_workspace("PRJ2").unwrap();
    let have = |bridge: &Bridge| {
        bridge.aha.users().iter().filter(|user| user.roles.get(&prj2) == Some(&Role::Viewer)).count()
    };
    assert_eq!(have(&bridge), count);
    bridge.delete(&group).await.no_content();
    assert_eq!(writes(&bridge).await.len(), count);
    assert_eq!(have(&bridge), 0);
}

/// Entra ID adds many members in one operation, or in several of one request, and takes them out again the same way.
#[rstest]
#[case::in_one_operation(101)]
#[case::in_several_operations(20)]
#[tokio::test]
async fn entra_adds_and_removes_101_members_and_each_is_one_call_ent_35_ent_36(#[case] at_a_time: usize) {
    let (bridge, ids) = with_people(101).await;
    let group = create_group(&bridge, "PRJ2: viewer", &[]).await;
    bridge.calls();
    let prj2 = bridge.aha.find_workspace("PRJ2").unwrap();
    for (op, holders) in [("Add", 101), ("Remove", 0)] {
        let operation = |ids: &[String]| json!({ "op": op, "path": "members", "value": listed(&texts(ids)) });
        let operations: Value = ids.chunks(at_a_time).map(operation).collect();
        bridge.patch(&group, operations.clone()).await.no_content();
        assert_eq!(writes(&bridge).await.len(), 101);
        // Entra ID repeats what it is not sure of.
        bridge.patch(&group, operations).await.no_content();
        assert_eq!(writes(&bridge).await, [""; 0]);
        let users = bridge.aha.users();
        assert_eq!(users.iter().filter(|user| user.roles.contains_key(&prj2)).count(), holders, "{op}");
    }
}

/// The group goes while its members are worked on: whoever got the role in between loses it again.
#[tokio::test]
async fn a_group_that_is_deleted_while_its_members_are_given_the_role_leaves_nothing() {
    let (bridge, ids) = people_of(setup().rate(100, 60_000), 101).await;
    let group = create_group(&bridge, "PRJ2: viewer", &texts(&ids)).await;
    let prj2 = bridge.aha.find_workspace("PRJ2").unwrap();
    let holders = || bridge.aha.users().iter().filter(|user| user.roles.contains_key(&prj2)).count();
    crate::harness::eventually("the first of them", async || holders() > 5).await;
    bridge.delete(&group).await.no_content();
    let given = bridge.calls().len();
    assert!(given < 101, "{given} had it already");
    bridge.wait_until_idle().await;
    assert_eq!(holders(), 0);
}

/// Ten thousand members who have the role already: nobody waits for them, and whoever is added is served at once.
#[tokio::test]
async fn one_member_more_in_a_group_of_10_000_is_one_call_and_costs_what_it_costs_in_a_small_one() {
    let (bridge, ids) = with_people(10_000).await;
    let sam = bridge.create_user("sam.doe@example.com").await;
    let large = create_group(&bridge, "Aha PMs", &texts(&ids)).await;
    let small = create_group(&bridge, "PRJ3: viewer", &texts(&ids[..10])).await;
    bridge.wait_until_idle().await;
    bridge.calls();
    join(&bridge, &large, &sam).await;
    let calls = writes(&bridge).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    expect_roles(&bridge, "sam.doe@example.com", [("PRJ1", Role::Contributor)]).await;
    leave(&bridge, &large, &sam).await;
    assert_eq!(writes(&bridge).await.len(), 1);

    // The groups take turns, so that whatever else the machine does is the same for both.
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..30 {
        for (group, took) in [&small, &large].into_iter().zip(&mut took) {
            let began = SystemClock.now();
            join(&bridge, group, &sam).await;
            leave(&bridge, group, &sam).await;
            took.push(SystemClock.now().since(began));
        }
    }
    let median = |took: &mut Vec<Duration>| {
        took.sort();
        took[took.len() / 2]
    };
    let [mut small, mut large] = took;
    let (small, large) = (median(&mut small), median(&mut large));
    assert!(large < small * 4 + Duration::from_millis(20), "{large:?} against {small:?}");
}

#[tokio::test]
async fn two_workers_of_an_idp_patch_one_group_at_once_and_nobody_is_left_out() {
    let (bridge, ids) = with_people(40).await;
    let group = create_group(&bridge, "Readers DE", &texts(&ids[..20])).await;
    bridge.wait_until_idle().await;
    let patch = |op: &'static str, id: String| {
        let (bridge, group) = (&bridge, &group);
        async move {
            let operations: Value = json!([{ "op": op, "path": "members", "value": listed(&[&id]) }]);
            bridge.patch(group, operations).await.no_content();
        }
    };
    // One adds those who are not members, the other removes those who are.
    let adding = join_all(ids[20..].iter().map(|id| patch("Add", id.clone())));
    let removing = join_all(ids[..20].iter().map(|id| patch("Remove", id.clone())));
    futures_util::future::join(adding, removing).await;
    bridge.wait_until_idle().await;
    let prj2 = bridge.aha.find_workspace("PRJ2").unwrap();
    let found = bridge.get(&format!("{group}?attributes=members.value")).await;
    assert_eq!(found.body["members"].as_array().unwrap().len(), 20);
    for (number, id) in ids.iter().enumerate() {
        let user = bridge.get(&format!("/Users/{id}?attributes=userName")).await;
        let account = at_aha(&bridge.aha, user.body["userName"].as_str().unwrap());
        assert_eq!(account.roles.contains_key(&prj2), number >= 20, "{number}");
    }
}

/// The brake and the queue are about people who leave; a group that goes takes rights from many, and holds none of them up.
#[tokio::test]
async fn a_leaver_does_not_wait_behind_hundreds_who_lose_a_role_and_none_of_them_is_held() {
    let setup = setup().brake("brake = { max_revocations = 5 }").rate(50, 60_000);
    let (bridge, ids) = people_of(setup, 300).await;
    let sam = bridge.create_user("sam.doe@example.com").await;
    let group = create_group(&bridge, "Readers DE", &texts(&ids)).await;
    bridge.wait_until_idle().await;
    bridge.calls();
    bridge.delete(&group).await.no_content();
    let deactivate = json!([{ "op": "replace", "path": "active", "value": false }]);
    bridge.patch(&format!("/Users/{sam}"), deactivate).await.written(200);
    let calls = writes(&bridge).await;
    let place = calls.iter().position(|call| call.ends_with(r#"{"user":{"enabled":false}}"#));
    assert!(place.is_some_and(|place| place < 150), "{place:?} of {}", calls.len());
    assert_eq!(calls.len(), 301);
    assert_eq!(bridge.status().await["held"], Value::Null);
}
