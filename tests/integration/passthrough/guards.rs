//! What the bridge gives every app: tokens, limits, and a record of writes; and what a proxy must not do.

use std::{sync::Arc, time::Duration};

use http::Method;
use rstest::rstest;
use scim_bridge::clock::{ManualClock, Time};
use serde_json::{Value, json};

use super::{IDP_TOKEN, Passed, TARGET_TOKEN, Target, head, wire::Reply};
use crate::harness::{Answer, TOKEN, as_time_passes, eventually};

#[tokio::test]
async fn the_target_gets_its_own_token_and_nothing_of_the_clients_or_of_our_network() {
    let passed = Passed::start().await;
    let rest = "cookie: session=1\r\nx-forwarded-for: 10.1.2.3\r\nforwarded: for=10.1.2.3\r\nx-forwarded-host: bridge.internal\r\n\
                via: 1.1 proxy.internal\r\nuser-agent: Okta SCIM Client 1.0.0\r\n\r\n";
    passed.send("GET", "/Users", rest.as_bytes()).await;
    let seen = &passed.target.seen()[0];
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {TARGET_TOKEN}")));
    assert_eq!(seen.header("host").as_deref(), Some(passed.target.address()));
    assert_eq!(seen.header("user-agent").as_deref(), Some("Okta SCIM Client 1.0.0"));
    let text = format!("{seen:?}");
    for secret in [IDP_TOKEN, "session", "10.1.2.3", "internal", "bridge"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn cookies_pass_where_that_is_configured() {
    let passed = Passed::with("forward = ['Cookie', 'Set-Cookie']").await;
    passed.target.reply(Reply::new("200 OK\r\nset-cookie: a=b", b""));
    let answer = passed.send("GET", "/Users", b"cookie: session=1\r\n\r\n").await;
    assert_eq!(answer.header("set-cookie").as_deref(), Some("a=b"));
    assert_eq!(passed.target.seen()[0].header("cookie").as_deref(), Some("session=1"));
}

#[rstest]
#[case::none("", "")]
#[case::another("authorization: Bearer wrong\r\n", ", error=\"invalid_token\"")]
#[case::the_targets(
    "authorization: Bearer planted-target-token-0123456789abcdef0123456789ab\r\n",
    ", error=\"invalid_token\""
)]
#[case::of_another_app(
    "authorization: Bearer test-token-0123456789abcdef0123456789abcdef\r\n",
    ", error=\"invalid_token\""
)]
#[tokio::test]
async fn nobody_gets_through_without_a_token_of_this_app(
    #[case] authorization: &str,
    #[case] challenge: &str,
) {
    let passed = Passed::start().await;
    let mut client = passed.connect().await;
    client.send(format!("GET /passed/scim/v2/Users HTTP/1.1\r\nhost: b\r\n{authorization}\r\n")).await;
    let answer = client.answer().await;
    answer.error(401);
    assert_eq!(answer.header("www-authenticate"), Some(format!("Bearer realm=\"scim-bridge\"{challenge}")));
    assert_eq!(passed.target.connections(), 0);
}

#[rstest]
#[case("/../admin")]
#[case("/Users/%2e%2e/%2e%2e/admin")]
#[case("/Users/..%2f..%2fadmin")]
#[case("/Users/..;/admin")]
#[case("/Users/a%2Fb")]
#[case("/Users/a%5Cb")]
#[case("/Users/a%252fb")]
#[tokio::test]
async fn paths_that_could_lead_out_of_the_base_are_refused(#[case] below: &str) {
    let passed = Passed::start().await;
    let detail = passed.get(below).await.error(400);
    assert!(detail.contains("is not passed on"), "{detail}");
    assert_eq!(passed.target.connections(), 0);
}

#[tokio::test]
async fn an_absolute_url_leads_to_the_target_all_the_same() {
    let passed = Passed::start().await;
    let mut client = passed.connect().await;
    let line = "GET http://elsewhere.example/passed/scim/v2/Users?a HTTP/1.1\r\nhost: elsewhere.example\r\n";
    client.send(format!("{line}authorization: Bearer {IDP_TOKEN}\r\n\r\n")).await;
    assert_eq!(client.answer().await.status(), 204);
    assert_eq!(passed.target.seen()[0].line, "GET /scim/v2/Users?a HTTP/1.1");
}

#[tokio::test]
async fn paths_beside_the_base_do_not_reach_the_target() {
    let passed = Passed::start().await;
    for path in [
        "/passed/scim/v3/Users",
        "/passed/scim/v2x",
        "/passed/Users",
        "//passed/scim/v2/Users",
        "/passed//scim/v2/Users",
    ] {
        let mut client = passed.connect().await;
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: b\r\nauthorization: Bearer {IDP_TOKEN}\r\n\r\n"))
            .await;
        client.answer().await.error(404);
    }
    assert_eq!(passed.target.connections(), 0);
}

