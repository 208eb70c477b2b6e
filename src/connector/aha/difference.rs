//! What an account may do against what groups give: the rights to give and to take. Pure.
//!
//! By default (`roles = "additive"`) the bridge takes away only what it gave. A role that somebody else gave stays as long as
//! it is no weaker than what a group gives; where a group gave more, the weaker role that was there before comes back
//! when the group does not any more (`reviewer` for `developer`, which Aha! shows and lets nobody give), unless somebody has changed
//! the role since. With `roles = "authoritative"` all is taken that no group gives, with these exceptions,
//! since to take it would be wrong or lead nowhere:
//!
//! - the default role in the default workspace, which new accounts are created with; where it is not known which one that is,
//!   in any that is not listed;
//! - a role that may come from a line: one that is no stronger than the account's role in some line, and `viewer` in a line.
//!   Whether Aha! shows roles that are handed down is not documented; they cannot be taken one by one;
//! - administrator roles, custom roles and paid seat groups, unless a rule gives any of that kind: who never lets groups
//!   decide about administrators does not want them all to be demoted;
//! - anything but administrator roles before the workspaces were listed, and seats while no seat group is: what the names of
//!   groups give is not known then.
//!
//! What is given stands in the record before it is sent, so that it is taken away also after a lost answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{Grant, GroupRules, OtherRoles},
    connector::{
        Catalogue,
        rights::{CustomRole, Entitlement, RightChange, Rights, WorkspaceRole},
    },
};

/// By which rules rights are given and taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy<'a> {
    pub(super) rules: &'a GroupRules,
    /// `None` while it was not listed yet.
    pub(super) catalogue: Option<&'a Catalogue>,
    /// The role of new accounts.
    pub(super) default_role: Option<&'a DefaultRole>,
}

/// The role that new accounts are created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DefaultRole {
    /// In which workspace, by its id. `None` where that is not known: it is one that was never listed.
    pub(super) workspace: Option<String>,
    pub(super) role: WorkspaceRole,
}

/// The changes that remain: first those that take, then those that give.
pub(super) fn changes(wanted: &Rights, held: &Entitlement, policy: Policy<'_>) -> Vec<RightChange> {
    let mut changes = roles(wanted, held, policy);
    changes.extend(administrator_roles(wanted, held, policy));
    changes.extend(seat_groups(wanted, held, policy));
    changes.extend(custom_roles(wanted, held, policy));
    changes.sort_by_key(|change| {
        // A seat comes before the role that needs it, and a custom role after the role that it adds to.
        let place = match change {
            RightChange::JoinSeatGroup(_) => 0,
            RightChange::GiveRole { .. } => 1,
            _ => 2,
        };
        (!change.takes(), place)
    });
    changes
}

fn roles(wanted: &Rights, held: &Entitlement, policy: Policy<'_>) -> Vec<RightChange> {
    let unseen = BTreeMap::new();
    let seen = held.seen.workspaces.as_ref().unwrap_or(&unseen);
    let given = &held.given.rights.workspaces;
    let workspaces: BTreeSet<&String> =
        wanted.workspaces.keys().chain(given.keys()).chain(seen.keys()).collect();
    let is_authoritative = policy.is_authoritative();
    let change = |workspace: &String| {
        let (have, gave) = (seen.get(workspace).copied(), given.get(workspace).copied());
        let is_unsure = held.is_unsure_of(workspace);
        let is_ours = gave.is_some() && (have == gave || have.is_none() || is_unsure);
        // Who was seen to have no role has lost it by hand, and the one before with it.
        let may_come_back = have == gave || is_unsure || held.seen.workspaces.is_none();
        let before = held.given.instead_of.get(workspace).copied();
        let before = before.filter(|_| is_ours && may_come_back && !is_authoritative).map(givable);
        let default = policy.default_role_in(workspace);
        let give = |role| RightChange::GiveRole { workspace: workspace.clone(), from: have, role };
        let take = |leaving| RightChange::TakeRole { workspace: workspace.clone(), leaving };
        match wanted.workspaces.get(workspace).copied() {
            Some(want) => {
                match have.filter(|_| !is_unsure) {
                    // What was there before is enough, and is not the bridge's to take away.
                    _ if before.is_some_and(|before| before >= want) => Some(take(before)),
                    Some(have) if have == want => None,
                    Some(have) if have > want && !is_ours && !is_authoritative => None,
                    _ => Some(give(want)),
                }
            }
            None if is_ours => {
                let default = default.filter(|_| is_authoritative);
                Some(take(before.or(default).filter(|role| gave.is_some_and(|gave| *role <= gave))))
            }
            None => {
                let have = have.filter(|_| is_authoritative)?;
                let is_left = default.is_some_and(|default| have <= default)
                    || may_be_handed_down(workspace, have, seen, policy);
                (!is_left).then(|| take(default.filter(|default| *default < have)))
            }
        }
    };
    workspaces.into_iter().filter_map(change).collect()
}

