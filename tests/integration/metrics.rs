//! `/metrics`.

use http::Method;
use scim_bridge::sim::aha::Fault;
use serde_json::json;

use crate::harness::{Bridge, Setup, TOKEN, eventually, user};

async fn scraped(bridge: &Bridge) -> String {
    let answer = bridge.anonymous(Method::GET, "/metrics").bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    answer.text().await.unwrap()
}

/// The value of the series that is written so.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

#[tokio::test]
async fn metrics_need_a_token() {
    let bridge = Setup::memory().start().await;
    let answer = bridge.anonymous(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
}

#[tokio::test]
async fn requests_are_counted_and_timed_by_app_operation_and_status() {
    let bridge = Setup::memory().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.post("/Users", &user("sam.doe@example.com")).await.error(409, "uniqueness");
    bridge.get(&created.path()).await;
    bridge.get(&created.path()).await;
    bridge.anonymous(Method::GET, "/nothing/here").send().await.unwrap();
    let text = scraped(&bridge).await;
    let counted = |operation: &str, status: u16| {
        let series = format!(
            "scim_bridge_requests_total{{app=\"test\",operation=\"{operation}\",status=\"{status}\"}}"
        );
        value(&text, &series)
    };
    assert_eq!(counted("POST /Users", 201), Some(1.0), "{text}");
    assert_eq!(counted("POST /Users", 409), Some(1.0));
    assert_eq!(counted("GET /Users/{id}", 200), Some(2.0));
    let timed = |which: &str| {
        let series = "app=\"test\",operation=\"POST /Users\"";
        value(&text, &format!("scim_bridge_request_duration_seconds_{which}{{{series}}}"))
    };
    assert_eq!(timed("count"), Some(2.0), "{text}");
    assert!(timed("sum").is_some_and(|sum| sum > 0.0));
    let elsewhere = "scim_bridge_requests_total{app=\"\",operation=\"GET none\",status=\"404\"}";
    assert_eq!(value(&text, elsewhere), Some(1.0), "{text}");
    assert_eq!(value(&text, "scim_bridge_users{app=\"test\"}"), Some(1.0));
    assert!(text.contains("scim_bridge_build_info{version="), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_budget_the_queue_and_the_roster_are_shown_and_each_call_that_was_refused_for_limits() {
    let bridge = Setup::aha().start().await;
    let before = scraped(&bridge).await;
    assert_eq!(value(&before, "scim_bridge_budget_refused_calls{app=\"test\"}"), Some(0.0), "{before}");
    assert!(value(&before, "scim_bridge_budget_limit{app=\"test\",part=\"minute\"}").is_some());
    assert_eq!(value(&before, "scim_bridge_roster_accounts{app=\"test\"}"), Some(1.0));
    assert!(value(&before, "scim_bridge_roster_age_seconds{app=\"test\"}").is_some());
    bridge
        .aha
        .fault(Fault::json(429, &json!({ "error": "Rate limit exceeded" })).on("POST /products/:id/users"));
    let joiner = user("sam.doe@example.com");
    let created = bridge.post("/Users", &joiner);
    let refused = async {
        eventually("the refusal is counted", || async {
            value(&scraped(&bridge).await, "scim_bridge_budget_refused_calls{app=\"test\"}") == Some(1.0)
        })
        .await;
        let text = scraped(&bridge).await;
        assert_eq!(value(&text, "scim_bridge_queue_users{app=\"test\",part=\"grant\"}"), Some(1.0), "{text}");
    };
    tokio::join!(created, refused);
}
