//! What tokens may be signed with: what is named must be accepted from the issuer, what its key is for, and what was done.

use serde_json::{Value, json};

use super::{NOW, assertions, entra, expect_in, expect_out, setup, with, without};
use crate::harness::{
    Bridge,
    issuer::{Issuer, Key, P_384, P_521},
};

/// By one kind of key.
const OF_RSA: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// All that there are, and what is none.
const ALL: [&str; 19] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA",
    "Ed25519", "HS256", "HS384", "HS512", "none", "rs256", "RSA-OAEP", "",
];

/// What other issuers than Entra ID may use beside that.
const OF_CURVES: [&str; 3] = ["ES256", "ES384", "EdDSA"];

fn claims(issuer: &Issuer) -> Value {
    json!({ "iss": issuer.url(), "aud": "bridge", "sub": "idp", "exp": NOW + 600 })
}

/// An app that believes the issuer, which publishes these keys.
async fn start(issuer: &Issuer, keys: &[Value]) -> Bridge {
    issuer.publish(keys);
    let (setup, _) = setup(&format!(
        "jwt = [{{ name = 'corp', issuer = '{}', audience = 'bridge', claims = {{ sub = 'idp' }} }}]",
        issuer.url()
    ));
    // All guesses come from one address.
    setup.server_keys("failed_authentications_per_minute = 10000").start().await
}

/// A key without a word about its algorithm, as Entra ID publishes its own: the kind of key alone decides.
fn silent(key: &Key) -> Value {
    without(&key.public(), "alg")
}

fn header(key: &Key, algorithm: &str) -> Value {
    with(&key.header(), "alg", algorithm)
}

#[tokio::test]
async fn a_token_may_be_signed_by_each_algorithm_that_is_accepted_and_named_by_no_other() {
    let issuer = Issuer::start().await;
    let rsa = issuer.key();
    let curves = [Key::ec("p-256"), Key::on(&P_384, "p-384"), Key::ed("ed"), Key::on(&P_521, "p-521")];
    let keys: Vec<_> = curves.iter().chain([&*rsa]).map(silent).collect();
    let bridge = start(&issuer, &keys).await;
    let claims = claims(&issuer);

    for algorithm in OF_RSA {
        expect_in(&bridge, &rsa.sign_by(algorithm, &header(&rsa, algorithm), &claims)).await;
    }
    for (key, algorithm) in curves.iter().zip(OF_CURVES) {
        assert_eq!(key.algorithm(), algorithm);
        expect_in(&bridge, &key.sign(&key.header(), &claims)).await;
    }

    let mut hostile = Vec::new();
    for signed in OF_RSA {
        for named in ALL.into_iter().filter(|named| *named != signed) {
            hostile
                .push((format!("{signed} as {named}"), rsa.sign_by(signed, &header(&rsa, named), &claims)));
        }
    }
    for key in &curves {
        // What is signed on the last of the curves is right, and not accepted.
        let accepted = OF_CURVES.contains(&key.algorithm()).then(|| key.algorithm());
        for named in ALL.into_iter().filter(|named| Some(*named) != accepted) {
            hostile.push((format!("{} as {named}", key.id), key.sign(&header(key, named), &claims)));
        }
        // Under the id of each other key, by its own algorithm and by the other's.
        for other in curves.iter().chain([&*rsa]).filter(|other| other.id != key.id) {
            for algorithm in [key.algorithm(), other.algorithm()] {
                let header = with(&header(key, algorithm), "kid", other.id.as_str());
                hostile
                    .push((format!("{} as {} by {algorithm}", key.id, other.id), key.sign(&header, &claims)));
            }
        }
    }
    assert!(hostile.len() > 200, "{}", hostile.len());
    expect_out(&bridge, hostile.iter().map(|(what, token)| (what.as_str(), token.clone())).collect()).await;
}

#[tokio::test]
async fn a_key_that_is_for_one_algorithm_is_for_no_other_of_its_kind() {
    let issuer = Issuer::start().await;
    let key = issuer.key();
    let bridge = start(&issuer, &[with(&key.public(), "alg", "PS384")]).await;
    let claims = claims(&issuer);
    let token = |algorithm: &str| key.sign_by(algorithm, &header(&key, algorithm), &claims);
    expect_in(&bridge, &token("PS384")).await;
    let others = OF_RSA.into_iter().filter(|algorithm| *algorithm != "PS384");
    expect_out(&bridge, others.map(|algorithm| (algorithm, token(algorithm))).collect()).await;
}

/// What a key is for may be something that we do not know, and that is not to verify.
#[tokio::test]
async fn a_key_that_is_for_something_else_verifies_nothing() {
    let issuer = Issuer::start().await;
    let key = issuer.key();
    for purpose in ["RSA-OAEP", "RSA-OAEP-256", "HS256", "ES256", "EdDSA", "something"] {
        // One that can be used is beside it, or there would be no keys at all.
        let keys = [with(&key.public(), "alg", purpose), issuer.next_key().public()];
        let bridge = start(&issuer, &keys).await;
        let tokens = OF_RSA
            .map(|algorithm| (algorithm, key.sign_by(algorithm, &header(&key, algorithm), &claims(&issuer))));
        expect_out(&bridge, tokens.into()).await;
    }
}

#[tokio::test]
async fn entra_id_signs_by_rs256_alone_auth_6_auth_8() {
    let (bridge, issuer, _) = entra::start().await;
    let (key, claims) = (issuer.key(), entra::claims());
    expect_in(&bridge, &issuer.sign(&claims)).await;
    let others = OF_RSA.into_iter().filter(|algorithm| *algorithm != "RS256");
    let tokens =
        others.map(|algorithm| (algorithm, key.sign_by(algorithm, &header(&key, algorithm), &claims)));
    expect_out(&bridge, tokens.collect()).await;
}

#[tokio::test]
async fn an_assertion_of_entra_id_is_signed_by_rs256_alone_and_of_others_by_any_of_those_that_are_accepted() {
    let (bridge, issuer, _) = assertions::start("").await;
    let key = issuer.key();
    let of_others = json!({ "iss": issuer.url(), "aud": "bridge", "sub": "corp", "exp": NOW + 600 });
    for algorithm in OF_RSA {
        let sign = |claims: &Value| key.sign_by(algorithm, &header(&key, algorithm), claims);
        let shown =
            assertions::show(&bridge, Some("wif"), &sign(&assertions::claims(&issuer, algorithm))).await;
        assert_eq!(shown.status, if algorithm == "RS256" { 200 } else { 401 }, "{algorithm}: {shown}");
        let shown = assertions::show(&bridge, Some("corp"), &sign(&with(&of_others, "jti", algorithm))).await;
        assert_eq!(shown.status, 200, "{algorithm}: {shown}");
    }
}
