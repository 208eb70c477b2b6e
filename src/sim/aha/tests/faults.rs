use std::{error::Error, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Lab, kind};
use crate::sim::aha::{Fault, Outcome};

fn sam() -> Option<Value> {
    let user = json!({"email": "sam@example.com", "first_name": "sam", "last_name": "doe", "role": "viewer"});
    Some(json!({ "user": user }))
}

/// The error and all its causes.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn a_call_whose_connection_drops_first_is_not_applied() {
    let lab = Lab::new().await;
    lab.aha.fault(Fault::drop_connection());
    let error = lab.send("POST /products/PRJ1/users", sam()).await.unwrap_err();
    assert!(causes(&error).contains("connection closed before message completed"), "{}", causes(&error));
    assert_eq!(lab.aha.find_user_by_email("sam@example.com"), None);
    assert_eq!(lab.aha.calls()[0].outcome, Outcome::Dropped);
    assert_eq!(lab.status("GET /me", None).await, 200);
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_applied_once() {
    let lab = Lab::new().await;
    // Also on a connection that has been used before, where a client might be tempted to send again by itself.
    lab.status("GET /me", None).await;
    lab.aha.fault(Fault::drop_connection().after_applying().on("POST /products/:id/users"));
    let error = lab.send("POST /products/PRJ1/users", sam()).await.unwrap_err();
    assert!(causes(&error).contains("connection closed before message completed"), "{}", causes(&error));
    assert!(lab.aha.find_user_by_email("sam@example.com").is_some());
    assert_eq!(lab.aha.calls().to("POST /products/:id/users").len(), 1);
    assert_eq!(lab.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_truncated_answer_ends_short_of_its_length() {
    let lab = Lab::new().await;
    lab.aha.fault(Fault::truncate());
    let response = lab.send("POST /products/PRJ1/users", sam()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 100);
    assert!(response.text().await.is_err());
    assert!(lab.aha.find_user_by_email("sam@example.com").is_some());
    assert_eq!(lab.aha.calls()[0].outcome, Outcome::Truncated(200));
}

#[tokio::test]
async fn a_halved_answer_is_sound_http_and_broken_json() {
    let lab = Lab::new().await;
    lab.aha.fault(Fault::halve());
    let response = lab.send("GET /users", None).await.unwrap();
    assert_eq!(kind(&response), (200, "application/json; charset=utf-8"));
    let text = response.text().await.unwrap();
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn a_canned_answer_comes_with_its_status_type_and_headers() {
    let lab = Lab::new().await;
    lab.aha.fault(Fault::html(200));
    lab.aha.fault(Fault::too_many_requests().header("retry-after", "3"));
    lab.aha.fault(Fault::json(422, &json!({"error": "no"})));
    assert_eq!(kind(&lab.send("GET /me", None).await.unwrap()), (200, "text/html"));
    let limited = lab.send("GET /me", None).await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"3".parse().unwrap()));
    assert!(limited.headers().get("x-ratelimit-reset").is_none());
    assert_eq!(lab.json("GET /me", None).await, (422, json!({"error": "no"})));
    assert!(!lab.aha.has_faults());
    assert_eq!(lab.status("GET /me", None).await, 200);
}

#[tokio::test]
async fn a_gateway_error_can_hide_that_the_call_was_applied() {
    let lab = Lab::new().await;
    lab.aha.fault(Fault::html(502).after_applying());
    assert_eq!(lab.status("POST /products/PRJ1/users", sam()).await, 502);
    assert!(lab.aha.find_user_by_email("sam@example.com").is_some());
}

#[tokio::test]
async fn a_fault_meets_only_its_target_as_often_as_ordered() {
    let lab = Lab::new().await;
    let (alan, grace) = (lab.path("Alan"), lab.path("Grace"));
    lab.aha.fault(Fault::html(503).on("GET /users/:id").on_path_prefix(&alan).skipping(1).times(2));
    let mut seen = Vec::new();
    for _ in 0..4 {
        assert_eq!(lab.status(&format!("GET {grace}"), None).await, 200);
        seen.push(lab.status(&format!("GET {alan}"), None).await);
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    lab.aha.fault(Fault::unauthorized().on_method(Method::GET).on_path_suffix("/product_roles").always());
    for _ in 0..3 {
        assert_eq!(lab.status(&format!("GET {alan}/product_roles"), None).await, 401);
        assert_eq!(lab.status(&format!("GET {alan}"), None).await, 200);
    }
    lab.aha.clear_faults();
    assert_eq!(lab.status(&format!("GET {alan}/product_roles"), None).await, 200);
}

#[tokio::test]
async fn a_delayed_call_is_applied_when_its_time_comes_even_if_the_client_hung_up() {
    let lab = Lab::new().await;
    lab.aha.fault(Fault::delay(Duration::from_secs(30)));
    let url = format!("{}/api/v1/products/PRJ1/users", lab.running.base_url());
    let create = lab.http.post(url).bearer_auth(super::DEMO_API_KEY).json(&sam());
    let error = create.timeout(Duration::from_millis(200)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(lab.aha.calls()[0].outcome, Outcome::Running);
    assert_eq!(lab.aha.find_user_by_email("sam@example.com"), None);
    lab.clock.advance(Duration::from_secs(30));
    while lab.aha.calls()[0].outcome == Outcome::Running {
        tokio::task::yield_now().await;
    }
    assert!(lab.aha.find_user_by_email("sam@example.com").is_some());
}

#[tokio::test]
async fn a_fault_can_wait_for_real_and_then_strike() {
    let lab = Lab::new().await;
    lab.aha.fault(Fault::html(504).delayed_for_real(Duration::from_millis(20)));
    assert_eq!(lab.status("GET /me", None).await, 504);
}

#[tokio::test]
async fn a_stopped_simulator_refuses_connections() {
    let lab = Lab::new().await;
    lab.status("GET /me", None).await;
    let url = format!("{}/api/v1/me", lab.running.base_url());
    lab.running.stop().await.unwrap();
    assert!(lab.http.get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn it_does_not_listen_to_other_machines() {
    let lab = Lab::new().await;
    let open = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert!(lab.aha.clone().serve(open, async {}).await.is_err());
}