#[tokio::test]
async fn trace_would_send_the_targets_token_back_and_is_refused() {
    let passed = Passed::start().await;
    passed.send("TRACE", "/Users", b"\r\n").await.error(405);
    assert_eq!(passed.target.connections(), 0);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let passed = Passed::start().await;
    passed.send("POST", "/Users", b"content-length: 9999999999\r\n\r\n").await.error(413);
    let mut client = passed.connect().await;
    client.send(head("POST", "/Users") + "transfer-encoding: chunked\r\n\r\n").await;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..80 {
        client.send(&chunk).await;
    }
    client.answer().await.error(413);
}

#[tokio::test]
async fn a_client_that_hangs_up_takes_its_request_to_the_target_with_it_and_the_write_is_recorded_all_the_same()
 {
    let passed = Passed::start().await;
    passed.target.reply(Reply::Silence);
    let mut client = passed.connect().await;
    client.send(head("DELETE", "/Users/7") + "\r\n").await;
    eventually("the request at the target", async || !passed.target.seen().is_empty()).await;
    drop(client);
    eventually("the end of the request to the target", async || passed.target.abandoned() == 1).await;
    eventually("the record", async || {
        recorded(&passed).await.iter().any(|detail| {
            detail == "DELETE /Users/7: the client hung up, or the time was over, before the answer; whether the target did it is not known"
        })
    })
    .await;
}

#[tokio::test]
async fn every_write_is_recorded_with_who_and_what_came_of_it_and_no_read_and_no_body() {
    let passed = Passed::start().await;
    let location = format!("{}/Users/74001", passed.target.base_url());
    passed.target.reply(Reply::new(&format!("201 Created\r\nlocation: {location}"), b""));
    passed.send_json("POST", "/Users?x=query-secret", r#"{"password":"body-secret"}"#).await;
    passed.target.reply(Reply::json("{}"));
    passed.send_json("PATCH", "/Users/74001", r#"{"Operations":[]}"#).await;
    passed.target.reply(Reply::new("404 Not Found\r\ncontent-type: application/json", b"{}"));
    passed.send("DELETE", "/Groups/9", b"\r\n").await;
    passed.target.reply(Reply::HangUp);
    passed.send("PURGE", "/cache", b"\r\n").await;
    passed.get("/Users").await;
    passed.send("HEAD", "/Users", b"\r\n").await;
    passed.send_json("POST", "/Users/.search", "{}").await;
    let recorded = recorded(&passed).await;
    assert_eq!(recorded[..3], ["POST /Users: 201", "PATCH /Users/74001: 200", "DELETE /Groups/9: 404"]);
    assert!(recorded[3].starts_with("PURGE /cache: ") && recorded[3].contains("broke off"), "{recorded:?}");
    assert_eq!(recorded.len(), 4);
}

/// What is recorded is found by the id of the user or group it is about.
#[tokio::test]
async fn a_record_names_the_resource_that_was_created_or_changed() {
    use sqlx::Connection;
    let passed = Passed::start().await;
    let location = format!("{}/Users/74001", passed.target.base_url());
    passed.target.reply(Reply::new(&format!("201 Created\r\nlocation: {location}"), b""));
    passed.send_json("POST", "/Users", "{}").await;
    for below in ["/Users/74001", "/v2/users/74002", "/Groups/9", "/Entitlements/e%2D1", "/Bulk"] {
        passed.send_json("PATCH", below, "{}").await;
    }
    let mut connection = sqlx::AnyConnection::connect(passed.bridge.database_url()).await.unwrap();
    let query = "SELECT subject FROM events WHERE app = 'passed' AND kind = 'passed through' ORDER BY id";
    let subjects: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
    assert_eq!(subjects, ["74001", "74001", "74002", "9", "e-1", ""]);
}

#[tokio::test]
async fn each_operation_of_a_bulk_request_is_recorded() {
    use sqlx::Connection;
    let passed = Passed::start().await;
    passed.target.reply(Reply::json("{}"));
    let operations = json!({ "Operations": [
        { "method": "DELETE", "path": "/Users/74001?secret" },
        { "method": "PATCH", "path": "/Groups/9\u{0}", "data": { "password": "body-secret" } },
        { "method": "POST", "path": "/Users", "bulkId": "1", "data": {} },
        "no operation",
    ] });
    passed.send_json("POST", "/Bulk", &operations.to_string()).await;
    let mut connection = sqlx::AnyConnection::connect(passed.bridge.database_url()).await.unwrap();
    let query = "SELECT subject, detail FROM events WHERE app = 'passed' ORDER BY id";
    let lines: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap();
    let lines: Vec<_> = lines.iter().map(|(id, detail)| (id.as_str(), detail.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("", "POST /Bulk: 200"),
            ("74001", "POST /Bulk, DELETE /Users/74001: 200"),
            ("9%00", "POST /Bulk, PATCH /Groups/9: 200"),
            ("", "POST /Bulk, POST /Users: 200"),
        ]
    );
}

/// The details of the recorded writes, oldest first; all are of the token `idp`.
async fn recorded(passed: &Passed) -> Vec<String> {
    use sqlx::Connection;
    let mut connection = sqlx::AnyConnection::connect(passed.bridge.database_url()).await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT actor, detail FROM events WHERE app = 'passed' AND kind = 'passed through' ORDER BY id",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(actor, detail)| {
            assert_eq!(actor, "idp");
            assert!(!detail.contains("secret"), "{detail}");
            detail
        })
        .collect()
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let passed = Passed::with("max_concurrent_requests = 50").await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let endless = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nx".to_vec();
        passed.target.reply(Reply::Bytes(endless));
        let mut client = passed.connect().await;
        client.send(head("GET", "/Users") + "\r\n").await;
        waiting.push(client);
    }
    eventually("all at the target", async || passed.target.connections() == 50).await;
    for client in &mut waiting {
        assert_eq!(client.reader.head().await.unwrap().status(), 200);
    }
    let third = passed.get("/Users");
    tokio::pin!(third);
    // It waits for a place, and gets one as soon as another request is over.
    let early = tokio::time::timeout(Duration::from_millis(200), &mut third).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(passed.target.connections(), 50);
    waiting.pop();
    assert_eq!(third.await.status(), 204);
}

