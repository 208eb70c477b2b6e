//! What a JWT says (RFC 7519 §4), once it is known who says it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    super::credential::Digest,
    problem::{Problem, Shown},
};
use crate::{clock::Time, config::ClaimRule};

/// How far the clocks of issuers may be from ours.
const SKEW: Duration = Duration::from_secs(60);

/// The claims of a JWT whose signature was verified.
#[derive(Debug)]
pub(in crate::auth) struct Claims<'t> {
    claims: &'t Map<String, Value>,
    /// Identifies a token that has no id of its own.
    signed: &'t str,
}

impl<'t> Claims<'t> {
    pub(super) fn new(claims: &'t Map<String, Value>, signed: &'t str) -> Self {
        Self { claims, signed }
    }

    /// A claim that is text.
    pub(in crate::auth) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// `iss` is one of these.
    ///
    /// # Errors
    /// When it is none, or not there.
    pub(in crate::auth) fn is_issued_by(&self, issuers: &[String]) -> Result<(), Problem> {
        let issuer = self.text("iss").ok_or_else(|| Problem::Missing(Shown::new("iss")))?;
        if issuers.iter().any(|one| one == issuer) {
            return Ok(());
        }
        Err(mismatch("iss", issuer, issuers))
    }

    /// `aud`, a text or an array of them, has one of these (RFC 7519 §4.1.3).
    ///
    /// # Errors
    /// When it has none, or is not there.
    pub(in crate::auth) fn is_meant_for(&self, audiences: &[String]) -> Result<(), Problem> {
        let found = self.claims.get("aud").ok_or_else(|| Problem::Missing(Shown::new("aud")))?;
        if audiences.iter().any(|audience| is_or_holds(found, audience)) {
            return Ok(());
        }
        Err(mismatch("aud", found, audiences))
    }

    /// It is valid now: `exp` must be there, `nbf` and `iat` are obeyed where they are. When it expires.
    ///
    /// # Errors
    /// When it is not.
    pub(in crate::auth) fn is_valid_at(&self, now: Time) -> Result<Time, Problem> {
        let expires_at = self.time("exp")?.ok_or_else(|| Problem::Missing(Shown::new("exp")))?;
        if expires_at + SKEW <= now {
            return Err(Problem::Expired);
        }
        for begin in ["nbf", "iat"] {
            if self.time(begin)?.is_some_and(|begin| begin > now + SKEW) {
                return Err(Problem::NotYetValid);
            }
        }
        Ok(expires_at)
    }

    /// The claim that `rule` names has one of its values. Scopes stand in one text, with spaces between them (RFC 9068 §2.2.3,
    /// and `scp` at Entra ID).
    ///
    /// # Errors
    /// When it has none, or is not there.
    pub(in crate::auth) fn obeys(&self, rule: &ClaimRule) -> Result<(), Problem> {
        let found = self.claims.get(&rule.name).ok_or_else(|| Problem::Missing(Shown::new(&rule.name)))?;
        let is_list_in_a_text = matches!(rule.name.as_str(), "scope" | "scp");
        let has = |value: &String| {
            is_or_holds(found, value)
                || is_list_in_a_text
                    && found.as_str().is_some_and(|text| text.split(' ').any(|one| one == value))
        };
        if rule.values.iter().any(has) {
            return Ok(());
        }
        Err(mismatch(&rule.name, found, &rule.values))
    }

    /// What tells this token from every other of its issuer until both have expired: `jti`, else `uti`, which Entra ID has
    /// instead (`AUTH-6`), else the token itself, all as digests.
    pub(in crate::auth) fn id(&self) -> String {
        let own = ["jti", "uti"].into_iter().find_map(|name| self.text(name).filter(|id| !id.is_empty()));
        let issuer = self.text("iss").unwrap_or_default();
        match own {
            Some(id) => Digest::of(&format!("{}:{issuer}{id}", issuer.len())).to_hex(),
            None => Digest::of(self.signed).to_hex(),
        }
    }

    /// Until when a token must be remembered that expires at `expires_at`.
    pub(in crate::auth) fn remembered_until(expires_at: Time) -> Time {
        expires_at + SKEW
    }

    /// A NumericDate: seconds since the Unix epoch, also with a fraction (RFC 7519 §2).
    fn time(&self, name: &str) -> Result<Option<Time>, Problem> {
        let Some(value) = self.claims.get(name) else { return Ok(None) };
        // In microseconds these are the years that a Time can hold, and more than any honest token's.
        const MOST_SECONDS: f64 = 253_402_300_799.0;
        match value.as_f64() {
            Some(seconds) if (0.0..=MOST_SECONDS).contains(&seconds) =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "it is within the bounds just checked")]
                Ok(Some(Time::from_micros((seconds * 1e6) as i64)))
            }
            _ => Err(Problem::Claim {
                claim: name.to_owned(),
                found: Shown::new(value),
                expected: Shown::new("a time in seconds"),
            }),
        }
    }
}

fn is_or_holds(found: &Value, value: &str) -> bool {
    match found {
        Value::String(text) => text == value,
        Value::Array(elements) => elements.iter().any(|element| element.as_str() == Some(value)),
        _ => false,
    }
}

fn mismatch(claim: &str, found: impl std::fmt::Display, expected: &[String]) -> Problem {
    Problem::Claim {
        claim: claim.to_owned(),
        found: Shown::new(found),
        expected: Shown::new(expected.join(" or ")),
    }
}
