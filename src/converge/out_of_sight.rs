//! Accounts that were not found for a while.
//!
//! A target answers 404 also for what the credentials may not see, and a listing may leave out what is there. So whoever is told
//! that an account is not there keeps what it knew of it, above all what the bridge gave: the same account may come into
//! sight again, with rights that are to be taken by then. A target that made another account in its place gives that one another id.

use crate::{
    connector::{Account, Observed, rights::Given},
    store::User,
};

use super::settle::Sighting;

/// What was found where no account of `user` was known, together with what was known before if it is the same one.
pub(super) fn found_again(found: Observed, sighting: &Sighting, user: &User) -> Observed {
    if sighting.observed.account().is_some() {
        return found;
    }
    let known = sighting.looked_at.as_ref().or(user.last_account());
    match (found, known) {
        (Observed::Present(account), Some(known)) if account.id == known.id => {
            Observed::Present(remembering(account, known))
        }
        (found, _) => found,
    }
}

/// A create that was answered with the account, or whose answer was lost, gave something besides.
fn remembering(mut account: Account, known: &Account) -> Account {
    let given = &mut account.entitlement.given;
    let Given { rights, instead_of } = &known.entitlement.given;
    for (workspace, role) in &rights.workspaces {
        given.rights.workspaces.entry(workspace.clone()).or_insert(*role);
    }
    for (workspace, role) in instead_of {
        given.instead_of.entry(workspace.clone()).or_insert(*role);
    }
    given.rights.custom_roles.extend(rights.custom_roles.iter().cloned());
    given.rights.administrator.extend(&rights.administrator);
    given.rights.seat_group = given.rights.seat_group.take().or_else(|| rights.seat_group.clone());
    account.remembering(known)
}
