//! From the URL to the token: who is let in, once, and who is not.

use std::{sync::Arc, time::Duration};

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::SystemClock,
    sim::aha::switches::{OAuthRules, RefreshTokens, StateParameter, TokenAnswer},
    store::logins::Stage,
};

use super::*;
use crate::{
    database_fails::{fail, mend},
    harness::{pass_time, user},
};

/// Begins a login, and answers the URL that the browser is sent back to, which it has not opened yet, and the login's id.
async fn come_back(bridge: &Bridge, login: &Login, app: &str) -> (String, String) {
    let begun = begin(bridge, login, app).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.get(begun.url.expose()).send().await.unwrap();
    (answer.headers()["location"].to_str().unwrap().to_owned(), begun.id)
}

#[rstest]
#[case::json(OAuthRules::default())]
#[case::a_form(OAuthRules { answer: TokenAnswer::Form, ..OAuthRules::default() })]
#[case::with_an_end(OAuthRules { lifetime: Some(Duration::from_hours(2)), ..OAuthRules::default() })]
#[case::with_a_refresh_token(OAuthRules { refresh_tokens: RefreshTokens::Kept, ..OAuthRules::default() })]
#[case::with_all_in_a_form(OAuthRules {
    answer: TokenAnswer::Form,
    lifetime: Some(Duration::from_hours(2)),
    refresh_tokens: RefreshTokens::Rotated,
    ..OAuthRules::default()
})]
#[tokio::test]
async fn once_a_person_has_logged_in_the_bridge_calls_with_that(#[case] rules: OAuthRules) {
    let bridge = start(rules).await;
    wait_for_state(&bridge, "credentials refused").await;
    let reason = bridge.status().await["target"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("nobody has logged in at Aha!"), "{reason}");
    assert!(reason.contains("scim-bridge login --config FILE --app test"), "{reason}");

    let (status, page) = log_in(&bridge).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Logged in"), "{page}");
    wait_for_state(&bridge, "working").await;
    bridge.wait_until_ready().await;
    bridge.create_user("ann.lee@example.com").await;
    assert!(bridge.aha.find_user_by_email("ann.lee@example.com").is_some());
    assert!(bridge.status().await["credentials"].as_str().unwrap().starts_with("a login"));
}

#[tokio::test]
async fn a_login_survives_a_restart_and_is_sealed_in_the_database() {
    let mut bridge =
        start(OAuthRules { refresh_tokens: RefreshTokens::Rotated, ..OAuthRules::default() }).await;
    assert_eq!(log_in(&bridge).await.0, 200);
    bridge.restart().await;
    bridge.create_user("ann.lee@example.com").await;
    let tokens = bridge.aha.given_tokens();
    assert_eq!(tokens.len(), 2, "an access token and a refresh token: {tokens:?}");
    bridge.stop().await;
    for entry in std::fs::read_dir(bridge.folder()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for token in tokens.iter().map(String::as_str).chain([CLIENT_SECRET]) {
            assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "{token}");
        }
    }
    bridge.start_again().await;
    bridge.reconfigure(SECRET_KEY, "secret_key = 'another-key-0123456789abcdef0123'").await;
    wait_for_state(&bridge, "credentials refused").await;
    let reason = bridge.status().await["target"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("cannot be opened with server.secret_key"), "{reason}");
}

#[tokio::test]
async fn a_state_counts_once() {
    let bridge = start(OAuthRules::default()).await;
    let login = bridge.login_of("test").await;
    let (url, id) = come_back(&bridge, &login, "test").await;
    // Somebody who only looks does not use it up.
    let head = reqwest::Client::new().head(&url).send().await.unwrap();
    assert_eq!(head.status(), 405);
    assert_eq!(login.stage(&id).await.unwrap(), Some(Stage::Open));
    assert_eq!(bridge.browse(&url).await.0, 200);
    assert_eq!(login.stage(&id).await.unwrap(), Some(Stage::Done));
    let (status, page) = bridge.browse(&url).await;
    assert_eq!(status, 400, "{page}");
    assert!(page.contains("completed already") && page.contains("scim-bridge login"), "{page}");
    assert_eq!(bridge.aha.calls().to("POST /oauth/token").len(), 1);
}

