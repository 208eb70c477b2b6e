//! What Okta and Entra ID do in a row, through the bridge, with a simulated target.

use http::{Method, header};
use rstest::rstest;
use scim_bridge::sim::scim::{Locations, Strictness, Switches};
use serde_json::{Value, json};

use super::{IDP_TOKEN, Passed, TARGET_TOKEN, simulated};
use crate::harness::{Answer, Bridge};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

async fn send(bridge: &Bridge, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let url = format!("{}/passed/scim/v2{path}", bridge.root());
    let mut request = reqwest::Client::new().request(method, url).bearer_auth(IDP_TOKEN);
    if let Some(body) = body {
        request = request
            .header(header::CONTENT_TYPE, "application/scim+json; charset=utf-8")
            .body(body.to_string());
    }
    let answer = Answer::of(request).await;
    assert!(!answer.body.to_string().contains(TARGET_TOKEN));
    answer
}

fn patch(operations: Value) -> Value {
    json!({ "schemas": [PATCH_OP], "Operations": operations })
}

/// Asserts that every URL in the answer leads through the bridge.
#[track_caller]
fn stays(bridge: &Bridge, target: &str, answer: &Answer) {
    let text = format!("{} {:?}", answer.body, answer.headers);
    assert!(!text.contains(target), "{target} in {text}");
    if let Some(location) = answer.body["meta"]["location"].as_str() {
        assert!(location.starts_with(&format!("{}/passed/scim/v2/", bridge.root())), "{location}");
    }
}

#[rstest]
#[case::as_the_rfc_says(Switches::default())]
#[case::with_other_media_types_and_no_schemas(Switches { media_type: "application/json; charset=utf-8", names_schemas: false, ..Switches::default() })]
#[case::compressed(Switches { compresses: true, ..Switches::default() })]
#[case::with_escaped_slashes(Switches { locations: Locations::EscapedSlashes, ..Switches::default() })]
#[case::with_paths_for_urls(Switches { locations: Locations::PathOnly, ..Switches::default() })]
#[tokio::test]
async fn okta_assigns_updates_deactivates_and_reactivates_okt_seq_1_to_6(#[case] switches: Switches) {
    let (bridge, target, running) = simulated(switches, "").await;
    let host = running.base_url().trim_end_matches("/scim/v2").to_owned();
    let go = async |method: Method, path: &str, body: Option<&Value>| {
        let answer = send(&bridge, method, path, body).await;
        stays(&bridge, &host, &answer);
        answer
    };
    // Test connector.
    assert_eq!(go(Method::GET, "/Users?startIndex=1&count=2", None).await.body["totalResults"], 0);
    assert_eq!(go(Method::GET, "/Groups?startIndex=1&count=100", None).await.body["totalResults"], 0);
    // Assign.
    let find = "/Users?filter=userName%20eq%20%22test.joiner%40Example.com%22&startIndex=1&count=100";
    assert_eq!(go(Method::GET, find, None).await.body["totalResults"], 0);
    let joiner = json!({
        "schemas": [USER], "userName": "test.joiner@Example.com", "externalId": "00u18ep2sjmnGT1wk698",
        "name": { "givenName": "test", "familyName": "joiner" },
        "emails": [{ "primary": true, "value": "test.joiner@Example.com" }],
        "groups": [], "password": "Sehr-Geheim-1", "active": true,
    });
    let created = go(Method::POST, "/Users", Some(&joiner)).await;
    assert_eq!((created.status, &created.body["userName"]), (201, &joiner["userName"]));
    let location = created.header("location");
    assert!(location.starts_with(bridge.root()) && location.ends_with(&created.path()), "{location}");
    assert_eq!(go(Method::GET, find, None).await.body["Resources"][0]["id"], created.body["id"]);
    // A profile update echoes all that was read.
    let read = go(Method::GET, &created.path(), None).await;
    assert_eq!(read.header("etag"), "W/\"1\"");
    let mut sent = read.body.clone();
    sent["schemas"] = json!([USER]);
    sent["name"]["familyName"] = json!("mover");
    let replaced = go(Method::PUT, &created.path(), Some(&sent)).await;
    assert_eq!((replaced.status, &replaced.body["name"]["familyName"]), (200, &json!("mover")));
    // The target got its own URL back.
    let requests = target.take_requests();
    let put = requests.iter().find(|seen| seen.method == Method::PUT).unwrap();
    let put: Value = serde_json::from_slice(&put.body).unwrap();
    assert_eq!(put["meta"]["location"], format!("{}{}", running.base_url(), created.path()));
    // Deactivate, reactivate.
    for active in [false, true] {
        sent["active"] = json!(active);
        let replaced = go(Method::PUT, &created.path(), Some(&sent)).await;
        assert_eq!((replaced.status, &replaced.body["active"]), (200, &json!(active)));
        assert_eq!(target.users()[0]["active"], active);
    }
    // Push a group.
    let group =
        json!({ "schemas": [GROUP], "displayName": "Editors", "members": [{ "value": created.id() }] });
    let group = go(Method::POST, "/Groups", Some(&group)).await;
    assert_eq!(group.status, 201, "{group}");
    assert_eq!(go(Method::DELETE, &format!("/Groups/{}", group.id()), None).await.status, 204);
    assert_eq!(go(Method::GET, &created.path(), None).await.status, 200);
    // Every request came with the target's token.
    for seen in target.take_requests().iter().chain(&requests) {
        assert_eq!(seen.headers[header::AUTHORIZATION], format!("Bearer {TARGET_TOKEN}"));
    }
}

