//! Accounts that are never disabled: who would be locked out includes the bridge, or everybody.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

use crate::{
    connector::{Account, Call, CredentialsOwner},
    scim::fold::fold,
    store::{Store, StoreError, users},
};

/// Knows whom not to disable at one target.
#[derive(Debug, Default)]
pub struct Guard {
    protected: HashSet<String>,
    credentials_owner: RwLock<Option<CredentialsOwner>>,
}

impl Guard {
    /// A guard of the e-mails in `protected`.
    pub fn new(protected: &[String]) -> Self {
        Self {
            protected: protected.iter().map(|email| fold(email).into_owned()).collect(),
            credentials_owner: RwLock::default(),
        }
    }

    /// The owner of the credentials is known.
    pub fn set_credentials_owner(&self, owner: CredentialsOwner) {
        *self.credentials_owner.write().unwrap_or_else(PoisonError::into_inner) = Some(owner);
    }

    /// Why `account` must not be disabled, if it must not. A sentence for the IdP's admin.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refusal(
        &self,
        store: &Store,
        app: &str,
        account: &Account,
    ) -> Result<Option<String>, StoreError> {
        if self.owns_credentials(account) {
            return Ok(Some(format!(
                "{} owns the API key that this bridge works with; disabling it would lock the bridge out. Give the bridge \
                 a key of another administrator first",
                account.email
            )));
        }
        if self.protected.contains(&*fold(&account.email)) {
            return Ok(Some(format!("{} is in the list of protected accounts of app {app}", account.email)));
        }
        if account.administrator && users::count_enabled_administrators(store, app).await? <= 1 {
            return Ok(Some(format!(
                "{} is the last enabled administrator; nobody could manage the account any more",
                account.email
            )));
        }
        Ok(None)
    }

    /// Whether the owner of the credentials is known yet.
    pub fn knows_credentials_owner(&self) -> bool {
        self.credentials_owner.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn owns_credentials(&self, account: &Account) -> bool {
        self.credentials_owner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|owner| owner.account_id == account.id)
    }
}

/// The account that `call` takes access away from, if it does.
pub fn revoked_account(call: &Call) -> Option<&Account> {
    match call {
        Call::Update { account, .. } if call.revokes() => Some(account),
        _ => None,
    }
}
