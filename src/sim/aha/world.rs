//! What the simulated account holds: users, workspaces, identity providers, API keys, and the invitations it sent.
//!
//! Only data and its look-ups; the rules of the API stand in the handlers, since most of them depend on a switch.

use std::collections::{BTreeMap, HashMap};

use super::{
    ids::{CustomRoleId, IdSequence, IdentityProviderId, SeatGroupId, UserId, WorkspaceId},
    portals::Portals,
    switches::{EmailFilter, Seats},
    user::User,
};
use crate::clock::Time;

/// A workspace, or a line of workspaces; "product" on the wire.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    /// The id.
    pub id: WorkspaceId,
    /// The `reference_prefix`, which paths take in place of the id: `PRJ1`.
    pub key: String,
    /// The name.
    pub name: String,
    /// Whether it is a line.
    pub is_line: bool,
    /// When it was made.
    pub created_at: Time,
}

/// A group of users for whom paid seats are set aside.
#[derive(Clone, Debug)]
pub(super) struct SeatGroup {
    /// The id.
    pub id: SeatGroupId,
    /// The name.
    pub name: String,
    /// How many seats it has.
    pub capacity: usize,
    /// Who manages it.
    pub administrator: UserId,
    /// When it was made.
    pub created_at: Time,
}

/// A SAML identity provider of the account.
#[derive(Clone, Debug)]
pub(super) struct IdentityProvider {
    /// The id.
    pub id: IdentityProviderId,
    /// The name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
}

/// An invitation mail that Aha! would have sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// When.
    pub at: Time,
    /// To whom.
    pub email: String,
    /// The user that was created, or given a role.
    pub user: UserId,
    /// The workspace that the user was invited to.
    pub workspace: WorkspaceId,
}

/// Everything in the account.
#[derive(Debug, Default)]
pub(super) struct World {
    ids: IdSequence,
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) workspaces: BTreeMap<WorkspaceId, Workspace>,
    pub(super) identity_providers: BTreeMap<IdentityProviderId, IdentityProvider>,
    /// The names of the custom roles.
    pub(super) custom_roles: BTreeMap<CustomRoleId, String>,
    pub(super) seat_groups: BTreeMap<SeatGroupId, SeatGroup>,
    pub(super) invitations: Vec<Invitation>,
    pub(super) portals: Portals,
    /// Who owns each API key.
    pub(super) api_keys: HashMap<String, UserId>,
}

impl World {
    /// The id of the next user.
    pub(super) fn next_user_id(&mut self) -> UserId {
        UserId(self.ids.next())
    }

    /// The id of the next record of any other kind.
    pub(super) fn next_id(&mut self) -> u64 {
        self.ids.next()
    }

    /// The user whose id `text` spells.
    pub(super) fn find_user(&self, text: &str) -> Option<&User> {
        self.users.get(&UserId::parse(text)?)
    }

    /// The user with this e-mail. A seed may have given the same e-mail to several; then the oldest.
    pub(super) fn find_user_by_email(&self, email: &str) -> Option<&User> {
        self.users.values().find(|user| user.email.eq_ignore_ascii_case(email))
    }

    /// The workspace whose id or key `text` spells.
    pub(super) fn find_workspace(&self, text: &str) -> Option<&Workspace> {
        let by_id = WorkspaceId::parse(text).and_then(|id| self.workspaces.get(&id));
        by_id.or_else(|| self.workspaces.values().find(|workspace| workspace.key == text))
    }

    /// The identity provider whose id `text` spells.
    pub(super) fn find_identity_provider(&self, text: &str) -> Option<&IdentityProvider> {
        self.identity_providers.get(&IdentityProviderId::parse(text)?)
    }

    /// Makes a workspace.
    pub(super) fn create_workspace(&mut self, key: &str, name: &str, now: Time) -> WorkspaceId {
        let id = WorkspaceId(self.ids.next());
        let (key, name) = (key.to_owned(), name.to_owned());
        self.workspaces.insert(id, Workspace { id, key, name, is_line: false, created_at: now });
        id
    }

    /// Makes a line of workspaces.
    pub(super) fn create_line(&mut self, key: &str, name: &str, now: Time) -> WorkspaceId {
        let id = self.create_workspace(key, name, now);
        self.workspaces.entry(id).and_modify(|workspace| workspace.is_line = true);
        id
    }

    /// Makes a paid seat group.
    pub(super) fn create_seat_group(
        &mut self,
        name: &str,
        capacity: usize,
        administrator: UserId,
        now: Time,
    ) -> SeatGroupId {
        let id = SeatGroupId(self.ids.next());
        let group = SeatGroup { id, name: name.to_owned(), capacity, administrator, created_at: now };
        self.seat_groups.insert(id, group);
        id
    }

    /// How many users are in a paid seat group.
    pub(super) fn allocated_seats(&self, group: SeatGroupId) -> usize {
        self.users.values().filter(|user| user.seat_group == Some(group)).count()
    }

    /// Makes an identity provider.
    pub(super) fn create_identity_provider(&mut self, name: &str, now: Time) -> IdentityProviderId {
        let id = IdentityProviderId(self.ids.next());
        self.identity_providers.insert(id, IdentityProvider { id, name: name.to_owned(), created_at: now });
        id
    }

    /// Puts a user in the place of the one with the same id, if any.
    pub(super) fn save(&mut self, user: User) {
        self.users.insert(user.id, user);
    }

    /// Whether there is a seat for what `after` needs and `before` (the same user until now) did not have.
    pub(super) fn has_seat_for(&self, before: Option<&User>, after: &User, seats: &Seats) -> bool {
        let Some(limit) = seats.limit else { return true };
        let had_seat = before.is_some_and(|user| user.occupies_seat(seats.taken_by));
        if had_seat || !after.occupies_seat(seats.taken_by) {
            return true;
        }
        self.users.values().filter(|user| user.occupies_seat(seats.taken_by)).count() < limit
    }

    /// Whether `user` is the only administrator who is enabled.
    pub(super) fn is_last_administrator(&self, user: &User) -> bool {
        let works = |user: &User| user.enabled && user.is_administrator();
        works(user) && self.users.values().filter(|other| works(other)).count() == 1
    }
}

impl EmailFilter {
    /// Whether a user with this e-mail is among the answers to a filter by `wanted`.
    pub(super) fn admits(self, email: &str, wanted: &str) -> bool {
        match self {
            Self::IgnoringCase => email.eq_ignore_ascii_case(wanted),
            Self::Exact => email == wanted,
            Self::Partial => email.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()),
        }
    }
}
