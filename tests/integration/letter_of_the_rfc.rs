//! What RFC 7643 and RFC 7644 say of users, requests and errors, to the letter, and choices where clients disagree.

use std::{sync::Arc, time::Duration};

use http::{Method, header};
use rstest::rstest;
use scim_bridge::clock::{Clock, ManualClock, Time};
use serde_json::{Value, json};

use crate::harness::{Answer, Setup, user};

#[tokio::test]
async fn last_modified_is_created_until_the_first_real_change_rfc_004() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let user = bridge.create_user("a@example.com").await;
    let group = bridge.post("/Groups", &json!({ "displayName": "G" })).await.id();
    for path in [format!("/Users/{user}"), format!("/Groups/{group}")] {
        let created = bridge.get(&path).await.body;
        assert_eq!(created["meta"]["lastModified"], created["meta"]["created"], "{created}");
        clock.advance(Duration::from_secs(60));
        bridge.put(&path, &created).await;
        bridge.patch(&path, json!([{ "op": "remove", "path": "nobodyKnowsThis" }])).await;
        assert_eq!(bridge.get(&path).await.body, created, "what changes nothing");
        bridge.patch(&path, json!([{ "op": "replace", "path": "displayName", "value": "New" }])).await;
        let changed = bridge.get(&path).await.body;
        assert_eq!(changed["meta"]["created"], created["meta"]["created"]);
        assert_eq!(changed["meta"]["lastModified"], clock.now().to_string());
    }
}

#[tokio::test]
async fn an_external_id_is_not_unique_and_is_case_exact_rfc_009_c_15() {
    let bridge = Setup::memory().start().await;
    for (email, external_id) in [("a@example.com", "E-1"), ("b@example.com", "E-1"), ("c@example.com", "e-1")]
    {
        let mut body = user(email);
        body["externalId"] = json!(external_id);
        assert_eq!(bridge.post("/Users", &body).await.body["externalId"], external_id);
    }
    assert_eq!(bridge.filter("/Users", "externalId eq \"E-1\"").await.body["totalResults"], 2);
    assert_eq!(bridge.filter("/Users", "externalId eq \"e-1\"").await.body["totalResults"], 1);
}

#[tokio::test]
async fn a_user_name_is_there_once_without_regard_to_case_by_post_put_and_patch_rfc_010_rfc_112_q_56() {
    let bridge = Setup::memory().start().await;
    let bob = bridge.create_user("bob@example.com").await;
    let ann = format!("/Users/{}", bridge.create_user("ann@example.com").await);
    let before = bridge.get(&ann).await;
    let answers = [
        bridge.post("/Users", &user("BOB@example.com")).await,
        bridge.put(&ann, &user("Bob@Example.com")).await,
        bridge
            .patch(&ann, json!([{ "op": "replace", "path": "userName", "value": "BOB@EXAMPLE.COM" }]))
            .await,
        bridge
            .patch(
                &ann,
                json!([{ "op": "replace", "value": { "title": "x", "userName": "bob@example.com" } }]),
            )
            .await,
    ];
    for answer in answers {
        assert!(answer.error(409, "uniqueness").contains(&bob), "{answer}");
    }
    assert_eq!(bridge.get(&ann).await.body, before.body);
}

/// Only the texts that Entra ID sends are taken for booleans (`C-4`).
#[rstest]
#[case(json!("yes"))]
#[case(json!("1"))]
#[case(json!(1))]
#[case(json!(0))]
#[case(json!([]))]
#[case(json!({}))]
#[tokio::test]
async fn a_boolean_is_true_or_false_rfc_025(#[case] active: Value) {
    let bridge = Setup::memory().start().await;
    let mut body = user("a@example.com");
    body["active"] = active;
    bridge.post("/Users", &body).await.error(400, "invalidValue");
}

#[rstest]
#[case("application/scim+json")]
#[case("application/json")]
#[case("application/scim+json; charset=utf-8")]
#[case("*/*")]
#[case("text/html, application/xhtml+xml")]
#[case("")]
#[tokio::test]
async fn answers_are_scim_json_whatever_is_accepted_rfc_029(#[case] accept: &str) {
    let bridge = Setup::memory().start().await;
    for path in ["/Users", "/ServiceProviderConfig", "/Users/none"] {
        let request = bridge.request(Method::GET, path);
        let request = if accept.is_empty() { request } else { request.header(header::ACCEPT, accept) };
        assert_eq!(Answer::of(request).await.header("content-type"), "application/scim+json");
    }
}

