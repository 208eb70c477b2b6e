//! A JWT taken apart, and verified.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value};

use super::{
    super::credential::Digest,
    Claims,
    problem::{Problem, Shown},
    verified::VerifiedTokens,
};

/// The longest token that is looked at, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// A JWT whose signature was not verified yet (RFC 7515 §3.1). What its header says only chooses among what is configured.
#[derive(Debug)]
pub(in crate::auth) struct Unverified<'t> {
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Map<String, Value>,
    /// All of it, as it came.
    token: &'t str,
    /// Header and claims as they came, which is what was signed.
    signed: &'t str,
    signature: &'t str,
}

impl<'t> Unverified<'t> {
    /// Whether `token` may be a JWT: three parts, the first of which begins as a JSON object does.
    pub(in crate::auth) fn is_like(token: &str) -> bool {
        token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Takes `token` apart.
    ///
    /// # Errors
    /// When it has not the form of a JWT, or an algorithm that we do not know; `none` is one.
    pub(in crate::auth) fn parse(token: &'t str) -> Result<Self, Problem> {
        if token.len() > MOST_BYTES {
            return Err(Problem::TooLong(MOST_BYTES));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Problem::Malformed("it has not three parts"));
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        let header = object(header, "its header is no JSON object")?;
        if header.contains_key("crit") {
            return Err(Problem::Critical);
        }
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.ok_or(Problem::Malformed("its header names no algorithm"))?;
        let algorithm = algorithm.parse().map_err(|_| Problem::Algorithm(Shown::new(algorithm)))?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(key_id)) => Some(key_id.clone()),
            Some(_) => return Err(Problem::Malformed("its kid is no text")),
        };
        let claims = object(claims, "its claims are no JSON object")?;
        Ok(Self { algorithm, key_id, claims, token, signed, signature })
    }

    /// Who issued it, by its own account.
    pub(in crate::auth) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// The algorithm that it is signed with, by its own account.
    pub(in crate::auth) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that it is signed with, by its own account.
    pub(in crate::auth) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What it says, once its signature is verified.
    ///
    /// # Errors
    /// When it was not signed with `key`, or `key` is not for its algorithm.
    pub(in crate::auth) fn verify(&self, key: &DecodingKey) -> Result<Claims<'_>, Problem> {
        match crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm) {
            Ok(true) => Ok(self.claims()),
            Ok(false) | Err(_) => Err(Problem::Signature),
        }
    }

    /// What it says, if it is one of those whose signature was `verified` before.
    pub(super) fn find_among(&self, verified: &VerifiedTokens) -> Option<Claims<'_>> {
        verified.contains(self.digest()).then(|| self.claims())
    }

    /// Tells it from every other text.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.token)
    }

    fn claims(&self) -> Claims<'_> {
        Claims::new(&self.claims, self.signed)
    }
}

fn object(part: &str, problem: &'static str) -> Result<Map<String, Value>, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Problem::Malformed("a part is no base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::Malformed(problem))
}
