//! Calls a target with the credentials that are good when the call is made.

use std::{fmt, sync::Arc};

use http::{Method, StatusCode};
use serde_json::Value;

use crate::{
    secret::Secret,
    upstream::{CallPath, Response, UpstreamClient},
};

use super::{Allowance, TargetError, credentials::Credentials, error::RejectionKind};

/// How many tokens one call is tried with. A second one is there after a rotation; more than that nobody rotates at a time.
const MOST_TOKENS: usize = 3;

/// A client with credentials that may change.
pub struct AuthorizedClient {
    target: &'static str,
    http: UpstreamClient,
    credentials: Arc<dyn Credentials>,
    /// The path that tells whose credentials they are, as `{"user": {"id": "…"}}`; `None`: no call changes that account.
    owner_path: Option<CallPath>,
}

/// A call that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, behind the base URL.
    pub path: &'a CallPath,
    /// The query's pairs.
    pub query: &'a [(&'a str, &'a str)],
    /// JSON, if there is a body.
    pub body: Option<&'a Value>,
}

impl fmt::Debug for AuthorizedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthorizedClient").field(&self.http).finish()
    }
}

impl AuthorizedClient {
    /// Calls `target` over `http`. `owner_path` is where it tells whose credentials it is called with; `None` where no call
    /// can change the account of whoever that is.
    pub fn new(
        target: &'static str,
        http: UpstreamClient,
        credentials: Arc<dyn Credentials>,
        owner_path: Option<CallPath>,
    ) -> Self {
        Self { target, http, credentials, owner_path }
    }

    /// Makes one call. Where the target refuses the credentials (401) nothing was done: if there are others by now, the call is
    /// made with these, each time within `allowance`. The answer is never a 401.
    ///
    /// # Errors
    /// When there is no complete answer, and when no credentials are accepted.
    pub async fn send(
        &self,
        request: Request<'_>,
        allowance: &mut dyn Allowance,
    ) -> Result<Response, TargetError> {
        let mut token = self.credentials.token().await?;
        for _ in 0..MOST_TOKENS {
            let response = self.send_with(&token, request, allowance).await?;
            if response.status != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            token = self.credentials.instead_of(&token).await?;
            if request.method != Method::GET {
                self.spare_owner(&token, request.path, allowance).await?;
            }
        }
        let target = self.target;
        Err(TargetError::CredentialsRefused {
            reason: format!("{target} refused {MOST_TOKENS} credentials one after the other (401)"),
        })
    }

    async fn send_with(
        &self,
        token: &Secret,
        request: Request<'_>,
        allowance: &mut dyn Allowance,
    ) -> Result<Response, TargetError> {
        allowance.spend().await;
        let Request { method, path, query, body } = request;
        self.http.send(token, method.clone(), path, query, body).await.map_err(|error| {
            TargetError::Unavailable { reason: format!("{} could not be called: {error}", self.target) }
        })
    }

    /// Before this call it was made sure that it does not lock out the owner of the credentials. They are another's now, who
    /// must not be the one that it changes either.
    async fn spare_owner(
        &self,
        token: &Secret,
        path: &CallPath,
        allowance: &mut dyn Allowance,
    ) -> Result<(), TargetError> {
        let Some(owner_path) = &self.owner_path else { return Ok(()) };
        let request = Request { method: &Method::GET, path: owner_path, query: &[], body: None };
        let response = self.send_with(token, request, allowance).await?;
        let body = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        match body["user"]["id"].as_str() {
            Some(owner) if path.as_str().split('/').any(|segment| segment == owner) => {
                Err(TargetError::Rejected {
                    reason: format!(
                        "the account is that of the owner of the credentials which the bridge was given just now; to change it could \
                     lock the bridge out of {}",
                        self.target
                    ),
                    rejection: RejectionKind::Forbidden,
                })
            }
            Some(_) => Ok(()),
            // The call itself tells what is wrong.
            None if response.status == StatusCode::UNAUTHORIZED => Ok(()),
            None => Err(TargetError::Unavailable {
                reason: format!("{} does not say whose the new credentials are", self.target),
            }),
        }
    }
}