/// The gates of an app and what is behind them must mean the same app.
#[rstest]
#[case::of_networks("allow_from = ['192.0.2.0/24']", 403)]
#[case::of_failed_authentications("", 429)]
#[tokio::test]
async fn no_gate_is_passed_by_writing_the_name_of_the_app_in_another_way(
    #[case] keys: &str,
    #[case] refusal: u16,
) {
    let passed = Passed::with(keys).await;
    let ask = async |name: &str, token: &str| {
        let mut client = passed.connect().await;
        let line = format!("POST /{name}/scim/v2/Users HTTP/1.1\r\nhost: b\r\ncontent-length: 0\r\n");
        client.send(format!("{line}authorization: Bearer {token}\r\n\r\n")).await;
        client.answer().await
    };
    if refusal == 429 {
        eventually("who guesses is slowed down", async || ask("passed", "wrong").await.status() == 429).await;
    }
    let token = if refusal == 429 { "wrong" } else { IDP_TOKEN };
    assert_eq!(ask("passed", token).await.status(), refusal);
    for name in ["%70assed", "passe%64", "%70%61%73%73%65%64", "%2570assed", "passed%2f..%2fpassed"] {
        let status = ask(name, token).await.status();
        assert!(status == 404 || status == refusal, "{name}: {status}");
        assert_eq!(passed.target.connections(), 0);
    }
}

/// Whoever does not read must not keep a leaver in.
#[tokio::test]
async fn what_takes_access_waits_for_a_place_for_as_long_as_a_request_may_take() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("max_concurrent_requests = 50", Arc::new(clock.clone())).await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        passed.target.reply(Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nx".to_vec()));
        let mut client = passed.connect().await;
        client.send(head("GET", "/Users") + "\r\n").await;
        waiting.push(client);
    }
    eventually("all at the target", async || passed.target.connections() == 50).await;
    // Each is held back for a second from when its own head has come.
    for client in &mut waiting {
        let head = as_time_passes(&clock, Duration::from_millis(100), client.reader.head()).await;
        assert_eq!(head.unwrap().status(), 200);
    }
    let mut leaving = passed.connect().await;
    leaving.send(head("DELETE", "/Users/7") + "\r\n").await;
    let ordinary = as_time_passes(&clock, Duration::from_millis(100), passed.get("/Users")).await;
    ordinary.error(503);
    waiting.pop();
    assert_eq!(leaving.answer().await.status(), 204);
}

