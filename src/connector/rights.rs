//! What an account may do at a target beyond logging in: the rights that groups give and take.
//!
//! [`Rights`] is a set of them: what groups ask for together. [`Entitlement`] is what the bridge knows of an account's: those
//! that the target was seen to hold, and those that the bridge itself [gave](Given), which are the ones that it may take away
//! again. [`RightChange`] is one call's worth of difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::Lane;
use crate::clock::Time;

/// A role in a workspace. The stronger one is the greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceRole {
    /// Sees it.
    Viewer,
    /// Comments on it.
    Reviewer,
    /// Builds what is planned. It can be seen, and not given.
    Developer,
    /// Edits it.
    Contributor,
    /// Manages it.
    Owner,
}

impl fmt::Display for WorkspaceRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Reviewer => "reviewer",
            Self::Developer => "developer",
            Self::Contributor => "contributor",
            Self::Owner => "owner",
        })
    }
}

/// A permission to administer the target's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdministratorRole {
    /// Users and security.
    Account,
    /// Plan and invoices.
    Billing,
    /// Customization.
    Configuration,
}

impl AdministratorRole {
    /// All of them.
    pub const ALL: [AdministratorRole; 3] = [Self::Account, Self::Billing, Self::Configuration];
}

impl fmt::Display for AdministratorRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Billing => "billing",
            Self::Configuration => "configuration",
        })
    }
}

/// A role that the target's administrators made up, in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomRole {
    /// The workspace, by its id.
    pub workspace: String,
    /// The role, by its id.
    pub role: u64,
}

/// A set of rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rights {
    /// The role in each workspace, by the workspace's id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub workspaces: BTreeMap<String, WorkspaceRole>,
    /// Custom roles.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub custom_roles: BTreeSet<CustomRole>,
    /// Administrator roles.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub administrator: BTreeSet<AdministratorRole>,
    /// The paid seat group, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_group: Option<String>,
}

impl Rights {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was seen of an account's rights. `None` where no answer has told yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenRights {
    /// The role in each workspace, by the workspace's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspaces: Option<BTreeMap<String, WorkspaceRole>>,
    /// Custom roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_roles: Option<BTreeSet<CustomRole>>,
    /// Administrator roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub administrator: Option<BTreeSet<AdministratorRole>>,
    /// The paid seat group; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_groups: Option<BTreeSet<String>>,
}

/// What the bridge gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    /// The rights, as they were given.
    #[serde(flatten)]
    pub rights: Rights,
    /// The weaker roles that were there before, which come back when the given ones are taken away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub instead_of: BTreeMap<String, WorkspaceRole>,
}

/// An account's rights, as far as the bridge knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entitlement {
    /// Those that the target was seen to hold.
    pub seen: SeenRights,
    /// Those that the bridge gave, or has begun to give.
    pub given: Given,
    /// What is not known of them, since answers were lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
}

/// Changes whose answers were lost. Each may have taken effect, or may do so yet: also after something else was said about the
/// same right, which it then undoes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Until when the last of them may take effect.
    pub until: Time,
    /// Those about which nothing was said since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<RightChange>,
    /// Those that were said again, and carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said_again: Vec<RightChange>,
    /// What the bridge gave and took away again since.
    #[serde(default)]
    pub taken: Given,
    /// Whether something else was said since, so that what came of it must be seen once all is over.
    #[serde(default)]
    pub is_contradicted: bool,
}

/// A change of one right: one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightChange {
    /// Give a role in a workspace, in place of the one held there.
    GiveRole {
        /// The workspace, by its id.
        workspace: String,
        /// The role held there now, if any is known.
        from: Option<WorkspaceRole>,
        /// The role to give.
        role: WorkspaceRole,
    },
    /// Take the role in a workspace away.
    TakeRole {
        /// The workspace, by its id.
        workspace: String,
        /// The role that is left to the account, if any.
        leaving: Option<WorkspaceRole>,
    },
    /// Give a custom role.
    GiveCustomRole(CustomRole),
    /// Take the custom roles in a workspace away. Targets name no single one.
    TakeCustomRoles {
        /// The workspace, by its id.
        workspace: String,
    },
    /// Change administrator roles.
    Administrator {
        /// Those to give.
        gives: BTreeSet<AdministratorRole>,
        /// Those to take away.
        takes: BTreeSet<AdministratorRole>,
    },
    /// Put the account into a paid seat group, by its id.
    JoinSeatGroup(String),
    /// Take the account out of a paid seat group, by its id.
    LeaveSeatGroup(String),
}

