//! The simulator's control surface: what an administrator does by hand, what a test prepares and looks at. In process
//! only, never over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    SimulatedAha,
    fault::Fault,
    ids::{CustomRoleId, IdentityProviderId, SeatGroupId, UserId, WorkspaceId},
    log::{Calls, Mark},
    seed::Person,
    switches::Switches,
    user::{AdministratorRoles, Role, User},
    webhook::Action,
    world::Invitation,
};

/// What the account holds.
impl SimulatedAha {
    /// Puts a person into the account, without an invitation. Workspaces that are named and not there are made; an
    /// e-mail may be given twice, as a real account should not, and a client must bear.
    pub fn seed(&self, person: Person) -> UserId {
        let now = self.clock.now();
        let mut simulation = self.lock();
        let world = &mut simulation.world;
        let mut roles = BTreeMap::new();
        for (key, role) in &person.roles {
            let found = world.find_workspace(key).map(|workspace| workspace.id);
            roles.insert(found.unwrap_or_else(|| world.create_workspace(key, key, now)), *role);
        }
        let user = User {
            id: world.next_user_id(),
            first_name: person.first_name,
            last_name: person.last_name,
            email: person.email,
            timezone: "America/Los_Angeles".to_owned(),
            created_at: now,
            updated_at: now,
            accessed_at: None,
            enabled: person.enabled,
            roles,
            administrator_roles: person.administrator_roles,
            custom_roles: BTreeSet::new(),
            seat_group: None,
            identity_provider: person.identity_provider,
        };
        let id = user.id;
        world.save(user);
        id
    }

    /// Makes a workspace: `PRJ1`, `Project 1`.
    pub fn add_workspace(&self, key: &str, name: &str) -> WorkspaceId {
        let now = self.clock.now();
        self.lock().world.create_workspace(key, name, now)
    }

    /// Makes a line of workspaces: `LINE`, `All products`.
    pub fn add_line(&self, key: &str, name: &str) -> WorkspaceId {
        let now = self.clock.now();
        self.lock().world.create_line(key, name, now)
    }

    /// Renames a workspace.
    pub fn rename_workspace(&self, id: WorkspaceId, key: &str, name: &str) {
        if let Some(workspace) = self.lock().world.workspaces.get_mut(&id) {
            key.clone_into(&mut workspace.key);
            name.clone_into(&mut workspace.name);
        }
    }

    /// Deletes a workspace, with what everybody may do there.
    pub fn delete_workspace(&self, id: WorkspaceId) {
        self.lock().world.workspaces.remove(&id);
        self.edit_all(|user| {
            user.roles.remove(&id);
            user.custom_roles.retain(|(workspace, _)| *workspace != id);
        });
    }

    /// Deletes a custom role, which everybody loses.
    pub fn delete_custom_role(&self, id: CustomRoleId) {
        self.lock().world.custom_roles.remove(&id);
        self.edit_all(|user| user.custom_roles.retain(|(_, role)| *role != id));
    }

    /// Makes a custom role of this id: no endpoint tells which there are.
    pub fn add_custom_role(&self, id: u64, name: &str) -> CustomRoleId {
        let id = CustomRoleId(id);
        self.lock().world.custom_roles.insert(id, name.to_owned());
        id
    }

    /// Makes a paid seat group with an administrator.
    pub fn add_seat_group(&self, name: &str, capacity: usize, administrator: UserId) -> SeatGroupId {
        let now = self.clock.now();
        self.lock().world.create_seat_group(name, capacity, administrator, now)
    }

    /// Makes a SAML identity provider.
    pub fn add_identity_provider(&self, name: &str) -> IdentityProviderId {
        let now = self.clock.now();
        self.lock().world.create_identity_provider(name, now)
    }

    /// Gives a user an API key; a key that was another's changes hands.
    pub fn add_api_key(&self, api_key: &str, owner: UserId) {
        self.lock().world.api_keys.insert(api_key.to_owned(), owner);
    }

    /// Takes an API key away: calls with it answer 401.
    pub fn revoke_api_key(&self, api_key: &str) {
        self.lock().world.api_keys.remove(api_key);
    }

    /// A user as it is now.
    pub fn find_user(&self, id: UserId) -> Option<User> {
        self.lock().world.users.get(&id).cloned()
    }

    /// The user with this e-mail, in whatever case.
    pub fn find_user_by_email(&self, email: &str) -> Option<User> {
        self.lock().world.find_user_by_email(email).cloned()
    }

    /// The workspace with this key.
    pub fn find_workspace(&self, key: &str) -> Option<WorkspaceId> {
        self.lock().world.find_workspace(key).map(|workspace| workspace.id)
    }

