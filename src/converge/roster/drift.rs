//! How a user's account differs from what the IdP asserted. Pure: it is what the connector's plan would close.

use crate::{
    connector::{Account, Call, Changes, Connector, Desired, Lane, Name, Observed, Standing},
    store::{User, findings::FindingKind, users::Ownership},
};

/// A user whose account differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drift {
    /// What differs, each with a sentence for an admin.
    pub(super) differences: Vec<(FindingKind, String)>,
    /// What is to be done about it.
    pub(super) remedy: Remedy,
}

/// What is to be done about drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// One call changes the account back, in this lane.
    Change(Lane),
    /// The IdP must say so anew: it would be an invitation.
    WaitForIdp,
}

/// The drift of a live, managed user that nothing is to be done for; `None` while its account is as asserted.
pub(super) fn of(user: &User, connector: &dyn Connector) -> Option<Drift> {
    let is_seen = matches!(user.observed, Observed::Present(_) | Observed::Absent);
    if !user.is_live() || user.ownership == Ownership::Unmanaged || !is_seen {
        return None;
    }
    let desired = Desired::of(&user.resource, Standing::Live);
    let plan = connector.plan(&desired, &user.observed);
    let name = user.resource.user_name().unwrap_or_default();
    let target = connector.target();
    let lane = desired.lane(&plan);
    match plan.into_iter().next()? {
        Call::Update { account, changes } => {
            let differences = differences(name, target, &desired, &account, &changes);
            Some(Drift { differences, remedy: Remedy::Change(lane) })
        }
        Call::Find { .. } | Call::Create { .. } | Call::Delete { .. } => {
            let sentence = format!(
                "{name}: the account is not at {target} any more, while the identity provider says active"
            );
            Some(Drift { differences: vec![(FindingKind::Vanished, sentence)], remedy: Remedy::WaitForIdp })
        }
    }
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
