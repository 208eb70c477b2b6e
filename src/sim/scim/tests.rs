use std::time::Duration;

use axum::body::to_bytes;
use http::{Request, StatusCode, header};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::clock::SystemClock;

fn target(switches: Switches) -> SimulatedScim {
    SimulatedScim::new(switches, "t", Arc::new(SystemClock))
}

async fn send(
    target: &SimulatedScim,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/scim/v2{path}"))
        .header("host", "t.example")
        .header("authorization", "Bearer t")
        .body(axum::body::Body::from(body.map(|body| body.to_string()).unwrap_or_default()));
    let response = target.router().oneshot(request.unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

async fn json_of(target: &SimulatedScim, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let (status, _, body) = send(target, method, path, body).await;
    (status.as_u16(), if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
}

fn bob() -> Value {
    json!({ "schemas": [crate::scim::urn::USER], "userName": "bob@example.com", "active": true })
}

fn patch(operation: Value) -> Option<Value> {
    Some(json!({ "schemas": [crate::scim::urn::PATCH_OP], "Operations": [operation] }))
}

#[tokio::test]
async fn a_user_lives_and_ends_as_the_rfc_says() {
    let target = target(Switches::default());
    let (status, headers, body) = send(&target, "POST", "/Users", Some(bob())).await;
    assert_eq!(status, 201);
    let created: Value = serde_json::from_slice(&body).unwrap();
    let id = created["id"].as_str().unwrap();
    assert_eq!(headers[header::LOCATION], format!("http://t.example/scim/v2/Users/{id}"));
    assert_eq!(created["meta"]["location"], format!("http://t.example/scim/v2/Users/{id}"));
    assert_eq!(json_of(&target, "POST", "/Users", Some(bob())).await.0, 409);
    let (_, list) =
        json_of(&target, "GET", "/Users?filter=userName%20eq%20%22BOB@example.com%22", None).await;
    assert_eq!((&list["totalResults"], &list["Resources"][0]), (&json!(1), &created));
    let path = format!("/Users/{id}");
    let off = patch(json!({ "op": "replace", "path": "active", "value": false }));
    assert_eq!(json_of(&target, "PATCH", &path, off).await.1["active"], false);
    assert_eq!(json_of(&target, "DELETE", &path, None).await.0, 204);
    assert_eq!(json_of(&target, "GET", &path, None).await.0, 404);
    assert_eq!(target.take_requests().len(), 6);
}

#[rstest]
#[case::an_operation_in_capitals(json!({ "op": "Replace", "path": "active", "value": false }))]
#[case::a_boolean_as_text(json!({ "op": "replace", "path": "active", "value": "False" }))]
#[case::a_boolean_as_text_without_a_path(json!({ "op": "replace", "value": { "active": "False" } }))]
#[case::paths_as_names(json!({ "op": "replace", "value": { "name.givenName": "B" } }))]
#[case::a_manager_as_text(json!({ "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "7" }))]
#[case::a_removal_with_a_value(json!({ "op": "remove", "path": "emails", "value": [{ "value": "b" }] }))]
#[tokio::test]
async fn what_the_rfc_does_not_have_is_refused_unless_switched_off(#[case] operation: Value) {
    for (strictness, refused) in [(Strictness::Rfc, true), (Strictness::Lenient, false)] {
        let target = target(Switches { strictness, ..Switches::default() });
        let id = json_of(&target, "POST", "/Users", Some(bob())).await.1["id"].as_str().unwrap().to_owned();
        let (status, body) =
            json_of(&target, "PATCH", &format!("/Users/{id}"), patch(operation.clone())).await;
        assert_eq!(status == 400, refused, "{body}");
    }
}

#[tokio::test]
async fn answers_take_the_shape_that_the_switches_ask_for() {
    let target = target(Switches {
        media_type: "text/json",
        names_schemas: false,
        locations: Locations::EscapedSlashes,
        ..Switches::default()
    });
    let (_, headers, body) = send(&target, "POST", "/Users", Some(bob())).await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(headers[header::CONTENT_TYPE], "text/json");
    assert!(
        text.contains(r#""location":"http:\/\/t.example\/scim\/v2\/Users\/"#) && !text.contains("schemas\""),
        "{text}"
    );
    target.switch(|switches| {
        switches.compresses = true;
        switches.locations = Locations::PathOnly;
    });
    let ann = json!({ "schemas": [crate::scim::urn::USER], "userName": "ann@example.com" });
    let (_, headers, body) = send(&target, "POST", "/Users", Some(ann)).await;
    assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
    assert!(headers[header::LOCATION].to_str().unwrap().starts_with("/scim/v2/Users/"));
    assert_eq!(body[..2], [0x1f, 0x8b]);
    target.switch(|switches| switches.page = Some(Page { status: 503, retry_after: Some(7) }));
    let (status, headers, _) = send(&target, "GET", "/Users", None).await;
    assert_eq!((status.as_u16(), &headers[header::RETRY_AFTER]), (503, &http::HeaderValue::from(7)));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_the_words_of_scim() {
    let target = target(Switches::default());
    for (method, path) in [("DELETE", "/Users"), ("PUT", "/Schemas"), ("POST", "/ServiceProviderConfig")] {
        let (status, headers, body) = send(&target, method, path, None).await;
        assert_eq!(status, 405);
        assert!(headers.contains_key(header::ALLOW), "{headers:?}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["status"], &body["schemas"][0]), (&json!("405"), &json!(crate::scim::urn::ERROR)));
    }
}

#[tokio::test]
async fn an_account_may_not_be_ready_for_it() {
    let target =
        target(Switches { enabled: Enabled::NotYet, delay: Duration::from_millis(1), ..Switches::default() });
    assert_eq!(json_of(&target, "GET", "/Users", None).await.0, 404);
    target.switch(|switches| switches.enabled = Enabled::SamlFirst);
    assert_eq!(json_of(&target, "GET", "/Users", None).await.0, 403);
}
