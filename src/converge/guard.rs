//! Accounts that are never disabled: who would be locked out includes the bridge, or everybody.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

use tokio::sync::{Mutex, MutexGuard, watch};

use crate::{
    connector::{Account, Call, CredentialsOwner},
    scim::fold::fold,
    store::{
        Store, StoreError, Transaction, protected_accounts,
        users::{self, Leaving},
    },
};

/// Knows whom not to disable at one target.
#[derive(Debug)]
pub struct Guard {
    protected: HashSet<String>,
    /// The ids of accounts that were seen with a protected e-mail since the start: somebody may have renamed them since.
    protected_accounts: RwLock<HashSet<String>>,
    /// Whose the credentials were, and which ones.
    credentials_owner: RwLock<Option<(Issue, CredentialsOwner)>>,
    /// Counts how often the credentials were replaced.
    changes: watch::Receiver<u64>,
    administrators: Mutex<()>,
}

/// An account that was seen with a protected e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedAccount {
    id: String,
    email_key: String,
}

/// Which of the credentials that follow one another are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issue(u64);

impl Guard {
    /// A guard of the e-mails in `protected`, and of the owner of the credentials; `changes` counts how often these were
    /// replaced.
    pub fn new(protected: &[String], changes: watch::Receiver<u64>) -> Self {
        Self {
            protected: protected.iter().map(|email| fold(email).into_owned()).collect(),
            protected_accounts: RwLock::default(),
            credentials_owner: RwLock::default(),
            changes,
            administrators: Mutex::default(),
        }
    }

    /// The credentials that are in use now; to be asked for before it is asked whose they are.
    pub fn issue(&self) -> Issue {
        Issue(*self.changes.borrow())
    }

    /// The owner of the credentials is known.
    pub fn set_credentials_owner(&self, issue: Issue, owner: CredentialsOwner) {
        *self.credentials_owner.write().unwrap_or_else(PoisonError::into_inner) = Some((issue, owner));
    }

    /// An account was seen: if it is a protected one, its id is from now on.
    pub fn see(&self, account: &Account) {
        if self.is_protected(&account.email) {
            let mut accounts = self.protected_accounts.write().unwrap_or_else(PoisonError::into_inner);
            accounts.insert(account.id.clone());
        }
    }

