//! Every failure is a SCIM Error (RFC 7644 §3.12) of exactly SCIM's media type, and says what would be right.

use std::time::Duration;

use http::{Method, header};
use rstest::rstest;
use scim_bridge::sim::aha::Fault;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::harness::{Answer, Bridge, Setup, TOKEN, raw, user};

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Every path that the service knows, with the methods that it takes there.
const ENDPOINTS: [(&str, &str); 11] = [
    ("/Users", "GET,HEAD,POST"),
    ("/Users/1", "GET,HEAD,PUT,PATCH,DELETE"),
    ("/Groups", "GET,HEAD,POST"),
    ("/Groups/1", "GET,HEAD,PUT,PATCH,DELETE"),
    ("/ServiceProviderConfig", "GET,HEAD"),
    ("/ResourceTypes", "GET,HEAD"),
    ("/ResourceTypes/User", "GET,HEAD"),
    ("/Schemas", "GET,HEAD"),
    ("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "GET,HEAD"),
    ("/healthz", "GET,HEAD"),
    ("/status", "GET,HEAD"),
];

fn is_below_an_app(path: &str) -> bool {
    !matches!(path, "/healthz" | "/status")
}

/// A request of an IdP, or to one of the paths beside it.
fn request(bridge: &Bridge, method: &Method, path: &str) -> reqwest::RequestBuilder {
    if is_below_an_app(path) {
        bridge.request(method.clone(), path)
    } else {
        bridge.anonymous(method.clone(), path).bearer_auth(TOKEN)
    }
}

#[rstest]
#[case::none(None, "A token is needed: send the header Authorization: Bearer <token>.", "")]
#[case::wrong(Some("Bearer wrong"), "The token is not valid for this app.", "invalid_token")]
#[case::a_part(Some(&TOKEN[..40]), "The token is not valid for this app.", "invalid_token")]
#[case::without_a_scheme(Some(TOKEN), "The token is not valid for this app.", "invalid_token")]
#[case::empty(Some("Bearer "), "The token is not valid for this app.", "invalid_token")]
#[case::basic(Some("Basic dXNlcjpwYXNz"), "The token is not valid for this app.", "invalid_token")]
#[case::not_ascii(Some("Bearer tökén"), "The token is not valid for this app.", "invalid_token")]
#[case::of_another_app(
    Some("Bearer other-token-0123456789abcdef0123456789"),
    "The token is not valid for this app.",
    "invalid_token"
)]
#[tokio::test]
async fn who_has_no_token_of_this_app_gets_401_with_a_challenge_everywhere_below_it(
    #[case] authorization: Option<&str>,
    #[case] detail: &str,
    #[case] error: &str,
) {
    let bridge = Setup::memory().config(OTHER_APP).start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let paths = ENDPOINTS.map(|(path, _)| path).into_iter().filter(|path| is_below_an_app(path));
    let of_sam = format!("/Users/{id}");
    for path in paths.chain([of_sam.as_str(), "/Me", "/Bulk", "/.search", "/Nothing", "/Users/1/2", ""]) {
        for method in METHODS {
            let mut request = bridge.anonymous(method.clone(), &format!("/test/scim/v2{path}"));
            if let Some(authorization) = authorization {
                request = request.header(header::AUTHORIZATION, authorization.as_bytes());
            }
            let answer = Answer::of(request.body(user("eve@example.com").to_string())).await;
            assert!(answer.error(401, "").starts_with(detail), "{method} {path}: {answer}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer realm="), "{method} {path}: {challenge}");
            assert!(challenge.contains(error), "{method} {path}: {challenge}");
        }
    }
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 1);
}

const OTHER_APP: &str = "[apps.other]\nconnector = 'memory'\ntokens = [{ name = 'idp', token = 'other-token-0123456789abcdef0123456789' }]";

#[tokio::test]
async fn two_authorization_headers_are_refused_since_nobody_knows_which_one_counts() {
    let bridge = Setup::memory().start().await;
    for other in ["Bearer wrong", "Basic dXNlcjpwYXNz"] {
        let answer = Answer::of(bridge.request(Method::GET, "/Users").header("authorization", other)).await;
        answer.error(401, "");
    }
}

