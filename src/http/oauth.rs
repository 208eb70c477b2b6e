//! `POST /{app}/oauth/token`: an app's own token endpoint.
//!
//! It is not SCIM's: its answers are those of RFC 6749 §5, and the one place that chooses a status for them is here.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde_json::json;

use crate::{
    auth::{
        Client,
        oauth::{AccessToken, GrantError, Shown},
    },
    clock::until,
};

use super::{
    Service,
    caller::{Seen, app_name, client_address, find_app, no_such_endpoint, refusals},
    error::{Failure, NobodyCanTell},
};

/// The largest body, in bytes: an assertion of 16 KiB, encoded, and the rest.
const MOST_BYTES: usize = 64 * 1024;

/// How long the body may take. Whoever sends it has not shown yet who it is.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// How long a request that is here may wait for others.
const PLACE_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn token(
    State(service): State<Arc<Service>>,
    parts: Parts,
    body: Body,
) -> Result<Response, Failure> {
    let app = find_app(&parts, &service)?;
    let Some(endpoint) = app.authenticator().token_endpoint() else { return Err(no_such_endpoint(&parts)) };
    let (name, clock) = (app_name(&parts.uri), &*service.clock);
    // 1. What is asked for? Who is slow to say so waits among its own requests.
    let receiving = async {
        let _place = service.admission.enter_receiving(name, &parts.extensions).await;
        to_bytes(body, MOST_BYTES).await
    };
    let Some(Ok(body)) = until(clock, clock.now() + BODY_WITHIN, receiving).await else {
        return Ok(refuse(&GrantError::InvalidRequest(
            "The body is too large, or was not received completely and in time.",
        )));
    };
    // 2. Is it good for a token?
    let entering = service.admission.enter_token_endpoint(name);
    let Some(_place) = until(clock, clock.now() + PLACE_WITHIN, entering).await else {
        return Ok(refuse(&GrantError::Busy));
    };
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let client = Client { address: client_address(&parts.extensions), user_agent };
    Ok(match endpoint.grant(&parts.headers, &body, client, refusals(&parts.extensions)).await {
        Ok(granted) => {
            Seen::of(&parts.extensions).actor.get_or_init(|| granted.client.clone());
            grant(&granted)
        }
        Err(error) => refuse(&error),
    })
}

/// The answer to every other method (RFC 6749 §3.2), which no credentials are asked for: it tells nothing.
pub(super) async fn method_not_allowed(
    State(service): State<Arc<Service>>,
    parts: Parts,
) -> Result<Response, Failure> {
    let app = find_app(&parts, &service)?;
    if app.authenticator().token_endpoint().is_none() {
        return Err(no_such_endpoint(&parts));
    }
    let body =
        json!({ "error": "invalid_request", "error_description": "The token endpoint takes POST only." });
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, body);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    Ok(response)
}

/// RFC 6749 §5.1.
fn grant(granted: &AccessToken) -> Response {
    let mut body = json!({
        "access_token": granted.token.expose(),
        "token_type": "Bearer",
        "expires_in": granted.expires_in.as_secs(),
    });
    if let Some(scope) = &granted.scope {
        body["scope"] = scope.as_str().into();
    }
    answer(StatusCode::OK, body)
}

/// RFC 6749 §5.2.
fn refuse(error: &GrantError) -> Response {
    let status = match error {
        GrantError::InvalidClient(_) | GrantError::ExpiredSecret { .. } => StatusCode::UNAUTHORIZED,
        GrantError::InvalidRequest(_) | GrantError::UnsupportedGrantType | GrantError::InvalidScope => {
            StatusCode::BAD_REQUEST
        }
        GrantError::Unavailable | GrantError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        GrantError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if let GrantError::Store(error) = error {
        tracing::error!(%error, "a request for a token failed in the database");
    }
    let mut response =
        answer(status, json!({ "error": error.code(), "error_description": error.to_string() }));
    if matches!(error, GrantError::Unavailable) {
        response.extensions_mut().insert(NobodyCanTell);
    }
    match error {
        GrantError::InvalidClient(Shown::InHeader)
        | GrantError::ExpiredSecret { shown: Shown::InHeader, .. } => {
            let challenge = HeaderValue::from_static("Basic realm=\"scim-bridge\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        GrantError::Unavailable | GrantError::Busy => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        _ => {}
    }
    response
}

/// Tokens are kept by nobody in between (RFC 6749 §5.1, `AUTH-5`).
fn answer(status: StatusCode, body: serde_json::Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
