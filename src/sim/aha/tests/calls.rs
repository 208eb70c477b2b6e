use serde_json::json;

use super::{DEMO_API_KEY, Lab};
use crate::sim::aha::{Outcome, fingerprint};

#[tokio::test]
async fn every_call_is_in_the_log_in_order() {
    let lab = Lab::new().await;
    let alan = lab.path("Alan");
    lab.json("GET /users?email=alan.turing%40example.com", None).await;
    let mark = lab.aha.mark();
    lab.json(&format!("PUT {alan}"), Some(json!({"user": {"enabled": false}}))).await;
    lab.json(&format!("DELETE {alan}"), None).await;
    let calls = lab.aha.calls();
    assert_eq!(
        calls.lines(),
        [
            "GET /users?email=alan.turing@example.com".to_owned(),
            format!(r#"PUT {alan} {{"user":{{"enabled":false}}}}"#),
            format!("DELETE {alan}"),
        ]
    );
    let outcomes: Vec<_> = calls.iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [Outcome::Answered(200), Outcome::Answered(200), Outcome::Answered(404)]);
    assert_eq!(calls[0].api_key.as_deref(), Some(fingerprint(DEMO_API_KEY).as_str()));
    assert_eq!(lab.aha.calls_since(mark).lines(), calls.writes().lines());
    assert_eq!(lab.aha.take_calls(), calls);
    assert!(lab.aha.calls().is_empty());
}

#[tokio::test]
async fn calls_are_counted_by_route_and_query() {
    let lab = Lab::new().await;
    for first_name in ["Alan", "Grace"] {
        lab.json(&format!("GET {}", lab.path(first_name)), None).await;
    }
    lab.json("GET /users?page=1&per_page=200", None).await;
    let counts = lab.aha.calls().counts();
    assert_eq!(counts, [("GET /users/:id".to_owned(), 2), ("GET /users?page&per_page".to_owned(), 1)].into());
    assert_eq!(lab.aha.calls().to("GET /users/:id").reads().len(), 2);
}
