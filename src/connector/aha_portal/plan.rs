//! Desired against observed in an ideas portal: the fewest calls that close the difference.
//!
//! As for users of the account: who has no access and no account gets none, since a create may send an invitation; an
//! account that is to be disabled is sent `enabled: false` and nothing else, so that no other change gets the revocation
//! rejected; and after a change whose answer was lost all that is desired is sent anew, since nothing that was seen before
//! can be compared with. Unlike there, the names that are compared are those that the portal tells.
//!
//! Who was deleted is deleted there, if the app says so: also an account that is disabled already, or perhaps gone.

use crate::{
    config::OnDelete,
    connector::{Account, Call, Changes, Desired, Name, Observed, aha_api::same_email},
};

/// The calls that remain, in order.
pub(super) fn plan(desired: &Desired, observed: &Observed, on_delete: OnDelete) -> Vec<Call> {
    let find = |email: &str| Call::Find { email: email.to_owned() };
    let create =
        || Call::Create { email: desired.email.clone(), name: desired.name_for_create(), into: None };
    match observed {
        Observed::Unknown if desired.enabled => vec![find(&desired.email), create()],
        Observed::Unknown => vec![find(&desired.email)],
        Observed::Suspected { email, .. } if desired.enabled => vec![find(email), create()],
        Observed::Suspected { email, .. } => vec![find(email)],
        Observed::Absent if desired.enabled => vec![create()],
        Observed::Absent => Vec::new(),
        Observed::Present(account) | Observed::Uncertain { account, .. }
            if desired.deleted && on_delete == OnDelete::Delete =>
        {
            vec![Call::Delete { account: account.clone() }]
        }
        Observed::Present(account) => {
            let changes = changes(desired, account);
            if changes.is_empty() {
                Vec::new()
            } else {
                vec![Call::Update { account: account.clone(), changes }]
            }
        }
        Observed::Uncertain { account, .. } => {
            vec![Call::Update { account: account.clone(), changes: everything(desired) }]
        }
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
    let known = account.written_name.clone().unwrap_or_else(|| Name::split(&account.name));
    let differs = |wanted: &Option<String>, known: &String| wanted.clone().filter(|wanted| wanted != known);
    Changes {
        email: (!same_email(&desired.email, &account.email)).then(|| desired.email.clone()),
        given_name: differs(&desired.given_name, &known.given),
        family_name: differs(&desired.family_name, &known.family),
        enabled: (!account.enabled).then_some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    fn account() -> Account {
        Account {
            id: "7".into(),
            email: "Mary@Example.com".into(),
            name: "Mary Ann Smith".into(),
            enabled: true,
            administrator: false,
            written_name: Some(Name { given: "Mary".into(), family: "Ann Smith".into() }),
            entitlement: Box::default(),
        }
    }

    fn desired() -> Desired {
        Desired {
            email: "mary@example.com".into(),
            given_name: Some("Mary".into()),
            family_name: Some("Ann Smith".into()),
            enabled: true,
            deleted: false,
            asks: None,
        }
    }

    fn deleted() -> Desired {
        Desired { enabled: false, deleted: true, ..desired() }
    }

    #[test]
    fn names_are_compared_in_their_parts() {
        let present = Observed::Present(account());
        assert_eq!(plan(&desired(), &present, OnDelete::Delete), []);
        let moved =
            Desired { given_name: Some("Mary Ann".into()), family_name: Some("Smith".into()), ..desired() };
        let changes = Changes {
            given_name: Some("Mary Ann".into()),
            family_name: Some("Smith".into()),
            ..Changes::default()
        };
        assert_eq!(plan(&moved, &present, OnDelete::Delete), [Call::Update { account: account(), changes }]);
        let untold = Desired { given_name: None, family_name: None, ..desired() };
        assert_eq!(plan(&untold, &present, OnDelete::Delete), []);
    }

    #[test]
    fn who_was_deleted_is_deleted_or_disabled_as_the_app_says() {
        let disabled = Account { enabled: false, ..account() };
        let revocation = Changes { enabled: Some(false), ..Changes::default() };
        for (seen, disable) in [
            (
                Observed::Present(account()),
                vec![Call::Update { account: account(), changes: revocation.clone() }],
            ),
            (Observed::Present(disabled.clone()), vec![]),
            (
                Observed::Present(disabled.clone()).doubted_until(Time::default()),
                vec![Call::Update { account: disabled, changes: revocation }],
            ),
        ] {
            let account = seen.account().unwrap().clone();
            assert_eq!(plan(&deleted(), &seen, OnDelete::Delete), [Call::Delete { account }]);
            assert_eq!(plan(&deleted(), &seen, OnDelete::Disable), disable);
        }
        for on_delete in [OnDelete::Delete, OnDelete::Disable] {
            assert_eq!(plan(&deleted(), &Observed::Absent, on_delete), []);
        }
    }

    #[test]
    fn a_deactivation_never_deletes() {
        let leaver = Desired { enabled: false, ..desired() };
        for seen in [
            Observed::Present(account()),
            Observed::Present(account()).doubted_until(Time::default()),
            Observed::Unknown,
        ] {
            let calls = plan(&leaver, &seen, OnDelete::Delete);
            assert!(calls.iter().all(|call| !matches!(call, Call::Delete { .. })), "{calls:?}");
        }
    }
}
