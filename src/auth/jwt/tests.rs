//! What is remembered of tokens, and what ends it.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{Problem, TrustedIssuer, Unverified, verified::MOST_TOKENS};
use crate::{
    clock::{Clock, ManualClock, Time},
    config::{AssertionIssuer, ClaimRule, Federated, JwtRule, Replay},
    upstream::Documents,
};

const NOW: Time = Time::from_micros(1_700_000_000_000_000);
const ISSUER: &str = "https://issuer.example";

/// Who issues tokens, and who believes them.
struct Parties {
    pair: Ed25519KeyPair,
    issuer: TrustedIssuer,
}

impl Parties {
    /// The issuer's tokens open an app.
    fn of_bearers() -> Self {
        let rule = JwtRule {
            name: "corp".into(),
            issuer: ISSUER.into(),
            audiences: vec!["bridge".into()],
            claims: vec![ClaimRule { name: "sub".into(), values: vec!["idp".into()] }],
            keys: None,
        };
        Self::new(|documents, clock| TrustedIssuer::any(&rule, documents, clock))
    }

    /// The issuer vouches for a client of the token endpoint.
    fn of_assertions() -> Self {
        let rule = Federated {
            id: "client".into(),
            issuer: AssertionIssuer::Other { issuer: ISSUER.into(), keys: None },
            audience: "bridge".into(),
            subject: "idp".into(),
            replay: Replay::Allow,
        };
        Self::new(|documents, clock| TrustedIssuer::of_assertions(&rule, documents, clock))
    }

    /// Entra ID vouches for a client of the token endpoint.
    fn of_entra() -> Self {
        let rule = Federated {
            id: "client".into(),
            issuer: AssertionIssuer::Entra {
                tenant: "01234567-89ab-cdef-0123-456789abcdef".into(),
                authority: "https://login.example.com".parse().unwrap(),
            },
            audience: "bridge".into(),
            subject: "idp".into(),
            replay: Replay::Allow,
        };
        Self::new(|documents, clock| TrustedIssuer::of_assertions(&rule, documents, clock))
    }

    fn new(make: impl FnOnce(&Documents, &Arc<dyn Clock>) -> TrustedIssuer) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let issuer = make(&Documents::new().unwrap(), &clock);
        let parties = Self { pair: Ed25519KeyPair::generate().unwrap(), issuer };
        parties.publish();
        parties
    }

    /// The key is fetched once more.
    fn publish(&self) {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "1", "x": x });
        self.issuer.keys.replace(&json!({ "keys": [key] }));
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as("EdDSA", claims)
    }

    /// Signs, and says that it is by that algorithm.
    fn sign_as(&self, algorithm: &str, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&json!({ "alg": algorithm, "kid": "1" })), encode(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes())))
    }

    async fn believe(&self, token: &str, now: Time) -> Result<(), Problem> {
        self.issuer.believe(&Unverified::parse(token)?, now).await.map(drop)
    }

    async fn remembered(&self) -> usize {
        self.issuer.keys.find(Some("1"), Algorithm::EdDSA).await.unwrap().verified.len()
    }

    /// Has it that this token was verified, which it need not have been.
    async fn plant(&self, token: &str) {
        let key = self.issuer.keys.find(Some("1"), Algorithm::EdDSA).await.unwrap();
        key.verified.insert(Unverified::parse(token).unwrap().digest());
    }
}

fn claims() -> Value {
    let now = NOW.as_micros() / 1_000_000;
    json!({ "iss": ISSUER, "aud": "bridge", "sub": "idp", "nbf": now, "exp": now + 600, "jti": "1" })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

/// A token of which the signature is wrong.
fn forged(parties: &Parties) -> String {
    let token = parties.sign(&claims());
    let (message, _) = token.rsplit_once('.').unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode([7; 64]))
}

