//! What `serve` logs of a request, up to the calls to Aha! that it causes.

use http::Method;
use scim_bridge::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{Installation, Server};
use crate::harness::{Answer, issuer::Issuer, user};

const SAM: &str = "sam.doe@example.com";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Creates a user in a request of that id.
async fn create(server: &Server, id: &str) -> Answer {
    let request = server.request(Method::POST, "/Users", Some(&user(SAM)));
    Answer::of(request.header("x-request-id", id).header("traceparent", TRACE)).await
}

/// Nothing is wrong with a token of which one app knows nothing and another all; with one that nobody knows there is.
#[tokio::test]
async fn that_one_app_does_not_believe_what_another_does_is_not_logged_as_a_refusal() {
    let issuer = Issuer::start().await;
    let rule = |subject: &str| {
        format!(
            "auth = {{ jwt = [{{ name = 'corp', issuer = '{}', audience = 'bridge', claims = {{ sub = '{subject}' }} }}] }}",
            issuer.url()
        )
    };
    let keys = format!("{}\n[apps.second]\nconnector = 'memory'\n{}", rule("first"), rule("second"));
    let installation = Installation::with_keys(&keys).await;
    let server = installation.serve().await;
    let ends_at = SystemClock.now().as_micros() / 1_000_000 + 600;
    for (subject, expected) in [("first", 200), ("second", 200), ("nobody", 401)] {
        let claims = json!({ "iss": issuer.url(), "aud": "bridge", "sub": subject, "exp": ends_at });
        for path in ["/status", "/metrics"] {
            let request = server.http.get(format!("{}{path}", server.root)).bearer_auth(issuer.sign(&claims));
            assert_eq!(request.send().await.unwrap().status(), expected, "{path} {subject}");
        }
    }
    let log = logged(server).await;
    let refusals = lines_of(&log, "a JWT was refused");
    let told: Vec<_> = refusals.iter().map(|line| (&line["app"], &line["reason"])).collect();
    // What it says is quoted as JSON.
    let because = |subject: &str| json!(format!("its sub is {:?}; it must be {subject:?}", "\"nobody\""));
    let [aha, second] = [(json!("aha"), because("first")), (json!("second"), because("second"))];
    assert_eq!(told, [(&aha.0, &aha.1), (&second.0, &second.1)].repeat(2));
}

/// The lines of that message.
fn lines_of<'l>(log: &'l [Value], message: &str) -> Vec<&'l Value> {
    log.iter().filter(|line| line["message"] == message).collect()
}

async fn logged(server: Server) -> Vec<Value> {
    server.wait_until_idle().await;
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    ended.log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_request_and_the_calls_that_it_causes_have_one_line_each_with_its_id() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    assert_eq!(create(&server, "idp-7").await.status, 201);
    let log = logged(server).await;
    let of_the_request: Vec<_> = log.iter().filter(|line| line["span"]["request.id"] == "idp-7").collect();
    let requests: Vec<_> = of_the_request.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let request = requests[0];
    assert_eq!(
        (
            &request["app"],
            &request["actor"],
            &request["http.method"],
            &request["http.route"],
            &request["http.status"]
        ),
        (&json!("aha"), &json!("idp"), &json!("POST"), &json!("/{app}/scim/v2/Users"), &json!(201))
    );
    assert!(request["duration_ms"].is_u64() && request["client.address"] == "127.0.0.1", "{request}");
    assert_eq!(request["span"]["trace.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let calls: Vec<_> = of_the_request.iter().filter(|line| line["message"] == "upstream call").collect();
    let told: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call["http.method"].as_str().unwrap(),
                call["http.route"].as_str().unwrap(),
                call["http.status"].as_u64(),
            )
        })
        .collect();
    assert_eq!(told, [("GET", "/users", Some(200)), ("POST", "/products/{workspace}/users", Some(200))]);
    for call in calls {
        assert!(call["app"] == "aha" && call["duration_ms"].is_u64(), "{call}");
        assert!(!call.to_string().contains(SAM), "{call}");
    }
    // Calls that nobody asked for are nobody's.
    for call in lines_of(&log, "upstream call").iter().filter(|call| call["http.route"] == "/me") {
        assert!(call["span"].is_null(), "{call}");
    }
}

#[tokio::test]
async fn calls_that_come_after_the_answer_and_after_a_restart_are_found_by_the_id_as_well() {
    let installation = Installation::promising_at_once().await;
    let refused = scim_bridge::sim::aha::Fault::json(503, &json!({})).on("GET /users").always();
    let server = installation.serve().await;
    installation.aha.fault(refused);
    assert_eq!(create(&server, "idp-8").await.status, 201);
    server.process.kill();
    installation.aha.clear_faults();
    let log = logged(installation.serve().await).await;
    let calls = lines_of(&log, "upstream call");
    let created: Vec<_> = calls.iter().filter(|call| call["http.method"] == "POST").collect();
    assert_eq!(created.len(), 1, "{calls:?}");
    assert_eq!(created[0]["span"]["request.id"], "idp-8");
    assert_eq!(created[0]["span"]["trace.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn text_for_people_has_the_same() {
    let installation = Installation::new().await;
    installation.edit("format = 'json'", "format = 'text'");
    installation
        .edit("listen = '127.0.0.1:0'", "listen = '127.0.0.1:0'\npublic_url = 'http://bridge.example'");
    let mut process = crate::harness::process::Process::serve(installation.folder(), "bridge.toml", &[]);
    let line = process.log_line(|line| line.contains("listening")).await;
    let address = line.split("server.address=").nth(1).unwrap().split(' ').next().unwrap();
    let url = format!("http://{address}/healthz");
    let answer = reqwest::Client::new().get(&url).header("x-request-id", "idp-9").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let line = process.log_line(|line| line.contains("idp-9")).await;
    assert!(line.contains("request{request.id=idp-9}") && line.contains("http.route=\"/healthz\""), "{line}");
}
