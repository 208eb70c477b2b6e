//! The token that Entra ID makes itself when *Secret Token* is blank.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::{FOREIGN_TENANT, NOW, TENANT, expect_in, expect_out, forgeries, knock, setup, with, without};
use crate::harness::{Bridge, issuer::Issuer};

pub(super) fn claims() -> Value {
    json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "aud": "8adf8e6e-67b2-4cf2-a259-e3dc5476c621",
        "appid": "00000014-0000-0000-c000-000000000000",
        "tid": TENANT,
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
        "sub": "cdef0123-4567-89ab-cdef-0123456789ab",
        "uti": "abc", "ver": "1.0",
    })
}

pub(super) async fn start() -> (Bridge, Issuer, scim_bridge::clock::ManualClock) {
    let issuer = Issuer::start().await;
    issuer.call_itself(&format!("https://sts.windows.net/{TENANT}/"));
    let (setup, clock) =
        setup(&format!("entra = {{ tenant = '{}', authority = '{}' }}", TENANT.to_uppercase(), issuer.url()));
    (setup.start().await, issuer, clock)
}

#[tokio::test]
async fn a_token_of_the_tenant_is_let_in_in_both_versions() {
    let (bridge, issuer, _) = start().await;
    expect_in(&bridge, &issuer.sign(&claims())).await;
    let version_2 = with(&without(&claims(), "appid"), "azp", "00000014-0000-0000-c000-000000000000");
    let version_2 = with(&version_2, "iss", format!("{}/{TENANT}/v2.0", issuer.url()));
    expect_in(&bridge, &issuer.sign(&version_2)).await;
    assert_eq!(issuer.fetched(), 1);
}

#[tokio::test]
async fn a_token_of_another_tenant_or_that_was_tampered_with_is_refused_auth_8() {
    let (bridge, issuer, _) = start().await;
    let (claims, sign) = (claims(), |claims: &Value| issuer.sign(claims));
    let of_foreign_tenant = with(&claims, "iss", format!("https://sts.windows.net/{FOREIGN_TENANT}/"));
    let mut hostile = forgeries(&issuer, &claims);
    hostile.extend([
        ("another tenant, with the audience of all", sign(&with(&of_foreign_tenant, "tid", FOREIGN_TENANT))),
        ("another tenant's issuer", sign(&of_foreign_tenant)),
        ("another tenant's id", sign(&with(&claims, "tid", FOREIGN_TENANT))),
        ("no tenant", sign(&without(&claims, "tid"))),
        ("a tenant among others", sign(&with(&claims, "tid", json!({ "id": TENANT })))),
        ("an issuer without its slash", {
            sign(&with(&claims, "iss", format!("https://sts.windows.net/{TENANT}")))
        }),
        ("another client", sign(&with(&claims, "appid", "11111111-0000-0000-c000-000000000000"))),
        ("no client", sign(&without(&claims, "appid"))),
        (
            "the right client where version 2 names it, and another where version 1 does",
            sign(&with(&with(&claims, "azp", claims["appid"].clone()), "appid", "someone")),
        ),
        ("what Microsoft Graph is called for", {
            sign(&with(&claims, "aud", "00000003-0000-0000-c000-000000000000"))
        }),
    ]);
    assert!(hostile.len() >= 60, "{}", hostile.len());
    expect_out(&bridge, hostile).await;
    expect_in(&bridge, &issuer.sign(&claims)).await;
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    let (bridge, issuer, clock) = start().await;
    expect_in(&bridge, &issuer.sign(&with(&claims(), "exp", NOW - 59))).await;
    expect_in(&bridge, &issuer.sign(&with(&claims(), "nbf", NOW + 60))).await;
    let token = issuer.sign(&claims());
    clock.advance(Duration::from_secs(3600 + 59));
    expect_in(&bridge, &token).await;
    clock.advance(Duration::from_secs(1));
    expect_out(&bridge, vec![("expired", token)]).await;
}

#[tokio::test]
async fn audiences_client_and_issuers_can_be_others() {
    let issuer = Issuer::start().await;
    issuer.call_itself("https://issuer.example/");
    let (setup, _) = setup(&format!(
        "entra = {{ tenant = '{TENANT}', authority = '{}', audience = ['one', 'two'], app_id = 'client', \
         issuers = ['https://issuer.example/'] }}",
        issuer.url()
    ));
    let bridge = setup.start().await;
    let claims = with(&with(&claims(), "iss", "https://issuer.example/"), "appid", "client");
    expect_in(&bridge, &issuer.sign(&with(&claims, "aud", "one"))).await;
    expect_in(&bridge, &issuer.sign(&with(&claims, "aud", json!(["x", "two"])))).await;
    expect_out(&bridge, vec![("the default audience", issuer.sign(&claims))]).await;
}

#[tokio::test]
async fn metadata_of_another_issuer_are_not_believed() {
    let (bridge, issuer, _) = start().await;
    issuer.call_itself("https://example.com/");
    let answer = knock(&bridge, &format!("Bearer {}", issuer.sign(&claims()))).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(issuer.fetched(), 0);
}