#[tokio::test]
async fn the_scheme_of_a_token_is_read_without_case() {
    let bridge = Setup::memory().start().await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = bridge.anonymous(Method::GET, "/test/scim/v2/Users");
        let answer = Answer::of(request.header("authorization", format!("{scheme} {TOKEN}"))).await;
        assert_eq!(answer.status, 200, "{scheme}: {answer}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_404_with_a_detail_that_names_it() {
    let bridge = Setup::memory().start().await;
    for (path, named) in [
        ("/Nothing", "There is no endpoint /test/scim/v2/Nothing."),
        ("/Users/1/2", "There is no endpoint /test/scim/v2/Users/1/2."),
        ("/users", "There is no endpoint /test/scim/v2/users."),
        ("/Users/1", "There is no User with the id 1."),
        ("/Users/%FF", "There is no endpoint /test/scim/v2/Users/%FF."),
        ("/Users/%00", "There is no User with the id \u{fffd}."),
        ("/Users/..%2f..%2fhealthz", "There is no User with the id ../../healthz."),
        ("/Groups/1", "There is no Group with the id 1."),
        ("/ResourceTypes/Device", "There is no resource type Device."),
        ("/Schemas/urn:none", "There is no schema urn:none."),
    ] {
        assert_eq!(bridge.get(path).await.error(404, ""), named, "{path}");
        let head = Answer::of(bridge.request(Method::HEAD, path)).await;
        assert_eq!((head.status, head.header("content-type")), (404, "application/scim+json"), "{path}");
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let body = match method {
            Method::PATCH => json!({ "Operations": [{ "op": "replace", "path": "active", "value": true }] }),
            _ => user("sam.doe@example.com"),
        };
        let answer = bridge.send(method, "/Users/1", Some(&body)).await;
        assert_eq!(answer.error(404, ""), "There is no User with the id 1.");
    }
    for path in ["/", "/nothing", "/nothing/scim/v2/Users", "/test", "/test/scim/v1/Users", "//"] {
        let answer = Answer::of(bridge.anonymous(Method::GET, path).bearer_auth(TOKEN)).await;
        assert!(answer.error(404, "").starts_with("There is no endpoint /"), "{path}: {answer}");
    }
    let anonymous = Answer::of(bridge.anonymous(Method::GET, "/nothing/scim/v2/Users")).await;
    anonymous.error(404, "");
}

#[tokio::test]
async fn a_very_long_id_is_not_repeated_at_length() {
    let bridge = Setup::memory().start().await;
    let answer = bridge.get(&format!("/Users/{}", "x".repeat(20_000))).await;
    assert!(answer.error(404, "").len() < 200, "{answer}");
    let answer = bridge.get(&format!("/{}", "x".repeat(20_000))).await;
    assert!(answer.error(404, "").len() < 300, "{answer}");
}

#[tokio::test]
async fn a_method_that_an_endpoint_does_not_take_is_405_and_allow_says_which_it_takes() {
    let bridge = Setup::memory().start().await;
    for (path, allowed) in ENDPOINTS {
        for method in METHODS.into_iter().chain([Method::OPTIONS, Method::TRACE]) {
            if allowed.split(',').any(|one| one == method.as_str()) {
                continue;
            }
            let answer = Answer::of(request(&bridge, &method, path).body("{}")).await;
            assert_eq!(answer.error(405, ""), format!("{method} is not supported here."), "{path}");
            assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        }
    }
    let unknown = Method::from_bytes(b"BREW").unwrap();
    Answer::of(bridge.request(unknown, "/Users")).await.error(405, "");
}

#[tokio::test]
async fn there_is_no_405_for_an_app_that_does_not_exist() {
    let bridge = Setup::memory().start().await;
    let answer =
        Answer::of(bridge.anonymous(Method::DELETE, "/nothing/scim/v2/Users").bearer_auth(TOKEN)).await;
    answer.error(404, "");
}

#[tokio::test]
async fn endpoints_that_scim_knows_and_this_service_does_not_have_are_501() {
    let bridge = Setup::memory().start().await;
    for method in METHODS {
        let answer = Answer::of(bridge.request(method.clone(), "/Me").body("{")).await;
        assert_eq!(answer.error(501, ""), "/Me is not implemented.", "{method}");
    }
}

#[tokio::test]
async fn discovery_with_a_filter_is_403_rfc_039() {
    let bridge = Setup::memory().start().await;
    for path in ["/Schemas", "/ResourceTypes"] {
        assert_eq!(
            bridge.filter(path, "name eq \"User\"").await.error(403, ""),
            "What the server tells about itself cannot be filtered."
        );
    }
}

#[rstest]
#[case("text/plain", "text/plain")]
#[case("application/x-www-form-urlencoded", "application/x-www-form-urlencoded")]
#[case("application/xml; charset=utf-8", "application/xml")]
#[case("application/scim+json, text/plain", "application/scim+json, text/plain")]
#[case("", "")]
#[case("\u{e9}", "\u{e9}")]
#[tokio::test]
async fn a_body_of_another_media_type_is_415(#[case] sent: &str, #[case] named: &str) {
    let bridge = Setup::memory().start().await;
    for (method, path) in [(Method::POST, "/Users"), (Method::PUT, "/Users/1"), (Method::PATCH, "/Users/1")] {
        let request = bridge.request(method, path).header(header::CONTENT_TYPE, sent.as_bytes());
        let answer = Answer::of(request.body(user("sam.doe@example.com").to_string())).await;
        let detail = answer.error(415, "");
        assert_eq!(
            detail,
            format!("The body must be application/scim+json or application/json, and is {named}.")
        );
    }
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 0);
}

