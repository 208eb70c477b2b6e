//! Accounts of Aha! Roadmaps, through its REST API v1 (<https://www.aha.io/api>).
//!
//! What shapes this folder: there is no DELETE, so leaving means `enabled: false`; every create sends an invitation, so a
//! look-up by e-mail goes before it; first and last names can be written but never read; and 404 may mean "not allowed".

mod client;
mod plan;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::{clock::Clock, config::AhaConfig, upstream::SetupError};

use self::client::Client;
use super::{
    Account, AccountPage, Allowance, Call, Connector, CredentialsOwner, Desired, Directory, Observed,
    TargetError, aha_api::email_key, credentials::Credentials, error::RejectionKind,
};

/// The connector for one Aha! account.
#[derive(Debug)]
pub struct Aha {
    client: Client,
}

impl Aha {
    /// A connector that calls the Aha! account of `config` with `credentials`. Sends nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made from the configuration, for instance because the contact cannot be a header value.
    pub fn new(
        app: &str,
        config: AhaConfig,
        credentials: Arc<dyn Credentials>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        Ok(Self { client: Client::new(app, config, credentials, clock)? })
    }
}

impl Connector for Aha {
    fn target(&self) -> &str {
        "Aha!"
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn account_key(&self, desired: &Desired) -> Option<String> {
        Some(email_key(&desired.email))
    }

    fn plan(&self, desired: &Desired, observed: &Observed) -> Vec<Call> {
        plan::plan(desired, observed)
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Observed, TargetError>> {
        async move {
            match call {
                Call::Find { email } => self.client.find(email, allowance).await,
                Call::Create { email, name } => {
                    self.client.create(email, name, allowance).await.map(Observed::Present)
                }
                Call::Update { account, changes } => {
                    self.client.update(account, changes, allowance).await.map(Observed::Present)
                }
                Call::Delete { account } => Err(TargetError::Rejected {
                    reason: format!("Aha! cannot delete users, so {} stays", account.email),
                    rejection: RejectionKind::Forbidden,
                }),
            }
        }
        .boxed()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }
}

impl Directory for Aha {
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

    fn credentials_owner<'a>(
        &'a self,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<CredentialsOwner, TargetError>> {
        self.client.credentials_owner(allowance).boxed()
    }
}
