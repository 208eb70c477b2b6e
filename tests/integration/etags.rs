//! Versions: `ETag`, `If-Match`, `If-None-Match` (RFC 7644 §3.14; RFC-044…RFC-049, RFC-113).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::Method;
use reqwest::RequestBuilder;
use scim_bridge::{
    clock::{ManualClock, Time},
    converge::release,
    sim::aha::{Person, SimulatedAha},
    store::UserId,
};
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup, user};

/// A resource that exists, and bodies that change it.
struct Subject {
    path: String,
    id: String,
    replacement: Value,
}

async fn subjects(bridge: &Bridge) -> [Subject; 2] {
    let user_id = bridge.create_user("sam.doe@example.com").await;
    let group = bridge.post("/Groups", &group("Editors", &[])).await;
    let mut replacement = user("sam.doe@example.com");
    replacement["title"] = "Editor".into();
    [
        Subject { path: format!("/Users/{user_id}"), id: user_id, replacement },
        Subject {
            path: format!("/Groups/{}", group.id()),
            id: group.id(),
            replacement: self::group("Authors", &[]),
        },
    ]
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members })
}

fn rename(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "displayName", "value": name }],
    })
}

fn with_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/scim+json").body(body.to_string())
}

/// Asserts that the answer names its version, and answers it.
#[track_caller]
fn version(answer: &Answer) -> String {
    let tag = answer.header("etag");
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag} {answer}");
    if answer.body != Value::Null {
        assert_eq!(answer.body["meta"]["version"], tag, "{answer}");
    }
    tag.to_owned()
}

async fn current_version(bridge: &Bridge, path: &str) -> String {
    version(&bridge.get(path).await)
}

fn seed_ann(aha: &SimulatedAha) {
    aha.seed(Person::new("Ann", "Lee", "ann.lee@example.com"));
}

#[tokio::test]
async fn every_answer_about_one_resource_has_its_version_and_its_place_rfc_044_rfc_113() {
    let bridge = Setup::memory().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    let location = created.body["meta"]["location"].as_str().unwrap().to_owned();
    let path = location.strip_prefix(&bridge.base_url()).unwrap().to_owned();
    let first = version(&created);
    assert_eq!(created.header("location"), location);

    let read = bridge.get(&path).await;
    assert_eq!((version(&read), read.header("content-location")), (first.clone(), location.as_str()));

    let patched = bridge.patch(&path, json!([{ "op": "replace", "path": "title", "value": "Editor" }])).await;
    assert_eq!((patched.status, patched.header("location")), (200, location.as_str()), "{patched}");
    assert_ne!(version(&patched), first);

    let replaced = bridge.put(&path, &user("sam.doe@example.com")).await;
    assert_eq!((replaced.status, replaced.header("location")), (200, location.as_str()), "{replaced}");
    assert_ne!(version(&replaced), version(&patched));

    // 204 has no body, and says the same in its headers.
    let created = bridge.post("/Groups", &group("Editors", &[])).await;
    let location = created.header("location").to_owned();
    let path = format!("/Groups/{}", created.id());
    let patched =
        bridge.patch(&path, json!([{ "op": "replace", "path": "displayName", "value": "Authors" }])).await;
    assert_eq!((patched.status, &patched.body), (204, &Value::Null), "{patched}");
    assert_eq!(patched.header("location"), location);
    assert_eq!(version(&patched), current_version(&bridge, &path).await);
    assert_ne!(version(&patched), version(&created));

    let deleted = bridge.delete(&path).await;
    assert_eq!((deleted.status, deleted.header("etag")), (204, ""));
}

#[tokio::test]
async fn discovery_says_that_versions_are_obeyed_rfc_038() {
    let bridge = Setup::memory().start().await;
    let config = bridge.get("/ServiceProviderConfig").await;
    assert_eq!(config.body["etag"], json!({ "supported": true }));
}

