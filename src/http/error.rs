//! Failures become answers: the one place that chooses a status. Every one is a SCIM Error (RFC 7644 §3.12).

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use serde_json::Value;

use crate::{
    auth::{Authenticator, Refused},
    passthrough,
    provision::{ProvisionError, bulk::OperationError},
    scim::{
        bulk,
        discovery::BulkLimits,
        error::{self, ScimType},
    },
    store::StoreError,
};

use super::{Mounted, Service, answer::scim_json, caller, hooks};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// An operation was not done.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// No credentials, or wrong ones.
    #[error("{0}")]
    Unauthorized(Unauthorized),
    /// No certificate, where one is asked for.
    #[error("A client certificate is needed here, and none was presented.")]
    NoCertificate,
    /// The client's network is not among those that are allowed.
    #[error("Requests are not allowed from this network. See allow_from in the bridge's configuration.")]
    ForeignNetwork,
    /// Too many requests are being worked on.
    #[error("Too many requests at a time; try again shortly.")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many attempts to authenticate failed.
    #[error("Too many attempts with a wrong token from this address; try again later.")]
    TooManyAttempts {
        /// When to try again.
        retry_after: Duration,
    },
    /// There is nothing at this path.
    #[error("There is no endpoint {0}.")]
    NoSuchEndpoint(String),
    /// There is no schema or resource type of that name.
    #[error("There is no {what} {name}.")]
    NoSuchDefinition {
        /// `schema` or `resource type`.
        what: &'static str,
        /// As it was asked for.
        name: String,
    },
    /// The endpoint knows the path, and not the method.
    #[error("{0} is not supported here.")]
    MethodNotAllowed(Method),
    /// SCIM knows the endpoint, and this service does not have it.
    #[error("{0} is not implemented.")]
    NotImplemented(String),
    /// Discovery endpoints take no filter (RFC 7644 §4).
    #[error("What the server tells about itself cannot be filtered.")]
    FilteredDiscovery,
    /// The body is larger than allowed.
    #[error("The body is larger than the {0} bytes that are allowed.")]
    TooLarge(usize),
    /// A bulk request is larger than allowed (RFC-122).
    #[error("The size of the bulk request exceeds the maxPayloadSize ({}).", .0.max_payload_size)]
    BulkTooLarge(BulkLimits),
    /// A bulk request is refused as a whole.
    #[error(transparent)]
    Bulk(#[from] bulk::RequestError),
    /// An operation of a bulk request was not tried.
    #[error(transparent)]
    BulkOperation(bulk::Problem),
    /// An operation of a bulk request refers to what is not there (RFC-119).
    #[error("{0}")]
    Unresolved(String),
    /// The body is not JSON by its own account.
    #[error("The body must be application/scim+json or application/json, and is {0}.")]
    UnsupportedMediaType(String),
    /// The body is compressed.
    #[error("The body must be sent without Content-Encoding, and has {0}.")]
    UnsupportedCoding(String),
    /// The body ended before it was complete.
    #[error("The body was not received completely.")]
    IncompleteBody,
    /// A request was not passed through, or its answer not passed back.
    #[error(transparent)]
    PassedThrough(#[from] passthrough::Failure),
    /// The request took too long.
    #[error("The request took too long.")]
    TimedOut,
    /// Our own mistake.
    #[error("The bridge failed. Its log says why.")]
    Bug,
}

/// What is wrong with the credentials, and what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refused}")]
pub(super) struct Unauthorized {
    refused: Refused,
    challenge: Challenge,
}

/// The schemes that a caller is told to use (RFC 9110 §11.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Challenge {
    Bearer,
    BearerAndBasic,
}

impl Unauthorized {
    /// The app of `authenticator` refuses what was sent.
    pub(super) fn of(authenticator: &Authenticator, refused: Refused) -> Self {
        let accepts_basic = authenticator.accepts_basic();
        Self { refused, challenge: if accepts_basic { Challenge::BearerAndBasic } else { Challenge::Bearer } }
    }

    /// All apps refuse it.
    pub(super) fn of_none(refused: Refused) -> Self {
        Self { refused, challenge: Challenge::Bearer }
    }

