//! Who became an administrator at the target, or ceased to be one, since the last pass.
//!
//! The IdP asserts nothing of it, so each pass is compared with the one before. What was seen of single accounts in between
//! does not count: the worker may see a new administrator first, and say nothing. The first pass only takes note.

use std::collections::HashMap;

use crate::{
    connector::{Desired, Standing},
    store::{
        StoreError, Transaction, User,
        findings::{self, Finding, FindingKind, Nature},
        rosters::{self, Administrators},
        users::{self, Ownership},
    },
};

use super::{
    finding::{self, Found, Scope},
    pass::Powers,
};

/// Compares the accounts that a pass `listed`, and the `administrators` among them, with the pass before. Answers who is an
/// administrator, for the next pass to compare with.
///
/// # Errors
/// When the database fails.
pub(super) async fn compare(
    transaction: &mut Transaction,
    scope: &Scope,
    listed: &HashMap<String, Powers>,
    mut administrators: Administrators,
) -> Result<Administrators, StoreError> {
    resolve(transaction, scope, listed).await?;
    let Some(before) = rosters::find_administrators(transaction, &scope.app).await? else {
        return Ok(administrators);
    };
    for (account_id, enabled) in &administrators {
        let was = before.get(account_id).copied();
        if was != Some(true) {
            look_at_new(transaction, scope, account_id, *enabled, was).await?;
        }
    }
    for (account_id, was_enabled) in before {
        if !listed.contains_key(&account_id) {
            // Left out, perhaps just because it is disabled.
            administrators.insert(account_id, was_enabled);
        } else if !administrators.contains_key(&account_id) {
            look_at_former(transaction, scope, &account_id).await?;
        }
    }
    Ok(administrators)
}

/// `was` is whether it was enabled as an administrator before, if it was one.
async fn look_at_new(
    transaction: &mut Transaction,
    scope: &Scope,
    account_id: &str,
    enabled: bool,
    was: Option<bool>,
) -> Result<(), StoreError> {
    let user = find_user(transaction, scope, account_id).await?;
    let target = &scope.target;
    let (kind, sentence) = match &user {
        Some(user) if user.ownership != Ownership::Unmanaged => {
            if was.is_some() {
                return Ok(());
            }
            let sentence = format!("{}: the account became an administrator at {target}", name(user));
            (FindingKind::BecameAdministrator, sentence)
        }
        _ if !enabled => return Ok(()),
        Some(user) => {
            let sentence =
                format!("{}: a new administrator at {target}, whom no identity provider manages", name(user));
            (FindingKind::UnmanagedAdministrator, sentence)
        }
        None => {
            let sentence = format!(
                "the account with the id {account_id} is a new administrator at {target}, and no identity provider manages \
                 or sees it"
            );
            (FindingKind::UnmanagedAdministrator, sentence)
        }
    };
    let found =
        Found { kind, user_id: user.map(|user| user.id), account_id: Some(account_id.to_owned()), sentence };
    finding::open(transaction, scope, found).await
}

async fn look_at_former(
    transaction: &mut Transaction,
    scope: &Scope,
    account_id: &str,
) -> Result<(), StoreError> {
    let user = find_user(transaction, scope, account_id).await?;
    // Whoever must not have access need not be an administrator either.
    let is_asserted = |user: &User| {
        user.ownership != Ownership::Unmanaged && Desired::of(&user.resource, Standing::Live).enabled
    };
    let Some(user) = user.filter(is_asserted) else { return Ok(()) };
    let found = Found {
        kind: FindingKind::NoLongerAdministrator,
        sentence: format!(
            "{}: the account is not an administrator at {} any more",
            name(&user),
            scope.target
        ),
        user_id: Some(user.id),
        account_id: Some(account_id.to_owned()),
    };
    finding::open(transaction, scope, found).await
}

/// Resolves what was undone since.
async fn resolve(
    transaction: &mut Transaction,
    scope: &Scope,
    listed: &HashMap<String, Powers>,
) -> Result<(), StoreError> {
    for finding in findings::list_open_in(transaction, &scope.app).await? {
        if finding.kind.nature() != Nature::Change {
            continue;
        }
        if let Some(why) = what_undid(transaction, scope, listed, &finding).await? {
            finding::resolve(transaction, scope, &finding, why).await?;
        }
    }
    Ok(())
}

async fn what_undid(
    transaction: &mut Transaction,
    scope: &Scope,
    listed: &HashMap<String, Powers>,
    finding: &Finding,
) -> Result<Option<&'static str>, StoreError> {
    let account_id = finding.account_id.as_deref().unwrap_or_default();
    let user = find_user(transaction, scope, account_id).await?;
    let observed = user.as_ref().and_then(User::account).map(Powers::of);
    let Some(powers) = listed.get(account_id).copied().or(observed) else {
        return Ok(Some("the account is gone"));
    };
    let is_managed = user.is_some_and(|user| user.ownership != Ownership::Unmanaged);
    Ok(match finding.kind {
        FindingKind::BecameAdministrator if !powers.administrator => {
            Some("the account is not an administrator any more")
        }
        FindingKind::BecameAdministrator if !is_managed => Some("no identity provider manages it any more"),
        FindingKind::NoLongerAdministrator if powers.administrator => {
            Some("the account is an administrator again")
        }
        FindingKind::NoLongerAdministrator if !is_managed => Some("no identity provider manages it any more"),
        FindingKind::UnmanagedAdministrator if !powers.administrator => {
            Some("the account is not an administrator any more")
        }
        FindingKind::UnmanagedAdministrator | FindingKind::LeaverEnabled if !powers.enabled => {
            Some("the account is disabled")
        }
        FindingKind::UnmanagedAdministrator | FindingKind::LeaverEnabled if is_managed => {
            Some("the identity provider manages it now")
        }
        _ => None,
    })
}

async fn find_user(
    transaction: &mut Transaction,
    scope: &Scope,
    account_id: &str,
) -> Result<Option<User>, StoreError> {
    let users = users::find_by_account(transaction, &scope.app, Some(account_id), None).await?;
    Ok(users.into_iter().find(User::is_live))
}

fn name(user: &User) -> &str {
    user.resource.user_name().unwrap_or_default()
}
