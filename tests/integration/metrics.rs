//! `/metrics`.

mod names;

use std::{sync::Arc, time::Duration};

use http::Method;
use scim_bridge::{
    auth::Digest,
    clock::{Clock, ManualClock, Time},
    sim::aha::{Fault, Person},
    store::{
        StoreError,
        tokens::{self, NewToken},
    },
};
use serde_json::json;
use sqlx::Connection as _;

use crate::harness::{Bridge, Setup, TOKEN, as_time_passes, eventually, pass_time, user};

/// What Prometheus reads.
async fn scraped(bridge: &Bridge) -> String {
    scraped_by(bridge, TOKEN).await
}

/// The same with another token.
async fn scraped_by(bridge: &Bridge, token: &str) -> String {
    let answer = bridge.anonymous(Method::GET, "/metrics").bearer_auth(token).send().await.unwrap();
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
async fn a_token_for_metrics_opens_nothing_else_and_is_refused_once_it_has_expired() {
    let (reader, expired) = ("reader-0123456789abcdef0123456789", "expired-0123456789abcdef012345678");
    let sections = format!(
        "[metrics]\ntokens = [{{ name = 'prometheus', token = '{reader}' }}, \
         {{ name = 'old', token = '{expired}', expires = '2020-01-01T00:00:00Z' }}]"
    );
    let bridge = Setup::memory().config(&sections).start().await;
    let status = async |path: &str, token: &str| {
        bridge.anonymous(Method::GET, path).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("/metrics", reader).await, 200);
    assert_eq!(status("/metrics", expired).await, 401);
    assert_eq!(status("/status", reader).await, 401);
    assert_eq!(status("/test/scim/v2/Users", reader).await, 401);
    // Where there is one, no token of an app is good for what is about all of them.
    assert_eq!(status("/metrics", TOKEN).await, 401);
    assert_eq!(status("/status", TOKEN).await, 200);
    let text = scraped_by(&bridge, reader).await;
    let ended = "scim_bridge_token_expires_in_seconds{app=\"\",token=\"old\"}";
    assert!(value(&text, ended).is_some_and(|seconds| seconds < 0.0), "{text}");
}

#[tokio::test]
async fn the_end_of_an_app_s_tokens_is_shown_those_of_the_file_and_those_that_were_made() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let elsewhere = "[apps.other]\nconnector = 'memory'\n\
        tokens = [{ name = 'dated', token = 'planted-dated-0123456789abcdef', expires = '2023-11-15T22:13:20Z' }]";
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).config(elsewhere).start().await;
    let (now, digest) = (clock.now(), Digest::of("planted-made-0123456789abcdef").to_hex());
    let expires_at = Some(now + Duration::from_secs(3600));
    let new = NewToken { app: "test".into(), name: "made".into(), client: None, digest, expires_at };
    let store = bridge.store().await;
    let made =
        store.write(move |transaction| Box::pin(async move { tokens::create(transaction, &new, now).await }));
    made.await.map_err(|error: StoreError| error).unwrap();
    let shown = async |app: &str, token: &str| {
        let text = scraped(&bridge).await;
        value(&text, &format!("scim_bridge_token_expires_in_seconds{{app=\"{app}\",token=\"{token}\"}}"))
    };
    assert_eq!(shown("other", "dated").await, Some(86_400.0));
    assert_eq!(shown("test", "idp").await, None, "it never ends");
    // It was made beside the server, which looks every two seconds.
    pass_time(&clock, Duration::from_secs(1), "the made token is shown", async || {
        shown("test", "made").await.is_some_and(|seconds| seconds > 0.0)
    })
    .await;
    clock.advance(Duration::from_secs(3600));
    assert!(shown("test", "made").await.is_some_and(|seconds| seconds < 0.0));
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
    assert_eq!(value(&text, "scim_bridge_users{app=\"test\",state=\"active\"}"), Some(1.0));
    assert_eq!(value(&text, "scim_bridge_users{app=\"test\",state=\"inactive\"}"), Some(0.0));
    assert!(text.contains("scim_bridge_build_info{version="), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_budget_the_queue_and_the_roster_are_shown_and_each_call_that_was_refused_for_limits() {
    let bridge = Setup::aha().start().await;
    let before = scraped(&bridge).await;
    assert_eq!(value(&before, "scim_bridge_budget_refused_calls{app=\"test\"}"), Some(0.0), "{before}");
    assert!(value(&before, "scim_bridge_budget_limit_calls{app=\"test\",window=\"minute\"}").is_some());
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
        assert_eq!(value(&text, "scim_bridge_queue_users{app=\"test\",lane=\"grant\"}"), Some(1.0), "{text}");
    };
    tokio::join!(created, refused);
}

#[tokio::test]
async fn calls_to_the_target_are_counted_and_timed_by_call_and_outcome_and_never_by_id() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.aha.fault(Fault::json(503, &json!({})).on("PUT /users/:id"));
    let inactive = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(bridge.patch(&created.path(), inactive).await.status, 200);
    let text = scraped(&bridge).await;
    let counted = |call: &str, outcome: &str| {
        let series =
            format!("scim_bridge_upstream_calls_total{{app=\"test\",call=\"{call}\",outcome=\"{outcome}\"}}");
        value(&text, &series)
    };
    assert_eq!(counted("POST /products/{workspace}/users", "done"), Some(1.0), "{text}");
    assert_eq!(counted("PUT /users/{id}", "failed"), Some(1.0), "{text}");
    assert_eq!(counted("PUT /users/{id}", "done"), Some(1.0), "{text}");
    for outcome in ["done", "refused", "unauthorized", "limited", "failed", "unanswered"] {
        // What did not happen yet is there to increase.
        assert!(counted("POST /products/{workspace}/users", outcome).is_some(), "{outcome}: {text}");
    }
    assert!(counted("GET /me", "done").is_some(), "{text}");
    let timed = "scim_bridge_upstream_call_duration_seconds_count{app=\"test\",call=\"POST /products/{workspace}/users\"}";
    assert_eq!(value(&text, timed), Some(1.0), "{text}");
    let account = bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().id.to_string();
    assert!(!text.contains(&account), "{text}");
}

