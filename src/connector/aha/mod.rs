//! Accounts of Aha! Roadmaps, through its REST API v1 (<https://www.aha.io/api>).
//!
//! What shapes this folder: there is no DELETE, so leaving means `enabled: false`; every create sends an invitation, so a
//! look-up by e-mail goes before it; first and last names can be written but never read; and 404 may mean "not allowed".

mod client;
mod difference;
mod meaning;
mod plan;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    clock::Clock,
    config::{AhaConfig, GroupRules},
    upstream::{CallMeter, SetupError},
};

use self::{
    client::Client,
    difference::{DefaultRole, Policy},
    meaning::{Meanings, workspace_id, workspace_role},
};
use super::{
    Account, AccountPage, Allowance, Call, Catalogue, Connector, CredentialsOwner, Desired, Directory,
    GroupRights, Meaning, Observed, TargetError, aha_api::email_key, credentials::Credentials,
    error::RejectionKind, rights::WorkspaceRole,
};

/// The connector for one Aha! account.
#[derive(Debug)]
pub struct Aha {
    client: Client,
    rules: GroupRules,
    default_workspace: String,
    default_role: Option<WorkspaceRole>,
    /// What was listed last.
    catalogue: RwLock<Option<Arc<Catalogue>>>,
    /// Whether a user asked for something before anything was listed: roles and entitlements need no group.
    was_asked: AtomicBool,
}

impl Aha {
    /// A connector that calls the Aha! account of `config` with `credentials`. Sends nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made from the configuration, for instance because the contact cannot be a header value.
    pub fn new(
        meter: impl Into<CallMeter>,
        config: AhaConfig,
        credentials: Arc<dyn Credentials>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            rules: config.groups.clone(),
            default_workspace: config.default_workspace.clone(),
            default_role: workspace_role(config.default_role),
            catalogue: RwLock::default(),
            was_asked: AtomicBool::default(),
            client: Client::new(meter.into(), config, credentials, clock)?,
        })
    }

    fn listed(&self) -> Option<Arc<Catalogue>> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The role that new accounts get, if they get one.
    fn default_role(&self, catalogue: Option<&Catalogue>) -> Option<DefaultRole> {
        let workspace = workspace_id(&self.default_workspace, catalogue);
        Some(DefaultRole { workspace, role: self.default_role? })
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
        let catalogue = self.listed();
        if catalogue.is_none() && desired.asks.as_ref().is_some_and(|asks| !asks.is_empty()) {
            self.was_asked.store(true, Ordering::Relaxed);
        }
        let default_role = self.default_role(catalogue.as_deref());
        let policy = Policy {
            rules: &self.rules,
            catalogue: catalogue.as_deref(),
            default_role: default_role.as_ref(),
        };
        plan::plan(desired, observed, policy)
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Observed, TargetError>> {
        async move {
            match call {
                Call::Find { email } => self.client.find(email, allowance).await,
                Call::Create { email, name, into } => {
                    let default_role = self.default_role(self.listed().as_deref());
                    let default_role =
                        default_role.and_then(|default| Some((default.workspace?, default.role)));
                    let created =
                        self.client.create(email, name, into.as_ref(), default_role, allowance).await;
                    created.map(Observed::Present)
                }
                Call::ChangeRight { account, change } => {
                    self.client.change_right(account, change, allowance).await.map(Observed::Present)
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

    fn group_rights(&self) -> Option<&dyn GroupRights> {
        Some(self)
    }
}

impl GroupRights for Aha {
    fn meaning(&self, name: &str) -> Meaning {
        Meanings { rules: &self.rules, catalogue: self.listed().as_deref() }.meaning(name)
    }

    fn catalogue<'a>(
        &'a self,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Catalogue, TargetError>> {
        self.client.catalogue(allowance).boxed()
    }

    fn wants_catalogue(&self) -> bool {
        let is_configured = !self.rules.rules.is_empty() || self.rules.catalogue != Some(false);
        is_configured || self.was_asked.load(Ordering::Relaxed)
    }

    fn knows_catalogue(&self) -> bool {
        self.listed().is_some()
    }

    fn learn(&self, catalogue: Catalogue) {
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(catalogue));
    }

    fn offers(&self) -> Vec<String> {
        Meanings { rules: &self.rules, catalogue: self.listed().as_deref() }.offers()
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