impl RightChange {
    /// Whether a right is lost.
    pub fn takes(&self) -> bool {
        match self {
            Self::GiveRole { from, role, .. } => from.is_some_and(|from| from > *role),
            Self::GiveCustomRole(_) | Self::JoinSeatGroup(_) => false,
            Self::Administrator { takes, .. } => !takes.is_empty(),
            Self::TakeRole { .. } | Self::TakeCustomRoles { .. } | Self::LeaveSeatGroup(_) => true,
        }
    }

    /// To lose a right is as urgent as to lose access; to gain one waits as an invitation does.
    pub fn lane(&self) -> Lane {
        if self.takes() { Lane::Revoke } else { Lane::Grant }
    }

    /// Whether the account cannot manage users any more.
    pub fn demotes(&self) -> bool {
        matches!(self, Self::Administrator { takes, .. } if takes.contains(&AdministratorRole::Account))
    }

    /// Whether both are about the same right, so that the later one counts.
    fn is_about_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::GiveRole { workspace: one, .. } | Self::TakeRole { workspace: one, .. },
                Self::GiveRole { workspace: other, .. } | Self::TakeRole { workspace: other, .. },
            ) => one == other,
            (Self::GiveCustomRole(_) | Self::TakeCustomRoles { .. }, other) => {
                matches!(other, Self::GiveCustomRole(_) | Self::TakeCustomRoles { .. })
            }
            (Self::Administrator { .. }, other) => matches!(other, Self::Administrator { .. }),
            (Self::JoinSeatGroup(_) | Self::LeaveSeatGroup(_), other) => {
                matches!(other, Self::JoinSeatGroup(_) | Self::LeaveSeatGroup(_))
            }
            (Self::GiveRole { .. } | Self::TakeRole { .. }, _) => false,
        }
    }

    /// Whether both say the same, whatever was there before.
    fn says_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::GiveRole { workspace: one, role, .. },
                Self::GiveRole { workspace: other, role: other_role, .. },
            ) => one == other && role == other_role,
            _ => self == other,
        }
    }

    /// What is to be done: a fragment that "account 7" follows, such as "give the role viewer in workspace 5 to".
    pub fn describe(&self) -> String {
        let list = |roles: &BTreeSet<AdministratorRole>| {
            roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::GiveRole { workspace, role, .. } => {
                format!("give the role {role} in workspace {workspace} to")
            }
            Self::TakeRole { workspace, leaving: None } => {
                format!("take the role in workspace {workspace} from")
            }
            Self::TakeRole { workspace, leaving: Some(role) } => {
                format!("put the role in workspace {workspace} back to {role} for")
            }
            Self::GiveCustomRole(CustomRole { workspace, role }) => {
                format!("give the custom role {role} in workspace {workspace} to")
            }
            Self::TakeCustomRoles { workspace } => {
                format!("take the custom roles in workspace {workspace} from")
            }
            Self::Administrator { gives, takes } if takes.is_empty() => {
                format!("give the administrator roles ({}) to", list(gives))
            }
            Self::Administrator { gives, takes } if gives.is_empty() => {
                format!("take the administrator roles ({}) from", list(takes))
            }
            Self::Administrator { gives, takes } => {
                format!("give the administrator roles ({}) to, and take ({}) from", list(gives), list(takes))
            }
            Self::JoinSeatGroup(group) => format!("put into the paid seat group {group}"),
            Self::LeaveSeatGroup(group) => format!("take out of the paid seat group {group}"),
        }
    }
}