    /// With the keywords of RFC 6750 §3.1: none where nothing was sent.
    fn challenges(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let bearer = match self.refused {
            Refused::Missing => "Bearer realm=\"scim-bridge\"",
            Refused::Expired(_) => {
                "Bearer realm=\"scim-bridge\", error=\"invalid_token\", error_description=\"The token expired\""
            }
            Refused::Invalid | Refused::KeysUnavailable => {
                "Bearer realm=\"scim-bridge\", error=\"invalid_token\""
            }
        };
        let basic = match self.challenge {
            Challenge::Bearer => None,
            Challenge::BearerAndBasic => Some("Basic realm=\"scim-bridge\", charset=\"UTF-8\""),
        };
        let of = |text| (header::WWW_AUTHENTICATE, HeaderValue::from_static(text));
        std::iter::once(bearer).chain(basic).map(of)
    }
}

impl From<error::Error> for Failure {
    fn from(error: error::Error) -> Self {
        Self::Provision(error.into())
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Problem(problem) => Self::BulkOperation(problem),
            OperationError::Unresolved(reason) => Self::Unresolved(reason),
            OperationError::Provision(error) => Self::Provision(error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Provision(error.into())
    }
}

impl Failure {
    /// What the client is told: the status, and the SCIM Error that is the body. What it is not told goes to the log.
    pub(super) fn report(&self) -> (StatusCode, Value) {
        if let Self::Provision(ProvisionError::Store(error)) = self {
            tracing::error!(%error, "a request failed in the database");
        }
        let (status, scim_type) = self.status();
        (status, error::message(status.as_u16(), scim_type, &self.detail()))
    }

    /// A status and, where SCIM has one, a keyword.
    fn status(&self) -> (StatusCode, Option<ScimType>) {
        match self {
            Self::Provision(ProvisionError::Scim(error))
            | Self::Bulk(bulk::RequestError::Scim(error))
            | Self::BulkOperation(bulk::Problem::Scim(error)) => match error.scim_type {
                ScimType::Uniqueness => (StatusCode::CONFLICT, Some(error.scim_type)),
                _ => (StatusCode::BAD_REQUEST, Some(error.scim_type)),
            },
            Self::Provision(ProvisionError::NotFound { .. })
            | Self::NoSuchEndpoint(_)
            | Self::BulkOperation(bulk::Problem::NoSuchEndpoint(_))
            | Self::NoSuchDefinition { .. } => (StatusCode::NOT_FOUND, None),
            Self::Provision(ProvisionError::VersionMismatch { .. }) => {
                (StatusCode::PRECONDITION_FAILED, None)
            }
            Self::Provision(ProvisionError::Forbidden(_))
            | Self::FilteredDiscovery
            | Self::NoCertificate
            | Self::ForeignNetwork => (StatusCode::FORBIDDEN, None),
            Self::Busy { .. } | Self::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, None),
            Self::Provision(
                ProvisionError::Unavailable { .. } | ProvisionError::Store(StoreError::Closed),
            )
            | Self::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, None),
            Self::Provision(ProvisionError::QueueTooLong { .. }) => (StatusCode::TOO_MANY_REQUESTS, None),
            Self::Provision(ProvisionError::Store(_)) | Self::Bug => {
                (StatusCode::INTERNAL_SERVER_ERROR, None)
            }
            Self::Unauthorized(Unauthorized { refused: Refused::KeysUnavailable, .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, None)
            }
            Self::PassedThrough(failure) => (status_of_passthrough(failure), None),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, None),
            Self::MethodNotAllowed(_) | Self::BulkOperation(bulk::Problem::MethodNotAllowed { .. }) => {
                (StatusCode::METHOD_NOT_ALLOWED, None)
            }
            Self::NotImplemented(_) => (StatusCode::NOT_IMPLEMENTED, None),
            Self::TooLarge(_)
            | Self::BulkTooLarge(_)
            | Self::Bulk(bulk::RequestError::TooManyOperations(_)) => (StatusCode::PAYLOAD_TOO_LARGE, None),
            Self::Unresolved(_) => (StatusCode::CONFLICT, None),
            Self::UnsupportedMediaType(_) | Self::UnsupportedCoding(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, None)
            }
            Self::IncompleteBody => (StatusCode::BAD_REQUEST, Some(ScimType::InvalidSyntax)),
        }
    }

    /// What the client is told in words. A database's text is for the log alone.
    fn detail(&self) -> String {
        match self {
            Self::Provision(ProvisionError::Store(_)) => Self::Bug.to_string(),
            other => other.to_string(),
        }
    }

    /// The headers that go with the status.
    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        // Clients honour whole seconds only (`C-19`).
        let seconds = |duration: &Duration| HeaderValue::from(duration.as_secs().max(1));
        match self {
            Self::Provision(
                ProvisionError::Unavailable { retry_after, .. }
                | ProvisionError::QueueTooLong { retry_after, .. },
            )
            | Self::Busy { retry_after }
            | Self::TooManyAttempts { retry_after } => vec![(header::RETRY_AFTER, seconds(retry_after))],
            Self::TimedOut => vec![(header::RETRY_AFTER, seconds(&Duration::from_secs(5)))],
            Self::PassedThrough(failure) => {
                let retry_after = failure.retry_after();
                retry_after.iter().map(|retry_after| (header::RETRY_AFTER, seconds(retry_after))).collect()
            }
            Self::Unauthorized(Unauthorized { refused: Refused::KeysUnavailable, .. }) => {
                vec![(header::RETRY_AFTER, seconds(&Duration::from_secs(30)))]
            }
            Self::Unauthorized(unauthorized) => unauthorized.challenges().collect(),
            _ => Vec::new(),
        }
    }
}

