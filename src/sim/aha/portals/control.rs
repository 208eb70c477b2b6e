//! What a test prepares in a portal and looks at. In process only, never over HTTP.

use super::{Portal, PortalInvitation, PortalPerson, PortalUser};
use crate::sim::aha::{
    SimulatedAha,
    ids::{PortalId, PortalUserId},
};

impl SimulatedAha {
    /// Makes an ideas portal with this key.
    pub fn add_portal(&self, key: &str) -> PortalId {
        let mut simulation = self.lock();
        let id = PortalId(simulation.world.next_id());
        simulation.world.portals.portals.insert(id, Portal { id, key: key.to_owned() });
        id
    }

    /// The portal with this key.
    pub fn find_portal(&self, key: &str) -> Option<PortalId> {
        self.lock().world.portals.find(key)
    }

    /// Puts a person into a portal, without an invitation. An e-mail may be given twice, as a real portal should not, and a
    /// client must bear.
    pub fn seed_portal_user(&self, portal: PortalId, person: PortalPerson) -> PortalUserId {
        let now = self.clock.now();
        let mut simulation = self.lock();
        let world = &mut simulation.world;
        let (id, next_idea_user) = (PortalUserId(world.next_id()), world.next_id());
        let user = PortalUser {
            id,
            portal,
            idea_user: world.portals.find_idea_user(&person.email).unwrap_or(next_idea_user),
            email: person.email,
            first_name: person.first_name,
            last_name: person.last_name,
            enabled: person.enabled,
            verified: false,
            employee: person.employee,
            max_endorsements_override: None,
            unsubscribed: false,
            unsubscribed_from_weekly_emails: None,
            created_at: now,
            updated_at: now,
        };
        world.portals.users.insert(id, user);
        id
    }

    /// The users of a portal, in ascending order of their ids.
    pub fn portal_users(&self, portal: PortalId) -> Vec<PortalUser> {
        let simulation = self.lock();
        simulation.world.portals.users.values().filter(|user| user.portal == portal).cloned().collect()
    }

    /// The user of a portal with this e-mail, in whatever case.
    pub fn find_portal_user_by_email(&self, portal: PortalId, email: &str) -> Option<PortalUser> {
        self.lock().world.portals.find_user_by_email(portal, email).cloned()
    }

    /// All invitation mails of portals so far, in order.
    pub fn portal_invitations(&self) -> Vec<PortalInvitation> {
        self.lock().world.portals.invitations.clone()
    }

    /// Changes a portal user by hand; one that is not there is left alone.
    pub fn edit_portal_user(&self, id: PortalUserId, change: impl FnOnce(&mut PortalUser)) {
        let now = self.clock.now();
        let mut simulation = self.lock();
        if let Some(user) = simulation.world.portals.users.get_mut(&id) {
            change(user);
            user.updated_at = now;
        }
    }

    /// Deletes a portal user by hand.
    pub fn vanish_portal_user(&self, id: PortalUserId) {
        self.lock().world.portals.users.remove(&id);
    }
}
