//! Ideas portals and their users: a population beside the account's own users, with ids and endpoints of its own. The same
//! e-mail may stand in both, and in several portals; the portal users of one e-mail are one *idea user*.

mod control;
mod endpoints;
mod user;

use std::collections::BTreeMap;

pub(super) use self::endpoints::{create, delete, list, list_all, show, show_any, update};
pub use self::user::{PortalInvitation, PortalPerson, PortalUser};
use super::ids::{PortalId, PortalUserId};

/// An ideas portal.
#[derive(Clone, Debug)]
pub(super) struct Portal {
    pub(super) id: PortalId,
    /// What paths take in place of the id.
    pub(super) key: String,
}

/// All portals of the account.
#[derive(Debug, Default)]
pub(super) struct Portals {
    portals: BTreeMap<PortalId, Portal>,
    users: BTreeMap<PortalUserId, PortalUser>,
    invitations: Vec<PortalInvitation>,
}

impl Portals {
    /// The portal whose id or key `text` spells.
    fn find(&self, text: &str) -> Option<PortalId> {
        let by_id = PortalId::parse(text).and_then(|id| self.portals.get(&id));
        by_id.or_else(|| self.portals.values().find(|portal| portal.key == text)).map(|portal| portal.id)
    }

    /// The user of `portal` whose id `text` spells.
    fn find_user(&self, portal: PortalId, text: &str) -> Option<&PortalUser> {
        self.users.get(&PortalUserId::parse(text)?).filter(|user| user.portal == portal)
    }

    /// The user of `portal` with this e-mail; the oldest if a seed gave it to several.
    fn find_user_by_email(&self, portal: PortalId, email: &str) -> Option<&PortalUser> {
        let is_same = |user: &&PortalUser| user.portal == portal && user.email.eq_ignore_ascii_case(email);
        self.users.values().find(is_same)
    }

    /// The idea user with this e-mail, who may have users in other portals.
    fn find_idea_user(&self, email: &str) -> Option<u64> {
        let same = self.users.values().find(|user| user.email.eq_ignore_ascii_case(email));
        same.map(|user| user.idea_user)
    }
}
