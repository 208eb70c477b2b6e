//! The calls to Aha!, one function each, and what its answers mean.

use std::{fmt, sync::Arc, time::Duration};

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    clock::Clock,
    config::AhaConfig,
    connector::{
        Account, AccountPage, Allowance, Changes, CredentialsOwner, Name, Observed, TargetError,
        error::RejectionKind,
    },
    upstream::{Response, SetupError, UpstreamClient, UpstreamSettings},
};

use super::{
    rate, same_email,
    wire::{CreateBody, ErrorBody, UpdateBody, User, UserBody, UserChanges, UsersBody},
};

/// The most that Aha! puts on a page.
const ROSTER_PAGE: &str = "200";

/// How many pages of a search by e-mail are looked through. Only a search that matches parts of addresses has a second one.
const MOST_SEARCH_PAGES: u32 = 20;

/// An account that is older than this when a create answers with it was there before: the clocks of Aha! and of this machine
/// may differ by so much, and a wrong guess costs a call.
const NEW_FOR: Duration = Duration::from_secs(15 * 60);

/// Calls one Aha! account.
pub(super) struct Client {
    http: UpstreamClient,
    config: AhaConfig,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.http).finish()
    }
}

impl Client {
    pub(super) fn new(app: &str, config: AhaConfig, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let http = UpstreamClient::new(UpstreamSettings {
            app: app.to_owned(),
            base_url: format!("{}/api/v1", config.base_url.as_str()),
            token: config.api_key.clone(),
            timeout: config.request_timeout,
            contact: config.contact.clone(),
            clock: clock.clone(),
        })?;
        Ok(Self { http, config, clock })
    }

    /// `GET /users?email=`. How exactly Aha! matches is not documented, so the answer is compared again here. If it matches
    /// parts of addresses, the one that is looked for may stand on a later page; to miss it would be to invite it again.
    pub(super) async fn find(
        &self,
        email: &str,
        allowance: &mut dyn Allowance,
    ) -> Result<Observed, TargetError> {
        let mut number = 1;
        loop {
            let page_number = number.to_string();
            let query = [("email", email), ("page", page_number.as_str())];
            let query = if number == 1 { &query[..1] } else { &query[..] };
            let body: UsersBody = self.read("/users", query, Subject::Users, allowance).await?;
            let page = body.into_page();
            if let Some(account) = the_only(page.accounts, email)? {
                return Ok(Observed::Present(account));
            }
            if number >= page.total_pages {
                return Ok(Observed::Absent);
            }
            if number == MOST_SEARCH_PAGES {
                return Err(TargetError::Unavailable {
                    reason: format!(
                        "Aha! finds {} users for the e-mail {email}, too many to look through. Look whether it has that one, and \
                         tell whoever maintains this bridge",
                        page.total_accounts
                    ),
                });
            }
            number += 1;
        }
    }

    /// `POST /products/:id/users`. Aha! sends an invitation.
    pub(super) async fn create(
        &self,
        email: &str,
        name: &Name,
        allowance: &mut dyn Allowance,
    ) -> Result<Account, TargetError> {
        let path = format!("/products/{}/users", encode_segment(&self.config.default_workspace));
        let body = to_json(&CreateBody::new(email, name, &self.config));
        let called_at = self.clock.now();
        let answer: UserBody = self.write(Method::POST, &path, body, Subject::Workspace, allowance).await?;
        let user = answer.into_user();
        if user.created_at().is_some_and(|created_at| created_at + NEW_FOR < called_at) {
            return Ok(self.look_at_existing(user, allowance).await);
        }
        Ok(Account { written_name: Some(name.clone()), ..user.into_account() })
    }

    /// The account that a create answered with although it was there before, which happens where a search leaves out
    /// disabled users. The answer does not say whether it is enabled, and its name is not the one
    /// that was sent.
    ///
    /// When the look fails the account counts as enabled: then a leaver is disabled in any case, and whether a joiner must be
    /// enabled the roster finds out.
    async fn look_at_existing(&self, user: User, allowance: &mut dyn Allowance) -> Account {
        match self.find_account(user.id(), allowance).await {
            Ok(Some(account)) => account,
            Ok(None) | Err(_) => user.into_account(),
        }
    }