#[tokio::test]
async fn who_has_the_current_version_is_answered_without_it_rfc_045_rfc_049() {
    let bridge = Setup::memory().start().await;
    for subject in subjects(&bridge).await {
        let tag = current_version(&bridge, &subject.path).await;
        let strong = tag.trim_start_matches("W/").to_owned();
        let list = format!("\"x\" , {tag}");
        for known in [tag.as_str(), strong.as_str(), list.as_str(), "*"] {
            for method in [Method::GET, Method::HEAD] {
                let request = bridge.request(method, &subject.path).header("if-none-match", known);
                let answer = Answer::of(request).await;
                assert_eq!((answer.status, &answer.body), (304, &Value::Null), "{known} {answer}");
                assert_eq!(version(&answer), tag);
                assert_eq!(answer.header("content-type"), "");
            }
        }
        for other in ["W/\"0\"", "\"x\"", "W/\"", "", "\"*\""] {
            let request = bridge.request(Method::GET, &subject.path).header("if-none-match", other);
            let answer = Answer::of(request).await;
            assert_eq!((answer.status, answer.id()), (200, subject.id.clone()), "{other} {answer}");
        }
        bridge.put(&subject.path, &subject.replacement).await;
        let request = bridge.request(Method::GET, &subject.path).header("if-none-match", &tag);
        let changed = Answer::of(request).await;
        assert_eq!(changed.status, 200, "{changed}");
        assert_ne!(version(&changed), tag);
    }
}

#[tokio::test]
async fn if_none_match_says_nothing_about_a_create_rfc_045() {
    let bridge = Setup::memory().start().await;
    let request = bridge.request(Method::POST, "/Users").header("if-none-match", "*");
    let answer = Answer::of(with_body(request, &user("sam.doe@example.com"))).await;
    assert_eq!(answer.status, 201, "{answer}");
}

#[tokio::test]
async fn a_stale_version_is_not_changed_and_the_current_one_is_rfc_046_rfc_049() {
    let bridge = Setup::memory().start().await;
    for subject in subjects(&bridge).await {
        let path = subject.path.as_str();
        let send = async |method: Method, if_match: &str| {
            let request = bridge.request(method.clone(), path).header("if-match", if_match);
            Answer::of(match method {
                Method::PUT => with_body(request, &subject.replacement),
                Method::PATCH => with_body(request, &rename(&format!("Renamed {if_match}"))),
                _ => request,
            })
            .await
        };
        let before = bridge.get(path).await.body;
        let tag = before["meta"]["version"].as_str().unwrap().to_owned();
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            for stale in ["W/\"0\"", "\"0\"", "W/\"a\", W/\"b\"", "e180ee84f0671b1", "\"*\""] {
                let answer = send(method.clone(), stale).await;
                let detail = answer.error(412, "");
                assert!(detail.contains(&format!("has the version {tag}")), "{detail}");
            }
            for garbage in ["", ",", "W/\"", "\"1\" \"2\""] {
                let answer = send(method.clone(), garbage).await;
                assert!(answer.error(400, "invalidValue").contains("`If-Match`"));
            }
        }
        assert_eq!(bridge.get(path).await.body, before);

        let put = send(Method::PUT, &tag).await;
        assert_eq!(put.status, 200, "{put}");
        let strong_in_a_list = format!("\"x\", {}", version(&put).trim_start_matches("W/"));
        let patched = send(Method::PATCH, &strong_in_a_list).await;
        assert!(matches!(patched.status, 200 | 204), "{patched}");
        let any = send(Method::PATCH, "*").await;
        assert!(matches!(any.status, 200 | 204), "{any}");
        send(Method::DELETE, &version(&put)).await.error(412, "");
        assert_eq!(send(Method::DELETE, &version(&any)).await.status, 204);
        // There is nothing any more that could have a version.
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            send(method, "*").await.error(404, "");
        }
    }
}

