//! `If-Match` and `If-None-Match` (RFC 7644 §3.14).

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, header, request::Parts};

use crate::scim::precondition::Precondition;

use super::error::Failure;

/// What a request demands of the version that a resource has.
#[derive(Debug)]
pub(super) struct Conditions(pub(super) Precondition);

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let if_match = list(&parts.headers, header::IF_MATCH);
        let if_none_match = list(&parts.headers, header::IF_NONE_MATCH);
        Ok(Self(Precondition::parse(if_match.as_deref(), if_none_match.as_deref())?))
    }
}

/// The values of all header lines of that name: they are one list (RFC 9110 §5.3).
fn list(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}