impl Lost {
    /// Something is said about a right: what was lost of it before may undo it, if it says something else.
    fn settle(&mut self, change: &RightChange) {
        let is_said = |lost: &mut RightChange| lost.is_about_the_same_as(change);
        let earlier: Vec<_> =
            self.changes.extract_if(.., is_said).chain(self.said_again.extract_if(.., is_said)).collect();
        let (same, other): (Vec<_>, Vec<_>) =
            earlier.into_iter().partition(|lost| lost.says_the_same_as(change));
        self.is_contradicted |= !other.is_empty();
        self.said_again.extend(same.into_iter().take(1));
    }
}

impl Given {
    /// Takes over from `given` what `change` takes away.
    fn keep_what_is_taken(&mut self, given: &Given, change: &RightChange) {
        match change {
            RightChange::TakeRole { workspace, .. } => {
                if let Some(role) = given.rights.workspaces.get(workspace) {
                    self.rights.workspaces.insert(workspace.clone(), *role);
                }
                if let Some(before) = given.instead_of.get(workspace) {
                    self.instead_of.insert(workspace.clone(), *before);
                }
            }
            RightChange::TakeCustomRoles { workspace } => self.rights.custom_roles.extend(
                given.rights.custom_roles.iter().filter(|role| role.workspace == *workspace).cloned(),
            ),
            RightChange::Administrator { takes, .. } => {
                self.rights.administrator.extend(given.rights.administrator.intersection(takes));
            }
            RightChange::LeaveSeatGroup(group) => {
                self.rights.seat_group = given
                    .rights
                    .seat_group
                    .clone()
                    .filter(|given| given == group)
                    .or(self.rights.seat_group.take());
            }
            RightChange::GiveRole { .. } | RightChange::GiveCustomRole(_) | RightChange::JoinSeatGroup(_) => {
            }
        }
    }
}

impl Entitlement {
    /// Takes over what only an earlier sighting of the same account tells.
    pub fn remember(&mut self, earlier: &Self) {
        fn fill<T: Clone>(here: &mut Option<T>, earlier: &Option<T>) {
            if here.is_none() {
                here.clone_from(earlier);
            }
        }
        fill(&mut self.seen.workspaces, &earlier.seen.workspaces);
        fill(&mut self.seen.custom_roles, &earlier.seen.custom_roles);
        fill(&mut self.seen.administrator, &earlier.seen.administrator);
        fill(&mut self.seen.seat_groups, &earlier.seen.seat_groups);
        if self.given == Given::default() {
            self.given.clone_from(&earlier.given);
        }
        if self.lost.is_none() {
            self.lost.clone_from(&earlier.lost);
        }
    }

    /// Whether it is not known which role the account has in `workspace`: an answer was lost, and nothing was said since.
    pub fn is_unsure_of(&self, workspace: &str) -> bool {
        self.lost.iter().flat_map(|lost| &lost.changes).any(|change| match change {
            RightChange::GiveRole { workspace: other, .. }
            | RightChange::TakeRole { workspace: other, .. } => workspace == other,
            _ => false,
        })
    }

    /// Whether it is not known which administrator roles the account has.
    pub fn is_unsure_of_administration(&self) -> bool {
        self.lost.as_ref().is_some_and(|lost| {
            let is_about_it = |change: &RightChange| matches!(change, RightChange::Administrator { .. });
            lost.is_contradicted || lost.changes.iter().any(is_about_it)
        })
    }

    /// The answer to `change` was lost, which may take effect until `until`: what was seen of the right before says nothing.
    pub fn lose(&mut self, change: &RightChange, until: Time) {
        self.begin(change);
        match change {
            RightChange::GiveRole { .. } | RightChange::TakeRole { .. } => {}
            RightChange::GiveCustomRole(_) | RightChange::TakeCustomRoles { .. } => {
                self.seen.custom_roles = None;
            }
            RightChange::Administrator { .. } => self.seen.administrator = None,
            RightChange::JoinSeatGroup(_) | RightChange::LeaveSeatGroup(_) => self.seen.seat_groups = None,
        }
        let lost = self.lost_until(until);
        lost.settle(change);
        lost.changes.push(change.clone());
    }

    /// Some call about a right may take effect until `until`, and nobody knows which.
    pub fn doubt(&mut self, until: Time) {
        self.lost_until(until).is_contradicted = true;
    }

