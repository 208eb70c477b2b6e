//! How the REST API of an Aha! account is called, and what its answers mean, whomever a call is about.
//!
//! An account has several populations (its own users, the users of its ideas portals), each with a connector, endpoints and
//! ids of its own. What is the same for all of them stands here: credentials, limits, errors, pages. It is no connector.

mod body;
mod rate;
mod users;

use std::{fmt, sync::Arc};

use http::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    clock::Clock,
    config::{AhaAccount, Rate},
    scim::fold::fold,
    upstream::{CallMeter, CallPath, Response, SetupError, UpstreamClient, UpstreamSettings},
};

use self::body::ErrorBody;
pub(super) use self::body::{OwnerBody, Page, Pagination, text_or_number, time};
pub(super) use self::users::LARGEST_PAGE;
use super::{
    Allowance, TargetError,
    authorized::{AuthorizedClient, Request},
    credentials::Credentials,
    error::RejectionKind,
};

/// Where it is told whose credentials they are.
const OWNER_PATH: &str = "/me";

/// Whether the owner of the credentials is among those whom the calls are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A call could disable the owner, and so lock the bridge out.
    MayBeChanged,
    /// The calls are about others, who may have the same ids.
    OutOfReach,
}

/// Calls one Aha! account.
pub(super) struct AhaApi {
    http: AuthorizedClient,
    rate: Rate,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for AhaApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AhaApi").field(&self.http).finish()
    }
}

impl AhaApi {
    /// Calls `account` with `credentials`, on behalf of the app of `meter`. Sends nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made from the configuration.
    pub(super) fn new(
        meter: CallMeter,
        account: &AhaAccount,
        credentials: Arc<dyn Credentials>,
        owner: Owner,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let http = UpstreamClient::new(UpstreamSettings {
            meter,
            base_url: format!("{}/api/v1", account.base_url.as_str()),
            timeout: account.request_timeout,
            contact: account.contact.clone(),
            clock: clock.clone(),
        })?;
        let owner_path = (owner == Owner::MayBeChanged).then(|| OWNER_PATH.into());
        let http = AuthorizedClient::new("Aha!", http, credentials, owner_path);
        Ok(Self { http, rate: account.rate, clock })
    }

    /// `GET /me`: whose API key this is. Every key may ask that, whatever its owner may do.
    ///
    /// # Errors
    /// As the call fails.
    pub(super) async fn key_owner(&self, allowance: &mut dyn Allowance) -> Result<OwnerBody, TargetError> {
        let response = self.call(Method::GET, &OWNER_PATH.into(), &[], None, allowance).await?;
        self.understand(response, forbidden)
    }