#[rstest]
#[case("application/scim+json")]
#[case("application/scim+json; charset=utf-8")]
#[case("application/json")]
#[case("Application/JSON;charset=UTF-8;odata=verbose")]
#[tokio::test]
async fn json_is_accepted_under_any_of_its_names_and_parameters_c_10_q_15_q_17_q_18(#[case] sent: &str) {
    let bridge = Setup::memory().start().await;
    let request = bridge.request(Method::POST, "/Users").header(header::CONTENT_TYPE, sent);
    let answer = Answer::of(request.body(user("sam.doe@example.com").to_string())).await;
    assert_eq!((answer.status, answer.header("content-type")), (201, "application/scim+json"), "{answer}");
}

/// RFC 8259 §8.1; PowerShell and .NET put one before what they read from a file.
#[tokio::test]
async fn a_byte_order_mark_before_the_body_is_skipped() {
    let bridge = Setup::memory().start().await;
    let body = format!("\u{feff}{}", user("sam.doe@example.com"));
    let request = bridge.request(Method::POST, "/Users").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(Answer::of(request.body(body)).await.written(201), user("sam.doe@example.com"));
}

#[tokio::test]
async fn a_compressed_body_is_415_and_not_taken_for_broken_json() {
    let bridge = Setup::memory().start().await;
    let request = bridge.request(Method::POST, "/Users").header(header::CONTENT_ENCODING, "gzip");
    let answer = Answer::of(request.body(b"\x1f\x8b\x08\x00".to_vec())).await;
    assert!(answer.error(415, "").contains("gzip"), "{answer}");
    let plain = bridge.request(Method::POST, "/Users").header(header::CONTENT_ENCODING, "identity");
    assert_eq!(Answer::of(plain.body(user("sam.doe@example.com").to_string())).await.status, 201);
}

#[rstest]
#[case::nothing("", "The body is empty, and must be JSON.")]
#[case::cut_off(
    "{\"userName\":",
    "The body cannot be read as JSON: EOF while parsing a value at line 1 column 12."
)]
#[case::a_form("userName=bob", "The body cannot be read as JSON: expected value at line 1 column 1.")]
#[case::an_array("[]", "an array")]
#[case::a_string("\"bob\"", "a string")]
#[case::a_number("1", "a number")]
#[case::a_boolean("true", "true")]
#[case::null("null", "null")]
#[case::two_values("{}{}", "The body cannot be read as JSON: trailing characters at line 1 column 3.")]
#[tokio::test]
async fn a_body_that_is_no_json_object_is_400_invalid_syntax_rfc_015(
    #[case] body: &str,
    #[case] named: &str,
) {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let before = bridge.get("/Users").await.body;
    let of_sam = format!("/Users/{id}");
    for (method, path) in [(Method::POST, "/Users"), (Method::PUT, &of_sam), (Method::PATCH, &of_sam)] {
        let request = bridge.request(method, path).header(header::CONTENT_TYPE, "application/scim+json");
        let answer = Answer::of(request.body(body.to_owned())).await;
        assert!(answer.error(400, "invalidSyntax").contains(named), "{path}: {answer}");
    }
    assert_eq!(bridge.get("/Users").await.body, before);
}

