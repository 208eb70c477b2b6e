//! The calls about the users of one ideas portal, one function each.

use std::sync::Arc;

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    clock::Clock,
    config::AhaPortalConfig,
    connector::{
        Account, AccountPage, Allowance, Changes, CredentialsOwner, Name, Observed, TargetError,
        aha_api::{AhaApi, Owner, expect_same, to_json},
        credentials::Credentials,
        error::RejectionKind,
    },
    upstream::{CallMeter, CallPath, SetupError},
};

use super::wire::{PortalUser, PortalUserBody, PortalUserChanges, PortalUsersBody, WriteBody};

/// Calls one Aha! account about the users of one ideas portal.
#[derive(Debug)]
pub(super) struct Client {
    api: AhaApi,
    config: AhaPortalConfig,
    /// `/idea_portals/:id/portal_users`.
    users: CallPath,
}

impl Client {
    pub(super) fn new(
        meter: CallMeter,
        config: AhaPortalConfig,
        credentials: Arc<dyn Credentials>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let users = CallPath::new("/idea_portals/{portal}/portal_users", &[&config.portal_id]);
        let api = AhaApi::new(meter, &config.account, credentials, Owner::OutOfReach, clock)?;
        Ok(Self { api, config, users })
    }

    /// `GET …/portal_users?email=`, which answers those "matching the given value".
    pub(super) async fn find(
        &self,
        email: &str,
        allowance: &mut dyn Allowance,
    ) -> Result<Observed, TargetError> {
        let not_found = |said_so: &str| self.not_found(Subject::Portal, said_so);
        self.api.find_user::<PortalUsersBody>(&self.users, email, not_found, allowance).await
    }

    /// `POST …/portal_users`. Where the e-mail is taken the portal may answer with the user who has it, as that user is.
    pub(super) async fn create(
        &self,
        email: &str,
        name: &Name,
        allowance: &mut dyn Allowance,
    ) -> Result<Account, TargetError> {
        let body = WriteBody {
            portal_user: PortalUserChanges {
                email: Some(email),
                first_name: Some(&name.given),
                last_name: Some(&name.family),
                permission: self.config.permission.map(|permission| permission.as_str()),
                enabled: None,
            },
        };
        let user = self.write(Method::POST, &self.users, to_json(&body), Subject::Portal, allowance).await?;
        Ok(user.into_created_account(name))
    }

    /// `PUT …/portal_users/:id`.
    pub(super) async fn update(
        &self,
        before: &Account,
        changes: &Changes,
        allowance: &mut dyn Allowance,
    ) -> Result<Account, TargetError> {
        let body = WriteBody {
            portal_user: PortalUserChanges {
                email: changes.email.as_deref(),
                first_name: changes.given_name.as_deref(),
                last_name: changes.family_name.as_deref(),
                permission: None,
                enabled: changes.enabled,
            },
        };
        let path = self.path(&before.id);
        let user = self.write(Method::PUT, &path, to_json(&body), Subject::User, allowance).await?;
        let account = user.into_changed_account(before, changes);
        expect_same(&before.id, &account.id)?;
        Ok(account)
    }

    /// `DELETE …/portal_users/:id`, for good.
    pub(super) async fn delete(
        &self,
        account: &Account,
        allowance: &mut dyn Allowance,
    ) -> Result<(), TargetError> {
        let path = self.path(&account.id);
        let response = self.api.call(Method::DELETE, &path, &[], None, allowance).await?;
        self.api.succeeded(response, |said_so| self.not_found(Subject::User, said_so)).map(drop)
    }

    /// `GET …/portal_users`, a page of 200.
    pub(super) async fn accounts(
        &self,
        page: u32,
        allowance: &mut dyn Allowance,
    ) -> Result<AccountPage, TargetError> {
        let not_found = |said_so: &str| self.not_found(Subject::Portal, said_so);
        self.api.users::<PortalUsersBody>(&self.users, page, not_found, allowance).await
    }

    /// `GET …/portal_users/:id`.
    pub(super) async fn find_account(
        &self,
        id: &str,
        allowance: &mut dyn Allowance,
    ) -> Result<Option<Account>, TargetError> {
        match self.read::<PortalUserBody>(&self.path(id), &[], Subject::User, allowance).await {
            Ok(body) => {
                let account = body.into_user().into_account();
                expect_same(id, &account.id)?;
                Ok(Some(account))
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
        Ok(CredentialsOwner { account_id: None, email: owner.email })
    }

    fn path(&self, id: &str) -> CallPath {
        CallPath::new("/idea_portals/{portal}/portal_users/{id}", &[&self.config.portal_id, id])
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &CallPath,
        query: &[(&str, &str)],
        subject: Subject,
        allowance: &mut dyn Allowance,
    ) -> Result<T, TargetError> {
        let response = self.api.call(Method::GET, path, query, None, allowance).await?;
        self.api.understand(response, |said_so| self.not_found(subject, said_so))
    }

    async fn write(
        &self,
        method: Method,
        path: &CallPath,
        body: Value,
        subject: Subject,
        allowance: &mut dyn Allowance,
    ) -> Result<PortalUser, TargetError> {
        let response = self.api.call(method, path, &[], Some(body), allowance).await?;
        let body: PortalUserBody =
            self.api.understand(response, |said_so| self.not_found(subject, said_so))?;
        Ok(body.into_user())
    }

    /// Aha! answers 404 also for what the key may not see.
    fn not_found(&self, subject: Subject, said_so: &str) -> TargetError {
        match subject {
            Subject::User => TargetError::AccountNotFound {
                reason: format!("the ideas portal does not have this user any more (404{said_so})"),
            },
            Subject::Portal => TargetError::Rejected {
                reason: format!(
                    "Aha! does not find the ideas portal {} (404{said_so}). Check portal_id, and that whoever owns the \
                     bridge's API key, or logged in for it, is an administrator who can see the portal",
                    self.config.portal_id
                ),
                rejection: RejectionKind::Forbidden,
            },
        }
    }
}

/// What a call is about, which decides what a 404 means.
#[derive(Clone, Copy, Debug)]
enum Subject {
    User,
    Portal,
}