    /// `PUT /users/:id`.
    pub(super) async fn update(
        &self,
        before: &Account,
        changes: &Changes,
        allowance: &mut dyn Allowance,
    ) -> Result<Account, TargetError> {
        let path = format!("/users/{}", encode_segment(&before.id));
        let body = to_json(&UpdateBody {
            user: UserChanges {
                email: changes.email.as_deref(),
                first_name: changes.given_name.as_deref(),
                last_name: changes.family_name.as_deref(),
                enabled: changes.enabled,
            },
        });
        let answer: UserBody = self.write(Method::PUT, &path, body, Subject::User, allowance).await?;
        let account = the_same(&before.id, answer.into_user())?.into_changed_account(before, changes.enabled);
        if changes.given_name.is_none() && changes.family_name.is_none() {
            return Ok(account.remembering(before));
        }
        let known = before.written_name.clone().unwrap_or_else(|| Name::split(&before.name));
        let written_name = Name {
            given: changes.given_name.clone().unwrap_or(known.given),
            family: changes.family_name.clone().unwrap_or(known.family),
        };
        Ok(Account { written_name: Some(written_name), ..account })
    }

    /// `GET /users`, a page of 200.
    pub(super) async fn accounts(
        &self,
        page: u32,
        allowance: &mut dyn Allowance,
    ) -> Result<AccountPage, TargetError> {
        let page = page.to_string();
        let query = [("page", page.as_str()), ("per_page", ROSTER_PAGE)];
        let body: UsersBody = self.read("/users", &query, Subject::Users, allowance).await?;
        Ok(body.into_page())
    }