#[tokio::test]
async fn an_app_that_is_passed_through_stands_beside_a_bridged_one() {
    let passed = Passed::start().await;
    let created = passed.bridge.create_user("bob@example.com").await;
    passed.target.reply(Reply::json(r#"{"schemas":[],"odd":1.0}"#));
    let answer = passed.get(&format!("/Users/{created}")).await;
    assert_eq!(answer.body, br#"{"schemas":[],"odd":1.0}"#);
    assert_eq!(passed.bridge.get(&format!("/Users/{created}")).await.status, 200);
    // The token of the one does not open the other.
    let url = format!("{}/test/scim/v2/Users", passed.bridge.root());
    let answer = reqwest::Client::new().get(url).bearer_auth(IDP_TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let ready = passed.bridge.ready().await;
    assert_eq!(ready.body["apps"], json!({ "test": { "roster": "known" } }));
    let unknown = passed.bridge.anonymous(Method::GET, "/status").bearer_auth(TOKEN);
    let body: Value = Answer::of(unknown).await.body;
    assert!(body["apps"]["passed"].is_null(), "{body}");
}

#[tokio::test]
async fn requests_that_are_passed_through_are_counted_and_timed() {
    let passed = Passed::start().await;
    passed.get("/Users?count=1").await;
    passed.get("/Groups/1/x").await;
    passed.target.reply(Reply::HangUp);
    passed.send_json("PATCH", "/Users/1", "{}").await.error(502);
    let url = format!("{}/metrics", passed.bridge.root());
    let answer = reqwest::Client::new().get(url).bearer_auth(IDP_TOKEN).send().await.unwrap();
    let text = answer.text().await.unwrap();
    for line in [
        "scim_bridge_requests_total{app=\"passed\",operation=\"GET passed through\",status=\"204\"} 2",
        "scim_bridge_requests_total{app=\"passed\",operation=\"PATCH passed through\",status=\"502\"} 1",
        "scim_bridge_request_duration_seconds_count{app=\"passed\",operation=\"GET passed through\"} 2",
        "scim_bridge_target_up{app=\"passed\"} 1.0",
        "scim_bridge_requests_under_way{app=\"passed\"} 0.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn what_the_targets_other_api_tells_of_its_key_is_metered() {
    let api = Target::start().await;
    let usage = json!({ "limits_and_usage": {
        "units_usage_workspace": 5, "units_limit_workspace": 100, "units_usage_api_key": 3, "units_limit_api_key": null,
        "api_key_expiration_date": "2020-01-01T00:00:00Z",
    } });
    api.reply(Reply::json(&usage.to_string()));
    let key = "api-key-0123456789abcdef";
    let keys = format!("api_key = '{key}'\nusage_url = 'http://{}/v3/limits'", api.address());
    let passed = Passed::with(&keys).await;
    let url = format!("{}/metrics", passed.bridge.root());
    let scraped = async || {
        let answer = reqwest::Client::new().get(&url).bearer_auth(IDP_TOKEN).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let series = "scim_bridge_target_units_used{app=\"passed\",counted_by=\"workspace\"} 5.0";
    eventually("the figures are there", || async { scraped().await.contains(series) }).await;
    let text = scraped().await;
    assert!(text.contains("scim_bridge_target_units_used{app=\"passed\",counted_by=\"key\"} 3.0"), "{text}");
    assert!(
        text.contains("scim_bridge_target_units_limit{app=\"passed\",counted_by=\"workspace\"} 100.0"),
        "{text}"
    );
    assert!(!text.contains("scim_bridge_target_units_limit{app=\"passed\",counted_by=\"key\"}"), "{text}");
    // It has ended long ago.
    assert!(text.contains("scim_bridge_target_key_expires_in_seconds{app=\"passed\"} -"), "{text}");
    assert_eq!(api.seen()[0].header("authorization"), Some(format!("Bearer {key}")));
    assert!(!text.contains(key));
}

#[tokio::test]
async fn figures_of_a_key_that_are_out_of_date_are_not_shown_any_more() {
    let api = Target::start().await;
    let usage = json!({ "limits_and_usage": { "units_usage_workspace": 5 } });
    api.reply(Reply::json(&usage.to_string()));
    for _ in 0..100 {
        api.reply(Reply::HangUp);
    }
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let keys = format!("api_key = 'key'\nusage_url = 'http://{}/v3/limits'", api.address());
    let passed = Passed::with_clock(&keys, Arc::new(clock.clone())).await;
    let url = format!("{}/metrics", passed.bridge.root());
    let is_shown = async || {
        let answer = reqwest::Client::new().get(&url).bearer_auth(IDP_TOKEN).send().await.unwrap();
        answer.text().await.unwrap().contains("scim_bridge_target_units_used")
    };
    eventually("the figures are there", &is_shown).await;
    api.seen();
    // One question that nobody answers is no reason yet.
    clock.advance(Duration::from_hours(7));
    eventually("it is asked again", async || !api.seen().is_empty()).await;
    assert!(is_shown().await);
    clock.advance(Duration::from_hours(7));
    eventually("they are gone", async || !is_shown().await).await;
}