/// What Entra ID sends without the flag `aadOptscim062020`, up to a leaver.
async fn entra(bridge: &Bridge) -> Vec<u16> {
    let test_user = json!({
        "schemas": [USER, ENTERPRISE], "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "userName": "Test_User_00aa",
        "active": true, "emails": [{ "primary": true, "type": "work", "value": "Test_User_11bb@testuser.com" }],
        "meta": { "resourceType": "User" }, "roles": [],
        "name": { "formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName" },
    });
    let probe = "/Users?filter=userName+eq+%225f9d7a0e-5a1f-4f0e-9a53-0c9b2a6c0a11%22";
    assert_eq!(send(bridge, Method::GET, probe, None).await.body["totalResults"], 0);
    let created = send(bridge, Method::POST, "/Users", Some(&test_user)).await;
    assert_eq!(created.status, 201, "{created}");
    let group = json!({ "schemas": [GROUP], "displayName": "Readers", "externalId": "g" });
    let group = send(bridge, Method::POST, "/Groups", Some(&group)).await;
    let group = format!("/Groups/{}", group.id());
    let mut statuses = Vec::new();
    for (path, operations) in [
        (created.path(), json!([{ "op": "Replace", "path": "displayName", "value": "T" }])),
        (
            created.path(),
            json!([{ "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": created.id() }]),
        ),
        (created.path(), json!([{ "op": "replace", "value": { "name.givenName": "N", "title": "E" } }])),
        (
            group.clone(),
            json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": created.id() }] }]),
        ),
        (
            group.clone(),
            json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": created.id() }] }]),
        ),
        (created.path(), json!([{ "op": "Replace", "path": "active", "value": "False" }])),
    ] {
        statuses.push(send(bridge, Method::PATCH, &path, Some(&patch(operations))).await.status);
    }
    statuses
}