    fn lost_until(&mut self, until: Time) -> &mut Lost {
        let lost = self.lost.get_or_insert_with(|| Lost {
            until,
            changes: Vec::new(),
            said_again: Vec::new(),
            taken: Given::default(),
            is_contradicted: false,
        });
        lost.until = lost.until.max(until);
        lost
    }

    /// When the account must be looked at again, since what was said last may have been undone by something older.
    pub fn look_at(&self) -> Option<Time> {
        self.lost.as_ref().filter(|lost| lost.is_contradicted).map(|lost| lost.until)
    }

    /// Forgets what an account does not tell when it is looked at, but only a listing: of that, what was said last need not be so.
    pub fn forget_what_no_look_tells(&mut self) {
        (self.seen.custom_roles, self.seen.seat_groups) = (None, None);
    }

    /// Forgets which administrator roles were given that somebody has taken since. There is nothing left to do for the user, so no group
    /// gives them any more, and what is given by hand later is not the bridge's to take away.
    pub fn forget_what_others_took(&mut self) {
        if let (Some(seen), None) = (&self.seen.administrator, &self.lost) {
            self.given.rights.administrator.retain(|role| seen.contains(role));
        }
    }

    /// Forgets at `now` what was lost and said again, once nothing of it can take effect any more.
    pub fn forget_lost(&mut self, now: Time) {
        self.lost.take_if(|lost| lost.until <= now && lost.changes.is_empty() && !lost.is_contradicted);
    }

    /// Nothing that was lost takes effect any more, and the account was seen since. What was given and taken away counts as given,
    /// where it is there after all.
    pub fn is_certain(&mut self) {
        let Some(Lost { taken: Given { rights, instead_of }, .. }) = self.lost.take() else { return };
        let (seen, given) = (&self.seen, &mut self.given.rights);
        for (workspace, role) in rights.workspaces {
            let is_there = seen.workspaces.as_ref().is_some_and(|seen| seen.get(&workspace) == Some(&role));
            if is_there && !given.workspaces.contains_key(&workspace) {
                if let Some(before) = instead_of.get(&workspace) {
                    self.given.instead_of.insert(workspace.clone(), *before);
                }
                given.workspaces.insert(workspace, role);
            }
        }
        // Where no answer tells, it is taken once more.
        let is_there = |role: &CustomRole| seen.custom_roles.as_ref().is_none_or(|seen| seen.contains(role));
        given.custom_roles.extend(rights.custom_roles.into_iter().filter(is_there));
        let is_there =
            |role: &AdministratorRole| seen.administrator.as_ref().is_none_or(|seen| seen.contains(role));
        given.administrator.extend(rights.administrator.into_iter().filter(is_there));
        let is_there = |group: &String| seen.seat_groups.as_ref().is_none_or(|seen| seen.contains(group));
        given.seat_group = given.seat_group.take().or(rights.seat_group.filter(is_there));
    }

    /// Whether `change` would undo what others did at the target. Else it is for the bridge to bring about: groups give, or do
    /// not give any more, what was not done yet.
    pub fn undoes_others(&self, change: &RightChange) -> bool {
        let given = &self.given.rights;
        match change {
            RightChange::GiveRole { workspace, role, .. } => given.workspaces.get(workspace) == Some(role),
            RightChange::TakeRole { workspace, .. } => !given.workspaces.contains_key(workspace),
            RightChange::GiveCustomRole(role) => given.custom_roles.contains(role),
            RightChange::TakeCustomRoles { workspace } => {
                !given.custom_roles.iter().any(|role| role.workspace == *workspace)
            }
            RightChange::Administrator { gives, takes } => {
                gives.is_subset(&given.administrator) && takes.is_disjoint(&given.administrator)
            }
            RightChange::JoinSeatGroup(group) => given.seat_group.as_ref() == Some(group),
            RightChange::LeaveSeatGroup(group) => given.seat_group.as_ref() != Some(group),
        }
    }

