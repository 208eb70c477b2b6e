//! What a client asks of the token endpoint.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use url::form_urlencoded;

use super::{GrantError, Shown};
use crate::secret::Secret;

/// The assertion type of a JWT (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A request for an access token.
#[derive(Debug)]
pub(super) struct TokenRequest {
    /// The scope that is asked for.
    pub(super) scope: Option<String>,
    /// Who asks.
    pub(super) proof: Proof,
}

/// How a client proves who it is.
#[derive(Debug)]
pub(super) enum Proof {
    /// With its secret.
    Secret(SecretProof),
    /// With an assertion (RFC 7521 §4.2).
    Assertion {
        /// The client's id, which need not be there.
        client: Option<String>,
        /// A JWT.
        assertion: Secret,
    },
}

/// A client's id and secret.
#[derive(Debug)]
pub(super) struct SecretProof {
    /// What the two may be: in the header they should be encoded as in a form (RFC 6749 §2.3.1), and often are not.
    pub(super) readings: Vec<(String, Secret)>,
    /// Where they stand.
    pub(super) shown: Shown,
}

/// The parameters that are read; others are ignored (RFC 6749 §3.2).
#[derive(Default)]
struct Parameters<'b> {
    grant_type: Option<Cow<'b, str>>,
    scope: Option<Cow<'b, str>>,
    client_id: Option<Cow<'b, str>>,
    client_secret: Option<Cow<'b, str>>,
    assertion_type: Option<Cow<'b, str>>,
    assertion: Option<Cow<'b, str>>,
}

impl TokenRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// When it cannot be understood, is of another grant, or does not say who asks.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, GrantError> {
        let parameters = Parameters::read(headers, body)?;
        match parameters.grant_type.as_deref() {
            None => return Err(GrantError::InvalidRequest("The grant_type is missing.")),
            Some("client_credentials") => {}
            Some(_) => return Err(GrantError::UnsupportedGrantType),
        }
        let scope = parameters.scope.as_deref().map(str::to_owned);
        if scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
            return Err(GrantError::InvalidScope);
        }
        Ok(Self { scope, proof: parameters.proof(headers)? })
    }
}

impl<'b> Parameters<'b> {
    fn read(headers: &HeaderMap, body: &'b [u8]) -> Result<Self, GrantError> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(GrantError::InvalidRequest("The body must be application/x-www-form-urlencoded."));
        }
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let place = match &*name {
                "grant_type" => &mut parameters.grant_type,
                "scope" => &mut parameters.scope,
                "client_id" => &mut parameters.client_id,
                "client_secret" => &mut parameters.client_secret,
                "client_assertion_type" => &mut parameters.assertion_type,
                "client_assertion" => &mut parameters.assertion,
                _ => continue,
            };
            // One without a value is as good as none (RFC 6749 §3.2).
            if !value.is_empty() && place.replace(value).is_some() {
                return Err(GrantError::InvalidRequest("A parameter is there twice."));
            }
        }
        Ok(parameters)
    }

    fn proof(self, headers: &HeaderMap) -> Result<Proof, GrantError> {
        let header = read_header(headers)?;
        if let Some(assertion) = self.assertion {
            if header.is_some() || self.client_secret.is_some() {
                return Err(GrantError::InvalidRequest("Send a secret or an assertion, not both."));
            }
            if self.assertion_type.as_deref() != Some(JWT_BEARER) {
                return Err(GrantError::InvalidRequest("The client_assertion_type must be jwt-bearer."));
            }
            let client = self.client_id.map(Cow::into_owned);
            return Ok(Proof::Assertion { client, assertion: Secret::new(assertion) });
        }
        let body = match (self.client_id, self.client_secret) {
            (Some(id), Some(secret)) => Some((Some(id.into_owned()), Secret::new(secret))),
            (None, Some(secret)) => Some((None, Secret::new(secret))),
            (Some(id), None) if header.is_some() => {
                return both(header.unwrap_or_default(), Some(id.into_owned()), None);
            }
            _ => None,
        };
        match (header, body) {
            (Some(readings), None) => Ok(Proof::Secret(SecretProof { readings, shown: Shown::InHeader })),
            (None, Some((Some(id), secret))) => {
                Ok(Proof::Secret(SecretProof { readings: vec![(id, secret)], shown: Shown::InBody }))
            }
            (Some(readings), Some((id, secret))) => both(readings, id, Some(secret)),
            (None, Some((None, _)) | None) => Err(GrantError::InvalidClient(Shown::InBody)),
        }
    }
}

/// The RFC forbids to show a secret in two places (§2.3), and Entra ID's choice *Both* does it (`AUTH-3`): they must agree.
fn both(
    mut readings: Vec<(String, Secret)>,
    id: Option<String>,
    secret: Option<Secret>,
) -> Result<Proof, GrantError> {
    readings.retain(|(read_id, read_secret)| {
        id.as_ref().is_none_or(|id| id == read_id)
            && secret.as_ref().is_none_or(|secret| secret.expose() == read_secret.expose())
    });
    if readings.is_empty() {
        return Err(GrantError::InvalidClient(Shown::InHeader));
    }
    Ok(Proof::Secret(SecretProof { readings, shown: Shown::InHeader }))
}

/// What HTTP Basic says, as it stands and as a form would have it.
fn read_header(headers: &HeaderMap) -> Result<Option<Vec<(String, Secret)>>, GrantError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(GrantError::InvalidRequest("There are two Authorization headers."));
    }
    let readings = value.to_str().ok().and_then(|value| {
        let (scheme, pair) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(pair.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let mut readings = vec![(id.to_owned(), Secret::new(secret))];
        let decoded = (decoded(id), decoded(secret));
        if (decoded.0.as_str(), decoded.1.as_str()) != (id, secret) {
            readings.push((decoded.0, Secret::new(decoded.1)));
        }
        Some(readings)
    });
    readings.map(Some).ok_or(GrantError::InvalidClient(Shown::InHeader))
}

/// `text` as the value of a form's field.
fn decoded(text: &str) -> String {
    let field = format!("v={}", text.replace('&', "%26"));
    form_urlencoded::parse(field.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

/// RFC 6749 §3.3.
fn is_scope(scope: &str) -> bool {
    scope.len() <= 1024 && scope.bytes().all(|byte| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~'))
}