#[tokio::test]
async fn entra_id_s_own_words_reach_a_lenient_target_as_they_are() {
    let switches = Switches { strictness: Strictness::Lenient, ..Switches::default() };
    let (bridge, target, _running) = simulated(switches, "").await;
    assert_eq!(entra(&bridge).await, [200; 6]);
    let user = &target.users()[0];
    assert_eq!(
        (&user["active"], &user["name"]["givenName"], &user["title"]),
        (&json!(false), &json!("N"), &json!("E"))
    );
    let bodies: Vec<_> =
        target.take_requests().into_iter().map(|seen| String::from_utf8(seen.body).unwrap()).collect();
    assert!(
        bodies.iter().any(|body| body.contains(r#""op":"Replace","path":"active","value":"False""#)),
        "{bodies:?}"
    );
}

#[tokio::test]
async fn a_target_that_is_strict_refuses_them_in_its_own_words_and_with_repairs_it_takes_them() {
    let (bridge, target, _running) = simulated(Switches::default(), "").await;
    assert_eq!(entra(&bridge).await, [400; 6]);
    assert_eq!(target.users()[0]["active"], true);

    let (bridge, target, _running) = simulated(Switches::default(), "repairs = ['entra']").await;
    assert_eq!(entra(&bridge).await, [200; 6]);
    let user = &target.users()[0];
    assert_eq!(user["active"], false);
    assert_eq!(user[ENTERPRISE]["manager"], json!({ "value": user["id"] }));
    assert_eq!(
        (&user["name"]["givenName"], &user["title"], &user["displayName"]),
        (&json!("N"), &json!("E"), &json!("T"))
    );
}

#[tokio::test]
async fn a_body_is_repaired_however_its_path_is_written() {
    let passed = Passed::with("repairs = ['entra']").await;
    let body = r#"{"schemas":[],"Operations":[{"op":"Replace","path":"active","value":"True"}]}"#;
    for below in ["/Users/7", "/users/7", "/v2/%55sers/7", "/Users;v=1/7"] {
        assert_eq!(passed.send_json("PATCH", below, body).await.status(), 204);
        let seen: serde_json::Value = serde_json::from_slice(&passed.target.seen()[0].body).unwrap();
        let operation = json!({ "op": "replace", "path": "active", "value": true });
        assert_eq!(seen["Operations"], json!([operation]), "{below}");
    }
}

#[tokio::test]
async fn what_a_repair_would_spoil_is_not_repaired() {
    let passed = Passed::with("repairs = ['entra']").await;
    for (body, is_repaired) in [
        (r#"{"userName":"b","active":"True","x":7,"y":1.5}"#, true),
        (r#"{"userName":"b","active":"True","x":12345678901234567890123}"#, false),
        (r#"{"userName":"b","active":"True","x":[0.10]}"#, false),
        (r#"{"userName":"b","active":"True","x":{"y":1,"y":2}}"#, false),
    ] {
        assert_eq!(passed.send_json("POST", "/Users", body).await.status(), 204);
        let expected = if is_repaired { body.replace(r#""True""#, "true") } else { body.to_owned() };
        assert_eq!(String::from_utf8_lossy(&passed.target.seen()[0].body), expected);
    }
}

#[tokio::test]
async fn versions_are_the_targets_and_guard_a_write() {
    let (bridge, target, _running) = simulated(Switches::default(), "").await;
    let id = target.add_person("Ada", "Lovelace");
    let url = format!("{}/passed/scim/v2/Users/{id}", bridge.root());
    let change = patch(json!([{ "op": "replace", "path": "title", "value": "Countess" }])).to_string();
    let request = |version: &str| {
        let request = reqwest::Client::new().patch(&url).bearer_auth(IDP_TOKEN).body(change.clone());
        request.header(header::IF_MATCH, version).header(header::CONTENT_TYPE, "application/scim+json")
    };
    assert_eq!(Answer::of(request("W/\"9\"")).await.status, 412);
    let changed = Answer::of(request("W/\"1\"")).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "W/\"2\""));
    let known =
        reqwest::Client::new().get(&url).bearer_auth(IDP_TOKEN).header(header::IF_NONE_MATCH, "W/\"2\"");
    assert_eq!(Answer::of(known).await.status, 304);
}

#[tokio::test]
async fn a_page_of_a_list_is_the_targets() {
    let (bridge, target, _running) = simulated(Switches::default(), "").await;
    for number in 0..5 {
        target.add_person("Person", &format!("Number{number}"));
    }
    let page = send(&bridge, Method::GET, "/Users?startIndex=4&count=10&attributes=userName", None).await;
    assert_eq!((&page.body["totalResults"], &page.body["startIndex"]), (&json!(5), &json!(4)));
    let names: Vec<_> =
        page.body["Resources"].as_array().unwrap().iter().map(|user| user["userName"].clone()).collect();
    assert_eq!(names, ["person.number3@example.com", "person.number4@example.com"]);
}
