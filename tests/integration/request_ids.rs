//! By what a request is found in the logs of all who pass it on: `X-Request-Id`, and the trace that it belongs to.

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::SystemClock,
    sim::scim::{SimulatedScim, Switches},
};
use serde_json::json;

use crate::harness::{Answer, Bridge, Setup, TOKEN, eventually, raw::Raw, user};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn id_of(answer: &reqwest::Response) -> String {
    let mut ids = answer.headers().get_all("x-request-id").iter();
    let id = ids.next().expect("every answer has an id").to_str().unwrap().to_owned();
    assert!(ids.next().is_none(), "one id is enough: {:?}", answer.headers());
    id
}

async fn asked(bridge: &Bridge, method: Method, path: &str, id: Option<&str>) -> reqwest::Response {
    let request = bridge.anonymous(method, path).bearer_auth(TOKEN);
    match id {
        Some(id) => request.header("x-request-id", id).send().await.unwrap(),
        None => request.send().await.unwrap(),
    }
}

#[rstest]
#[case::a_list(Method::GET, "/test/scim/v2/Users", 200)]
#[case::nobody(Method::GET, "/test/scim/v2/Users/nobody", 404)]
#[case::nothing_there(Method::GET, "/nothing/here", 404)]
#[case::a_method_that_is_not_there(Method::PUT, "/test/scim/v2/Schemas", 405)]
#[case::a_body_that_is_none(Method::POST, "/test/scim/v2/Users", 400)]
#[case::health(Method::GET, "/healthz", 200)]
#[case::readiness(Method::GET, "/readyz", 200)]
#[case::status(Method::GET, "/status", 200)]
#[case::metrics(Method::GET, "/metrics", 200)]
#[tokio::test]
async fn every_answer_has_the_id_of_its_request(
    #[case] method: Method,
    #[case] path: &str,
    #[case] status: u16,
) {
    let bridge = Setup::memory().start().await;
    let answer = asked(&bridge, method.clone(), path, Some("idp-7:a/b")).await;
    assert_eq!((answer.status().as_u16(), id_of(&answer).as_str()), (status, "idp-7:a/b"));
    // Also that of somebody who is not let in.
    let answer = bridge.anonymous(method, path).header("x-request-id", "idp-8").send().await.unwrap();
    assert_eq!(id_of(&answer), "idp-8");
}

#[tokio::test]
async fn a_request_without_an_id_that_can_be_one_gets_its_own() {
    let bridge = Setup::memory().start().await;
    let mut ids = vec![id_of(&asked(&bridge, Method::GET, "/test/scim/v2/Users", None).await)];
    for unusable in ["", "a b", "a\"b", &"x".repeat(129)] {
        ids.push(id_of(&asked(&bridge, Method::GET, "/test/scim/v2/Users", Some(unusable)).await));
    }
    let twice =
        bridge.anonymous(Method::GET, "/healthz").header("x-request-id", "a").header("x-request-id", "b");
    ids.push(id_of(&twice.send().await.unwrap()));
    for id in &ids {
        assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7, "{id}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[rstest]
#[case::no_http("nonsense\r\n\r\n", 400)]
#[case::a_head_that_is_too_large(&format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(70_000)), 431)]
#[tokio::test]
async fn what_is_no_request_has_an_id_all_the_same(#[case] bytes: &str, #[case] status: u16) {
    let bridge = Setup::memory().start().await;
    let mut connection = Raw::connect(&bridge).await;
    connection.send(bytes).await;
    let answer: Answer = connection.answer().await;
    assert_eq!(answer.status, status);
    assert!(answer.headers.contains_key("x-request-id"), "{:?}", answer.headers);
}

#[tokio::test]
async fn answers_that_are_passed_through_have_the_id_of_their_request() {
    let target_token = "target-token-0123456789abcdef0123456789ab";
    let target = SimulatedScim::new(Switches::default(), target_token, std::sync::Arc::new(SystemClock));
    let running = target.start().await.unwrap();
    let app = format!(
        "[apps.passed]\nconnector = 'scim'\nbase_url = '{}'\ntoken = '{target_token}'\n\
         tokens = [{{ name = 'idp', token = 'passed-{TOKEN}' }}]\n",
        running.base_url()
    );
    let bridge = Setup::memory().config(&app).start().await;
    for path in ["/passed/scim/v2/Users", "/passed/scim/v2/Users/nobody"] {
        let request = bridge.anonymous(Method::GET, path).bearer_auth(format!("passed-{TOKEN}"));
        let answer = request.header("x-request-id", "idp-9").send().await.unwrap();
        assert_eq!(id_of(&answer), "idp-9");
    }
}

#[rstest]
#[case::of_the_request(Some(TRACE), Some(TRACE))]
#[case::none(None, None)]
#[case::one_that_is_none(Some("00-nonsense"), None)]
#[tokio::test]
async fn the_trace_of_a_request_is_sent_on_with_all_calls_that_it_causes(
    #[case] sent: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let bridge = Setup::aha().start().await;
    let body = user("sam.doe@example.com").to_string();
    let request =
        bridge.request(Method::POST, "/Users").header("content-type", "application/scim+json").body(body);
    let request = match sent {
        Some(sent) => request.header("traceparent", sent),
        None => request,
    };
    assert_eq!(request.send().await.unwrap().status().as_u16(), 201);
    let calls = bridge.aha.take_calls();
    assert_eq!(calls.iter().count(), 2, "a look-up and a create");
    for call in calls.iter() {
        assert_eq!(call.trace_parent.as_deref(), expected, "{call:?}");
    }
}

#[tokio::test]
async fn what_a_group_gives_is_done_for_the_request_that_changed_the_group() {
    let rule = "groups = [{ name = 'Aha PMs', grants = [{ workspace = 'PRJ1', role = 'contributor' }] }]";
    let bridge = Setup::aha().app_keys(rule).start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    bridge.aha.take_calls();
    let group = json!({ "displayName": "Aha PMs", "members": [{ "value": id }] });
    let request = bridge.request(Method::POST, "/Groups").header("traceparent", TRACE);
    let request = request.header("content-type", "application/scim+json").body(group.to_string());
    assert_eq!(request.send().await.unwrap().status().as_u16(), 201);
    let is_given = || async { !bridge.aha.calls().writes().is_empty() };
    eventually("the role is given", is_given).await;
    let calls = bridge.aha.take_calls();
    assert!(calls.iter().all(|call| call.trace_parent.as_deref() == Some(TRACE)), "{calls:?}");
}