/// Changes the database behind the back of the bridge.
async fn execute(bridge: &Bridge, statement: &'static str) {
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    sqlx::query(statement).execute(&mut database).await.unwrap();
}

/// One who reads all metrics in vain does not read them again.
#[tokio::test]
async fn a_database_that_answers_slowly_costs_its_own_figures_and_not_all_of_them() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.on_server().start().await;
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    let mut blocking = sqlx::Connection::begin(&mut database).await.unwrap();
    sqlx::query("LOCK TABLE users").execute(&mut *blocking).await.unwrap();
    let text = as_time_passes(&clock, Duration::from_millis(500), scraped(&bridge)).await;
    assert_eq!(value(&text, "scim_bridge_database_up{}"), Some(1.0), "{text}");
    assert_eq!(value(&text, "scim_bridge_target_up{app=\"test\"}"), Some(1.0), "{text}");
    assert_eq!(value(&text, "scim_bridge_users{app=\"test\",state=\"active\"}"), None, "{text}");
    blocking.rollback().await.unwrap();
    let text = scraped(&bridge).await;
    assert!(value(&text, "scim_bridge_users{app=\"test\",state=\"active\"}").is_some(), "{text}");
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_and_all_else_is_answered() {
    let lab = "[apps.lab]\nconnector = 'memory'\ntokens = [{ name = 'lab', token = 'planted-lab' }]";
    let bridge = Setup::aha().config(lab).start().await;
    bridge.create_user("sam.doe@example.com").await;
    let up = |text: &str| value(text, "scim_bridge_database_up{}");
    let text = scraped(&bridge).await;
    assert_eq!(up(&text), Some(1.0), "{text}");
    let age = "scim_bridge_roster_age_seconds{app=\"test\"}";
    assert!(value(&text, age).is_some());

    // Of one app something is not what the program writes.
    execute(&bridge, "UPDATE rosters SET census = 'rubbish' WHERE app = 'test'").await;
    let text = scraped(&bridge).await;
    assert_eq!((up(&text), value(&text, age)), (Some(1.0), None), "{text}");
    for kept in [
        "scim_bridge_users{app=\"test\",state=\"active\"}",
        "scim_bridge_users{app=\"lab\",state=\"active\"}",
        "scim_bridge_queue_users{app=\"test\",lane=\"revoke\"}",
        "scim_bridge_budget_used_calls{app=\"test\",window=\"minute\"}",
        "scim_bridge_brake_revocations{app=\"test\"}",
    ] {
        assert!(value(&text, kept).is_some(), "{kept}: {text}");
    }

    // Nothing can be read any more.
    execute(&bridge, "ALTER TABLE _sqlx_migrations RENAME TO elsewhere").await;
    let text = scraped(&bridge).await;
    assert_eq!(up(&text), Some(0.0), "{text}");
    assert_eq!(value(&text, "scim_bridge_users{app=\"lab\",state=\"active\"}"), None);
    assert_eq!(value(&text, "scim_bridge_target_up{app=\"test\"}"), Some(1.0));
    let created = "scim_bridge_requests_total{app=\"test\",operation=\"POST /Users\",status=\"201\"}";
    assert_eq!(value(&text, created), Some(1.0), "{text}");
    assert!(text.ends_with("# EOF\n"));
    execute(&bridge, "ALTER TABLE elsewhere RENAME TO _sqlx_migrations").await;
    assert_eq!(up(&scraped(&bridge).await), Some(1.0));
}

#[tokio::test]
async fn where_nothing_is_carried_out_nobody_waits_for_too_long() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.app_keys("mode = 'plan'\nroster_every = '24h'").with(|aha| {
        aha.seed(Person::new("Kim", "Lee", "kim.lee@example.com"));
    });
    let bridge = setup.start().await;
    let found = bridge.filter("/Users", "userName eq \"kim.lee@example.com\"").await;
    bridge.delete(&format!("/Users/{}", found.only()["id"].as_str().unwrap())).await.no_content();
    clock.advance(Duration::from_hours(1));
    let text = scraped(&bridge).await;
    assert!(!text.contains("scim_bridge_queue_oldest_age_seconds{"), "{text}");
    assert!(value(&text, "scim_bridge_roster_accounts{app=\"test\"}").is_some());
}

#[tokio::test]
async fn a_leaver_who_still_has_access_grows_older_however_often_it_is_tried() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys("confirm_within = '1s'").start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.aha.fault(Fault::json(503, &json!({})).on("PUT /users/:id").always());
    let path = created.path();
    let deleting = bridge.delete(&path);
    let waited = async {
        eventually("the clock is past what a write waits", || async {
            clock.advance(Duration::from_secs(2));
            let text = scraped(&bridge).await;
            let labels = "{app=\"test\",lane=\"revoke\"}";
            value(&text, &format!("scim_bridge_queue_oldest_age_seconds{labels}")) > Some(300.0)
                && value(&text, &format!("scim_bridge_queue_failing_users{labels}")) == Some(1.0)
        })
        .await;
    };
    tokio::join!(deleting, waited);
}