#[tokio::test]
async fn two_lines_of_one_header_are_one_list_rfc_049() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let path = format!("/Users/{id}");
    let tag = current_version(&bridge, &path).await;
    let request = bridge.request(Method::PATCH, &path).header("if-match", "\"x\"").header("if-match", &tag);
    assert_eq!(Answer::of(with_body(request, &rename("Sam"))).await.status, 200);
    let request = bridge.request(Method::PATCH, &path).header("if-match", &tag).header("if-match", "\"x\"");
    Answer::of(with_body(request, &rename("Samuel"))).await.error(412, "");
}

#[tokio::test]
async fn without_if_match_every_write_is_allowed_rfc_047() {
    let bridge = Setup::memory().start().await;
    for subject in subjects(&bridge).await {
        assert_eq!(bridge.put(&subject.path, &subject.replacement).await.status, 200);
        let patch = bridge.send(Method::PATCH, &subject.path, Some(&rename("Others"))).await;
        assert!(matches!(patch.status, 200 | 204), "{patch}");
        assert_eq!(bridge.delete(&subject.path).await.status, 204);
    }
}

#[tokio::test]
async fn what_changes_nothing_keeps_the_version_and_every_real_change_makes_a_new_one_rfc_048() {
    let bridge = Setup::memory().start().await;
    let member = bridge.create_user("ann.lee@example.com").await;
    let other = bridge.create_user("bob.ray@example.com").await;
    let [user, group] = subjects(&bridge).await;

    let before = bridge.get(&user.path).await.body;
    bridge.put(&user.path, &self::user("sam.doe@example.com")).await;
    bridge.patch(&user.path, json!([{ "op": "replace", "path": "active", "value": true }])).await;
    bridge.patch(&user.path, json!([{ "op": "remove", "path": "nickName" }])).await;
    assert_eq!(bridge.get(&user.path).await.body, before);
    // What is refused changes nothing either.
    bridge.patch(&user.path, json!([{ "op": "replace", "path": "userName", "value": null }])).await;
    assert_eq!(bridge.get(&user.path).await.body, before);

    let mut seen = vec![current_version(&bridge, &group.path).await];
    let mut changed = async |what: &str| {
        let version = current_version(&bridge, &group.path).await;
        assert!(!seen.contains(&version), "{what}: {version} again");
        seen.push(version);
    };
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": member }, { "value": other }] }]);
    bridge.patch(&group.path, add.clone()).await;
    changed("members joined").await;
    bridge
        .patch(&group.path, json!([{ "op": "remove", "path": format!("members[value eq \"{member}\"]") }]))
        .await;
    changed("a member left").await;
    bridge.put(&group.path, &self::group("Editors", &[&member])).await;
    changed("others are members").await;
    bridge.delete(&format!("/Users/{member}")).await;
    changed("a member was deleted").await;

    let settled = bridge.get(&group.path).await.body;
    bridge.put(&group.path, &self::group("Editors", &[])).await;
    bridge
        .patch(&group.path, json!([{ "op": "remove", "path": format!("members[value eq \"{other}\"]") }]))
        .await;
    assert_eq!(bridge.get(&group.path).await.body, settled);
}

#[tokio::test]
async fn a_membership_is_a_new_version_of_the_group_and_none_of_the_user() {
    let bridge = Setup::memory().start().await;
    let [user, group] = subjects(&bridge).await;
    let version_of_user = current_version(&bridge, &user.path).await;
    let version_of_group = current_version(&bridge, &group.path).await;
    let join = json!([{ "op": "add", "path": "members", "value": [{ "value": user.id }] }]);
    assert_eq!(bridge.patch(&group.path, join).await.status, 204);

    let shown = bridge.get(&user.path).await;
    assert_eq!(shown.body["groups"][0]["value"], json!(group.id));
    assert_eq!(version(&shown), version_of_user);
    assert_ne!(current_version(&bridge, &group.path).await, version_of_group);
    // A change of the user that was read before takes nothing back.
    let replace = with_body(bridge.request(Method::PUT, &user.path), &user.replacement);
    let answer = Answer::of(replace.header("if-match", version_of_user)).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.body["groups"][0]["value"], json!(group.id));
}

