//! What it costs to let somebody in, or not: opaque tokens among a hundred, and JWTs, the first time that one is shown and
//! each time after.
//!
//! ```text
//! cargo bench --bench auth
//! ```

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::{collections::BTreeSet, hint::black_box, sync::Arc, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use axum::{Router, routing::get};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use criterion::Criterion;
use http::{HeaderMap, HeaderValue, header};
use scim_bridge::{
    auth::{
        Authenticator, Client, Credential, Credentials, OwnKeys, Refusals, WaysIn,
        jwt::TrustedIssuer,
        oauth::{AccessTokens, SigningKeys, TokenEndpoint},
    },
    clock::{Clock, SystemClock},
    config::{Basic, ClaimRule, ClientSecret, JwtRule, Token},
    secret::Secret,
    store::Store,
    upstream::Documents,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

const ISSUER: &str = "https://issuer.example";

/// What makes the tokens of a real issuer as long as they are.
const FILL: usize = 1_000;

/// So many tokens take turns that each has been forgotten when its turn comes again.
const NEVER_REMEMBERED: usize = 600;

/// A way to come in, and what to send.
struct Case {
    name: String,
    /// They take turns.
    authorizations: Vec<String>,
}

impl Case {
    fn one(name: &str, authorization: String) -> Self {
        Self { name: name.to_owned(), authorizations: vec![authorization] }
    }

    fn headers(&self) -> Vec<HeaderMap> {
        let headers = self.authorizations.iter().map(|authorization| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
            headers.insert(header::USER_AGENT, HeaderValue::from_static("Okta SCIM Client 1.0.0"));
            headers
        });
        headers.collect()
    }
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let (authenticator, cases) = runtime.block_on(set_up());
    let mut criterion =
        Criterion::default().configure_from_args().measurement_time(Duration::from_secs(3)).sample_size(50);
    for case in &cases {
        let (name, headers) = (&case.name, case.headers());
        let address = Some("192.0.2.1".parse().unwrap());
        for headers in &headers {
            let is_let_in =
                runtime.block_on(authenticator.authenticate(headers, address, Refusals::Logged)).is_ok();
            assert_eq!(is_let_in, !name.contains("wrong"), "{name}");
        }
        let mut turns = headers.iter().cycle();
        criterion.bench_function(&format!("auth/{name}"), |bencher| {
            bencher.iter(|| {
                let headers = black_box(turns.next().unwrap());
                let _ = black_box(runtime.block_on(authenticator.authenticate(
                    headers,
                    address,
                    Refusals::Logged,
                )));
            });
        });
    }
    criterion.final_summary();
}

/// An app that lets in by all ways, and what to send.
async fn set_up() -> (Authenticator, Vec<Case>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let folder = tempfile::tempdir().unwrap().keep();
    let store = Store::open(&format!("sqlite:{}", folder.join("bench.db").display())).await.unwrap();
    let own_keys = OwnKeys::new(store.clone(), clock.clone(), Some(&Secret::new("k".repeat(64))));
    let signing_keys = Arc::new(SigningKeys::new(own_keys, clock.clone()));
    signing_keys.refresh().await.unwrap();

    let token = |number: u32| Token {
        name: format!("token-{number}"),
        token: Secret::new(format!("{number:064x}")),
        expires: None,
    };
    let secret = ClientSecret { name: "1".into(), secret: Secret::new("s3cret"), expires: None };
    let mut all: Vec<_> = (0..100).map(|number| Credential::of_token(&token(number))).collect();
    all.push(Credential::of_secret("client", &secret));
    let credentials = Arc::new(Credentials::new("bench", all, clock.clone()));
    let endpoint = TokenEndpoint {
        credentials: credentials.clone(),
        clients: BTreeSet::from(["client".to_owned()]),
        federated: Vec::new(),
        access_tokens: AccessTokens::new("bench", Duration::from_hours(1), signing_keys),
        store,
        clock: clock.clone(),
    };
    let access_token = grant(&endpoint).await;

    let (keys, jwts) = jwts(clock.now().as_micros() / 1_000_000);
    let rule = JwtRule {
        name: "corp".into(),
        issuer: ISSUER.into(),
        audiences: vec!["bench".into()],
        claims: vec![ClaimRule { name: "sub".into(), values: vec!["idp".into()] }],
        keys: Some(publish(keys).await.parse().unwrap()),
    };
    let ways_in = WaysIn {
        raw_token: false,
        basic: Some(Basic { user: None }),
        issuers: vec![TrustedIssuer::any(&rule, &Documents::new().unwrap(), &clock)],
        token_endpoint: Some(endpoint),
    };
    let right = format!("{:064x}", 70);
    let mut cases = vec![
        Case::one("opaque, one of 100", format!("Bearer {right}")),
        Case::one("opaque, wrong", format!("Bearer {right}x")),
        Case::one("basic", format!("Basic {}", STANDARD.encode(format!("okta:{right}")))),
        Case::one("access token", format!("Bearer {access_token}")),
    ];
    cases.extend(jwts);
    (Authenticator::new(credentials, ways_in, clock), cases)
}

async fn grant(endpoint: &TokenEndpoint) -> String {
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form);
    let body = b"grant_type=client_credentials&client_id=client&client_secret=s3cret";
    endpoint
        .grant(&headers, body, Client::default(), Refusals::Logged)
        .await
        .unwrap()
        .token
        .expose()
        .to_owned()
}

/// Keys to publish, and JWTs that are signed by each.
fn jwts(now: i64) -> (Vec<Value>, Vec<Case>) {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
    let sign_rsa = |message: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
        signature
    };
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    let ed = Ed25519KeyPair::generate().unwrap();

    let keys = vec![
        json!({ "kty": "RSA", "kid": "RS256", "n": encode(n), "e": encode(e) }),
        json!({ "kty": "EC", "crv": "P-256", "kid": "ES256", "x": encode(x), "y": encode(y) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "EdDSA", "x": encode(ed.public_key().as_ref()) }),
    ];
    let mut cases = Vec::new();
    for (algorithm, sign) in [
        ("RS256", &sign_rsa as &dyn Fn(&[u8]) -> Vec<u8>),
        ("ES256", &|message| ec.sign(&random, message).unwrap().as_ref().to_vec()),
        ("EdDSA", &|message| ed.sign(message).as_ref().to_vec()),
    ] {
        let bearer = |number: usize| {
            let message = message(algorithm, now, number);
            format!("Bearer {message}.{}", encode(&sign(message.as_bytes())))
        };
        cases.extend([
            Case {
                name: format!("JWT, {algorithm}, the first time"),
                authorizations: (0..NEVER_REMEMBERED).map(bearer).collect(),
            },
            Case::one(&format!("JWT, {algorithm}, again"), bearer(0)),
        ]);
    }
    let message = message("RS256", now, 0);
    let signature = encode(&[&[0], &sign_rsa(message.as_bytes())[1..]].concat());
    cases.push(Case::one("JWT, RS256, wrong signature", format!("Bearer {message}.{signature}")));
    (keys, cases)
}

/// What is signed of the token with that number.
fn message(algorithm: &str, now: i64, number: usize) -> String {
    let header = json!({ "alg": algorithm, "kid": algorithm, "typ": "JWT" });
    let claims = json!({
        "iss": ISSUER, "aud": "bench", "sub": "idp", "iat": now, "exp": now + 86_400, "jti": number,
        "fill": "x".repeat(FILL),
    });
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where the keys can be fetched.
async fn publish(keys: Vec<Value>) -> String {
    let body = json!({ "keys": keys }).to_string();
    let routes = Router::new().route("/keys", get(move || async move { body }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}
