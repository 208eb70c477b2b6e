//! Desired against observed at Aha!: the fewest calls that close the difference.
//!
//! Two rules beyond the obvious. A user without access who has no account gets none: a create would send an invitation.
//! And an account that is to be disabled is sent `enabled: false` and nothing else: no other change may get the
//! revocation rejected. What else differs is sent when the account is enabled again, in the same call.
//!
//! Rights come last and first: those that are lost are taken before anything else about an account that keeps its access, and
//! those that are gained are given after all else. An account that is disabled keeps its rights, unless the configuration
//! takes them, after the call that disables. [`difference`](super::difference) knows which they are.
//!
//! After a change whose answer was lost, nothing that was seen before can be compared with: all that is desired is sent, also
//! what seems to be there. A look instead would cost a call and, while the lost change is still on its way, be wrong.

use crate::{
    config::OnDeactivate,
    connector::{
        Account, Call, Changes, Desired, Name, Observed,
        aha_api::same_email,
        rights::{Rights, WorkspaceRole},
    },
};

use super::{
    difference::{self, Policy},
    meaning::{Asked, Meanings},
};

/// The calls that remain, in order.
pub(super) fn plan(desired: &Desired, observed: &Observed, policy: Policy<'_>) -> Vec<Call> {
    let wanted = wanted(desired, policy);
    let into = wanted.as_ref().and_then(|wanted| joined_first(&wanted.rights, policy));
    let find_under = |email: &str| Call::Find { email: email.to_owned() };
    let find = || find_under(&desired.email);
    let create =
        || Call::Create { email: desired.email.clone(), name: desired.name_for_create(), into: into.clone() };
    match observed {
        Observed::Unknown if desired.enabled => vec![find(), create()],
        Observed::Unknown => vec![find()],
        Observed::Suspected { email, .. } if desired.enabled => vec![find_under(email), create()],
        Observed::Suspected { email, .. } => vec![find_under(email)],
        Observed::Absent if desired.enabled => vec![create()],
        Observed::Absent => Vec::new(),
        Observed::Present(account) => {
            let changes = Some(changes(desired, account)).filter(|changes| !changes.is_empty());
            in_order(desired, account, changes, wanted.as_ref(), policy)
        }
        Observed::Uncertain { account, .. } => {
            // It answers which roles there are, so those are compared with what it says.
            let update = Call::Update { account: account.clone(), changes: everything(desired) };
            let rest = in_order(desired, account, None, wanted.as_ref(), policy);
            std::iter::once(update).chain(rest).collect()
        }
    }
}

/// What the user's groups give; `None` if nobody has looked. Who must not have access gets nothing.
fn wanted(desired: &Desired, policy: Policy<'_>) -> Option<Asked> {
    let asks = desired.asks.as_ref()?;
    if !desired.enabled {
        return (policy.rules.on_deactivate == OnDeactivate::DisableAndRemoveRoles).then(Asked::default);
    }
    Some(Meanings { rules: policy.rules, catalogue: policy.catalogue }.asked(asks))
}

/// The workspace that a new account joins because a group says so: the default one if it is among them, else the one with the
/// strongest role. One that is not listed may not be there, and somebody with no account at all is worse off than without a
/// role.
fn joined_first(wanted: &Rights, policy: Policy<'_>) -> Option<(String, WorkspaceRole)> {
    let default = policy.default_role.and_then(|default| default.workspace.as_deref());
    let is_default = |id: &str| default == Some(id);
    let is_listed = |id: &str| policy.catalogue.is_some_and(|catalogue| catalogue.has_workspace(id));
    let listed = wanted.workspaces.iter().filter(|(id, _)| is_listed(id));
    let chosen = listed.max_by(|(one, role), (other, stronger)| {
        (is_default(one), role, other).cmp(&(is_default(other), stronger, one))
    })?;
    Some((chosen.0.clone(), *chosen.1))
}

fn in_order(
    desired: &Desired,
    account: &Account,
    changes: Option<Changes>,
    wanted: Option<&Asked>,
    policy: Policy<'_>,
) -> Vec<Call> {
    let update = changes.map(|changes| Call::Update { account: account.clone(), changes });
    let rights = wanted.map(|wanted| {
        let mut changes = difference::changes(&wanted.rights, &account.entitlement, policy);
        changes.retain(|change| !wanted.doubtful.forbids(change, &account.entitlement));
        changes
    });
    let (lost, gained): (Vec<_>, Vec<_>) = rights.into_iter().flatten().partition(|change| change.takes());
    let call = |change| Call::ChangeRight { account: account.clone(), change };
    let (lost, gained) = (lost.into_iter().map(call), gained.into_iter().map(call));
    if desired.enabled {
        lost.chain(update).chain(gained).collect()
    } else {
        update.into_iter().chain(lost).collect()
    }
}

fn everything(desired: &Desired) -> Changes {
    if !desired.enabled {
        return Changes { enabled: Some(false), ..Changes::default() };
    }
    Changes {
        email: Some(desired.email.clone()),
        given_name: desired.given_name.clone(),
        family_name: desired.family_name.clone(),
        enabled: Some(true),
    }
}

fn changes(desired: &Desired, account: &Account) -> Changes {
    if !desired.enabled {
        return Changes { enabled: account.enabled.then_some(false), ..Changes::default() };
    }
    let (given_name, family_name) = name_changes(desired, account);
    Changes {
        email: (!same_email(&desired.email, &account.email)).then(|| desired.email.clone()),
        given_name,
        family_name,
        enabled: (!account.enabled).then_some(true),
    }
}