    /// `GET /users/:id`.
    pub(super) async fn find_account(
        &self,
        id: &str,
        allowance: &mut dyn Allowance,
    ) -> Result<Option<Account>, TargetError> {
        let path = format!("/users/{}", encode_segment(id));
        match self.read::<UserBody>(&path, &[], Subject::User, allowance).await {
            Ok(body) => Ok(Some(the_same(id, body.into_user())?.into_account())),
            Err(TargetError::AccountNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /me`.
    pub(super) async fn credentials_owner(
        &self,
        allowance: &mut dyn Allowance,
    ) -> Result<CredentialsOwner, TargetError> {
        let body: UserBody = self.read("/me", &[], Subject::Users, allowance).await?;
        Ok(body.into_credentials_owner())
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        subject: Subject,
        allowance: &mut dyn Allowance,
    ) -> Result<T, TargetError> {
        self.understand(self.call(Method::GET, path, query, None, allowance).await?, subject)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Value,
        subject: Subject,
        allowance: &mut dyn Allowance,
    ) -> Result<T, TargetError> {
        self.understand(self.call(method, path, &[], Some(body), allowance).await?, subject)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Value>,
        allowance: &mut dyn Allowance,
    ) -> Result<Response, TargetError> {
        allowance.spend().await;
        let response = self.http.send(method, path, query, body.as_ref()).await.map_err(|error| {
            TargetError::Unavailable { reason: format!("Aha! could not be called: {error}") }
        })?;
        // A gateway's page may tell of the gateway's own limits.
        let is_of_aha = response.is_json() || response.status == StatusCode::TOO_MANY_REQUESTS;
        if let Some(report) =
            rate::report(&response, self.config.rate, self.clock.now()).filter(|_| is_of_aha)
        {
            allowance.note(report);
        }
        Ok(response)
    }

    fn understand<T: DeserializeOwned>(
        &self,
        response: Response,
        subject: Subject,
    ) -> Result<T, TargetError> {
        if response.status.is_success() {
            return serde_json::from_slice(&response.body).map_err(|_| TargetError::Unavailable {
                reason: format!(
                    "Aha! answered {} with a body that is not the expected JSON. Check base_url, and any proxy in between",
                    response.status.as_u16()
                ),
            });
        }
        Err(self.failure(&response, subject))
    }

    /// What an answer other than 2xx means.
    fn failure(&self, response: &Response, subject: Subject) -> TargetError {
        let status = response.status;
        let said = serde_json::from_slice::<ErrorBody>(&response.body).unwrap_or_default().reason();
        let said_so = said.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED => TargetError::CredentialsRefused {
                reason: "Aha! does not accept the API key (401). Make a new key for the integration's Aha! user, set it as \
                         api_key, and restart"
                    .into(),
            },
            StatusCode::FORBIDDEN => self.forbidden(&said_so),
            StatusCode::TOO_MANY_REQUESTS => {
                TargetError::RateLimited { until: rate::calls_again_at(response, self.clock.now()) }
            },
            StatusCode::REQUEST_TIMEOUT => unavailable(status, &said_so),
            status if status.is_redirection() => TargetError::Unavailable {
                reason: format!("Aha! answers with a redirect ({}), which is not followed. Check base_url", status.as_u16()),
            },
            // Aha! answers its HTML page for paths that it does not serve, and JSON for records that it does not have.
            StatusCode::NOT_FOUND if !response.is_json() => TargetError::Unavailable {
                reason: "Aha! does not serve its API at this address (404 with a web page). Check base_url".into(),
            },
            StatusCode::NOT_FOUND => self.not_found(subject, &said_so),
            status if status.is_client_error() => {
                let reason = said.unwrap_or_else(|| format!("no, without a reason (status {})", status.as_u16()));
                let rejection = if is_taken(&reason) { RejectionKind::Conflict } else { RejectionKind::Invalid };
                TargetError::Rejected { reason: format!("Aha! says: {reason}"), rejection }
            }
            status => unavailable(status, &said_so),
        }
    }

    fn forbidden(&self, said_so: &str) -> TargetError {
        TargetError::Rejected {
            reason: format!(
                "Aha! does not allow this to the API key (403{said_so}). Its owner must be an administrator of the Aha! \
                 account, and the plan must include what was asked for"
            ),
            rejection: RejectionKind::Forbidden,
        }
    }

    /// Aha! answers 404 also for what the key may not see.
    fn not_found(&self, subject: Subject, said_so: &str) -> TargetError {
        match subject {
            Subject::User => TargetError::AccountNotFound {
                reason: format!("Aha! does not have this user any more (404{said_so})"),
            },
            Subject::Workspace => TargetError::Rejected {
                reason: format!(
                    "Aha! does not find the workspace {} (404{said_so}). Check default_workspace, and that the API key's \
                     owner can see it",
                    self.config.default_workspace
                ),
                rejection: RejectionKind::Invalid,
            },
            Subject::Users => self.forbidden(said_so),
        }
    }
}

/// The account with exactly this e-mail, if it is among `accounts`.
fn the_only(accounts: Vec<Account>, email: &str) -> Result<Option<Account>, TargetError> {
    let mut same: Vec<_> = accounts.into_iter().filter(|account| same_email(&account.email, email)).collect();
    if same.len() > 1 {
        return Err(TargetError::Rejected {
            reason: format!(
                "Aha! has {} users with the e-mail {email}; leave one of them with it",
                same.len()
            ),
            rejection: RejectionKind::Conflict,
        });
    }
    Ok(same.pop())
}

/// The user of an answer, which must be the one that was asked about: what is done next would be done to the other one.
fn the_same(id: &str, user: User) -> Result<User, TargetError> {
    if user.id() == id {
        return Ok(user);
    }
    Err(TargetError::Unavailable {
        reason: format!(
            "Aha! was asked about the user {id} and answered about {}. Check base_url, and any proxy in between",
            user.id()
        ),
    })
}

/// What a call is about, which decides what a 404 means.
#[derive(Clone, Copy, Debug)]
enum Subject {
    User,
    Users,
    Workspace,
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

fn to_json(body: &impl serde::Serialize) -> Value {
    serde_json::to_value(body).expect("request bodies are plain structs of strings, numbers and booleans")
}

/// Escapes what could change a path. Workspace keys and ids have none of it.
fn encode_segment(segment: &str) -> String {
    segment
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
