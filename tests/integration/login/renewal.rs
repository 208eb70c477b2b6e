//! What becomes of a login whose token ends.

use std::time::Duration;

use rstest::rstest;
use scim_bridge::{
    connector::credentials::Credentials,
    sim::aha::{
        Fault, Person,
        switches::{OAuthRules, RefreshTokens},
    },
    store::target_tokens,
};
use serde_json::json;
use sqlx::Connection;

use super::*;
use crate::harness::{TOKEN, pass_time, receiver::Receiver};

const HOUR: Duration = Duration::from_hours(1);

fn renewed_by(refresh_tokens: RefreshTokens) -> OAuthRules {
    OAuthRules { refresh_tokens, lifetime: Some(HOUR), ..OAuthRules::default() }
}

async fn started(rules: OAuthRules) -> (Bridge, scim_bridge::clock::ManualClock) {
    let (bridge, clock) = start_with_manual_clock(rules).await;
    assert_eq!(log_in(&bridge).await.0, 200);
    pass_time(&clock, Duration::from_millis(500), "the bridge is ready", || async {
        bridge.ready().await.status == 200 && bridge.status().await["target"]["state"] == "working"
    })
    .await;
    bridge.aha.take_calls();
    (bridge, clock)
}

#[rstest]
#[case::that_stays_good(RefreshTokens::Kept)]
#[case::that_is_good_once(RefreshTokens::Rotated)]
#[tokio::test]
async fn a_token_is_renewed_before_it_ends_once_for_all_who_call(#[case] refresh_tokens: RefreshTokens) {
    let (bridge, clock) = started(renewed_by(refresh_tokens)).await;
    for round in 0..3 {
        clock.advance(HOUR - Duration::from_secs(30));
        let people: Vec<_> = (0..8).map(|number| format!("p{number}-{round}@example.com")).collect();
        futures_util::future::join_all(people.iter().map(|email| bridge.create_user(email))).await;
        let calls = bridge.aha.take_calls();
        assert_eq!(calls.to("POST /oauth/token").len(), 1, "{calls}");
        assert!(calls.answered(401).is_empty(), "{calls}");
    }
}

#[tokio::test]
async fn a_token_of_a_short_life_is_not_renewed_for_every_call() {
    let rules = OAuthRules { lifetime: Some(Duration::from_secs(30)), ..renewed_by(RefreshTokens::Kept) };
    let (bridge, clock) = started(rules).await;
    for number in 0..6 {
        bridge.create_user(&format!("p{number}@example.com")).await;
    }
    let calls = bridge.aha.take_calls();
    assert!(calls.to("POST /oauth/token").len() <= 1, "{calls}");
    clock.advance(Duration::from_secs(28));
    bridge.create_user("late@example.com").await;
    assert_eq!(bridge.aha.take_calls().to("POST /oauth/token").len(), 1);
}

#[tokio::test]
async fn a_login_that_nobody_can_renew_is_told_of_before_it_ends() {
    let receiver = Receiver::start().await;
    let (_, clock) = Setup::aha_with_manual_clock();
    let rules = OAuthRules { lifetime: Some(20 * 24 * HOUR), ..OAuthRules::default() };
    let notify = format!("[notify]\nurl = '{}'", receiver.url);
    let bridge = setup(Arc::new(clock.clone()), rules).config(&notify).start_unready().await;
    register(&bridge, "test");
    assert_eq!(log_in(&bridge).await.0, 200);
    let told = || receiver.received().into_iter().find(|told| told.body["kind"] == "token_expiring");
    pass_time(&clock, Duration::from_secs(5), "it is told", async || told().is_some()).await;
    let text = told().unwrap().body["text"].as_str().unwrap().to_owned();
    assert!(text.contains("app test: the login at Aha! expires in 20 days"), "{text}");
    assert!(text.ends_with("log in again: scim-bridge login --config FILE --app test"), "{text}");
}

#[tokio::test]
async fn a_token_that_ends_without_a_word_is_renewed_when_aha_refuses_it_and_nobody_notices() {
    let (bridge, _clock) = started(renewed_by(RefreshTokens::Rotated)).await;
    let id = bridge.create_user("ann.lee@example.com").await;
    bridge.aha.end_access_tokens();
    bridge.aha.take_calls();
    let operations = json!([{ "op": "replace", "path": "active", "value": false }]);
    let answer = bridge.patch(&format!("/Users/{id}"), operations).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert!(!bridge.aha.find_user_by_email("ann.lee@example.com").unwrap().enabled);
    let calls = bridge.aha.take_calls();
    assert_eq!(calls.answered(401).len(), 1, "{calls}");
    assert_eq!(calls.to("POST /oauth/token").len(), 1, "{calls}");
    assert_eq!(bridge.status().await["target"]["state"], "working");
}