/// Names are write-only at Aha!: it prints only the full name. What we wrote ourselves is known in its parts, and agrees
/// as long as Aha! prints what it printed then. Of a name that others wrote only the whole is known, so the whole is
/// compared, and if it differs both parts are sent: a guess about the split must not end up in the account.
fn name_changes(desired: &Desired, account: &Account) -> (Option<String>, Option<String>) {
    let differs = |wanted: &Option<String>, known: &String| wanted.clone().filter(|wanted| wanted != known);
    if let Some(known) = &account.written_name {
        return (differs(&desired.given_name, &known.given), differs(&desired.family_name, &known.family));
    }
    let guess = Name::split(&account.name);
    let wanted = Name {
        given: desired.given_name.clone().unwrap_or(guess.given),
        family: desired.family_name.clone().unwrap_or(guess.family),
    };
    if wanted.full() == account.name {
        return (None, None);
    }
    (desired.given_name.clone(), desired.family_name.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{clock::Time, config::GroupRules};

    fn account() -> Account {
        Account {
            id: "7".into(),
            email: "Mary@Example.com".into(),
            name: "Mary Ann Smith".into(),
            enabled: true,
            administrator: false,
            written_name: None,
            entitlement: Box::default(),
        }
    }

    fn plan(desired: &Desired, observed: &Observed) -> Vec<Call> {
        let rules = GroupRules::default();
        super::plan(desired, observed, Policy { rules: &rules, catalogue: None, default_role: None })
    }

    fn desired() -> Desired {
        Desired {
            email: "mary@example.com".into(),
            given_name: Some("Mary".into()),
            family_name: Some("Ann Smith".into()),
            enabled: true,
            deleted: false,
            asks: Some(BTreeSet::new()),
        }
    }

    fn changes_of(desired: &Desired, account: Account) -> Option<Changes> {
        match plan(desired, &Observed::Present(account)).as_slice() {
            [] => None,
            [Call::Update { changes, .. }] => Some(changes.clone()),
            other => panic!("one update was expected: {other:?}"),
        }
    }

    #[test]
    fn an_unknown_user_is_looked_up_before_it_is_created() {
        let names: Vec<_> = plan(&desired(), &Observed::Unknown).iter().map(Call::name).collect();
        assert_eq!(names, ["find", "create"]);
    }

    #[test]
    fn a_user_without_access_and_without_account_gets_none() {
        let disabled = Desired { enabled: false, ..desired() };
        assert!(plan(&disabled, &Observed::Absent).is_empty());
        assert!(plan(&disabled, &Observed::Unknown).iter().all(|call| call.name() == "find"));
    }

    #[test]
    fn the_case_of_an_email_and_the_split_of_a_name_are_no_difference() {
        assert_eq!(changes_of(&desired(), account()), None);
    }

    #[test]
    fn a_disable_sends_nothing_else() {
        let leaver = Desired {
            enabled: false,
            email: "new@example.com".into(),
            given_name: Some("X".into()),
            ..desired()
        };
        let expected = Changes { enabled: Some(false), ..Changes::default() };
        assert_eq!(changes_of(&leaver, account()), Some(expected));
        assert_eq!(changes_of(&leaver, Account { enabled: false, ..account() }), None);
    }

    #[test]
    fn after_a_lost_answer_everything_is_asserted_anew_whatever_was_seen_before() {
        for enabled in [false, true] {
            let uncertain =
                Observed::Present(Account { enabled, ..account() }).doubted_until(Time::default());
            let changes_of = |desired: &Desired| match plan(desired, &uncertain).as_slice() {
                [Call::Update { changes, .. }] => changes.clone(),
                other => panic!("{other:?}"),
            };
            let leaver = Desired { enabled: false, ..desired() };
            assert_eq!(changes_of(&leaver), Changes { enabled: Some(false), ..Changes::default() });
            let everything = Changes {
                email: Some(desired().email),
                given_name: desired().given_name,
                family_name: desired().family_name,
                enabled: Some(true),
            };
            assert_eq!(changes_of(&desired()), everything);
        }
    }

    #[test]
    fn an_enable_sends_all_that_differs_in_one_call() {
        let back =
            Desired { email: "new@example.com".into(), family_name: Some("Jones".into()), ..desired() };
        let expected = Changes {
            email: Some("new@example.com".into()),
            given_name: Some("Mary".into()),
            family_name: Some("Jones".into()),
            enabled: Some(true),
        };
        assert_eq!(changes_of(&back, Account { enabled: false, ..account() }), Some(expected));
    }

    #[test]
    fn a_name_that_we_wrote_is_compared_in_its_parts_whatever_aha_prints() {
        let written = Name { given: "Mary".into(), family: "Ann Smith".into() };
        let ours = Account { name: "MARY ANN SMITH".into(), written_name: Some(written), ..account() };
        assert_eq!(changes_of(&desired(), ours.clone()), None);
        let married = Desired { family_name: Some("Jones".into()), ..desired() };
        let expected = Changes { family_name: Some("Jones".into()), ..Changes::default() };
        assert_eq!(changes_of(&married, ours), Some(expected));
    }

    #[test]
    fn a_user_whose_name_the_idp_does_not_tell_keeps_the_accounts_name() {
        let nameless = Desired { given_name: None, family_name: None, ..desired() };
        assert_eq!(changes_of(&nameless, account()), None);
    }
}
