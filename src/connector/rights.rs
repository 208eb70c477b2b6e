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
}

/// A change of one right: one call.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// Whether an administrator role is lost.
    pub fn demotes(&self) -> bool {
        matches!(self, Self::Administrator { takes, .. } if !takes.is_empty())
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
        let Given { rights, instead_of } = &mut self.given;
        match change {
            RightChange::GiveRole { workspace, from, role } => {
                let is_first = rights.workspaces.insert(workspace.clone(), *role).is_none();
                if let (true, Some(from)) = (is_first, from) {
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
        let Self { seen, given: Given { rights, instead_of } } = self;
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
