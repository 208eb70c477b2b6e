//! Who is let in: opaque tokens, JWTs of issuers, and the app's own token endpoint; and who is not.

mod access_tokens;
mod algorithms;
mod assertions;
mod endpoint;
mod entra;
mod jwt;
mod keys;
mod replicas;
mod schemes;
mod tokens;

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::Method;
use scim_bridge::clock::{ManualClock, Time};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Bridge, Setup,
    issuer::{Issuer, Key, encoded},
};

/// The tenant that apps are set up for, and another.
const TENANT: &str = "01234567-89ab-cdef-0123-456789abcdef";
const FOREIGN_TENANT: &str = "fedcba98-7654-3210-fedc-ba9876543210";

/// Where the clocks of these tests stand at first, in seconds.
const NOW: i64 = 1_700_000_000;

const SECRET_KEY: &str = "secret_key = '0123456789abcdef0123456789abcdef0123456789abcdef'";

/// An app that accepts everything, with these ways in, and a clock that the test moves.
fn setup(auth: &str) -> (Setup, ManualClock) {
    let clock = ManualClock::new(Time::from_micros(NOW * 1_000_000));
    let setup = Setup::memory_with_clock(Arc::new(clock.clone()));
    (setup.server_keys(SECRET_KEY).app_keys(&format!("auth = {{ {auth} }}")), clock)
}

/// Asks for something with this header.
async fn knock(bridge: &Bridge, authorization: &str) -> Answer {
    let request = bridge.anonymous(Method::GET, "/test/scim/v2/Users");
    Answer::of(request.header("authorization", authorization)).await
}

/// Asserts that this token is let in.
async fn expect_in(bridge: &Bridge, token: &str) {
    let answer = knock(bridge, &format!("Bearer {token}")).await;
    assert_eq!(answer.status, 200, "{answer}");
}

