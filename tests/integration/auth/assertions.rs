//! Workload Identity Federation: a client shows an assertion of its identity provider (RFC 7523).

use std::time::Duration;

use http::StatusCode;
use scim_bridge::clock::ManualClock;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    FOREIGN_TENANT, NOW, TENANT,
    endpoint::{ask, expect_error},
    expect_in, expect_out, forgeries, setup, with, without,
};
use crate::harness::{Answer, Bridge, issuer::Issuer};

const SUBJECT: &str = "cdef0123-4567-89ab-cdef-0123456789ab";
const APP: &str = "89abcdef-0123-4567-89ab-cdef01234567";

pub(super) async fn start(more: &str) -> (Bridge, Issuer, ManualClock) {
    let issuer = Issuer::start().await;
    let (setup, clock) = setup(&format!(
        "oauth = {{ federated = [{{ id = 'wif', tenant = '{TENANT}', audience = 'api://{APP}', \
         subject = '{SUBJECT}', authority = '{0}' {more} }}, \
         {{ id = 'corp', issuer = '{0}', audience = 'bridge', subject = 'corp' }}] }}",
        issuer.url()
    ));
    (setup.start().await, issuer, clock)
}

pub(super) fn claims(issuer: &Issuer, id: &str) -> Value {
    json!({
        "iss": format!("{}/{TENANT}/v2.0", issuer.url()), "aud": format!("api://{APP}"), "sub": SUBJECT, "oid": SUBJECT,
        "tid": TENANT, "ver": "2.0", "uti": id, "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
    })
}

pub(super) async fn show(bridge: &Bridge, client: Option<&str>, assertion: &str) -> Answer {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form.append_pair("client_assertion", assertion);
    form.append_pair("scope", &format!("api://{APP}/.default"));
    if let Some(client) = client {
        form.append_pair("client_id", client);
    }
    ask(bridge, "", &form.finish()).await
}

#[tokio::test]
async fn an_access_token_ends_with_the_rule_that_it_was_given_by() {
    let (mut bridge, issuer, _) = start("").await;
    let claims =
        json!({ "iss": issuer.url(), "aud": "bridge", "sub": "corp", "jti": "1", "exp": NOW + 3600 });
    let answer = show(&bridge, Some("corp"), &issuer.sign(&claims)).await;
    let token = answer.body["access_token"].as_str().unwrap().to_owned();
    bridge.restart().await;
    expect_in(&bridge, &token).await;
    bridge.reconfigure("subject = 'corp'", "subject = 'another'").await;
    expect_out(&bridge, vec![("given by the rule before", token)]).await;
}

#[tokio::test]
async fn an_assertion_of_entra_id_gets_an_access_token_auth_6_lav_8() {
    let (bridge, issuer, _) = start("").await;
    for (id, audience) in
        [("1", format!("api://{APP}")), ("2", format!("api://{APP}/.default")), ("3", APP.to_owned())]
    {
        let assertion = issuer.sign(&with(&claims(&issuer, id), "aud", audience));
        let answer = show(&bridge, Some("wif"), &assertion).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.body["expires_in"], json!(3600));
        expect_in(&bridge, answer.body["access_token"].as_str().unwrap()).await;
        expect_out(&bridge, vec![("the assertion itself", assertion)]).await;
    }
    // The client's id may be left to the assertion (RFC 7521 §4.2).
    assert_eq!(show(&bridge, None, &issuer.sign(&claims(&issuer, "4"))).await.status, 200);
}

#[tokio::test]
async fn an_assertion_of_any_issuer_gets_one_too() {
    let (bridge, issuer, _) = start("").await;
    let claims = json!({ "iss": issuer.url(), "aud": "bridge", "sub": "corp", "jti": "1", "exp": NOW + 60 });
    assert_eq!(show(&bridge, Some("corp"), &issuer.sign(&claims)).await.status, 200);
    for (what, claims) in [
        ("without an id", without(&claims, "jti")),
        ("with an id of no length", with(&claims, "jti", "")),
        ("with an id that is no text", with(&claims, "jti", 7)),
    ] {
        let assertion = issuer.sign(&claims);
        assert_eq!(show(&bridge, Some("corp"), &assertion).await.status, 200, "{what}");
        expect_error(what, &show(&bridge, Some("corp"), &assertion).await, 401, "invalid_client");
    }
    let foreign = issuer.sign(&with(&with(&claims, "jti", "2"), "sub", SUBJECT));
    expect_error("of another", &show(&bridge, Some("corp"), &foreign).await, 401, "invalid_client");
    expect_error("for another", &show(&bridge, Some("wif"), &foreign).await, 401, "invalid_client");
}