/// Status and `status` agree, and a keyword stands only where the RFC has one (`RFC-031…033`).
#[tokio::test]
async fn every_error_is_a_scim_error_of_the_right_status_rfc_031_rfc_032_rfc_033() {
    let bridge = Setup::memory().server_keys("max_body_bytes = 2048").start().await;
    let path = format!("/Users/{}", bridge.create_user("a@example.com").await);
    bridge.get("/Users/none").await.error(404, "");
    bridge.get("/Devices").await.error(404, "");
    bridge.get("/Schemas/urn:example:none").await.error(404, "");
    bridge.delete("/Users").await.error(405, "");
    bridge.post(&path, &json!({})).await.error(405, "");
    bridge.post("/Users", &json!([])).await.error(400, "invalidSyntax");
    bridge.post("/Users", &json!({})).await.error(400, "invalidValue");
    bridge.post("/Users", &user("a@example.com")).await.error(409, "uniqueness");
    bridge.filter("/Users", "userName xx \"a\"").await.error(400, "invalidFilter");
    bridge.get("/Users?startIndex=x").await.error(400, "invalidValue");
    bridge
        .patch(&path, json!([{ "op": "replace", "path": "id", "value": "x" }]))
        .await
        .error(400, "mutability");
    bridge.patch(&path, json!([{ "op": "remove" }])).await.error(400, "noTarget");
    bridge.patch(&path, json!([{ "op": "remove", "path": "a b" }])).await.error(400, "invalidPath");
    let large = json!({ "userName": "x".repeat(3_000) });
    bridge.post("/Users", &large).await.error(413, "");
    let request =
        bridge.request(Method::POST, "/Users").header(header::CONTENT_TYPE, "text/plain").body("{}");
    Answer::of(request).await.error(415, "");
    let broken = bridge.request(Method::POST, "/Users").body("{");
    Answer::of(broken).await.error(400, "invalidSyntax");
    let stranger = bridge.anonymous(Method::GET, "/test/scim/v2/Users");
    let answer = Answer::of(stranger).await;
    answer.error(401, "");
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer}");
}

#[tokio::test]
async fn who_is_deleted_is_gone_and_its_name_is_free_rfc_034() {
    let bridge = Setup::memory().start().await;
    let path = format!("/Users/{}", bridge.create_user("a@example.com").await);
    let deleted = bridge.delete(&path).await;
    assert_eq!((deleted.status, &deleted.body, deleted.header("content-type")), (204, &Value::Null, ""));
    bridge.get(&path).await.error(404, "");
    bridge.put(&path, &user("a@example.com")).await.error(404, "");
    bridge.patch(&path, json!([{ "op": "replace", "path": "active", "value": true }])).await.error(404, "");
    bridge.delete(&path).await.error(404, "");
    assert_eq!(bridge.filter("/Users", "userName eq \"a@example.com\"").await.body["totalResults"], 0);
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 0);
    let again = bridge.create_user("a@example.com").await;
    assert_ne!(path, format!("/Users/{again}"));
}

/// A PUT is there, so a 404 means that the user is not (`Q-70`).
#[tokio::test]
async fn a_put_replaces_and_never_creates_rfc_035_q_70_q_83() {
    let bridge = Setup::memory().start().await;
    bridge.put("/Users/0198c0de-0000-7000-8000-000000000000", &user("a@example.com")).await.error(404, "");
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 0);
    let path = format!("/Users/{}", bridge.create_user("a@example.com").await);
    let mut body = user("a@example.com");
    body["title"] = json!("Clerk");
    assert_eq!(bridge.put(&path, &body).await.body["title"], "Clerk");
    let patch = json!([{ "op": "replace", "path": "title", "value": "Manager" }]);
    assert_eq!(bridge.patch(&path, patch).await.body["title"], "Manager");
}

#[tokio::test]
async fn discovery_is_read_only_rfc_040() {
    let bridge = Setup::memory().start().await;
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            bridge.send(method, path, Some(&json!({}))).await.error(405, "");
        }
        assert_eq!(bridge.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn me_is_not_implemented_and_says_so_rfc_042() {
    let bridge = Setup::memory().start().await;
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        bridge.send(method, "/Me", None).await.error(501, "");
    }
}

#[tokio::test]
async fn another_version_of_the_protocol_is_not_there_rfc_043() {
    let bridge = Setup::memory().start().await;
    for version in ["v1", "v3", "V2", "v2.0"] {
        let request = bridge.anonymous(Method::GET, &format!("/test/scim/{version}/Users"));
        Answer::of(request.bearer_auth(crate::harness::TOKEN)).await.error(404, "");
    }
}