/// Where the bridge is a gateway: 502 for an answer that is none, 503 for a target that is not asked or says so, 504 for one that
/// is late.
fn status_of_passthrough(failure: &passthrough::Failure) -> StatusCode {
    use passthrough::Failure as Passed;
    match failure {
        Passed::Path(_) | Passed::IncompleteBody => StatusCode::BAD_REQUEST,
        Passed::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
        Passed::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Passed::Busy
        | Passed::Held { .. }
        | Passed::Uncounted
        | Passed::Resting { .. }
        | Passed::WebPage { status: 429 | 503, .. } => StatusCode::SERVICE_UNAVAILABLE,
        Passed::TimedOut { .. } | Passed::WebPage { status: 504, .. } => StatusCode::GATEWAY_TIMEOUT,
        Passed::Unreachable { .. }
        | Passed::Broken { .. }
        | Passed::WebPage { .. }
        | Passed::Redirected { .. }
        | Passed::AnswerTooLarge { .. }
        | Passed::Unreadable { .. } => StatusCode::BAD_GATEWAY,
    }
}

/// Marks the answer to somebody of whom nobody can tell now who it is: for the log it is one more failed attempt, and for the
/// client none.
#[derive(Clone, Copy, Debug)]
pub(super) struct NobodyCanTell;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, body) = self.report();
        let mut response = scim_json(status, &body);
        if matches!(self, Self::Unauthorized(Unauthorized { refused: Refused::KeysUnavailable, .. })) {
            response.extensions_mut().insert(NobodyCanTell);
        }
        for (name, value) in self.headers() {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// The answer where there is no endpoint.
pub(super) async fn not_found(
    State(service): State<Arc<Service>>,
    OriginalUri(uri): OriginalUri,
    parts: Parts,
) -> Failure {
    match token_first(&service, &uri, &parts).await {
        Err(unauthorized) => unauthorized,
        Ok(_) => Failure::NoSuchEndpoint(hooks::shown(&uri)),
    }
}

/// The answer where there is an endpoint, but not for this method.
pub(super) async fn method_not_allowed(
    State(service): State<Arc<Service>>,
    OriginalUri(uri): OriginalUri,
    parts: Parts,
) -> Failure {
    // The paths beside the apps have one segment.
    let is_beside_apps = uri.path().matches('/').count() == 1;
    match token_first(&service, &uri, &parts).await {
        Err(unauthorized) => unauthorized,
        Ok(None) if !is_beside_apps => Failure::NoSuchEndpoint(hooks::shown(&uri)),
        Ok(_) => Failure::MethodNotAllowed(parts.method),
    }
}

/// What lies below an app asks for its token before it tells anything. The app, if the path is below one.
async fn token_first<'a>(
    service: &'a Service,
    uri: &Uri,
    parts: &Parts,
) -> Result<Option<&'a Mounted>, Failure> {
    let Some(app) = service.apps.get(caller::app_name(uri)) else { return Ok(None) };
    let authenticated = caller::authenticate(app.authenticator(), &parts.headers, &parts.extensions);
    authenticated.await.map_err(Failure::Unauthorized)?;
    Ok(Some(app))
}

/// The answer of endpoints that SCIM defines and this service does not have.
pub(super) async fn not_implemented(_caller: caller::Caller, OriginalUri(uri): OriginalUri) -> Failure {
    let endpoint = uri.path().splitn(5, '/').nth(4).unwrap_or_default();
    Failure::NotImplemented(format!("/{}", shown(endpoint)))
}

/// A text from the request, at a length that fits a sentence.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