    /// Makes one call, charged to `allowance`, and answers what came back, whatever its status, but never a 401.
    ///
    /// # Errors
    /// When nothing came back, and when no credentials are accepted.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &CallPath,
        query: &[(&str, &str)],
        body: Option<Value>,
        allowance: &mut dyn Allowance,
    ) -> Result<Response, TargetError> {
        let request = Request { method: &method, path, query, body: body.as_ref() };
        let response = self.http.send(request, allowance).await?;
        // A gateway's page may tell of the gateway's own limits.
        let has_no_page = matches!(response.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::NO_CONTENT);
        let is_of_aha = response.is_json() || has_no_page;
        if let Some(report) = rate::report(&response, self.rate, self.clock.now()).filter(|_| is_of_aha) {
            allowance.note(report);
        }
        Ok(response)
    }

    /// The body of an answer. `not_found` says what a 404 in JSON means, which Aha! also answers for what the key may not
    /// see; it is handed what Aha! said, as `: reason` or nothing.
    ///
    /// # Errors
    /// What an answer other than 2xx means; or the body is not the expected JSON.
    pub(super) fn understand<T: DeserializeOwned>(
        &self,
        response: Response,
        not_found: impl FnOnce(&str) -> TargetError,
    ) -> Result<T, TargetError> {
        let response = self.succeeded(response, not_found)?;
        serde_json::from_slice(&response.body).map_err(|_| TargetError::Unavailable {
            reason: format!(
                "Aha! answered {} with a body that is not the expected JSON. Check base_url, and any proxy in between",
                response.status.as_u16()
            ),
        })
    }

    /// An answer of which only the status counts.
    ///
    /// # Errors
    /// What an answer other than 2xx means.
    pub(super) fn succeeded(
        &self,
        response: Response,
        not_found: impl FnOnce(&str) -> TargetError,
    ) -> Result<Response, TargetError> {
        if response.status.is_success() { Ok(response) } else { Err(self.failure(&response, not_found)) }
    }

    fn failure(&self, response: &Response, not_found: impl FnOnce(&str) -> TargetError) -> TargetError {
        let status = response.status;
        let said = serde_json::from_slice::<ErrorBody>(&response.body).unwrap_or_default().reason();
        let said_so = said.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
        match status {
            StatusCode::FORBIDDEN => forbidden(&said_so),
            StatusCode::TOO_MANY_REQUESTS => {
                TargetError::RateLimited { until: rate::calls_again_at(response, self.clock.now()) }
            }
            StatusCode::REQUEST_TIMEOUT => unavailable(status, &said_so),
            status if status.is_redirection() => TargetError::Unavailable {
                reason: format!(
                    "Aha! answers with a redirect ({}), which is not followed. Check base_url",
                    status.as_u16()
                ),
            },
            // Aha! answers its HTML page for paths that it does not serve, and JSON for records that it does not have.
            StatusCode::NOT_FOUND if !response.is_json() => TargetError::Unavailable {
                reason: "Aha! does not serve its API at this address (404 with a web page). Check base_url"
                    .into(),
            },
            StatusCode::NOT_FOUND => not_found(&said_so),
            status if status.is_client_error() => {
                let reason =
                    said.unwrap_or_else(|| format!("no, without a reason (status {})", status.as_u16()));
                let rejection =
                    if is_taken(&reason) { RejectionKind::Conflict } else { RejectionKind::Invalid };
                TargetError::Rejected { reason: format!("Aha! says: {reason}"), rejection }
            }
            status => unavailable(status, &said_so),
        }
    }
}

/// Whoever the bridge works as may not do what was asked for.
pub(super) fn forbidden(said_so: &str) -> TargetError {
    TargetError::Rejected {
        reason: format!(
            "Aha! does not allow this to the bridge (403{said_so}). Whoever owns its API key, or logged in for it, must be an \
             administrator of the Aha! account, and the plan must include what was asked for"
        ),
        rejection: RejectionKind::Forbidden,
    }
}

fn unavailable(status: StatusCode, said_so: &str) -> TargetError {
    TargetError::Unavailable { reason: format!("Aha! answered {}{said_so}", status.as_u16()) }
}

/// Whether a validation message says that a value is in use. The wording is not documented; both that are seen in the
/// field are caught, and a wrong guess only chooses between two ways to say no.
fn is_taken(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("taken") || reason.contains("already")
}

/// Makes sure that an answer is about the user that was asked about: what is done next would be done to the other one.
///
/// # Errors
/// When it is about another one.
pub(super) fn expect_same(asked: &str, answered: &str) -> Result<(), TargetError> {
    if asked == answered {
        return Ok(());
    }
    Err(TargetError::Unavailable {
        reason: format!(
            "Aha! was asked about the user {asked} and answered about {answered}. Check base_url, and any proxy in between"
        ),
    })
}

/// An e-mail folded for comparison. Aha! logs in by e-mail; whether it tells case apart is not documented, so we never do.
pub(super) fn email_key(email: &str) -> String {
    fold(email).into_owned()
}

/// Whether two e-mails are one.
pub(super) fn same_email(a: &str, b: &str) -> bool {
    email_key(a) == email_key(b)
}

/// A request body as JSON.
pub(super) fn to_json(body: &impl Serialize) -> Value {
    serde_json::to_value(body).expect("request bodies are plain structs of strings, numbers and booleans")
}
