//! Users of an Aha! ideas portal, through its REST API v1 (<https://www.aha.io/api>, "Ideas portal users").
//!
//! They are no users of the Aha! account: other endpoints, other ids, and the same e-mail may stand in both. What shapes
//! this folder: portal users can be deleted; their first and last names can be read; and none of them administers anything.
//! Whether a create sends an invitation is not documented (by hand it does), so it is taken to.

mod client;
mod plan;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    clock::Clock,
    config::{AhaPortalConfig, OnDelete},
    upstream::{CallMeter, SetupError},
};

use self::client::Client;
use super::{
    Account, AccountPage, Allowance, Call, Connector, CredentialsOwner, Desired, Directory, GroupRights,
    Observed, TargetError, aha_api::email_key, credentials::Credentials, error::RejectionKind,
};

/// The connector for one ideas portal.
#[derive(Debug)]
pub struct AhaPortal {
    client: Client,
    on_delete: OnDelete,
}

impl AhaPortal {
    /// A connector that calls the ideas portal of `config` with `credentials`. Sends nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made from the configuration, for instance because the contact cannot be a header value.
    pub fn new(
        meter: impl Into<CallMeter>,
        config: AhaPortalConfig,
        credentials: Arc<dyn Credentials>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            on_delete: config.on_delete,
            client: Client::new(meter.into(), config, credentials, clock)?,
        })
    }
}

impl Connector for AhaPortal {
    fn target(&self) -> &str {
        "the Aha! ideas portal"
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn account_key(&self, desired: &Desired) -> Option<String> {
        Some(email_key(&desired.email))
    }

    fn plan(&self, desired: &Desired, observed: &Observed) -> Vec<Call> {
        plan::plan(desired, observed, self.on_delete)
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Observed, TargetError>> {
        async move {
            match call {
                Call::Find { email } => self.client.find(email, allowance).await,
                Call::Create { email, name, .. } => {
                    self.client.create(email, name, allowance).await.map(Observed::Present)
                }
                Call::Update { account, changes } => {
                    self.client.update(account, changes, allowance).await.map(Observed::Present)
                }
                Call::ChangeRight { account, .. } => Err(TargetError::Rejected {
                    reason: format!("users of an ideas portal have no roles, so {} gets none", account.email),
                    rejection: RejectionKind::Forbidden,
                }),
                Call::Delete { account } => {
                    self.client.delete(account, allowance).await.map(|()| Observed::Absent)
                }
            }
        }
        .boxed()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn group_rights(&self) -> Option<&dyn GroupRights> {
        None
    }
}

impl Directory for AhaPortal {
    fn accounts<'a>(
        &'a self,
        page: u32,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<AccountPage, TargetError>> {
        self.client.accounts(page, allowance).boxed()
    }

    fn find_account<'a>(
        &'a self,
        id: &'a str,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Option<Account>, TargetError>> {
        self.client.find_account(id, allowance).boxed()
    }

    /// The owner is a user of the Aha! account, and works on whatever becomes of a portal user with the same e-mail.
    fn credentials_owner<'a>(
        &'a self,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<CredentialsOwner, TargetError>> {
        self.client.credentials_owner(allowance).boxed()
    }
}
