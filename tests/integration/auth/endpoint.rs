//! `POST /{app}/oauth/token`: clients with secrets, and all that may be wrong with a request.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use scim_bridge::clock::ManualClock;
use serde_json::{Value, json};

use super::{basic, expect_in, setup};
use crate::harness::{Answer, Bridge, raw::Raw};

/// Two clients, the first with two secrets and one that has expired.
const CLIENTS: &str = "oauth = { clients = [{ id = 'entra', secrets = [\
     { name = '1', secret = 's3cret-one' }, { name = '2', secret = 's3cret+two%2B', expires = '2030-01-31' }, \
     { name = '0', secret = 's3cret-old', expires = '2023-01-31' }] }, \
     { id = 'ok:ta', secrets = [{ name = '1', secret = 's3cret-okta' }] }] }";

const FORM: &str = "application/x-www-form-urlencoded";

async fn start() -> (Bridge, ManualClock) {
    let (setup, clock) = setup(CLIENTS);
    (setup.start().await, clock)
}

/// Asks for a token with this body, and this header if it is not empty.
pub(super) async fn ask(bridge: &Bridge, authorization: &str, body: &str) -> Answer {
    let mut request = bridge
        .anonymous(Method::POST, "/test/oauth/token")
        .header("content-type", FORM)
        .body(body.to_owned());
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    Answer::of(request).await
}

/// Asserts that this is an answer of RFC 6749 §5.2 with that keyword, and of no other form.
#[track_caller]
pub(super) fn expect_error(what: &str, answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{what}: {answer}");
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    let members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["error", "error_description"], "{what}");
    let description = answer.body["error_description"].as_str().unwrap();
    let is_allowed = |byte: u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    assert!(!description.is_empty() && description.bytes().all(is_allowed), "{what}: {description}");
}

const GRANT: &str = "grant_type=client_credentials";

#[rstest]
#[case::in_the_header_auth_1(&basic("entra", "s3cret-one"), "")]
#[case::in_the_body_auth_2("", "&client_id=entra&client_secret=s3cret-one")]
#[case::in_both_auth_3(&basic("entra", "s3cret-one"), "&client_id=entra&client_secret=s3cret-one")]
#[case::in_the_header_and_the_id_in_both(&basic("entra", "s3cret-one"), "&client_id=entra")]
#[case::with_the_second_secret("", "&client_id=entra&client_secret=s3cret%2Btwo%252B")]
#[case::in_the_header_as_a_form_would_have_it(&basic("entra", "s3cret%2Btwo%252B"), "")]
#[case::in_the_header_as_it_is(&basic("entra", "s3cret+two%2B"), "")]
#[case::in_both_the_header_as_it_is(&basic("entra", "s3cret+two%2B"), "&client_id=entra&client_secret=s3cret%2Btwo%252B")]
#[case::with_an_id_that_needs_to_be_encoded(&basic("ok%3Ata", "s3cret-okta"), "")]
#[case::with_a_scope("", "&client_id=entra&client_secret=s3cret-one&scope=api%3A%2F%2Fx%2F.default")]
#[case::with_parameters_that_nobody_knows(
    "",
    "&client_id=entra&client_secret=s3cret-one&resource=x&resource=y"
)]
#[case::with_a_scope_that_is_empty("", "&client_id=entra&client_secret=s3cret-one&scope=&scope=")]
#[tokio::test]
async fn a_client_gets_a_token_for_its_secret_wherever_it_shows_it_auth_5_lav_7(
    #[case] authorization: &str,
    #[case] credentials: &str,
) {
    let (bridge, _) = start().await;
    let answer = ask(&bridge, authorization, &format!("{GRANT}{credentials}")).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let scope = credentials.contains("default").then_some("api://x/.default");
    assert_eq!(answer.body["scope"].as_str(), scope);
    expect_in(&bridge, answer.body["access_token"].as_str().unwrap()).await;
}