#[tokio::test]
async fn a_token_that_is_remembered_is_not_verified_again_until_the_keys_are_fetched_again() {
    let parties = Parties::of_bearers();
    let token = forged(&parties);
    assert!(matches!(parties.believe(&token, NOW).await, Err(Problem::Signature)));
    parties.plant(&token).await;
    parties.believe(&token, NOW).await.unwrap();
    parties.publish();
    assert!(matches!(parties.believe(&token, NOW).await, Err(Problem::Signature)));
}

#[tokio::test]
async fn a_token_is_remembered_once_it_was_believed_and_another_text_is_another_token() {
    let parties = Parties::of_bearers();
    let token = parties.sign(&claims());
    for _ in 0..3 {
        parties.believe(&token, NOW).await.unwrap();
        assert_eq!(parties.remembered().await, 1);
    }
    assert!(matches!(parties.believe(&forged(&parties), NOW).await, Err(Problem::Signature)));
    parties.believe(&parties.sign(&with("jti", "2")), NOW).await.unwrap();
    assert_eq!(parties.remembered().await, 2);
}

#[tokio::test]
async fn what_a_remembered_token_says_is_held_to_the_clock_each_time() {
    let parties = Parties::of_bearers();
    let token = parties.sign(&claims());
    let end = NOW + Duration::from_secs(660);
    parties.believe(&token, NOW).await.unwrap();
    parties.believe(&token, Time::from_micros(end.as_micros() - 1)).await.unwrap();
    assert!(matches!(parties.believe(&token, end).await, Err(Problem::Expired)));
    let too_early = Time::from_micros(NOW.as_micros() - 61_000_000);
    assert!(matches!(parties.believe(&token, too_early).await, Err(Problem::NotYetValid)));
    assert_eq!(parties.remembered().await, 1);
}

#[tokio::test]
async fn nobody_fills_the_memory_with_good_signatures_under_tokens_that_are_refused() {
    let parties = Parties::of_bearers();
    let good = parties.sign(&claims());
    parties.believe(&good, NOW).await.unwrap();
    for number in 0..2 * MOST_TOKENS {
        let mut foreign = with("jti", number.to_string());
        let (name, value) =
            [("aud", json!("another")), ("sub", json!("eve")), ("exp", json!(1))][number % 3].clone();
        foreign[name] = value;
        assert!(parties.believe(&parties.sign(&foreign), NOW).await.is_err());
    }
    assert_eq!(parties.remembered().await, 1);
    for number in 0..2 * MOST_TOKENS {
        parties.believe(&parties.sign(&with("jti", number.to_string())), NOW).await.unwrap();
    }
    assert_eq!(parties.remembered().await, MOST_TOKENS);
    // It was forgotten, and is verified again.
    parties.believe(&good, NOW).await.unwrap();
}

#[tokio::test]
async fn assertions_are_not_remembered() {
    let parties = Parties::of_assertions();
    let token = parties.sign(&claims());
    parties.believe(&token, NOW).await.unwrap();
    parties.believe(&token, NOW).await.unwrap();
    assert_eq!(parties.remembered().await, 0);
}

#[tokio::test]
async fn why_a_token_is_refused_for_its_algorithm_is_said() {
    let parties = Parties::of_bearers();
    parties.believe(&parties.sign(&claims()), NOW).await.unwrap();
    let refused = async |parties: &Parties, algorithm: &str| {
        parties.believe(&parties.sign_as(algorithm, &claims()), NOW).await.unwrap_err().to_string()
    };
    // Those of secrets, those that we do not know, and other spellings.
    for algorithm in ["none", "HS256", "HS384", "HS512", "ES512", "ES256K", "Ed25519", "eddsa", "rs256", ""] {
        assert_eq!(
            refused(&parties, algorithm).await,
            format!("its algorithm is {algorithm:?}, which is not accepted from its issuer")
        );
    }
    // The key of that id is for something else.
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"] {
        let reason = "its issuer has no key \"1\" for this algorithm";
        assert_eq!(refused(&parties, algorithm).await, reason, "{algorithm}");
    }
    for algorithm in ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256"] {
        assert_eq!(
            refused(&Parties::of_entra(), algorithm).await,
            format!("its algorithm is {algorithm:?}, which is not accepted from its issuer")
        );
    }
}