    /// `change` is about to be sent: what it gives is the bridge's from now on, whether its answer comes or not.
    pub fn begin(&mut self, change: &RightChange) {
        let is_unsure =
            matches!(change, RightChange::GiveRole { workspace, .. } if self.is_unsure_of(workspace));
        let Given { rights, instead_of } = &mut self.given;
        match change {
            RightChange::GiveRole { workspace, from, role } => {
                let earlier = rights.workspaces.insert(workspace.clone(), *role);
                // Somebody has given another one in place of what the bridge had given.
                let is_by_hand = !is_unsure && earlier != Some(*role) && earlier != *from;
                if let (true, Some(from)) = (earlier.is_none() || is_by_hand, from) {
                    instead_of.insert(workspace.clone(), *from);
                }
            }
            RightChange::GiveCustomRole(role) => {
                rights.custom_roles.insert(role.clone());
            }
            RightChange::Administrator { gives, .. } => rights.administrator.extend(gives),
            RightChange::JoinSeatGroup(group) => rights.seat_group = Some(group.clone()),
            RightChange::TakeRole { .. }
            | RightChange::TakeCustomRoles { .. }
            | RightChange::LeaveSeatGroup(_) => {}
        }
    }

    /// `change` was carried out.
    pub fn finish(&mut self, change: &RightChange) {
        self.begin(change);
        if let Some(lost) = &mut self.lost {
            lost.settle(change);
            lost.taken.keep_what_is_taken(&self.given, change);
        }
        let Self { seen, given: Given { rights, instead_of }, .. } = self;
        match change {
            RightChange::GiveRole { workspace, role, .. } => {
                seen.workspaces.get_or_insert_default().insert(workspace.clone(), *role);
            }
            RightChange::TakeRole { workspace, leaving } => {
                rights.workspaces.remove(workspace);
                instead_of.remove(workspace);
                let seen = seen.workspaces.get_or_insert_default();
                match leaving {
                    Some(role) => seen.insert(workspace.clone(), *role),
                    None => seen.remove(workspace),
                };
            }
            RightChange::GiveCustomRole(role) => {
                seen.custom_roles.get_or_insert_default().insert(role.clone());
            }
            RightChange::TakeCustomRoles { workspace } => {
                rights.custom_roles.retain(|role| role.workspace != *workspace);
                seen.custom_roles.get_or_insert_default().retain(|role| role.workspace != *workspace);
            }
            RightChange::Administrator { gives, takes } => {
                rights.administrator.retain(|role| !takes.contains(role));
                let seen = seen.administrator.get_or_insert_default();
                seen.retain(|role| !takes.contains(role));
                seen.extend(gives);
            }
            RightChange::JoinSeatGroup(group) => {
                seen.seat_groups = Some([group.clone()].into());
            }
            RightChange::LeaveSeatGroup(group) => {
                rights.seat_group.take_if(|given| given == group);
                seen.seat_groups.get_or_insert_default().remove(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVER: Time = Time::from_micros(1_700_000_000_000_000);

    fn give(role: WorkspaceRole) -> RightChange {
        RightChange::GiveRole { workspace: "1".into(), from: None, role }
    }

    fn take(leaving: Option<WorkspaceRole>) -> RightChange {
        RightChange::TakeRole { workspace: "1".into(), leaving }
    }

    #[test]
    fn what_was_lost_is_not_known_until_it_is_said_again() {
        let mut entitlement = Entitlement::default();
        let change = give(WorkspaceRole::Viewer);
        entitlement.lose(&change, OVER);
        assert!(entitlement.is_unsure_of("1") && !entitlement.is_unsure_of("2"));
        assert_eq!(entitlement.given.rights.workspaces.len(), 1, "it may have been given");
        entitlement.finish(&change);
        assert!(!entitlement.is_unsure_of("1"));
        assert_eq!(entitlement.look_at(), None);
        entitlement.forget_lost(OVER);
        assert_eq!(entitlement.lost, None);
    }

    #[test]
    fn what_contradicts_something_that_was_lost_is_looked_at_once_that_is_over() {
        for is_said_again in [false, true] {
            let mut entitlement = Entitlement::default();
            let change = give(WorkspaceRole::Owner);
            entitlement.begin(&RightChange::GiveRole {
                workspace: "1".into(),
                from: Some(WorkspaceRole::Viewer),
                role: WorkspaceRole::Owner,
            });
            entitlement.lose(&change, OVER);
            if is_said_again {
                entitlement.finish(&change);
            }
            entitlement.finish(&take(Some(WorkspaceRole::Viewer)));
            assert_eq!(entitlement.given.rights, Rights::default());
            assert_eq!(entitlement.look_at(), Some(OVER));
            entitlement.forget_lost(OVER);
            // It is kept with the account, and there after all.
            let kept = serde_json::to_string(&entitlement).unwrap();
            let mut entitlement: Entitlement = serde_json::from_str(&kept).unwrap();
            let seen = SeenRights {
                workspaces: Some([("1".into(), WorkspaceRole::Owner)].into()),
                ..SeenRights::default()
            };
            entitlement.seen = seen;
            entitlement.is_certain();
            assert_eq!(entitlement.given.rights.workspaces["1"], WorkspaceRole::Owner);
            assert_eq!(entitlement.given.instead_of["1"], WorkspaceRole::Viewer);
            assert_eq!(entitlement.look_at(), None);
        }
    }

    #[test]
    fn what_no_look_tells_is_said_again_once_all_is_over() {
        let scoped = CustomRole { workspace: "1".into(), role: 7 };
        let mut entitlement = Entitlement::default();
        entitlement.lose(&RightChange::GiveCustomRole(scoped.clone()), OVER);
        entitlement.finish(&RightChange::TakeCustomRoles { workspace: "1".into() });
        assert!(entitlement.given.rights.is_empty() && entitlement.look_at().is_some());
        // What the look finds is filled up with what was known before it.
        entitlement.forget_what_no_look_tells();
        let mut found = Entitlement::default();
        found.remember(&entitlement);
        found.is_certain();
        assert_eq!(found.given.rights.custom_roles, [scoped].into());
        assert_eq!(found.seen.custom_roles, None);
    }

    #[test]
    fn what_somebody_gave_in_between_is_what_comes_back() {
        let give = |from, role| RightChange::GiveRole { workspace: "1".into(), from, role };
        let mut entitlement = Entitlement::default();
        entitlement.begin(&give(None, WorkspaceRole::Viewer));
        entitlement.finish(&give(None, WorkspaceRole::Viewer));
        // By hand it became reviewer, and another group gives more.
        let more = give(Some(WorkspaceRole::Reviewer), WorkspaceRole::Contributor);
        entitlement.begin(&more);
        entitlement.finish(&more);
        assert_eq!(entitlement.given.instead_of.get("1"), Some(&WorkspaceRole::Reviewer));

        // What the bridge gave itself, nobody else did.
        let mut entitlement = Entitlement::default();
        entitlement.finish(&give(None, WorkspaceRole::Viewer));
        let more = give(Some(WorkspaceRole::Viewer), WorkspaceRole::Contributor);
        entitlement.begin(&more);
        entitlement.lose(&more, OVER);
        entitlement.begin(&more);
        entitlement.finish(&more);
        assert!(entitlement.given.instead_of.is_empty());
    }

    #[test]
    fn what_is_not_there_after_all_is_not_taken_again() {
        let mut entitlement = Entitlement::default();
        entitlement.lose(&give(WorkspaceRole::Owner), OVER);
        entitlement.finish(&take(None));
        entitlement.seen.workspaces = Some(BTreeMap::new());
        entitlement.is_certain();
        assert_eq!(entitlement.given, Given::default());
    }

    #[test]
    fn other_rights_have_nothing_to_do_with_what_was_lost() {
        let mut entitlement = Entitlement::default();
        entitlement.lose(&give(WorkspaceRole::Owner), OVER);
        let seat = RightChange::JoinSeatGroup("7".into());
        entitlement.finish(&seat);
        entitlement.finish(&RightChange::LeaveSeatGroup("7".into()));
        assert_eq!(entitlement.look_at(), None);
        entitlement.lose(&seat, OVER);
        assert_eq!(entitlement.seen.seat_groups, None);
        entitlement.finish(&RightChange::LeaveSeatGroup("7".into()));
        assert_eq!(entitlement.look_at(), Some(OVER));
    }
}
