//! The keys that issuers publish: fetched when needed, kept, changed at any time.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use scim_bridge::clock::{ManualClock, Time};
use serde_json::{Value, json};

use super::{NOW, expect_in, expect_out, knock, setup};
use crate::harness::{
    Bridge, Setup, TOKEN, eventually,
    issuer::{Issuer, Key},
};

fn claims(issuer: &Issuer) -> Value {
    json!({ "iss": issuer.url(), "aud": "bridge", "sub": "idp", "exp": NOW + 86_400 })
}

async fn start() -> (Bridge, Issuer, ManualClock) {
    let issuer = Issuer::start().await;
    let (setup, clock) = setup(&format!(
        "jwt = [{{ name = 'corp', issuer = '{}', audience = 'bridge', claims = {{ sub = 'idp' }} }}]",
        issuer.url()
    ));
    (setup.start().await, issuer, clock)
}

#[tokio::test]
async fn keys_are_fetched_once_for_many_requests() {
    let (bridge, issuer, _) = start().await;
    let token = issuer.sign(&claims(&issuer));
    let knocks = (0..20).map(|_| expect_in(&bridge, &token));
    futures_util::future::join_all(knocks).await;
    assert_eq!(issuer.fetched(), 1);
}

#[tokio::test]
async fn a_new_key_is_looked_for_once_and_a_key_that_is_gone_is_not_used_any_more() {
    let (bridge, issuer, clock) = start().await;
    let (old, next) = (issuer.key(), issuer.next_key());
    let of_old = old.sign(&old.header(), &claims(&issuer));
    let of_next = next.sign(&next.header(), &claims(&issuer));
    expect_in(&bridge, &of_old).await;
    clock.advance(Duration::from_secs(30));
    issuer.publish(&[next.public()]);
    expect_in(&bridge, &of_next).await;
    assert_eq!(issuer.fetched(), 2);
    expect_out(&bridge, vec![("a key that is gone", of_old)]).await;
}

#[tokio::test]
async fn a_key_that_was_withdrawn_while_nobody_came_is_not_used_once_more() {
    let (bridge, issuer, clock) = start().await;
    let token = issuer.sign(&claims(&issuer));
    expect_in(&bridge, &token).await;
    issuer.publish(&[issuer.next_key().public()]);
    clock.advance(Duration::from_secs(3 * 3600));
    expect_out(&bridge, vec![("a key that is gone", token)]).await;
}

#[tokio::test]
async fn known_keys_are_used_for_a_day_while_the_issuer_is_down() {
    let (bridge, issuer, clock) = start().await;
    let token = issuer.sign(&super::with(&claims(&issuer), "exp", NOW + 10 * 86_400));
    expect_in(&bridge, &token).await;
    issuer.fail(Some(StatusCode::BAD_GATEWAY));
    clock.advance(Duration::from_secs(24 * 3600 - 1));
    expect_in(&bridge, &token).await;
    clock.advance(Duration::from_secs(1));
    knock(&bridge, &format!("Bearer {token}")).await.error(503, "");
    issuer.fail(None);
    clock.advance(Duration::from_secs(30));
    expect_in(&bridge, &token).await;
}

#[tokio::test]
async fn unknown_keys_make_the_issuer_be_asked_at_most_every_30_seconds() {
    let (bridge, issuer, clock) = start().await;
    let foreign = Key::foreign();
    let hostile = || foreign.sign(&foreign.header(), &claims(&issuer));
    for _ in 0..10 {
        expect_out(&bridge, vec![("unknown", hostile())]).await;
    }
    assert_eq!(issuer.fetched(), 1);
    clock.advance(Duration::from_secs(29));
    expect_out(&bridge, vec![("unknown", hostile())]).await;
    assert_eq!(issuer.fetched(), 1);
    clock.advance(Duration::from_secs(1));
    expect_out(&bridge, vec![("unknown", hostile()), ("unknown", hostile())]).await;
    assert_eq!(issuer.fetched(), 2);
}