/// Sends the requests at once and counts the statuses.
async fn race(requests: Vec<RequestBuilder>) -> BTreeMap<u16, usize> {
    let racing: Vec<_> = requests.into_iter().map(|request| tokio::spawn(Answer::of(request))).collect();
    let mut statuses = BTreeMap::new();
    for answer in racing {
        *statuses.entry(answer.await.unwrap().status).or_default() += 1;
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_clients_that_change_the_version_they_read_one_wins_rfc_046() {
    let bridge = Setup::memory().start().await;
    for subject in subjects(&bridge).await {
        for round in 0..5 {
            let tag = current_version(&bridge, &subject.path).await;
            let requests = (0..16).map(|client| {
                let request = bridge.request(Method::PATCH, &subject.path).header("if-match", &tag);
                with_body(request, &rename(&format!("Client {client} of round {round}")))
            });
            let statuses = race(requests.collect()).await;
            let won = statuses.get(&200).or(statuses.get(&204)).copied();
            assert_eq!((won, statuses.get(&412).copied()), (Some(1), Some(15)), "{statuses:?}");
        }
        let tag = current_version(&bridge, &subject.path).await;
        let requests =
            (0..16).map(|_| bridge.request(Method::DELETE, &subject.path).header("if-match", &tag));
        assert_eq!(race(requests.collect()).await, BTreeMap::from([(204, 1), (404, 15)]));
    }
}

#[tokio::test]
async fn a_user_who_is_disabled_at_the_target_has_a_new_version_rfc_048() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let setup = Setup::aha_with_clock(Arc::new(clock.clone()));
    let bridge = setup.with(seed_ann).start().await;
    let found = bridge.filter("/Users", "userName eq \"ann.lee@example.com\"").await;
    let path = format!("/Users/{}", found.body["Resources"][0]["id"].as_str().unwrap());
    let before = current_version(&bridge, &path).await;
    let account = bridge.aha.find_user_by_email("ann.lee@example.com").unwrap();
    bridge.aha.disable(account.id);
    clock.advance(Duration::from_mins(15));
    let seen = async {
        loop {
            let request = bridge.request(Method::GET, &path).header("if-none-match", &before);
            let answer = Answer::of(request).await;
            if answer.status == 200 {
                return answer;
            }
            assert_eq!(answer.status, 304);
            tokio::task::yield_now().await;
        }
    };
    let answer =
        tokio::time::timeout(Duration::from_secs(30), seen).await.expect("the roster sees the change");
    assert_eq!(answer.body["active"], false, "{answer}");
    let request = bridge.request(Method::DELETE, &path).header("if-match", &before);
    Answer::of(request).await.error(412, "");
}

#[tokio::test]
async fn a_group_whose_member_is_gone_at_the_target_has_a_new_version_rfc_048() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let setup = Setup::aha_with_clock(Arc::new(clock.clone()));
    let bridge = setup.with(seed_ann).start().await;
    let found = bridge.filter("/Users", "userName eq \"ann.lee@example.com\"").await;
    let member = found.body["Resources"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/Groups/{}", bridge.post("/Groups", &group("Editors", &[&member])).await.id());
    // Nobody manages her any more, so she goes with her account.
    let released = release::some(&*bridge.beside().await, vec![UserId::from(member.clone())]).await.unwrap();
    assert_eq!(released.handed_back, 1);
    let before = bridge.get(&path).await;
    bridge.aha.vanish(bridge.aha.find_user_by_email("ann.lee@example.com").unwrap().id);
    clock.advance(Duration::from_mins(15));
    let gone = async {
        while bridge.get(&format!("/Users/{member}")).await.status != 404 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .expect("the roster sees that the account is gone");
    let after = bridge.get(&path).await;
    assert_eq!(after.body["members"], json!([]), "{after}");
    assert_ne!(version(&after), version(&before));
}