    /// Of accounts that were seen, keeps the ids of protected ones, for every process and for later starts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(
        transaction: &mut Transaction,
        app: &str,
        protected: &[ProtectedAccount],
    ) -> Result<(), StoreError> {
        for ProtectedAccount { id, email_key } in protected {
            protected_accounts::save(transaction, app, id, email_key).await?;
        }
        Ok(())
    }

    /// Those of `accounts` that are protected, to be [kept](Self::keep).
    pub fn protected_of<'a>(&self, accounts: impl IntoIterator<Item = &'a Account>) -> Vec<ProtectedAccount> {
        let accounts = accounts.into_iter().filter(|account| self.is_protected(&account.email));
        let protected = accounts.map(|account| ProtectedAccount {
            id: account.id.clone(),
            email_key: fold(&account.email).into_owned(),
        });
        protected.collect()
    }

    /// Why `call` must not be made, if it must not. A sentence for the IdP's admin. `logins` are the e-mails that the user
    /// has had here; `leaving` says whether administrators count who are to be disabled themselves.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refusal(
        &self,
        store: &Store,
        app: &str,
        call: &Call,
        logins: &[&str],
        leaving: Leaving,
    ) -> Result<Option<String>, StoreError> {
        let Some(account) = call.account() else { return Ok(None) };
        if call.demotes() {
            self.see(account);
            return self.refusal_to_demote(store, app, account, logins, leaving).await;
        }
        let new_email = match call {
            Call::Update { changes, .. } => changes.email.as_deref(),
            _ => None,
        };
        self.see(account);
        // To take the login away from a protected account is to take the account away, and its protection with it.
        let is_renamed = new_email.is_some_and(|email| fold(email) != fold(&account.email));
        let back = new_email.is_some_and(|email| self.is_protected(email));
        if (call.revokes() || (is_renamed && !back)) && self.protects(store, app, account, logins).await? {
            let what = match call {
                Call::Delete { .. } => "deleted",
                _ if call.revokes() => "disabled",
                _ => "given another e-mail",
            };
            return Ok(Some(format!(
                "This account must not be {what}: {} is in the list of protected accounts of app {app}. If it is meant, take it \
                 out of `protected` first",
                account.email
            )));
        }
        if !call.revokes() {
            return Ok(None);
        }
        if self.owns_credentials(account) {
            return Ok(Some(format!(
                "This account must not be disabled: this bridge works at the target as {}; disabling it would lock the bridge \
                 out. Give the bridge a key or a login of another administrator first",
                account.email
            )));
        }
        if account.manages_users()
            && !users::has_other_enabled_administrator(store, app, &account.id, leaving).await?
        {
            return Ok(Some(format!(
                "This account must not be disabled: {} is the last enabled administrator; nobody could manage the account any \
                 more. Make somebody else an administrator first",
                account.email
            )));
        }
        Ok(None)
    }

    /// Why no administrator role must be taken from an account, if none must be.
    async fn refusal_to_demote(
        &self,
        store: &Store,
        app: &str,
        account: &Account,
        logins: &[&str],
        leaving: Leaving,
    ) -> Result<Option<String>, StoreError> {
        let email = &account.email;
        let why = if self.protects(store, app, account, logins).await? {
            format!(
                "it is in the list of protected accounts of app {app}. If it is meant, take it out of `protected` first"
            )
        } else if self.owns_credentials(account) {
            "this bridge works at the target as it. Give the bridge a key or a login of another administrator first".to_owned()
        } else if !users::has_other_enabled_administrator(store, app, &account.id, leaving).await? {
            "it is the last enabled administrator. Make somebody else an administrator first".to_owned()
        } else {
            return Ok(None);
        };
        Ok(Some(format!("{email} must not lose administrator roles: {why}")))
    }

    async fn protects(
        &self,
        store: &Store,
        app: &str,
        account: &Account,
        logins: &[&str],
    ) -> Result<bool, StoreError> {
        if self.has_seen_protected(account) || logins.iter().any(|login| self.is_protected(login)) {
            return Ok(true);
        }
        if self.protected.is_empty() {
            return Ok(false);
        }
        let seen_as = protected_accounts::find(store, app, &account.id).await?;
        // It may have been taken out of the list since.
        Ok(seen_as.is_some_and(|email_key| self.protected.contains(&email_key)))
    }

    fn has_seen_protected(&self, account: &Account) -> bool {
        let accounts = self.protected_accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.contains(&account.id)
    }

    /// Lets one administrator after the other be disabled or demoted: of two at a time, each would count the other as the one who is
    /// left. To be held from the question until what was done is recorded.
    pub async fn one_administrator(&self, call: &Call) -> Option<MutexGuard<'_, ()>> {
        let account = call.account().filter(|_| call.revokes() || call.demotes())?;
        if account.administrator { Some(self.administrators.lock().await) } else { None }
    }

    fn is_protected(&self, email: &str) -> bool {
        self.protected.contains(&*fold(email))
    }

    /// Whether the owner of the credentials is known yet; of those that are in use now.
    pub fn knows_credentials_owner(&self) -> bool {
        let owner = self.credentials_owner.read().unwrap_or_else(PoisonError::into_inner);
        owner.as_ref().is_some_and(|(issue, _)| *issue == self.issue())
    }

    fn owns_credentials(&self, account: &Account) -> bool {
        self.credentials_owner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            // Whose those before were is nothing to those that are in use now.
            .is_some_and(|(issue, owner)| {
                *issue == self.issue() && owner.account_id.as_ref() == Some(&account.id)
            })
    }
}