#[tokio::test]
async fn known_keys_are_used_while_the_issuer_is_down_and_fetched_again_when_they_are_old() {
    let (bridge, issuer, clock) = start().await;
    let token = issuer.sign(&claims(&issuer));
    expect_in(&bridge, &token).await;
    issuer.fail(Some(StatusCode::BAD_GATEWAY));
    clock.advance(Duration::from_secs(5 * 3600));
    expect_in(&bridge, &token).await;
    let foreign = Key::foreign();
    // It may be a new key: nobody can tell.
    clock.advance(Duration::from_secs(31));
    let unknown = foreign.sign(&foreign.header(), &claims(&issuer));
    let answer = knock(&bridge, &format!("Bearer {unknown}")).await;
    answer.error(503, "");
    assert_eq!(answer.header("retry-after"), "30");
    expect_in(&bridge, &token).await;

    issuer.fail(None);
    issuer.publish(&[issuer.next_key().public()]);
    clock.advance(Duration::from_secs(31));
    // The request that finds the keys old does not wait for new ones; a later one has them.
    eventually("the key that is gone is refused", || async {
        clock.advance(Duration::from_secs(31));
        knock(&bridge, &format!("Bearer {token}")).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn without_any_keys_nobody_can_tell_and_it_is_tried_again() {
    let (bridge, issuer, clock) = start().await;
    let token = issuer.sign(&claims(&issuer));
    for failure in [StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR] {
        issuer.fail(Some(failure));
        knock(&bridge, &format!("Bearer {token}")).await.error(503, "");
        clock.advance(Duration::from_secs(30));
    }
    issuer.fail(None);
    issuer.publish(&[]);
    knock(&bridge, &format!("Bearer {token}")).await.error(503, "");
    clock.advance(Duration::from_secs(30));
    issuer.publish(&[issuer.key().public()]);
    expect_in(&bridge, &token).await;
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_passed_over() {
    let (bridge, issuer, _) = start().await;
    let key = issuer.key();
    let for_encryption = {
        let mut public = Key::foreign().public();
        public["use"] = "enc".into();
        public
    };
    let secret = json!({ "kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256" });
    issuer.publish(&[json!({ "kty": "XYZ" }), json!("x"), secret, for_encryption, key.public()]);
    expect_in(&bridge, &issuer.sign(&claims(&issuer))).await;
    let foreign = Key::foreign();
    let of_secret =
        super::sign_with_secret(&json!({ "alg": "HS256", "kid": "secret" }), &claims(&issuer), b"secret");
    expect_out(
        &bridge,
        vec![
            ("a key for encryption", foreign.sign(&foreign.header(), &claims(&issuer))),
            ("a secret that was published", of_secret),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_token_need_not_name_its_key_if_there_is_one_that_it_can_be() {
    let (bridge, issuer, clock) = start().await;
    let (key, next) = (issuer.key(), issuer.next_key());
    let token = key.sign(&json!({ "alg": "RS256" }), &claims(&issuer));
    expect_in(&bridge, &token).await;
    clock.advance(Duration::from_secs(3601));
    issuer.publish(&[key.public(), next.public()]);
    eventually("both keys are known", || async {
        clock.advance(Duration::from_secs(31));
        knock(&bridge, &format!("Bearer {token}")).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_up_those_alone_whose_key_is_looked_for() {
    let issuer = Issuer::start().await;
    let rule = format!(
        "max_concurrent_requests = 50\n\
         auth = {{ jwt = [{{ name = 'corp', issuer = '{}', audience = 'bridge', claims = {{ sub = 'idp' }} }}] }}",
        issuer.url()
    );
    let clock = ManualClock::new(Time::from_micros(NOW * 1_000_000));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).app_keys(&rule).start().await;
    let known = issuer.sign(&claims(&issuer));
    expect_in(&bridge, &known).await;
    clock.advance(Duration::from_secs(30));
    issuer.hang(true);
    let foreign = Key::foreign();
    let unknown = foreign.sign(&foreign.header(), &claims(&issuer));
    // More than there are places in the app: whoever is not known yet has none.
    let waiting: Vec<_> = (0..60)
        .map(|_| {
            let request = bridge.anonymous(Method::GET, "/test/scim/v2/Users").bearer_auth(&unknown);
            tokio::spawn(async move { request.send().await.unwrap().status() })
        })
        .collect();
    eventually("the issuer is asked", async || issuer.fetched() == 2).await;
    for _ in 0..5 {
        expect_in(&bridge, &known).await;
        expect_in(&bridge, TOKEN).await;
    }
    assert!(waiting.iter().all(|request| !request.is_finished()));
    issuer.hang(false);
    for request in waiting {
        assert_eq!(request.await.unwrap(), 401);
    }
    assert_eq!(issuer.fetched(), 2);
}

#[tokio::test]
async fn while_an_issuer_hangs_only_the_first_waits_who_has_a_known_key() {
    let (bridge, issuer, clock) = start().await;
    let token = issuer.sign(&claims(&issuer));
    expect_in(&bridge, &token).await;
    issuer.fail(Some(StatusCode::BAD_GATEWAY));
    clock.advance(Duration::from_hours(3));
    // The one that finds out that the issuer cannot be asked.
    expect_in(&bridge, &token).await;
    let asked = issuer.fetched();
    issuer.fail(None);
    issuer.publish(&[issuer.next_key().public()]);
    issuer.hang(true);
    clock.advance(Duration::from_secs(31));
    for _ in 0..5 {
        expect_in(&bridge, &token).await;
    }
    eventually("the issuer is asked meanwhile", async || issuer.fetched() > asked).await;
    // That question is still out: without another one it is answered.
    issuer.hang(false);
    eventually("the answer counts", async || knock(&bridge, &format!("Bearer {token}")).await.status == 401)
        .await;
}

#[tokio::test]
async fn a_failure_of_long_ago_does_not_bring_a_key_in_that_was_withdrawn_since() {
    let (bridge, issuer, clock) = start().await;
    let token = issuer.sign(&claims(&issuer));
    expect_in(&bridge, &token).await;
    issuer.fail(Some(StatusCode::BAD_GATEWAY));
    clock.advance(Duration::from_hours(3));
    expect_in(&bridge, &token).await;
    issuer.fail(None);
    issuer.publish(&[issuer.next_key().public()]);
    clock.advance(Duration::from_hours(1));
    expect_out(&bridge, vec![("a key that is gone", token)]).await;
}

#[tokio::test]
async fn while_nobody_can_tell_who_calls_that_counts_for_the_log_and_is_answered_503() {
    let issuer = Issuer::start().await;
    let rule = format!(
        "jwt = [{{ name = 'corp', issuer = '{}', audience = 'bridge', claims = {{ sub = 'idp' }} }}]",
        issuer.url()
    );
    let (setup, _) = setup(&rule);
    let key = "failed_authentications_per_minute = 3";
    let bridge = setup.server_keys(key).start().await;
    issuer.fail(Some(StatusCode::BAD_GATEWAY));
    let token = format!("Bearer {}", issuer.sign(&claims(&issuer)));
    for _ in 0..5 {
        knock(&bridge, &token).await.error(503, "");
    }
    // It was counted: what is wrong is told to slow down at once.
    assert_eq!(knock(&bridge, "Bearer wrong").await.status, 429);
    expect_in(&bridge, TOKEN).await;
}