#[tokio::test]
async fn when_a_login_is_over_leavers_are_held_and_leave_when_somebody_has_logged_in_again() {
    let (bridge, clock) = started(renewed_by(RefreshTokens::None)).await;
    let id = bridge.create_user("ann.lee@example.com").await;
    clock.advance(HOUR);
    let operations = json!([{ "op": "replace", "path": "active", "value": false }]);
    let answer = bridge.patch(&format!("/Users/{id}"), operations).await;
    assert_eq!(answer.status, 503, "{answer}");
    let detail = answer.error(503, "").to_owned();
    assert!(detail.contains("A person must log in (again): scim-bridge login"), "{detail}");
    let status = bridge.status().await;
    assert!(status["target"]["state"].as_str().unwrap().starts_with("credentials refused"), "{status:#}");
    assert_eq!(status["queue"]["revoke"]["users"], 1, "{status:#}");
    assert!(bridge.aha.find_user_by_email("ann.lee@example.com").unwrap().enabled);

    assert_eq!(log_in(&bridge).await.0, 200);
    // At once: the probe does not wait for the minute after a refusal.
    let before = clock.now();
    pass_time(&clock, Duration::from_millis(100), "she leaves", || async {
        !bridge.aha.find_user_by_email("ann.lee@example.com").unwrap().enabled
    })
    .await;
    assert!(clock.now().since(before) < Duration::from_secs(20), "{:?}", clock.now().since(before));
}

#[tokio::test]
async fn a_login_that_the_person_revoked_is_told_and_the_endpoint_is_not_asked_all_the_time() {
    let (bridge, clock) = started(renewed_by(RefreshTokens::Rotated)).await;
    bridge.aha.revoke_application();
    for number in 0..8 {
        let user = crate::harness::user(&format!("p{number}@example.com"));
        assert_eq!(bridge.post("/Users", &user).await.status, 503);
    }
    let reason = bridge.status().await["target"]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.contains("does not renew the token of the login") && reason.contains("invalid_grant"),
        "{reason}"
    );
    assert!(bridge.aha.take_calls().to("POST /oauth/token").len() <= 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(log_in(&bridge).await.0, 200);
    pass_time(&clock, Duration::from_millis(100), "it works again", || async {
        bridge.status().await["target"]["state"] == "working"
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_is_down_costs_a_pause_and_not_the_login() {
    let (bridge, clock) = started(renewed_by(RefreshTokens::Rotated)).await;
    let id = bridge.create_user("ann.lee@example.com").await;
    clock.advance(HOUR);
    bridge.aha.fault(Fault::html(503).on("POST /oauth/token"));
    let path = format!("/Users/{id}");
    let delete = bridge.delete(&path);
    let answer = crate::harness::as_time_passes(&clock, Duration::from_millis(500), delete).await;
    assert_eq!(answer.status, 204, "{answer}");
    pass_time(&clock, Duration::from_millis(500), "she leaves", || async {
        !bridge.aha.find_user_by_email("ann.lee@example.com").unwrap().enabled
    })
    .await;
}

#[tokio::test]
async fn whoever_logs_in_is_not_disabled_with_that_login() {
    let (bridge, _clock) = started(OAuthRules::default()).await;
    let other = Person::new("Second", "Admin", "second@example.com").administrator();
    bridge.aha.sit_down(Some(bridge.aha.seed(other)));
    let id = bridge.create_user("second@example.com").await;
    assert_eq!(log_in(&bridge).await.0, 200);
    let answer = bridge.delete(&format!("/Users/{id}")).await;
    assert!(answer.error(403, "").contains("this bridge works at the target as"), "{answer}");
    assert!(bridge.aha.find_user_by_email("second@example.com").unwrap().enabled);
}

#[tokio::test]
async fn a_token_that_is_given_when_nobody_waits_for_it_any_more_is_kept() {
    let (mut bridge, clock) = started(renewed_by(RefreshTokens::Rotated)).await;
    bridge.stop().await;
    clock.advance(HOUR);
    bridge.aha.fault(Fault::delay(Duration::from_secs(2)).on("POST /oauth/token"));
    let login = Arc::new(bridge.login_of("test").await);
    let asking = tokio::spawn({
        let login = login.clone();
        async move { login.token().await.is_ok() }
    });
    let store = bridge.store().await;
    let is_asked = async || target_tokens::find(&store, "test").await.unwrap().unwrap();
    let before = is_asked().await;
    turn_is_taken(&bridge).await;
    asking.abort();
    pass_time(&clock, Duration::from_millis(500), "the token is kept", || async {
        is_asked().await.version > before.version
    })
    .await;
    login.settle().await;
    assert!(login.token().await.is_ok());
    assert_eq!(bridge.aha.take_calls().to("POST /oauth/token").len(), 1);
}

/// Waits until somebody renews the token.
async fn turn_is_taken(bridge: &Bridge) {
    eventually("the turn is taken", async || {
        let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
        let until: i64 = sqlx::query_scalar("SELECT renewing_until FROM target_tokens")
            .fetch_one(&mut database)
            .await
            .unwrap();
        until > 0
    })
    .await;
}

/// Its refresh token is used up by then.
#[tokio::test]
async fn a_token_that_is_being_renewed_when_the_bridge_is_stopped_is_kept() {
    let (mut bridge, clock) = started(renewed_by(RefreshTokens::Rotated)).await;
    let version = async |bridge: &Bridge| {
        target_tokens::find(&bridge.store().await, "test").await.unwrap().unwrap().version
    };
    let before = version(&bridge).await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(20)).on("POST /oauth/token"));
    clock.advance(HOUR);
    let request = bridge.anonymous(http::Method::POST, "/test/scim/v2/Users").bearer_auth(TOKEN);
    let asking = tokio::spawn(request.json(&crate::harness::user("ann.lee@example.com")).send());
    turn_is_taken(&bridge).await;
    asking.abort();
    crate::harness::as_time_passes(&clock, Duration::from_millis(250), bridge.stop()).await;
    assert!(version(&bridge).await > before);
}
