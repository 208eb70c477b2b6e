//! Whose credentials a target is called with, and whether they will do.

use std::sync::Arc;

use crate::{
    app,
    clock::Clock,
    config::{self, TargetCredentials},
    connector::{
        Connector, CredentialsOwner, Directory, TargetError, error::RejectionKind, registry::connect,
    },
    passthrough::probe::Finding,
    store::{
        Store,
        users::{self, Ownership},
    },
};

use super::calls::Calls;

/// Whether the target takes our credentials, and whose they are. `store` is the database, if it can be opened.
pub(in crate::cli) async fn of_credentials(
    app: &config::App,
    store: Option<&Store>,
    clock: &Arc<dyn Clock>,
) -> Vec<Finding> {
    let is_login = matches!(app.connector.credentials(), Some(TargetCredentials::Login(_)));
    if is_login && store.is_none() {
        return vec![Finding::problem("its login is kept in the database, which cannot be opened")];
    }
    let connected = app::credentials(app, store, clock).and_then(|credentials| {
        Ok((connect(app, credentials.clone(), clock.clone(), app.name.as_str().into())?, credentials))
    });
    let (connector, credentials) = match connected {
        Ok(connected) => connected,
        Err(error) => return vec![Finding::problem(error.to_string())],
    };
    let (Some(directory), Some(credentials)) = (connector.directory(), credentials) else {
        return vec![Finding::ok(format!("{} needs no credentials", connector.target()))];
    };
    credentials.look().await;
    let mut findings = Vec::new();
    if is_login {
        findings.push(Finding::ok(format!("it is called with {}", credentials.standing())));
    }
    let what = if is_login { "login" } else { "API key" };
    let calls = Calls::of(app, store, clock);
    findings.extend(of_owner(app.name.as_str(), &*connector, directory, what, (&calls, store)).await);
    findings
}

async fn of_owner(
    app: &str,
    connector: &dyn Connector,
    directory: &dyn Directory,
    what: &str,
    (calls, store): (&Calls, Option<&Store>),
) -> Vec<Finding> {
    let target = connector.target();
    let owner = match calls.make(async |paid| directory.credentials_owner(paid).await).await {
        Ok(owner) => owner,
        Err(error) => return vec![unusable(target, error)],
    };
    let mut findings = vec![of_rights(target, directory, what, (&owner, calls)).await];
    if let (Some(store), Some(account_id)) = (store, &owner.account_id) {
        findings.extend(of_management(app, store, account_id, &owner.email).await);
    }
    findings
}

/// Whether the credentials are good for the accounts: whose they are, every key may ask.
async fn of_rights(
    target: &str,
    directory: &dyn Directory,
    what: &str,
    (owner, calls): (&CredentialsOwner, &Calls),
) -> Finding {
    let listed = calls.make(async |paid| directory.accounts(1, paid).await).await;
    let Some(account_id) = &owner.account_id else {
        return match listed {
            Ok(_) => Finding::ok(format!(
                "{target} lists its accounts to the {what}, which is that of {}",
                owner.email
            )),
            Err(error) => unusable(target, error),
        };
    };
    let whose = format!("{target} takes the {what}, which is that of {} (account {account_id})", owner.email);
    let advice = format!("make a key of an administrator of {target}, who alone may manage users");
    let looked_at = match listed {
        Ok(_) => calls.make(async |paid| directory.find_account(account_id, paid).await).await,
        Err(error) => Err(error),
    };
    match looked_at {
        Ok(Some(account)) if account.administrator => {
            Finding::ok(format!("{whose}, an administrator; the bridge never disables it"))
        }
        Ok(_) => Finding::problem(format!("{whose}, who is not an administrator; {advice}")),
        // Whoever may not look at users may not manage them.
        Err(TargetError::Rejected { reason, rejection: RejectionKind::Forbidden }) => Finding::problem(
            format!("{whose}, who may not look at users, so is not an administrator; {advice}. {reason}"),
        ),
        Err(error) => unusable(target, error),
    }
}

/// A warning if the identity provider manages the person whose credentials the bridge uses.
async fn of_management(app: &str, store: &Store, account_id: &str, email: &str) -> Option<Finding> {
    let found = match users::find_by_any_name(store, app, account_id).await {
        Ok(found) => found,
        Err(error) => {
            return Some(Finding::warning(format!("whether {email} is managed could not be read: {error}")));
        }
    };
    let managed = found.into_iter().find(|user| {
        let is_theirs = user.observed.account().is_some_and(|account| account.id == account_id);
        is_theirs && user.is_live() && user.ownership != Ownership::Unmanaged
    })?;
    Some(Finding::warning(format!(
        "the identity provider manages {email}, with whose rights the bridge works (user {}): when that person leaves, the account \
         stays enabled. Give the bridge an account of its own, which is assigned to nobody",
        managed.id
    )))
}

/// Why a call failed that has to work.
fn unusable(target: &str, error: TargetError) -> Finding {
    match error {
        TargetError::RateLimited { .. } => Finding::warning(format!(
            "{target} takes no more calls for now (rate limit); try again in a minute"
        )),
        error => Finding::problem(format!("{target} cannot be used: {error}")),
    }
}
