//! Opaque tokens: several at a time, made and revoked beside the running server, in forms that an app allows.

use std::{sync::Arc, time::Duration};

use http::Method;
use rstest::rstest;
use scim_bridge::{
    auth::Digest,
    clock::{Clock, ManualClock, Time},
    secret::Secret,
    store::{
        Store, StoreError, token_uses,
        tokens::{self, NewToken},
    },
};
use serde_json::json;

use super::{NOW, basic, expect_in, expect_out, knock, setup};
use crate::harness::{Answer, Bridge, Setup, TOKEN, pass_time};

/// Leaves word as `scim-bridge token` does.
async fn make(store: &Store, clock: &ManualClock, name: &str, token: &str) {
    let digest = Digest::of(token).to_hex();
    let (name, now) = (name.to_owned(), clock.now());
    let new = NewToken { app: "test".into(), name, client: None, digest, expires_at: None };
    let made =
        store.write(move |transaction| Box::pin(async move { tokens::create(transaction, &new, now).await }));
    made.await.map_err(|error: StoreError| error).unwrap();
}

async fn revoke(store: &Store, clock: &ManualClock, name: &str) {
    let (name, now) = (name.to_owned(), clock.now());
    let revoked = store.write(move |transaction| {
        Box::pin(async move { tokens::revoke(transaction, "test", &name, now).await })
    });
    assert!(revoked.await.map_err(|error: StoreError| error).unwrap());
}

async fn status(bridge: &Bridge, token: &str) -> u16 {
    knock(bridge, &format!("Bearer {token}")).await.status
}

#[tokio::test]
async fn several_tokens_open_an_app_at_a_time() {
    let clock = ManualClock::new(Time::from_micros(NOW * 1_000_000));
    let other = "[apps.other]\nconnector = 'memory'\n\
                 tokens = [{ name = 'a', token = 'token-a' }, { name = 'b', token = 'token-b', expires = '2023-11-15' }]";
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).config(other).start().await;
    let ask = async |token: &str| {
        let request = bridge.anonymous(Method::GET, "/other/scim/v2/Users").bearer_auth(token);
        Answer::of(request).await
    };
    assert_eq!((ask("token-a").await.status, ask("token-b").await.status), (200, 200));
    ask(TOKEN).await.error(401, "");
    // It is 2023-11-14T22:13:20Z.
    clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(ask("token-a").await.status, 200);
    let expired = ask("token-b").await;
    assert_eq!(
        expired.error(401, ""),
        "The token expired at 2023-11-15T00:00:00.000Z. Make a new one, and give it to the identity provider."
    );
    assert_eq!(
        expired.header("www-authenticate"),
        "Bearer realm=\"scim-bridge\", error=\"invalid_token\", error_description=\"The token expired\""
    );
    let status = Answer::of(bridge.anonymous(Method::GET, "/status").bearer_auth("token-b")).await;
    assert!(status.error(401, "").starts_with("The token expired at"), "{status}");
}

#[tokio::test]
async fn a_token_that_is_made_counts_within_seconds_and_one_that_is_revoked_does_not_any_more() {
    let (setup, clock) = setup("");
    let bridge = setup.start().await;
    let store = Store::open_beside(bridge.database_url()).await.unwrap();
    assert_eq!(status(&bridge, "made-token").await, 401);
    make(&store, &clock, "okta", "made-token").await;
    let started = clock.now();
    pass_time(&clock, Duration::from_millis(500), "the token opens", || async {
        status(&bridge, "made-token").await == 200
    })
    .await;
    revoke(&store, &clock, "okta").await;
    pass_time(&clock, Duration::from_millis(500), "the token opens nothing", || async {
        status(&bridge, "made-token").await == 401
    })
    .await;
    assert_eq!(status(&bridge, TOKEN).await, 200, "others are as they were");
    // The name can be given again, and the old token does not come back.
    make(&store, &clock, "okta", "next-token").await;
    pass_time(&clock, Duration::from_millis(500), "the next token opens", || async {
        status(&bridge, "next-token").await == 200
    })
    .await;
    assert_eq!(status(&bridge, "made-token").await, 401);
    assert!(clock.now().since(started) < Duration::from_secs(60), "{}", clock.now());
}

#[tokio::test]
async fn made_tokens_open_the_app_after_a_restart_from_the_first_request_on() {
    let (setup, clock) = setup("");
    let mut bridge = setup.start().await;
    let store = Store::open_beside(bridge.database_url()).await.unwrap();
    make(&store, &clock, "okta", "made-token").await;
    store.close().await;
    bridge.restart().await;
    assert_eq!(status(&bridge, "made-token").await, 200);
}

#[tokio::test]
async fn the_last_use_of_each_token_is_written_down_with_where_it_came_from() {
    let (setup, clock) = setup("");
    let mut bridge = setup.start().await;
    let ask = async |bridge: &Bridge, agent: &'static str| {
        let request = bridge.request(Method::GET, "/Users").header("user-agent", agent);
        assert_eq!(Answer::of(request).await.status, 200);
    };
    let store = Store::open_beside(bridge.database_url()).await.unwrap();
    ask(&bridge, "Okta SCIM Client 1.0.0").await;
    pass_time(&clock, Duration::from_secs(1), "the use is written down", || async {
        token_uses::list(&store, "test").await.unwrap().contains_key("config/token/idp")
    })
    .await;
    let used = &token_uses::list(&store, "test").await.unwrap()["config/token/idp"];
    assert_eq!(used.at, Time::from_micros(NOW * 1_000_000));
    assert_eq!(used.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(used.user_agent.as_deref(), Some("Okta SCIM Client 1.0.0"));
    // What is not written down yet is when the server stops.
    ask(&bridge, "azure-sync").await;
    bridge.stop().await;
    let used = &token_uses::list(&store, "test").await.unwrap()["config/token/idp"];
    assert_eq!(used.user_agent.as_deref(), Some("azure-sync"));
}