    /// All users, in ascending order of their ids.
    pub fn users(&self) -> Vec<User> {
        self.lock().world.users.values().cloned().collect()
    }

    /// All invitation mails so far, in order.
    pub fn invitations(&self) -> Vec<Invitation> {
        self.lock().world.invitations.clone()
    }
}

/// What an administrator does by hand. Each moves `updated_at` as the same change over HTTP does; a user who is not
/// there is left alone.
impl SimulatedAha {
    /// Disables a user.
    pub fn disable(&self, id: UserId) {
        self.edit(id, |user| user.enabled = false);
    }

    /// Enables a user.
    pub fn enable(&self, id: UserId) {
        self.edit(id, |user| user.enabled = true);
    }

    /// Renames a user.
    pub fn rename(&self, id: UserId, first_name: &str, last_name: &str) {
        self.edit(id, |user| {
            first_name.clone_into(&mut user.first_name);
            last_name.clone_into(&mut user.last_name);
        });
    }

    /// Changes a user's e-mail.
    pub fn change_email(&self, id: UserId, email: &str) {
        self.edit(id, |user| email.clone_into(&mut user.email));
    }

    /// Gives a user a role in a workspace, or takes it away with `None`.
    pub fn set_role(&self, id: UserId, workspace: WorkspaceId, role: Option<Role>) {
        self.edit(id, |user| {
            match role {
                Some(role) => user.roles.insert(workspace, role),
                None => user.roles.remove(&workspace),
            };
        });
    }

    /// Sets a user's administrator permissions.
    pub fn set_administrator_roles(&self, id: UserId, roles: AdministratorRoles) {
        self.edit(id, |user| user.administrator_roles = roles);
    }

    /// Gives a user a custom role in a workspace, or takes it away.
    pub fn set_custom_role(&self, id: UserId, workspace: WorkspaceId, role: CustomRoleId, held: bool) {
        self.edit(id, |user| {
            if held {
                user.custom_roles.insert((workspace, role));
            } else {
                user.custom_roles.remove(&(workspace, role));
            }
        });
    }

    /// Puts a user into a paid seat group, or out of it.
    pub fn set_seat_group(&self, id: UserId, group: Option<SeatGroupId>) {
        self.edit(id, |user| user.seat_group = group);
    }

    /// Deletes a user for good: possible by hand, not over the API.
    pub fn vanish(&self, id: UserId) {
        let gone = self.lock().world.users.remove(&id);
        if let Some(user) = gone {
            self.tell(&user, Action::Destroy);
        }
    }

    /// Shows a user again who [vanished](Self::vanish), as it was: Aha! answers alike where somebody is gone and where the caller
    /// may not see them.
    pub fn reappear(&self, user: User) {
        self.lock().world.save(user);
    }

    fn edit_all(&self, change: impl Fn(&mut User)) {
        for user in self.users() {
            self.edit(user.id, &change);
        }
    }

    fn edit(&self, id: UserId, change: impl FnOnce(&mut User)) {
        let now = self.clock.now();
        let mut simulation = self.lock();
        let Some(user) = simulation.world.users.get(&id).cloned() else { return };
        let mut changed = user.clone();
        change(&mut changed);
        if simulation.switches.updated_at.moves(&user, &changed) {
            changed.updated_at = now;
        }
        simulation.world.save(changed.clone());
        drop(simulation);
        self.tell(&changed, Action::Update);
    }
}

/// How it behaves.
impl SimulatedAha {
    /// Turns switches while it runs.
    pub fn change(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.lock().switches);
    }

    /// Makes `calls` calls as other integrations of the account do, which share its limits. How many of them were admitted.
    pub fn use_up(&self, calls: usize) -> usize {
        (0..calls).filter(|_| self.admit().0.admitted).count()
    }

    /// Orders a fault.
    pub fn fault(&self, fault: Fault) {
        self.lock().faults.add(fault);
    }

    /// Takes back all faults that are still to come.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Whether a fault is still to come.
    pub fn has_faults(&self) -> bool {
        !self.lock().faults.is_empty()
    }
}

/// What it was asked.
impl SimulatedAha {
    /// All calls so far.
    pub fn calls(&self) -> Calls {
        self.lock().log.all()
    }

    /// This moment, for [`calls_since`](SimulatedAha::calls_since).
    pub fn mark(&self) -> Mark {
        self.lock().log.mark()
    }

    /// The calls that came after `mark`.
    pub fn calls_since(&self, mark: Mark) -> Calls {
        self.lock().log.since(mark)
    }

    /// All calls so far; the log is empty then.
    pub fn take_calls(&self) -> Calls {
        self.lock().log.take()
    }
}
