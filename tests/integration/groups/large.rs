//! Groups of 1, 101 and 10,000 members.

use rstest::rstest;
use scim_bridge::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::fixture::{GROUP, create_group, group, listed, members_of, sorted};
use crate::harness::{Bridge, Setup};

/// An app that keeps unknown members, so that ten thousand of them need no users.
async fn start() -> Bridge {
    Setup::memory().app_keys("unknown_members = 'keep'").start().await
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("0198c0de-0000-7000-8000-{number:012}")).collect()
}

fn texts(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// `FusionAuth#2784` lost all members behind the hundredth.
#[rstest]
#[case(1)]
#[case(101)]
#[case(1_000)]
#[case(10_000)]
#[tokio::test]
async fn a_group_keeps_all_of_its_members_however_they_are_written_q_81(#[case] count: usize) {
    let bridge = start().await;
    let user = bridge.create_user("one.more@example.com").await;
    let ids = ids(count);
    let path = create_group(&bridge, "G", &texts(&ids)).await;
    assert_eq!(members_of(&bridge, &path).await, ids);

    // One more, one less.
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": user }] }]);
    assert_eq!(bridge.patch(&path, add).await.status, 204);
    assert_eq!(members_of(&bridge, &path).await, sorted(ids.iter().chain([&user])));
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }]);
    assert_eq!(bridge.patch(&path, remove).await.status, 204);
    assert_eq!(members_of(&bridge, &path).await, sorted(ids[1..].iter().chain([&user])));

    // Read, modified and written back, as Okta does (OKT-SEQ-8).
    let read = bridge.get(&path).await.body;
    let echo = bridge.put(&path, &read).await;
    assert_eq!((echo.status, &echo.body["meta"]["version"]), (200, &read["meta"]["version"]));
    let put = bridge.put(&path, &group("G", &texts(&ids))).await;
    assert_eq!(put.status, 200);
    assert_eq!(members_of(&bridge, &path).await, ids);

    // All of them in one operation, and none.
    let remove = json!([{ "op": "Remove", "path": "members", "value": listed(&texts(&ids)) }]);
    assert_eq!(bridge.patch(&path, remove).await.status, 204);
    assert!(members_of(&bridge, &path).await.is_empty());
    let add = json!([{ "op": "Add", "path": "members", "value": listed(&texts(&ids)) }]);
    assert_eq!(bridge.patch(&path, add).await.status, 204);
    let replace = json!([{ "op": "replace", "path": "members", "value": listed(&texts(&ids[..1])) }]);
    assert_eq!(bridge.patch(&path, replace).await.status, 204);
    assert_eq!(members_of(&bridge, &path).await, ids[..1]);
}

/// What it costs is told by the median of many requests, the groups taking turns.
#[tokio::test]
async fn one_member_more_costs_the_same_in_a_large_group() {
    let bridge = start().await;
    let user = bridge.create_user("one.more@example.com").await;
    let ids = ids(10_000);
    let small = create_group(&bridge, "Small", &texts(&ids[..10])).await;
    let large = create_group(&bridge, "Large", &texts(&ids)).await;
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": user }] }]);
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{user}\"]") }]);
    // A probe as Entra ID sends it before it writes; `excludedAttributes=members` asks for none of them.
    let probe = |path: &str| {
        let id = path.rsplit('/').next().unwrap();
        format!(
            "/Groups?excludedAttributes=members&filter=id%20eq%20%22{id}%22%20and%20members%20eq%20%22{user}%22"
        )
    };
    let by_name = ["Small", "Large"]
        .map(|name| format!("/Groups?excludedAttributes=members&filter=displayName%20eq%20%22{name}%22"));
    let mut times: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..30 {
        for (index, path) in [&small, &large].into_iter().enumerate() {
            let started = SystemClock.now().as_micros();
            assert_eq!(bridge.patch(path, add.clone()).await.status, 204);
            assert_eq!(bridge.get(&probe(path)).await.body["totalResults"], 1);
            assert_eq!(bridge.get(&by_name[index]).await.body["totalResults"], 1);
            assert_eq!(bridge.get(&format!("{path}?excludedAttributes=members")).await.status, 200);
            assert_eq!(bridge.patch(path, remove.clone()).await.status, 204);
            times[index].push(SystemClock.now().as_micros() - started);
        }
    }
    let [small, large] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    assert!(large < 2 * small, "it takes {large} µs in a group of 10,000 and {small} µs in one of 10");
}

#[tokio::test]
async fn a_group_of_ten_thousand_is_deleted_at_once() {
    let bridge = start().await;
    let ids = ids(10_000);
    let path = create_group(&bridge, "G", &texts(&ids)).await;
    assert_eq!(bridge.delete(&path).await.status, 204);
    let body: Value = json!({ "schemas": [GROUP], "displayName": "G" });
    let again = bridge.post("/Groups", &body).await;
    assert_eq!((again.status, &again.body["members"]), (201, &json!([])));
}
