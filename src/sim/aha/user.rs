//! A user of the simulated account, as Aha! keeps it inside.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ids::{CustomRoleId, IdentityProviderId, SeatGroupId, UserId, WorkspaceId},
    switches::SeatTakers,
};
use crate::clock::Time;

/// What a user may do in one workspace; a user has at most one role in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Code 20, written `product_owner`.
    Owner,
    /// Code 30, written `contributor`.
    Contributor,
    /// Code 35. Answers show it, but it is not among the documented values that may be written.
    Developer,
    /// Code 40, written `reviewer`.
    Reviewer,
    /// Code 50, written `viewer`.
    Viewer,
    /// Code 0, written `none`: in the workspace's list, without access.
    None,
}

impl Role {
    /// The number that answers show.
    pub fn code(self) -> u8 {
        match self {
            Self::Owner => 20,
            Self::Contributor => 30,
            Self::Developer => 35,
            Self::Reviewer => 40,
            Self::Viewer => 50,
            Self::None => 0,
        }
    }

    /// The `role_description` that answers show.
    pub fn description(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Contributor => "Contributor",
            Self::Developer => "Developer",
            Self::Reviewer => "Reviewer",
            Self::Viewer => "Viewer",
            Self::None => "None",
        }
    }

    /// The role that a request means by `name`: one of the five values that are documented for writing.
    pub fn from_written(name: &str) -> Option<Self> {
        match name {
            "product_owner" => Some(Self::Owner),
            "contributor" => Some(Self::Contributor),
            "reviewer" => Some(Self::Reviewer),
            "viewer" => Some(Self::Viewer),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// Whether the role needs a paid seat where reviewers and viewers are free (Enterprise plans).
    pub fn can_edit(self) -> bool {
        matches!(self, Self::Owner | Self::Contributor | Self::Developer)
    }
}

/// The three administrator permissions, independent of workspace roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdministratorRoles {
    /// `administer_account`.
    pub account: bool,
    /// `administer_billing`.
    pub billing: bool,
    /// `administer_configuration`.
    pub configuration: bool,
}

impl AdministratorRoles {
    /// All three, or none: what the one flag `administrator` sets.
    pub fn all(held: bool) -> Self {
        Self { account: held, billing: held, configuration: held }
    }

    /// What the one flag `administrator` shows: true when any of the three is held.
    pub fn any(self) -> bool {
        self.account || self.billing || self.configuration
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id, given by Aha!.
    pub id: UserId,
    /// Can be written, never read back: answers show only the full name.
    pub first_name: String,
    /// Can be written, never read back.
    pub last_name: String,
    /// The login.
    pub email: String,
    /// An IANA time zone name.
    pub timezone: String,
    /// When the user was made.
    pub created_at: Time,
    /// When the user was changed last; which changes count is a [switch](super::switches::UpdatedAt).
    pub updated_at: Time,
    /// The last visit.
    pub accessed_at: Option<Time>,
    /// False: may not log in and takes no seat; keeps all roles.
    pub enabled: bool,
    /// The role in each workspace.
    pub roles: BTreeMap<WorkspaceId, Role>,
    /// The administrator permissions.
    pub administrator_roles: AdministratorRoles,
    /// The custom roles, each in a workspace.
    pub custom_roles: BTreeSet<(WorkspaceId, CustomRoleId)>,
    /// The group whose paid seats the user may take.
    pub seat_group: Option<SeatGroupId>,
    /// Whom the user signs in with; `None` is a password.
    pub identity_provider: Option<IdentityProviderId>,
}

impl User {
    /// The one name that answers show.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }

    /// Whether any administrator permission is held.
    pub fn is_administrator(&self) -> bool {
        self.administrator_roles.any()
    }

    /// Whether the user counts as paid while enabled.
    pub fn needs_paid_seat(&self, seat_takers: SeatTakers) -> bool {
        match seat_takers {
            SeatTakers::EveryUser => true,
            SeatTakers::Editors => self.roles.values().any(|role| role.can_edit()),
        }
    }

    /// Whether the user takes one of the account's seats now.
    pub fn occupies_seat(&self, seat_takers: SeatTakers) -> bool {
        self.enabled && self.needs_paid_seat(seat_takers)
    }
}