/// Asserts that none of these tokens is let in, and that whoever sends one does not hear why.
async fn expect_out(bridge: &Bridge, hostile: Vec<(&str, String)>) {
    println!("{} hostile tokens", hostile.len());
    let mut wrong = Vec::new();
    for (what, token) in hostile {
        let answer = knock(bridge, &format!("Bearer {token}")).await;
        let challenge = "Bearer realm=\"scim-bridge\", error=\"invalid_token\"";
        let is_refused = answer.status == 401
            && answer.header("www-authenticate") == challenge
            && answer.body["detail"]
                == "The token is not valid for this app. Check the token that the identity provider sends.";
        if !is_refused {
            wrong.push(format!("{what}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `object` with another value.
fn with(object: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut object = object.clone();
    object[name] = value.into();
    object
}

/// `object` without a value.
fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name);
    object
}

/// A token that is signed with a secret.
fn sign_with_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Forgeries of a token that says `claims`, which `issuer` would sign with its first key: what may be done to any JWT.
fn forgeries(issuer: &Issuer, claims: &Value) -> Vec<(&'static str, String)> {
    let key = issuer.key();
    let header = key.header();
    let good = issuer.sign(claims);
    let [good_header, good_claims, good_signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let foreign = Key::foreign();
    let other_claims = with(claims, "sub", "somebody else");
    let modulus = key.public()["n"].as_str().unwrap().to_owned();
    let hs256 = with(&header, "alg", "HS256");
    let none = |alg: &str| format!("{}.{good_claims}.", encoded(&with(&header, "alg", alg)));
    let signed = |header: &Value| key.sign(header, claims);
    let now = |offset: i64| json!(NOW + offset);
    let claim = |name: &str, value: Value| issuer.sign(&with(claims, name, value));
    vec![
        ("no algorithm", none("none")),
        ("no algorithm, in another case", none("nOnE")),
        ("no algorithm, and a signature", format!("{}{good_signature}", none("none"))),
        ("an algorithm that does not exist", signed(&with(&header, "alg", "XS256"))),
        ("an algorithm that is no text", signed(&with(&header, "alg", 256))),
        ("without an algorithm", signed(&without(&header, "alg"))),
        ("the public key as a secret", sign_with_secret(&hs256, claims, modulus.as_bytes())),
        (
            "the bytes of the public key as a secret",
            sign_with_secret(&hs256, claims, &URL_SAFE_NO_PAD.decode(&modulus).unwrap()),
        ),
        ("an empty secret", sign_with_secret(&hs256, claims, b"")),
        ("signed by one algorithm and named another", signed(&with(&header, "alg", "RS384"))),
        ("another way to pad", signed(&with(&header, "alg", "PS256"))),
        ("another kind of key", signed(&with(&header, "alg", "ES256"))),
        ("an unknown key", signed(&with(&header, "kid", "three"))),
        ("a key that is a path", signed(&with(&header, "kid", "../../../../dev/null"))),
        ("a key that is no text", signed(&with(&header, "kid", json!(["one"])))),
        ("a foreign key under the id of ours", foreign.sign(&header, claims)),
        ("a foreign key that it brings along", foreign.sign(&with(&header, "jwk", foreign.public()), claims)),
        (
            "a foreign key that it says where to find",
            foreign.sign(&with(&header, "jku", "https://example.com/keys"), claims),
        ),
        ("something that must be understood", signed(&with(&header, "crit", json!(["exp"])))),
        ("claims that are not encoded", signed(&with(&with(&header, "b64", false), "crit", json!(["b64"])))),
        ("other claims under its signature", {
            format!("{good_header}.{}.{good_signature}", encoded(&other_claims))
        }),
        ("another header over its signature", {
            format!("{}.{good_claims}.{good_signature}", encoded(&with(&header, "typ", "at+jwt")))
        }),
        ("half a signature", good[..good.len() - good_signature.len() / 2].to_owned()),
        ("no signature", format!("{good_header}.{good_claims}.")),
        ("two parts", format!("{good_header}.{good_claims}")),
        ("four parts", format!("{good}.{good_signature}")),
        ("five parts", format!("{good_header}..{good_claims}.{good_signature}.{good_signature}")),
        ("dots alone", "..".to_owned()),
        ("a header that is no JSON", format!("eyJub3Blcg.{good_claims}.{good_signature}")),
        ("claims that are no object", key.sign(&header, &json!([claims]))),
        ("padding", format!("{good}==")),
        ("a space within", format!("{good_header}. {good_claims}.{good_signature}")),
        ("more than any token has", issuer.sign(&with(claims, "fill", "x".repeat(13_000)))),
        ("nested beyond reason", issuer.sign(&with(claims, "fill", nested(200)))),
        ("expired", claim("exp", now(-60))),
        ("without an end", issuer.sign(&without(claims, "exp"))),
        ("an end that is text", claim("exp", json!((NOW + 600).to_string()))),
        ("an end before all time", claim("exp", json!(-1))),
        ("an end after all time", claim("exp", json!(1e300))),
        ("not yet valid", claim("nbf", now(61))),
        ("issued in the future", claim("iat", now(61))),
        ("a beginning that is no time", claim("nbf", json!(true))),
        ("no issuer", issuer.sign(&without(claims, "iss"))),
        ("two issuers", claim("iss", json!([claims["iss"], "https://example.com"]))),
        ("another issuer", claim("iss", json!("https://example.com"))),
        ("the bridge as issuer", claim("iss", json!("scim-bridge"))),
        ("no audience", issuer.sign(&without(claims, "aud"))),
        ("another audience", claim("aud", json!("https://example.com"))),
        ("an audience that begins like ours", {
            claim("aud", json!(format!("{}/x", claims["aud"].as_str().unwrap())))
        }),
        ("an empty list of audiences", claim("aud", json!([]))),
        ("an audience that is no text", claim("aud", json!({ "value": claims["aud"] }))),
    ]
}

/// Arrays in arrays.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, _| json!([value]))
}