#[tokio::test]
async fn a_token_without_a_scheme_is_let_in_where_that_is_configured_okt_17() {
    let (setup, _) = setup("raw_token = true");
    let bridge = setup.start().await;
    assert_eq!(knock(&bridge, TOKEN).await.status, 200);
    assert_eq!(knock(&bridge, &format!("Bearer {TOKEN}")).await.status, 200);
    for wrong in ["x", &TOKEN[1..], "Bearer", "SSWS", &basic("okta", TOKEN), &format!("Token {TOKEN}")] {
        let answer = knock(&bridge, wrong).await;
        assert!(
            answer.error(401, "").starts_with("The token is not valid for this app."),
            "{wrong}: {answer}"
        );
    }
    let closed = Setup::memory().start().await;
    knock(&closed, TOKEN).await.error(401, "");
}

#[rstest]
#[case::any_user("basic = true", "whoever", 200)]
#[case::no_user("basic = true", "", 200)]
#[case::the_user("basic_user = 'okta'", "okta", 200)]
#[case::another_user("basic = true, basic_user = 'okta'", "Okta", 401)]
#[case::no_user_where_one_is_needed("basic = true, basic_user = 'okta'", "", 401)]
#[case::not_allowed("raw_token = true", "okta", 401)]
#[tokio::test]
async fn a_token_is_a_password_where_that_is_configured(
    #[case] auth: &str,
    #[case] user: &str,
    #[case] expected: u16,
) {
    let (setup, _) = setup(auth);
    let bridge = setup.start().await;
    assert_eq!(knock(&bridge, &basic(user, TOKEN)).await.status, expected);
    let mut hostile = vec![
        basic(user, "wrong"),
        basic(user, ""),
        basic(TOKEN, user),
        basic(user, &format!("{TOKEN}\n")),
        format!("Basic {TOKEN}"),
        "Basic".to_owned(),
        "Basic ====".to_owned(),
        "Basic /////w==".to_owned(),
    ];
    if !auth.contains("raw_token") {
        hostile.push(TOKEN.to_owned());
    }
    for wrong in hostile {
        let answer = knock(&bridge, &wrong).await;
        answer.error(401, "");
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        let expected = if auth.contains("basic") { 2 } else { 1 };
        assert_eq!(challenges.len(), expected, "{wrong}: {challenges:?}");
        assert!(challenges[0].to_str().unwrap().starts_with("Bearer realm="), "{challenges:?}");
    }
}

#[tokio::test]
async fn a_cursor_outlives_the_token_that_it_was_given_for_and_the_first_secret_key() {
    let mut bridge = Setup::memory().start().await;
    for name in ["ann", "bob", "eve"] {
        bridge.create_user(&format!("{name}@example.com")).await;
    }
    let first = bridge.get("/Users?cursor&count=2").await;
    let cursor = first.body["nextCursor"].as_str().unwrap().to_owned();
    bridge
        .restart_with(|config| {
            let app = config.apps.values_mut().next().unwrap();
            app.tokens[0].token = Secret::new("another-token");
            config.server.secret_key = Some(Secret::new("0123456789abcdef0123456789abcdef"));
        })
        .await;
    bridge.get("/Users").await.error(401, "");
    let next = bridge
        .anonymous(Method::GET, &format!("/test/scim/v2/Users?cursor={cursor}&count=2"))
        .bearer_auth("another-token");
    let next = Answer::of(next).await;
    assert_eq!(next.body["Resources"].as_array().map(Vec::len), Some(1), "{next}");
}

#[tokio::test]
async fn a_token_that_looks_like_a_jwt_is_an_opaque_one_first() {
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.";
    let other =
        format!("[apps.other]\nconnector = 'memory'\ntokens = [{{ name = 'x', token = '{token}' }}]\n");
    let bridge = Setup::memory().config(&other).start().await;
    let request = bridge.anonymous(Method::GET, "/other/scim/v2/Users").bearer_auth(token);
    assert_eq!(Answer::of(request).await.status, 200);
    expect_out(&bridge, vec![("at another app", token.to_owned())]).await;
    expect_in(&bridge, TOKEN).await;
}

#[tokio::test]
async fn nothing_is_changed_by_whoever_is_refused() {
    let (setup, _) = setup("basic = true, raw_token = true");
    let bridge = setup.start().await;
    let body = crate::harness::user("eve@example.com").to_string();
    for wrong in ["Bearer x", "x", &basic("x", "y")] {
        let request = bridge.anonymous(Method::POST, "/test/scim/v2/Users").header("authorization", wrong);
        Answer::of(request.header("content-type", "application/scim+json").body(body.clone()))
            .await
            .error(401, "");
    }
    assert_eq!(bridge.get("/Users").await.body["totalResults"], json!(0));
}