#[tokio::test]
async fn a_patch_that_asks_for_attributes_is_answered_with_them_rfc_059() {
    let bridge = Setup::memory().app_keys("user_patch_answer = 'no_content'").start().await;
    let id = bridge.create_user("a@example.com").await;
    let title = |title: &str| json!([{ "op": "replace", "path": "title", "value": title }]);
    assert_eq!(bridge.patch(&format!("/Users/{id}"), title("A")).await.status, 204);
    let asked = bridge.patch(&format!("/Users/{id}?attributes=title"), title("B")).await;
    let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
    assert_eq!((asked.status, &asked.body), (200, &json!({ "schemas": schemas, "id": id, "title": "B" })));
    let asked = bridge.patch(&format!("/Users/{id}?excludedAttributes=emails"), title("C")).await;
    assert_eq!((asked.status, asked.body.get("emails"), &asked.body["title"]), (200, None, &json!("C")));
}

#[rstest]
#[case("/Users?filter=userName%20eq%20%22nobody%22")]
#[case("/Groups?filter=displayName%20eq%20%22nothing%22")]
#[case("/Users?startIndex=100")]
#[tokio::test]
async fn no_match_is_an_empty_list_and_no_error_c_1(#[case] path: &str) {
    let bridge = Setup::memory().start().await;
    let found = bridge.get(path).await;
    assert_eq!(
        (found.status, &found.body["totalResults"], &found.body["Resources"]),
        (200, &json!(0), &json!([]))
    );
    assert_eq!(found.body["itemsPerPage"], 0);
}

#[tokio::test]
async fn who_is_inactive_is_seen_and_keeps_its_name_c_16_c_22() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("a@example.com").await;
    let path = format!("/Users/{id}");
    assert_eq!(
        bridge.patch(&path, json!([{ "op": "replace", "value": { "active": false } }])).await.status,
        200
    );
    assert_eq!(bridge.get(&path).await.body["active"], false);
    let found = bridge.filter("/Users", "userName eq \"a@example.com\"").await;
    assert_eq!((&found.body["totalResults"], &found.body["Resources"][0]["id"]), (&json!(1), &json!(id)));
    assert!(bridge.post("/Users", &user("a@example.com")).await.error(409, "uniqueness").contains(&id));
    assert_eq!(
        bridge.patch(&path, json!([{ "op": "replace", "value": { "active": true } }])).await.body["active"],
        true
    );
}

/// The manager as the gallery's validation sets it and takes it away (`ENT-22…24`).
#[tokio::test]
async fn a_manager_is_a_bare_text_and_gone_with_an_empty_one_lav_11() {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let bridge = Setup::memory().start().await;
    let path = format!("/Users/{}", bridge.create_user("a@example.com").await);
    for (op, value, expected) in [
        ("Add", "m-1", json!({ "value": "m-1" })),
        ("Replace", "m-2", json!({ "value": "m-2" })),
        ("Replace", "", Value::Null),
    ] {
        let patch = json!([{ "op": op, "path": format!("{ENTERPRISE}:manager"), "value": value }]);
        let answer = bridge.patch(&path, patch).await;
        assert_eq!((answer.status, &answer.body[ENTERPRISE]["manager"]), (200, &expected));
    }
}

/// Provisioning on demand goes the same way with the other dialect: one tenant mixes both (`ENT-SEQ-11`).
#[tokio::test]
async fn one_tenant_mixes_both_dialects_of_entra_ent_seq_11() {
    let bridge = Setup::memory().start().await;
    let found = bridge.get("/Users?filter=userName%20eq%20%22a@example.com%22&aadOptscim062020").await;
    assert_eq!(found.body["totalResults"], 0);
    let path = format!("/Users/{}", bridge.create_user("a@example.com").await);
    let with_flag = json!([{ "op": "replace", "value": { "active": false, "name.givenName": "Ann" } }]);
    let without = json!([{ "op": "Replace", "path": "active", "value": "True" }, { "op": "Replace", "path": "name.givenName", "value": "Anna" }]);
    for (operations, active, name) in
        [(with_flag.clone(), false, "Ann"), (without, true, "Anna"), (with_flag, false, "Ann")]
    {
        let answer = bridge.patch(&path, operations).await;
        assert_eq!(
            (&answer.body["active"], &answer.body["name"]["givenName"]),
            (&json!(active), &json!(name))
        );
    }
}
