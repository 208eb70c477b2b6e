//! What the token endpoint gives, and how long it is good.

use std::{sync::Mutex, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use scim_bridge::{
    auth::Digest,
    clock::{Clock, ManualClock},
    store::{
        Store, StoreError,
        tokens::{self, NewToken},
    },
};
use serde_json::{Value, json};

use super::{
    NOW, basic, endpoint::ask, expect_in, expect_out, knock, setup, sign_with_secret, with, without,
};
use crate::harness::{
    Bridge,
    issuer::{Key, encoded},
    pass_time,
};

const CLIENT: &str =
    "oauth = { clients = [{ id = 'entra', secrets = [{ name = '1', secret = 's3cret' }] }] }";

async fn token(bridge: &Bridge) -> String {
    let answer = ask(bridge, &basic("entra", "s3cret"), "grant_type=client_credentials").await;
    answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

pub(super) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn an_access_token_ends_and_forged_ones_are_refused() {
    let (setup, clock) = setup(CLIENT);
    let bridge = setup.start().await;
    let token = token(&bridge).await;
    expect_in(&bridge, &token).await;
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!(claims["exp"], json!(NOW + 3600));
    let [head, body, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let other = with(&claims, "sub", "somebody");
    let (foreign, none) = (Key::foreign(), with(&header, "alg", "none"));
    let hostile = vec![
        ("no algorithm", format!("{}.{body}.", encoded(&none))),
        ("an empty secret", sign_with_secret(&header, &claims, b"")),
        ("its own key's id as secret", {
            sign_with_secret(&header, &claims, header["kid"].as_str().unwrap().as_bytes())
        }),
        ("the client's secret", sign_with_secret(&header, &claims, b"s3cret")),
        ("other claims", format!("{head}.{}.{signature}", encoded(&other))),
        ("a later end", format!("{head}.{}.{signature}", encoded(&with(&claims, "exp", NOW + 9999)))),
        ("a foreign key", foreign.sign(&foreign.header(), &claims)),
        ("a foreign key under our id", foreign.sign(&with(&header, "alg", "RS256"), &claims)),
        ("an unknown key", format!("{}.{body}.{signature}", encoded(&with(&header, "kid", "x")))),
        ("no key", format!("{}.{body}.{signature}", encoded(&without(&header, "kid")))),
        (
            "another algorithm of the kind",
            format!("{}.{body}.{signature}", encoded(&with(&header, "alg", "HS512"))),
        ),
        ("half of it", token[..token.len() / 2].to_owned()),
        ("its end cut off", token[..token.len() - 1].to_owned()),
    ];
    expect_out(&bridge, hostile).await;
    clock.advance(Duration::from_secs(3600 + 59));
    expect_in(&bridge, &token).await;
    clock.advance(Duration::from_secs(1));
    expect_out(&bridge, vec![("expired", token)]).await;
}

#[tokio::test]
async fn an_access_token_of_one_app_is_none_of_another() {
    let (setup, _) = setup(CLIENT);
    let other = format!("[apps.other]\nconnector = 'memory'\n[apps.other.auth]\n{CLIENT}");
    let bridge = setup.config(&other).start().await;
    let token = token(&bridge).await;
    expect_in(&bridge, &token).await;
    let request = bridge.anonymous(Method::GET, "/other/scim/v2/Users").bearer_auth(&token);
    crate::harness::Answer::of(request).await.error(401, "");
    let status = bridge.anonymous(Method::GET, "/status").bearer_auth(&token);
    let status = crate::harness::Answer::of(status).await;
    let apps: Vec<_> = status.body["apps"].as_object().unwrap().keys().collect();
    assert_eq!(apps, ["test"]);
}

#[tokio::test]
async fn access_tokens_outlive_a_restart_and_a_change_of_keys_but_not_one_of_the_secret_key() {
    let (setup, clock) = setup(CLIENT);
    let mut bridge = setup.start().await;
    let first = token(&bridge).await;
    bridge.restart().await;
    expect_in(&bridge, &first).await;
    // Every day another key.
    pass_time(&clock, Duration::from_secs(60), "another key signs", || async {
        part(&token(&bridge).await, 0)["kid"] != part(&first, 0)["kid"]
    })
    .await;
    let passed = clock.now().since(scim_bridge::clock::Time::from_micros(NOW * 1_000_000));
    assert!(passed >= Duration::from_secs(24 * 3600), "{passed:?}");
    let second = token(&bridge).await;
    expect_in(&bridge, &second).await;
    bridge
        .restart_with(|config| {
            config.server.secret_key = Some(scim_bridge::secret::Secret::new("f".repeat(64)));
        })
        .await;
    expect_out(&bridge, vec![("sealed with another key", second)]).await;
    expect_in(&bridge, &token(&bridge).await).await;
}

#[tokio::test]
async fn an_access_token_ends_with_the_secret_that_it_was_given_for_whatever_that_is_called() {
    let (setup, _) = setup(CLIENT);
    let mut bridge = setup.start().await;
    let first = token(&bridge).await;
    bridge.restart().await;
    expect_in(&bridge, &first).await;
    bridge.reconfigure("secret = 's3cret'", "secret = 'another'").await;
    expect_out(&bridge, vec![("given for the secret before", first)]).await;
}

/// As when somebody mistypes it, and mends that.
#[tokio::test]
async fn access_tokens_survive_that_another_secret_key_was_configured_for_a_while() {
    let (setup, clock) = setup(CLIENT);
    let mut bridge = setup.start().await;
    let first = token(&bridge).await;
    let key = |key: &str| {
        let key = scim_bridge::secret::Secret::new(key);
        move |config: &mut scim_bridge::config::Config| config.server.secret_key = Some(key)
    };
    bridge.restart_with(key(&"f".repeat(64))).await;
    expect_out(&bridge, vec![("sealed with another key", first.clone())]).await;
    bridge.restart_with(key("0123456789abcdef0123456789abcdef0123456789abcdef")).await;
    expect_in(&bridge, &first).await;
    clock.advance(Duration::from_secs(7 * 3600 - 600));
    let later = token(&bridge).await;
    let end = clock.now() + Duration::from_secs(1200);
    pass_time(&clock, Duration::from_secs(60), "it is later", || async { clock.now() >= end }).await;
    expect_in(&bridge, &later).await;
}

#[tokio::test]
async fn tokens_of_the_last_key_are_good_until_they_end() {
    let (setup, clock) = setup(CLIENT);
    let bridge = setup.start().await;
    let key_of = |token: &str| part(token, 0)["kid"].clone();
    let last = Mutex::new(token(&bridge).await);
    let first = key_of(&last.lock().unwrap());
    pass_time(&clock, Duration::from_secs(60), "another key signs", || async {
        let next = token(&bridge).await;
        let is_of_another = key_of(&next) != first;
        if !is_of_another {
            *last.lock().unwrap() = next;
        }
        is_of_another
    })
    .await;
    // Somebody who asked just before.
    let last = last.into_inner().unwrap();
    expect_in(&bridge, &last).await;
    clock.advance(Duration::from_secs(3000));
    expect_in(&bridge, &last).await;
    clock.advance(Duration::from_secs(660));
    expect_out(&bridge, vec![("an hour old", last)]).await;
}

async fn make_secret(store: &Store, clock: &ManualClock, client: &str, secret: &str) {
    let digest = Digest::of(secret).to_hex();
    let new = NewToken {
        app: "test".into(),
        name: secret.into(),
        client: Some(client.into()),
        digest,
        expires_at: None,
    };
    let now = clock.now();
    let made =
        store.write(move |transaction| Box::pin(async move { tokens::create(transaction, &new, now).await }));
    made.await.map_err(|error: StoreError| error).unwrap();
}

#[tokio::test]
async fn secrets_are_made_and_revoked_beside_the_server_and_take_their_access_tokens_along() {
    let (setup, clock) = setup(CLIENT);
    let bridge = setup.start().await;
    let store = Store::open_beside(bridge.database_url()).await.unwrap();
    make_secret(&store, &clock, "entra", "made").await;
    make_secret(&store, &clock, "nobody", "orphan").await;
    let request = "grant_type=client_credentials";
    pass_time(&clock, Duration::from_secs(1), "the secret counts", || async {
        ask(&bridge, &basic("entra", "made"), request).await.status == 200
    })
    .await;
    let made = ask(&bridge, &basic("entra", "made"), request).await.body["access_token"].clone();
    let made = made.as_str().unwrap().to_owned();
    let configured = token(&bridge).await;
    expect_in(&bridge, &made).await;
    // A secret of a client that the configuration does not name, and a secret in the place of a bearer token.
    assert_eq!(ask(&bridge, &basic("nobody", "orphan"), request).await.status, 401);
    expect_out(&bridge, vec![("a client's secret", "made".to_owned())]).await;

    let now = clock.now();
    let revoked = store.write(move |transaction| {
        Box::pin(async move { tokens::revoke(transaction, "test", "made", now).await })
    });
    assert!(revoked.await.map_err(|error: StoreError| error).unwrap());
    pass_time(&clock, Duration::from_secs(1), "the access token is good for nothing", || async {
        knock(&bridge, &format!("Bearer {made}")).await.status == 401
    })
    .await;
    assert_eq!(ask(&bridge, &basic("entra", "made"), request).await.status, 401);
    expect_in(&bridge, &configured).await;
}
