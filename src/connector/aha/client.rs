//! The calls to Aha!, one function each, and what its answers mean.

use std::{sync::Arc, time::Duration};

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    clock::Clock,
    config::AhaConfig,
    connector::{
        Account, AccountPage, Allowance, Changes, CredentialsOwner, Name, Observed, TargetError,
        aha_api::{
            AhaApi, LARGEST_PAGE, MOST_SEARCH_PAGES, Owner, encode_segment, expect_same, forbidden, the_only,
            to_json, too_many_found,
        },
        credentials::Credentials,
        error::RejectionKind,
    },
    upstream::SetupError,
};

use super::wire::{CreateBody, UpdateBody, User, UserBody, UserChanges, UsersBody};

/// An account that is older than this when a create answers with it was there before: the clocks of Aha! and of this machine
/// may differ by so much, and a wrong guess costs a call.
const NEW_FOR: Duration = Duration::from_secs(15 * 60);

/// Calls one Aha! account about its users.
#[derive(Debug)]
pub(super) struct Client {
    api: AhaApi,
    config: AhaConfig,
    clock: Arc<dyn Clock>,
}

impl Client {
    pub(super) fn new(
        app: &str,
        config: AhaConfig,
        credentials: Arc<dyn Credentials>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let api = AhaApi::new(app, &config.account, credentials, Owner::MayBeChanged, clock.clone())?;
        Ok(Self { api, config, clock })
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
                return Err(too_many_found(email, page.total_accounts));
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
        let user = answer.into_user();
        expect_same(&before.id, user.id())?;
        let account = user.into_changed_account(before, changes.enabled);
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
        let query = [("page", page.as_str()), ("per_page", LARGEST_PAGE)];
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
            Ok(body) => {
                let user = body.into_user();
                expect_same(id, user.id())?;
                Ok(Some(user.into_account()))
            }
            Err(TargetError::AccountNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /me`.
    pub(super) async fn credentials_owner(
        &self,
        allowance: &mut dyn Allowance,
    ) -> Result<CredentialsOwner, TargetError> {
        let owner = self.api.key_owner(allowance).await?.into_owner();
        Ok(CredentialsOwner { account_id: Some(owner.id), email: owner.email })
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        subject: Subject,
        allowance: &mut dyn Allowance,
    ) -> Result<T, TargetError> {
        let response = self.api.call(Method::GET, path, query, None, allowance).await?;
        self.api.understand(response, |said_so| self.not_found(subject, said_so))
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Value,
        subject: Subject,
        allowance: &mut dyn Allowance,
    ) -> Result<T, TargetError> {
        let response = self.api.call(method, path, &[], Some(body), allowance).await?;
        self.api.understand(response, |said_so| self.not_found(subject, said_so))
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
            Subject::Users => forbidden(said_so),
        }
    }
}

/// What a call is about, which decides what a 404 means.
#[derive(Clone, Copy, Debug)]
enum Subject {
    User,
    Users,
    Workspace,
}
