//! JWTs of any issuer: who they are for and whom they are about.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::{NOW, expect_in, expect_out, forgeries, setup, with, without};
use crate::harness::{
    Bridge, Setup,
    issuer::{Issuer, Key},
};

fn rule(issuer: &Issuer, claims: &str) -> String {
    format!(
        "jwt = [{{ name = 'corp', issuer = '{}', audience = 'https://bridge.test', claims = {{ {claims} }} }}]",
        issuer.url()
    )
}

async fn start(issuer: &Issuer, claims: &str) -> Bridge {
    let (setup, _) = setup(&rule(issuer, claims));
    setup.start().await
}

fn claims(issuer: &Issuer) -> Value {
    json!({
        "iss": issuer.url(), "aud": "https://bridge.test", "sub": "provisioning", "azp": "idp",
        "scope": "openid scim", "iat": NOW, "exp": NOW + 600,
    })
}

#[tokio::test]
async fn a_token_that_says_what_it_must_is_let_in_and_what_is_forged_is_not() {
    let issuer = Issuer::start().await;
    let bridge = start(&issuer, "sub = 'provisioning', azp = ['idp', 'other'], scope = 'scim'").await;
    let claims = claims(&issuer);
    expect_in(&bridge, &issuer.sign(&claims)).await;
    expect_in(&bridge, &issuer.sign(&with(&claims, "azp", "other"))).await;
    expect_in(&bridge, &issuer.sign(&with(&claims, "aud", json!(["x", "https://bridge.test"])))).await;
    expect_in(&bridge, &issuer.sign(&with(&claims, "exp", json!(NOW as f64 + 0.5)))).await;
    let sign = |claims: &Value| issuer.sign(claims);
    let mut hostile = forgeries(&issuer, &claims);
    hostile.extend([
        ("about somebody else", sign(&with(&claims, "sub", "somebody"))),
        ("about somebody who begins alike", sign(&with(&claims, "sub", "provisioning2"))),
        ("about nobody", sign(&without(&claims, "sub"))),
        ("about two", sign(&with(&claims, "sub", json!({ "provisioning": true })))),
        ("for another client", sign(&with(&claims, "azp", "somebody"))),
        ("for no client", sign(&without(&claims, "azp"))),
        ("without the scope", sign(&with(&claims, "scope", "openid"))),
        ("with a scope that has it inside", sign(&with(&claims, "scope", "openid scim.read notscim"))),
        ("with no scope", sign(&without(&claims, "scope"))),
        ("with scopes for a client", sign(&with(&claims, "azp", "x idp"))),
    ]);
    expect_out(&bridge, hostile).await;
}

#[rstest]
#[case::a_list_of_roles("roles = 'Provision'", "roles", json!(["Read", "Provision"]))]
#[case::a_scope_of_entra("scp = 'scim.write'", "scp", json!("scim.read scim.write"))]
#[case::a_name_with_a_dot("'https://example.com/group' = 'idp'", "https://example.com/group", json!("idp"))]
#[tokio::test]
async fn any_claim_can_be_asked_for(#[case] rule: &str, #[case] claim: &str, #[case] value: Value) {
    let issuer = Issuer::start().await;
    let bridge = start(&issuer, rule).await;
    expect_in(&bridge, &issuer.sign(&with(&claims(&issuer), claim, value))).await;
    expect_out(&bridge, vec![("without it", issuer.sign(&claims(&issuer)))]).await;
}

#[rstest]
#[case::ec(Key::ec("ec"))]
#[case::ed(Key::ed("ed"))]
#[tokio::test]
async fn keys_on_curves_are_used_too(#[case] key: Key) {
    let issuer = Issuer::start().await;
    issuer.publish(&[key.public()]);
    let bridge = start(&issuer, "sub = 'provisioning'").await;
    let token = key.sign(&key.header(), &claims(&issuer));
    expect_in(&bridge, &token).await;
    let mut changed = token.clone().into_bytes();
    let place = token.len() - 10;
    changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
    let rsa = with(&key.header(), "alg", "RS256");
    expect_out(
        &bridge,
        vec![
            ("another signature", String::from_utf8(changed).unwrap()),
            ("an RSA key of that name", issuer.key().sign(&rsa, &claims(&issuer))),
        ],
    )
    .await;
}

#[tokio::test]
async fn several_rules_may_be_about_one_issuer_and_keys_may_be_named() {
    let issuer = Issuer::start().await;
    let rule = |name: &str, subject: &str| {
        format!(
            "{{ name = '{name}', issuer = 'https://issuer.example/', audience = 'https://bridge.test', \
             claims = {{ sub = '{subject}' }}, keys = '{}/keys' }}",
            issuer.url()
        )
    };
    let (setup, _) = setup(&format!("jwt = [{}, {}]", rule("a", "ann"), rule("b", "bob")));
    let bridge = setup.start().await;
    let claims = with(&claims(&issuer), "iss", "https://issuer.example/");
    for subject in ["ann", "bob"] {
        expect_in(&bridge, &issuer.sign(&with(&claims, "sub", subject))).await;
    }
    expect_out(&bridge, vec![("somebody else", issuer.sign(&claims))]).await;
}

#[tokio::test]
async fn what_opens_one_app_opens_no_other() {
    let issuer = Issuer::start().await;
    let other = format!(
        "[apps.other]\nconnector = 'memory'\n[apps.other.auth]\n{}\n[apps.closed]\nconnector = 'memory'",
        rule(&issuer, "sub = 'other'")
    );
    let (setup, _) = setup(&rule(&issuer, "sub = 'provisioning'"));
    let bridge = setup.config(&other).start().await;
    let ask = async |app: &str, subject: &str| {
        let token = issuer.sign(&with(&claims(&issuer), "sub", subject));
        let path = format!("/{app}/scim/v2/Users");
        let answer = bridge.anonymous(http::Method::GET, &path).bearer_auth(token).send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!((ask("test", "provisioning").await, ask("test", "other").await), (200, 401));
    assert_eq!((ask("other", "provisioning").await, ask("other", "other").await), (401, 200));
    assert_eq!((ask("closed", "provisioning").await, ask("closed", "other").await), (401, 401));
}

#[tokio::test]
async fn an_app_that_accepts_no_jwt_looks_at_none() {
    let issuer = Issuer::start().await;
    let bridge = Setup::memory().start().await;
    expect_out(&bridge, vec![("a JWT", issuer.sign(&claims(&issuer)))]).await;
    assert_eq!(issuer.fetched(), 0);
}

#[tokio::test]
async fn a_token_that_was_let_in_before_ends_as_any_other() {
    let issuer = Issuer::start().await;
    let (setup, clock) = setup(&rule(&issuer, "sub = 'provisioning'"));
    let bridge = setup.start().await;
    let token = issuer.sign(&claims(&issuer));
    for _ in 0..2 {
        expect_in(&bridge, &token).await;
    }
    // The minute by which clocks may differ is over as well.
    clock.advance(Duration::from_secs(660));
    expect_out(&bridge, vec![("expired", token)]).await;
}

#[tokio::test]
async fn rules_that_were_changed_count_for_a_token_that_was_let_in_before() {
    let issuer = Issuer::start().await;
    let mut bridge = start(&issuer, "sub = 'provisioning'").await;
    let token = issuer.sign(&claims(&issuer));
    expect_in(&bridge, &token).await;
    bridge.reconfigure("sub = 'provisioning'", "sub = 'somebody else'").await;
    expect_out(&bridge, vec![("of somebody who was let in", token)]).await;
}