#[tokio::test]
async fn the_limit_of_a_body_is_exact_and_its_413_says_it() {
    let bridge = Setup::memory().server_keys("max_body_bytes = 2048").start().await;
    let body = user("sam.doe@example.com").to_string();
    for (length, status) in [(2048, 201), (2049, 413)] {
        let padded = format!("{body}{}", " ".repeat(length - body.len()));
        let answer = Answer::of(bridge.request(Method::POST, "/Users").body(padded)).await;
        assert_eq!(answer.status, status, "{answer}");
        if status == 413 {
            assert_eq!(answer.error(413, ""), "The body is larger than the 2048 bytes that are allowed.");
        }
    }
}

#[tokio::test]
async fn until_the_first_roster_is_done_reads_are_503_with_retry_after() {
    let bridge =
        Setup::aha().with(|aha| aha.fault(Fault::html(502).on("GET /users").always())).start_unready().await;
    for path in ["/Users", "/Users?filter=userName%20eq%20%22a%22", "/Users/1"] {
        let answer = bridge.get(path).await;
        let detail = answer.error(503, "").to_owned();
        assert!(detail.starts_with("The accounts of Aha! "), "{detail}");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0, "{answer}");
    }
    let ready = Answer::of(bridge.anonymous(Method::GET, "/readyz")).await;
    assert_eq!(ready.header("content-type"), "application/json", "{ready}");
    // Discovery tells nothing of users.
    assert_eq!(bridge.get("/ServiceProviderConfig").await.status, 200);
}

#[tokio::test]
async fn a_failing_database_is_500_and_its_text_stays_in_the_log() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let before = bridge.get("/Users").await.body;
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    sqlx::raw_sql("ALTER TABLE users RENAME TO elsewhere").execute(&mut database).await.unwrap();
    let of_sam = format!("/Users/{id}");
    for (method, path) in [
        (Method::GET, "/Users"),
        (Method::GET, &of_sam),
        (Method::POST, "/Users"),
        (Method::PUT, &of_sam),
        (Method::DELETE, &of_sam),
    ] {
        let body = (method != Method::GET).then(|| user("eve@example.com"));
        let answer = bridge.send(method, path, body.as_ref()).await;
        assert_eq!(answer.error(500, ""), "The bridge failed. Its log says why.");
    }
    sqlx::raw_sql("ALTER TABLE elsewhere RENAME TO users").execute(&mut database).await.unwrap();
    assert_eq!(bridge.get("/Users").await.body, before);
    assert_eq!(bridge.delete(&of_sam).await.status, 204);
}

#[tokio::test]
async fn head_answers_what_get_does_without_the_body() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let of_sam = format!("/Users/{id}");
    for path in
        ["/Users", &of_sam, "/Groups", "/Schemas", "/ServiceProviderConfig", "/Users?filter=x", "/Users/1"]
    {
        let get = bridge.get(path).await;
        let head = Answer::of(bridge.request(Method::HEAD, path)).await;
        assert_eq!((head.status, &head.body), (get.status, &Value::Null), "{path}");
        for name in ["content-type", "content-length", "etag", "content-location"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn slashes_at_the_end_and_doubled_ones_do_not_matter() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let users = bridge.get("/Users").await.body;
    for path in ["/Users/", "//Users", "/Users//", "///Users///?count=100"] {
        assert_eq!(bridge.get(path).await.body, users, "{path}");
    }
    assert_eq!(bridge.get(&format!("//Users//{id}/")).await.id(), id);
    let created = bridge.post("//Users/", &user("pat.roe@example.com")).await;
    assert_eq!(created.status, 201, "{created}");
    // A path that begins with two slashes could be taken for the name of a host.
    let mut connection = raw::Raw::connect(&bridge).await;
    connection.send(raw::head("GET", "/Users").replace("GET /", "GET //") + "\r\n").await;
    assert_eq!(connection.answer().await.status, 200);
    assert_eq!(bridge.delete(&format!("/Users/{id}/")).await.status, 204);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_503_with_retry_after_and_the_connection_goes_on() {
    let bridge =
        Setup::memory().server_keys("request_timeout = '1s'").app_keys("confirm_within = '0s'").start().await;
    let mut slow = raw::Raw::connect(&bridge).await;
    slow.send(raw::head("POST", "/Users") + "Content-Length: 10\r\n\r\n{").await;
    let answer = tokio::time::timeout(Duration::from_secs(20), slow.answer()).await.unwrap();
    assert_eq!(answer.error(503, ""), "The request took too long.");
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 0);
}