#[tokio::test]
async fn requests_that_prove_nothing_or_are_none_are_refused_as_rfc_6749_wants_it_auth_4() {
    let (bridge, _) = start().await;
    let secret = "client_id=entra&client_secret=s3cret-one";
    let good = basic("entra", "s3cret-one");
    let none = String::new();
    let client = |body: &str| format!("{GRANT}&{body}");
    let assertion = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let table: Vec<(&str, &str, String, u16, &str)> = vec![
        ("no client", &none, GRANT.to_owned(), 401, "invalid_client"),
        ("a wrong secret", &none, client("client_id=entra&client_secret=wrong"), 401, "invalid_client"),
        ("an empty secret", &none, client("client_id=entra&client_secret="), 401, "invalid_client"),
        ("no secret", &none, client("client_id=entra"), 401, "invalid_client"),
        ("no id", &none, client("client_secret=s3cret-one"), 401, "invalid_client"),
        ("an unknown client", &none, client("client_id=x&client_secret=s3cret-one"), 401, "invalid_client"),
        (
            "an id in another case",
            &none,
            client("client_id=Entra&client_secret=s3cret-one"),
            401,
            "invalid_client",
        ),
        (
            "the secret of another client",
            &none,
            client("client_id=entra&client_secret=s3cret-okta"),
            401,
            "invalid_client",
        ),
        (
            "a secret that has expired",
            &none,
            client("client_id=entra&client_secret=s3cret-old"),
            401,
            "invalid_client",
        ),
        (
            "a bearer token as secret",
            &none,
            client(&format!("client_id=entra&client_secret={}", crate::harness::TOKEN)),
            401,
            "invalid_client",
        ),
        (
            "the secret twice",
            &none,
            client(&format!("{secret}&client_secret=s3cret-one")),
            400,
            "invalid_request",
        ),
        ("the id twice", &none, client(&format!("{secret}&client_id=entra")), 400, "invalid_request"),
        ("the grant twice", &none, client(&format!("{GRANT}&{secret}")), 400, "invalid_request"),
        ("no grant", &none, secret.to_owned(), 400, "invalid_request"),
        ("an empty grant", &none, format!("grant_type=&{secret}"), 400, "invalid_request"),
        (
            "another grant",
            &none,
            format!("grant_type=password&username=a&password=b&{secret}"),
            400,
            "unsupported_grant_type",
        ),
        (
            "a code",
            &none,
            format!("grant_type=authorization_code&code=x&{secret}"),
            400,
            "unsupported_grant_type",
        ),
        (
            "a grant in another case",
            &none,
            format!("grant_type=Client_Credentials&{secret}"),
            400,
            "unsupported_grant_type",
        ),
        ("a scope with a quote", &none, client(&format!("{secret}&scope=%22")), 400, "invalid_scope"),
        ("a scope with a line break", &none, client(&format!("{secret}&scope=a%0Ab")), 400, "invalid_scope"),
        ("nothing", &none, String::new(), 400, "invalid_request"),
        ("JSON", &none, "{\"grant_type\":\"client_credentials\"}".to_owned(), 400, "invalid_request"),
        ("bytes", &none, "%ff%fe=%00&&==".to_owned(), 400, "invalid_request"),
        (
            "an assertion and a secret",
            &none,
            client(&format!("{secret}&{assertion}&client_assertion=x")),
            400,
            "invalid_request",
        ),
        (
            "an assertion and a header",
            &good,
            client(&format!("{assertion}&client_assertion=x")),
            400,
            "invalid_request",
        ),
        (
            "an assertion of another type",
            &none,
            client("client_assertion_type=saml&client_assertion=x"),
            400,
            "invalid_request",
        ),
        ("an assertion of no type", &none, client("client_assertion=x"), 400, "invalid_request"),
        (
            "an assertion where nobody has one",
            &none,
            client(&format!("client_id=entra&{assertion}&client_assertion=x")),
            401,
            "invalid_client",
        ),
        (
            "more than there is room for",
            &none,
            client(&format!("{secret}&x={}", "x".repeat(70_000))),
            400,
            "invalid_request",
        ),
    ];
    for (what, authorization, body, status, error) in &table {
        let answer = ask(&bridge, authorization, body).await;
        expect_error(what, &answer, *status, error);
        assert_eq!(answer.header("www-authenticate"), "", "{what}");
    }
    for (what, authorization, body) in [
        ("a wrong secret", basic("entra", "wrong"), GRANT.to_owned()),
        ("a secret that has expired", basic("entra", "s3cret-old"), GRANT.to_owned()),
        ("no colon", "Basic ZW50cmE=".to_owned(), GRANT.to_owned()),
        ("no base64", "Basic entra:s3cret-one".to_owned(), GRANT.to_owned()),
        ("another scheme", "Bearer s3cret-one".to_owned(), GRANT.to_owned()),
        ("a bearer token of the app", format!("Bearer {}", crate::harness::TOKEN), GRANT.to_owned()),
        ("no scheme", "s3cret-one".to_owned(), GRANT.to_owned()),
        ("two that differ in the secret", good.clone(), client("client_id=entra&client_secret=s3cret-two")),
        ("two that differ in the id", good.clone(), client("client_id=okta&client_secret=s3cret-one")),
        ("two ids", good.clone(), client("client_id=ok%3Ata")),
        ("the wrong one in the header", basic("entra", "wrong"), client(secret)),
    ] {
        let answer = ask(&bridge, &authorization, &body).await;
        expect_error(what, &answer, 401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"scim-bridge\"", "{what}");
    }
}