#[tokio::test]
async fn two_who_come_back_at_once_with_one_state_get_one_token() {
    let bridge = start(OAuthRules::default()).await;
    let login = bridge.login_of("test").await;
    let (url, _) = come_back(&bridge, &login, "test").await;
    let visits = futures_util::future::join_all((0..8).map(|_| bridge.browse(&url))).await;
    let statuses: Vec<_> = visits.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(bridge.aha.calls().to("POST /oauth/token").len(), 1);
}

#[tokio::test]
async fn a_state_is_over_after_ten_minutes() {
    let (bridge, clock) = start_with_manual_clock(OAuthRules::default()).await;
    let login = bridge.login_of("test").await;
    let (in_time, _) = come_back(&bridge, &login, "test").await;
    let (too_late, _) = come_back(&bridge, &login, "test").await;
    clock.advance(Duration::from_secs(599));
    assert_eq!(bridge.browse(&in_time).await.0, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(bridge.browse(&too_late).await.0, 400);
}

#[tokio::test]
async fn a_state_of_one_app_completes_no_login_of_another() {
    let other = format!(
        "[apps.other]\nconnector = 'aha'\nbase_url = 'http://127.0.0.1:9'\ndefault_workspace = 'PRJ1'\n\
         login = {{ client_id = '{CLIENT}', client_secret = '{CLIENT_SECRET}' }}"
    );
    let bridge = setup(Arc::new(SystemClock), OAuthRules::default()).config(&other).start_unready().await;
    register(&bridge, "test");
    let login = bridge.login_of("test").await;
    let (url, id) = come_back(&bridge, &login, "test").await;
    assert_eq!(bridge.browse(&url.replace("/test/", "/other/")).await.0, 400);
    assert_eq!(login.stage(&id).await.unwrap(), Some(Stage::Open), "it is not used up by that");
    assert_eq!(bridge.browse(&url).await.0, 200);
}

#[tokio::test]
async fn whoever_comes_back_without_the_state_of_a_login_is_not_let_in() {
    let bridge = start(OAuthRules::default()).await;
    let login = bridge.login_of("test").await;
    let (url, id) = come_back(&bridge, &login, "test").await;
    let right = Url::parse(&url).unwrap();
    let state = right.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let callback = redirect_uri(&bridge, "test");
    let mut last_bit = state.clone().into_bytes();
    last_bit[42] ^= 1;
    for query in [
        String::new(),
        "code=x".to_owned(),
        "code=x&state=".to_owned(),
        format!("code=x&state={}", String::from_utf8(last_bit).unwrap()),
        format!("code=x&state={}", &state[..42]),
        format!("code=x&state={state}x"),
        format!("code=x&state={}", state.to_uppercase()),
        format!("code=x&state={state}&state={state}"),
        format!("code=x&error=y&state={state}"),
        format!("state={state}"),
        format!("code=x&code=y&state={state}"),
        format!("code=x&state={}", "A".repeat(20_000)),
        "code=x&state=%00%ff".to_owned(),
        "code=x&state=' OR 1=1 --".to_owned(),
    ] {
        let (status, page) = bridge.browse(&format!("{callback}?{query}")).await;
        assert_eq!(status, 400, "{query}: {page}");
        assert!(!page.contains(&state), "{page}");
    }
    assert_eq!(login.stage(&id).await.unwrap(), Some(Stage::Open));
    assert!(bridge.aha.calls().to("POST /oauth/token").is_empty());
    for path in ["/nobody/oauth/callback", "/test/oauth/callback/x", "/test/oauth"] {
        let (status, page) =
            bridge.browse(&format!("{}{path}?{}", bridge.root(), right.query().unwrap())).await;
        assert!([401, 404].contains(&status), "{path}: {status} {page}");
    }
    let posted =
        bridge.anonymous(Method::POST, "/test/oauth/callback").body(right.query().unwrap().to_owned());
    assert!(!posted.send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn whoever_guesses_states_is_slowed_down_and_who_has_one_is_not() {
    let setup = setup(Arc::new(SystemClock), OAuthRules::default());
    let bridge = setup.server_keys("failed_authentications_per_minute = 1").start_unready().await;
    register(&bridge, "test");
    let login = bridge.login_of("test").await;
    let (url, _) = come_back(&bridge, &login, "test").await;
    let guess = format!("{}?code=x&state=guessed", redirect_uri(&bridge, "test"));
    assert_eq!(bridge.browse(&guess).await.0, 400);
    assert_eq!(bridge.browse(&guess).await.0, 429);
    assert_eq!(bridge.browse(&url).await.0, 200);
}

/// The code is good once, so what was given for it must not be lost.
#[tokio::test]
async fn a_login_is_kept_although_the_database_fails_for_a_moment() {
    let (bridge, clock) = start_with_manual_clock(OAuthRules::default()).await;
    let login = bridge.login_of("test").await;
    let (url, _) = come_back(&bridge, &login, "test").await;
    fail(&bridge, "INSERT", "target_tokens").await;
    let browsing = tokio::spawn(async move { reqwest::get(url).await.unwrap().status().as_u16() });
    eventually("a token is given", async || !bridge.aha.calls().to("POST /oauth/token").is_empty()).await;
    let later = clock.now() + Duration::from_secs(3);
    let step = Duration::from_millis(500);
    pass_time(&clock, step, "it was tried", async || clock.now() >= later).await;
    assert!(!browsing.is_finished());
    mend(&bridge).await;
    pass_time(&clock, step, "it is done", async || browsing.is_finished()).await;
    assert_eq!(browsing.await.unwrap(), 200);
    assert_eq!(bridge.aha.calls().to("POST /oauth/token").len(), 1);
}

#[tokio::test]
async fn an_app_with_an_api_key_has_no_callback() {
    let bridge = Setup::aha().start().await;
    assert_eq!(bridge.browse(&format!("{}?code=x&state=y", redirect_uri(&bridge, "test"))).await.0, 404);
}

#[tokio::test]
async fn a_person_who_is_sent_back_without_the_state_hears_that_it_does_not_count() {
    let bridge = start(OAuthRules { state: StateParameter::Dropped, ..OAuthRules::default() }).await;
    assert_eq!(log_in(&bridge).await.0, 400);
    assert!(bridge.aha.calls().to("POST /oauth/token").is_empty());
}

#[tokio::test]
async fn a_person_who_refuses_ends_the_login_and_aha_is_asked_for_no_token() {
    let bridge = start(OAuthRules::default()).await;
    bridge.aha.sit_down(None);
    let login = bridge.login_of("test").await;
    let (url, id) = come_back(&bridge, &login, "test").await;
    let (status, page) = bridge.browse(&url).await;
    assert_eq!(status, 403);
    assert!(page.contains("did not allow the login (access_denied)"), "{page}");
    let Some(Stage::Failed(reason)) = login.stage(&id).await.unwrap() else { panic!("it goes on") };
    assert!(reason.contains("access_denied"), "{reason}");
    assert!(bridge.aha.calls().to("POST /oauth/token").is_empty());
}

#[rstest]
#[case(400)]
#[case(401)]
#[tokio::test]
async fn a_wrong_client_secret_is_told_to_the_person_and_the_admin(#[case] refusal_status: u16) {
    let bridge = start(OAuthRules { refusal_status, ..OAuthRules::default() }).await;
    bridge.aha.add_application(CLIENT, "another secret", &redirect_uri(&bridge, "test"));
    let (status, page) = log_in(&bridge).await;
    assert_eq!(status, 403, "{page}");
    assert!(page.contains("invalid_client") && !page.contains(CLIENT_SECRET), "{page}");
}

#[tokio::test]
async fn the_page_of_the_callback_is_kept_by_nobody_and_tells_nobody_its_address() {
    let bridge = start(OAuthRules::default()).await;
    let answer = bridge.anonymous(Method::GET, "/test/oauth/callback").send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn a_person_may_come_back_from_a_network_that_identity_providers_may_not_come_from() {
    let setup = setup(Arc::new(SystemClock), OAuthRules::default()).app_keys("allow_from = ['192.0.2.0/24']");
    let bridge = setup.start_unready().await;
    register(&bridge, "test");
    assert_eq!(log_in(&bridge).await.0, 200);
    let answer = bridge.post("/Users", &user("ann@example.com")).await;
    assert_eq!(answer.status, 403, "{answer}");
}
