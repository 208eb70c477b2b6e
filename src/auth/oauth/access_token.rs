//! Access tokens: JWTs that the bridge signs, and that nobody else need understand.
//!
//! HMAC-SHA-256 and no public key, since who verifies them is who signs them. Each app's are under a key of their own, so
//! that what one app gave out is a wrong signature at every other.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde_json::json;

use super::{
    super::jwt::{Problem, Unverified},
    SigningKeys,
    signing_keys::AppKey,
};
use crate::clock::Time;

/// `iss` of access tokens. Not a URL, so that no other issuer can be configured under it.
pub(in crate::auth) const ISSUER: &str = "scim-bridge";

/// Makes and reads the access tokens of one app.
#[derive(Debug)]
pub struct AccessTokens {
    app: String,
    lifetime: Duration,
    keys: Arc<SigningKeys>,
}

/// What an access token is to say.
#[derive(Debug)]
pub(super) struct Statement {
    /// To which client it was given.
    pub(super) client: String,
    /// For which credential; `None`: for an assertion.
    pub(super) credential: Option<String>,
    /// What the client has shown, or the rule that the assertion obeyed.
    pub(super) ground: Vec<u8>,
}

/// What an access token says.
pub(super) struct Given {
    /// To which client it was given.
    pub(super) client: String,
    /// For which credential; `None`: for an assertion.
    pub(super) credential: Option<String>,
    mark: Option<String>,
    key: AppKey,
}

impl Given {
    /// Whether it was given on this ground.
    pub(super) fn is_on(&self, ground: &[u8]) -> bool {
        self.mark.as_deref() == Some(&mark(&self.key, ground))
    }
}

impl AccessTokens {
    /// Access tokens of `app` that are good for `lifetime`.
    pub fn new(app: &str, lifetime: Duration, keys: Arc<SigningKeys>) -> Self {
        Self { app: app.to_owned(), lifetime, keys }
    }

    /// How long they are good.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Whether there is a key for a new one.
    pub(super) fn can_issue(&self, now: Time) -> bool {
        self.keys.signing(&self.app, now).is_some()
    }

    /// A new one; `None` if there is no key.
    pub(super) fn issue(&self, statement: &Statement, now: Time) -> Option<String> {
        let key = self.keys.signing(&self.app, now)?;
        let ground = mark(&key, &statement.ground);
        let header =
            Header { typ: Some("at+jwt".to_owned()), kid: Some(key.id), ..Header::new(Algorithm::HS256) };
        let claims = json!({
            "iss": ISSUER,
            "aud": self.app,
            "sub": statement.client,
            "iat": seconds(now),
            "exp": seconds(now + self.lifetime),
            "credential": statement.credential,
            "ground": ground,
        });
        let secret = EncodingKey::from_secret(key.secret.as_ref());
        Some(
            encode(&header, &claims, &secret).expect("texts and numbers are signed with a key of any length"),
        )
    }

    /// What the token says, if it is one of ours, for this app, and has not expired.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn read(&self, token: &Unverified<'_>, now: Time) -> Result<Given, Problem> {
        if token.algorithm() != Algorithm::HS256 {
            return Err(Problem::Algorithm(shown(format_args!("{:?}", token.algorithm()))));
        }
        let id = token.key_id().unwrap_or_default();
        let key = self.keys.find(&self.app, id).ok_or_else(|| Problem::UnknownKey(shown(id)))?;
        let claims = token.verify(&DecodingKey::from_secret(key.secret.as_ref()))?;
        claims.is_issued_by(&[ISSUER.to_owned()])?;
        claims.is_meant_for(std::slice::from_ref(&self.app))?;
        claims.is_valid_at(now)?;
        let client = claims.text("sub").ok_or_else(|| Problem::Missing(shown("sub")))?.to_owned();
        let [credential, mark] = ["credential", "ground"].map(|name| claims.text(name).map(str::to_owned));
        Ok(Given { client, credential, mark, key })
    }
}

/// Tells the ground of a token from others. Who reads the token cannot try guesses at a secret against it.
fn mark(key: &AppKey, ground: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.secret.as_ref());
    let tag = hmac::sign(&key, &[b"ground of a token: ", ground].concat());
    tag.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(text: impl std::fmt::Display) -> super::super::jwt::Shown {
    super::super::jwt::Shown::new(text)
}

fn seconds(time: Time) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}