#[tokio::test]
async fn assertions_that_are_forged_or_of_others_are_refused_auth_7() {
    let (bridge, issuer, _) = start("").await;
    let claims = claims(&issuer, "1");
    let sign = |claims: &Value| issuer.sign(claims);
    let mut hostile = forgeries(&issuer, &claims);
    hostile.extend([
        ("another tenant's issuer", {
            sign(&with(&claims, "iss", format!("{}/{FOREIGN_TENANT}/v2.0", issuer.url())))
        }),
        ("another tenant", sign(&with(&claims, "tid", FOREIGN_TENANT))),
        ("no tenant", sign(&without(&claims, "tid"))),
        ("another subject", sign(&with(&claims, "sub", "11111111-4567-89ab-cdef-0123456789ab"))),
        ("no subject", sign(&without(&claims, "sub"))),
        ("another app", sign(&with(&claims, "aud", "api://11111111-0123-4567-89ab-cdef01234567"))),
        ("another part of the app", sign(&with(&claims, "aud", format!("api://{APP}/read")))),
        ("version 1", sign(&with(&claims, "ver", "1.0"))),
        ("no version", sign(&without(&claims, "ver"))),
        ("longer than a day", sign(&with(&claims, "exp", NOW + 26 * 3600))),
        ("no JWT", "x".to_owned()),
    ]);
    println!("{} hostile assertions", hostile.len());
    for (what, assertion) in hostile {
        let answer = show(&bridge, Some("wif"), &assertion).await;
        expect_error(what, &answer, 401, "invalid_client");
        assert_eq!(
            answer.body["error_description"],
            "The client is not known here, or its secret or assertion is not valid.",
            "{what}"
        );
    }
    for client in ["entra", "", "WIF"] {
        let answer = show(&bridge, Some(client), &sign(&claims)).await;
        if !client.is_empty() {
            expect_error(client, &answer, 401, "invalid_client");
        }
    }
}

#[tokio::test]
async fn an_assertion_is_accepted_once_also_after_a_restart_until_it_expires_auth_7() {
    let (mut bridge, issuer, clock) = start("").await;
    let assertion = issuer.sign(&claims(&issuer, "1"));
    assert_eq!(show(&bridge, Some("wif"), &assertion).await.status, 200);
    expect_error("again", &show(&bridge, Some("wif"), &assertion).await, 401, "invalid_client");
    // The same id in another signed text is the same assertion.
    let alike = issuer.sign(&with(&claims(&issuer, "1"), "exp", NOW + 3000));
    expect_error("alike", &show(&bridge, Some("wif"), &alike).await, 401, "invalid_client");
    bridge.restart().await;
    expect_error("after a restart", &show(&bridge, Some("wif"), &assertion).await, 401, "invalid_client");
    for _ in 0..10 {
        clock.advance(Duration::from_secs(365));
        tokio::task::yield_now().await;
        expect_error("later", &show(&bridge, Some("wif"), &assertion).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn many_at_a_time_show_one_assertion_and_one_of_them_gets_a_token() {
    let (bridge, issuer, _) = start("").await;
    let assertion = issuer.sign(&claims(&issuer, "1"));
    let answers =
        futures_util::future::join_all((0..20).map(|_| show(&bridge, Some("wif"), &assertion))).await;
    let granted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1);
}

#[tokio::test]
async fn an_assertion_may_be_shown_again_where_that_is_configured() {
    let (bridge, issuer, _) = start(", replay = 'allow'").await;
    let assertion = issuer.sign(&claims(&issuer, "1"));
    for _ in 0..3 {
        assert_eq!(show(&bridge, Some("wif"), &assertion).await.status, 200);
    }
}

#[tokio::test]
async fn while_the_issuer_is_down_and_was_never_asked_nobody_can_tell() {
    let (bridge, issuer, clock) = start("").await;
    issuer.fail(Some(StatusCode::SERVICE_UNAVAILABLE));
    let assertion = issuer.sign(&claims(&issuer, "1"));
    let answer = show(&bridge, Some("wif"), &assertion).await;
    expect_error("down", &answer, 503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "30");
    issuer.fail(None);
    clock.advance(Duration::from_secs(30));
    assert_eq!(show(&bridge, Some("wif"), &assertion).await.status, 200);
}

#[tokio::test]
async fn a_client_that_is_no_longer_configured_takes_its_access_tokens_along() {
    let (mut bridge, issuer, _) = start("").await;
    let answer = show(&bridge, Some("wif"), &issuer.sign(&claims(&issuer, "1"))).await;
    let token = answer.body["access_token"].as_str().unwrap().to_owned();
    expect_in(&bridge, &token).await;
    bridge
        .restart_with(|config| {
            let app = config.apps.values_mut().next().unwrap();
            app.auth.oauth.as_mut().unwrap().federated.remove(0);
        })
        .await;
    expect_out(&bridge, vec![("withdrawn", token)]).await;
}
