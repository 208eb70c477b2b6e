use std::time::Duration;

use crate::sim::aha::switches::{RateHeaders, RetryAfter};

use super::{Lab, START};

fn header(response: &reqwest::Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_limits_are_shared_by_all_api_keys_of_the_account() {
    let lab = Lab::new().await;
    lab.aha.add_api_key("grace", lab.user("Grace").id);
    for call in 0..20 {
        let api_key = if call % 2 == 0 { super::DEMO_API_KEY } else { "grace" };
        assert_eq!(lab.send_as(api_key, "GET /me", None).await.unwrap().status(), 200);
    }
    assert_eq!(lab.send_as("grace", "GET /me", None).await.unwrap().status(), 429);
    lab.clock.advance(Duration::from_secs(1));
    assert_eq!(lab.status("GET /me", None).await, 200);
    assert_eq!(lab.aha.calls().answered(429).len(), 1);
}

#[tokio::test]
async fn every_answer_says_how_the_limit_stands() {
    let lab = Lab::new().await;
    let response = lab.send("GET /users/1", None).await.unwrap();
    assert_eq!(header(&response, "x-ratelimit-limit").as_deref(), Some("300"));
    assert_eq!(header(&response, "x-ratelimit-remaining").as_deref(), Some("299"));
    let reset = START + Duration::from_secs(60);
    let reset_seconds = (reset.as_micros() / 1_000_000).to_string();
    assert_eq!(header(&response, "x-ratelimit-reset"), Some(reset_seconds));
}

#[tokio::test]
async fn a_429_carries_retry_after_only_when_switched_on() {
    let lab = Lab::with(|switches| {
        switches.rate.per_second = 0;
        switches.rate.headers = RateHeaders::Absent;
    })
    .await;
    let response = lab.send("GET /me", None).await.unwrap();
    assert_eq!((header(&response, "retry-after"), header(&response, "x-ratelimit-reset")), (None, None));
    lab.aha.change(|switches| switches.rate.retry_after = RetryAfter::Seconds);
    let response = lab.send("GET /me", None).await.unwrap();
    assert_eq!(header(&response, "retry-after").as_deref(), Some("1"));
}
