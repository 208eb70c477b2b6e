//! How a user's account differs from what the IdP asserted. Pure: it is what the connector's plan would close.

use crate::{
    connector::{Account, Call, Changes, Connector, Desired, Lane, Name, Observed, RightChange},
    store::{User, findings::FindingKind, users::Ownership},
};

/// A user whose account differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drift {
    /// What differs, each with a sentence for an admin.
    pub(super) differences: Vec<(FindingKind, String)>,
    /// What is to be done about it.
    pub(super) remedy: Remedy,
    /// The lane of what is no drift: rights that groups give, or do not give any more, and that the bridge has still to change,
    /// since the rules or the workspaces are not what they were.
    pub(super) unfinished: Option<Lane>,
}

/// What is to be done about drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Calls change the account back, the first of them in this lane.
    Change(Lane),
    /// The IdP must say so anew: it would be an invitation.
    WaitForIdp,
}

/// The drift of a live, managed user that nothing is to be done for, and of whom this is `desired`; `None` while its account is
/// as asserted.
pub(super) fn of(user: &User, desired: &Desired, connector: &dyn Connector) -> Option<Drift> {
    let is_seen = matches!(user.observed, Observed::Present(_) | Observed::Absent);
    if !user.is_live() || user.ownership == Ownership::Unmanaged || !is_seen {
        return None;
    }
    let plan = connector.plan(desired, &user.observed);
    let name = user.resource.user_name().unwrap_or_default();
    let target = connector.target();
    let lane = desired.lane(&plan);
    if plan.is_empty() {
        return None;
    }
    let mut found = Drift { differences: Vec::new(), remedy: Remedy::Change(lane), unfinished: None };
    let mut rights = Vec::new();
    for call in &plan {
        match call {
            Call::Update { account, changes } => {
                found.differences.extend(differences(name, target, desired, account, changes));
            }
            Call::ChangeRight { account, change } if account.entitlement.undoes_others(change) => {
                rights.push(change);
            }
            Call::ChangeRight { .. } => {
                found.unfinished = found.unfinished.into_iter().chain([call.lane()]).min();
            }
            Call::Find { .. } | Call::Create { .. } | Call::Delete { .. } => {
                let sentence = format!(
                    "{name}: the account is not at {target} any more, while the identity provider says active"
                );
                let differences = vec![(FindingKind::Vanished, sentence)];
                return Some(Drift { differences, remedy: Remedy::WaitForIdp, unfinished: None });
            }
        }
    }
    if !found.differences.is_empty() {
        // To give rights to an account whose access is in question would answer the question.
        found.unfinished = None;
    }
    found.differences.extend(changed_rights(name, target, &rights));
    Some(found)
}

fn changed_rights(name: &str, target: &str, rights: &[&RightChange]) -> Option<(FindingKind, String)> {
    let missing = rights.iter().map(|change| format!("{} it", change.describe())).collect::<Vec<_>>();
    let sentence = format!(
        "{name}: the rights of the account were changed at {target} itself; to be as the groups say, the bridge would have to {}",
        missing.join(", ")
    );
    (!missing.is_empty()).then_some((FindingKind::RoleChanged, sentence))
}

fn differences(
    name: &str,
    target: &str,
    desired: &Desired,
    account: &Account,
    changes: &Changes,
) -> Vec<(FindingKind, String)> {
    let mut differences = Vec::new();
    match changes.enabled {
        Some(true) => differences.push((
            FindingKind::Disabled,
            format!(
                "{name}: the account was disabled at {target} itself, while the identity provider says active"
            ),
        )),
        Some(false) => differences.push((
            FindingKind::Enabled,
            format!(
                "{name}: the account was enabled at {target} itself, while the identity provider says inactive"
            ),
        )),
        None => {}
    }
    if let Some(email) = &changes.email {
        differences.push((
            FindingKind::EmailChanged,
            format!(
                "{name}: the account has the e-mail {} at {target}, while the identity provider says {email}",
                account.email
            ),
        ));
    }
    if changes.given_name.is_some() || changes.family_name.is_some() {
        let guess = Name::split(&account.name);
        let wanted = Name {
            given: desired.given_name.clone().unwrap_or(guess.given),
            family: desired.family_name.clone().unwrap_or(guess.family),
        };
        differences.push((
            FindingKind::NameChanged,
            format!(
                "{name}: the account is called {:?} at {target}, while the identity provider says {:?}",
                account.name,
                wanted.full()
            ),
        ));
    }
    differences
}