#[tokio::test]
async fn a_secret_that_has_expired_is_told_to_whoever_has_it() {
    let (bridge, _) = start().await;
    let answer = ask(&bridge, "", &format!("{GRANT}&client_id=entra&client_secret=s3cret-old")).await;
    let description = answer.body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with("The client's secret expired at 2023-01-31T00:00:00.000Z."),
        "{description}"
    );
}

#[tokio::test]
async fn two_headers_and_other_media_types_are_refused() {
    let (bridge, _) = start().await;
    let request = || bridge.anonymous(Method::POST, "/test/oauth/token");
    let body = format!("{GRANT}&client_id=entra&client_secret=s3cret-one");
    let two = request()
        .header("content-type", FORM)
        .header("authorization", basic("entra", "s3cret-one"))
        .header("authorization", basic("entra", "s3cret-one"));
    expect_error("two headers", &Answer::of(two.body(body.clone())).await, 400, "invalid_request");
    for media_type in ["application/json", "multipart/form-data", "text/plain"] {
        let other = request().header("content-type", media_type).body(body.clone());
        expect_error(media_type, &Answer::of(other).await, 400, "invalid_request");
    }
    expect_error("none", &Answer::of(request().body(body.clone())).await, 400, "invalid_request");
    let with_charset = request().header("content-type", format!("{FORM}; charset=UTF-8")).body(body);
    assert_eq!(Answer::of(with_charset).await.status, 200);
}

#[tokio::test]
async fn it_takes_post_alone_and_is_there_only_where_it_is_configured() {
    let (setup, _) = setup(CLIENTS);
    let bridge = setup.config("[apps.closed]\nconnector = 'memory'").start().await;
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let answer = Answer::of(bridge.anonymous(method.clone(), "/test/oauth/token")).await;
        expect_error(method.as_str(), &answer, 405, "invalid_request");
        assert_eq!(answer.header("allow"), "POST");
    }
    for path in ["/closed/oauth/token", "/nothing/oauth/token"] {
        for method in [Method::GET, Method::POST] {
            let request = bridge.anonymous(method, path).header("content-type", FORM);
            Answer::of(request.body(GRANT)).await.error(404, "");
        }
    }
}

#[tokio::test]
async fn tokens_live_as_long_as_is_configured() {
    let (setup, _) = setup(
        "oauth = { token_lifetime = '6h', clients = [{ id = 'x', secrets = [{ name = '1', secret = 'y' }] }] }",
    );
    let bridge = setup.start().await;
    let answer = ask(&bridge, &basic("x", "y"), GRANT).await;
    assert_eq!(answer.body["expires_in"], Value::from(21_600));
}

/// Whoever asks for a token has not shown yet who it is.
#[tokio::test]
async fn requests_for_tokens_that_never_end_keep_nobody_out_and_are_cut_off() {
    let (setup, clock) = setup(CLIENTS);
    let bridge = setup.app_keys("max_concurrent_requests = 50").start().await;
    let mut halves = Vec::new();
    for _ in 0..60 {
        let mut half = Raw::connect(&bridge).await;
        half.send(
            "POST /test/oauth/token HTTP/1.1\r\nHost: bridge\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n",
        )
        .await;
        // It is being read.
        assert_eq!(half.answer().await.status, 100);
        half.send("grant_type=").await;
        halves.push(half);
    }
    assert_eq!(bridge.get("/Users").await.status, 200);
    let token = ask(&bridge, &basic("entra", "s3cret-one"), GRANT).await;
    assert_eq!(token.status, 200, "{token}");
    clock.advance(Duration::from_secs(5));
    for mut half in halves {
        expect_error("half a request", &half.answer().await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_client_that_never_ends_its_requests_keeps_nobody_at_another_address_out() {
    let (setup, clock) = setup(CLIENTS);
    let bridge = setup.server_keys("trusted_proxies = ['127.0.0.0/8']").start().await;
    let mut halves = Vec::new();
    // More than there are places.
    for _ in 0..300 {
        let mut half = Raw::connect(&bridge).await;
        half.send(
            "POST /test/oauth/token HTTP/1.1\r\nHost: bridge\r\nX-Forwarded-For: 203.0.113.6\r\n\
             Content-Length: 99\r\n\r\ngrant_type=",
        )
        .await;
        halves.push(half);
    }
    assert_eq!(bridge.get("/Users").await.status, 200);
    let request = bridge.anonymous(Method::POST, "/test/oauth/token").header("content-type", FORM);
    let request = request.header("authorization", basic("entra", "s3cret-one"));
    let token = Answer::of(request.header("x-forwarded-for", "203.0.113.7").body(GRANT));
    let token = tokio::time::timeout(Duration::from_secs(30), token).await.expect("it is answered");
    assert_eq!(token.status, 200, "{token}");
    clock.advance(Duration::from_secs(5));
    for mut half in halves {
        expect_error("half a request", &half.answer().await, 400, "invalid_request");
    }
}