/// The strongest role no stronger than this one that can be given.
fn givable(role: WorkspaceRole) -> WorkspaceRole {
    match role {
        WorkspaceRole::Developer => WorkspaceRole::Reviewer,
        role => role,
    }
}

/// Whether a role may be one that a line hands down to its workspaces, or a workspace to its line.
fn may_be_handed_down(
    workspace: &str,
    role: WorkspaceRole,
    seen: &BTreeMap<String, WorkspaceRole>,
    policy: Policy<'_>,
) -> bool {
    let is_line = |id: &str| policy.catalogue.is_some_and(|catalogue| catalogue.is_line(id));
    let others = || seen.iter().filter(|(other, _)| *other != workspace);
    if is_line(workspace) {
        return role == WorkspaceRole::Viewer && others().next().is_some();
    }
    others().any(|(other, strongest)| is_line(other) && role <= *strongest)
}

fn administrator_roles(wanted: &Rights, held: &Entitlement, policy: Policy<'_>) -> Option<RightChange> {
    let unseen = BTreeSet::new();
    let seen = held.seen.administrator.as_ref();
    let have = seen.unwrap_or(&unseen);
    let is_managed = policy.is_authoritative_about(|grant| matches!(grant, Grant::Administrator(_)));
    let gives: BTreeSet<_> = wanted.administrator.difference(have).copied().collect();
    let takes: BTreeSet<_> = held
        .given
        .rights
        .administrator
        .iter()
        .filter(|role| seen.is_none_or(|seen| seen.contains(role)))
        .chain(have.iter().filter(|_| is_managed))
        .filter(|role| !wanted.administrator.contains(role))
        .copied()
        .collect();
    (!gives.is_empty() || !takes.is_empty()).then_some(RightChange::Administrator { gives, takes })
}

fn seat_groups(wanted: &Rights, held: &Entitlement, policy: Policy<'_>) -> Vec<RightChange> {
    let unseen = BTreeSet::new();
    let have = held.seen.seat_groups.as_ref().unwrap_or(&unseen);
    // A plan without them, or a listing that was refused, tells nothing.
    let is_listed = policy.catalogue.is_some_and(|catalogue| !catalogue.seat_groups.is_empty());
    let is_managed = is_listed && policy.is_authoritative_about(|grant| matches!(grant, Grant::SeatGroup(_)));
    let mut changes = Vec::new();
    // Nobody is in two of them, so the one that a group gives takes the place of any other.
    let leaves = |group: &&String| {
        wanted.seat_group.is_some() || is_managed || held.given.rights.seat_group.as_ref() == Some(*group)
    };
    let left: BTreeSet<&String> = have.iter().filter(leaves).chain(&held.given.rights.seat_group).collect();
    changes.extend(
        left.into_iter()
            .filter(|group| wanted.seat_group.as_ref() != Some(*group))
            .map(|group| RightChange::LeaveSeatGroup(group.clone())),
    );
    changes.extend(
        wanted
            .seat_group
            .iter()
            .filter(|group| !have.contains(*group))
            .cloned()
            .map(RightChange::JoinSeatGroup),
    );
    changes
}

fn custom_roles(wanted: &Rights, held: &Entitlement, policy: Policy<'_>) -> Vec<RightChange> {
    let unseen = BTreeSet::new();
    let have = held.seen.custom_roles.as_ref().unwrap_or(&unseen);
    let is_managed = policy.is_authoritative()
        && policy.is_authoritative_about(|grant| matches!(grant, Grant::CustomRole { .. }));
    let too_many: BTreeSet<&String> = held
        .given
        .rights
        .custom_roles
        .iter()
        .chain(have.iter().filter(|_| is_managed))
        .filter(|role| !wanted.custom_roles.contains(role))
        .map(|role: &CustomRole| &role.workspace)
        .collect();
    let missing = wanted.custom_roles.iter().filter(|role| !have.contains(*role));
    let take = |workspace: &String| RightChange::TakeCustomRoles { workspace: workspace.clone() };
    let give = |role: &CustomRole| RightChange::GiveCustomRole(role.clone());
    too_many.into_iter().map(take).chain(missing.map(give)).collect()
}

impl Policy<'_> {
    /// Whether roles are taken that no group gives. Not before it is known what the names of groups give.
    fn is_authoritative(self) -> bool {
        self.catalogue.is_some() && self.rules.roles == OtherRoles::Authoritative
    }

    /// The role that an account may have in `workspace` since it was created.
    fn default_role_in(self, workspace: &str) -> Option<WorkspaceRole> {
        let DefaultRole { workspace: place, role } = self.default_role?;
        let is_it = match place {
            Some(id) => id == workspace,
            None => !self.catalogue.is_some_and(|catalogue| catalogue.has_workspace(workspace)),
        };
        is_it.then_some(*role)
    }

    fn is_authoritative_about(self, kind: impl Fn(&Grant) -> bool) -> bool {
        self.rules.roles == OtherRoles::Authoritative && self.rules.give(kind)
    }
}

#[cfg(test)]
mod tests;
