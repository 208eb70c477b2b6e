//! People to put into a simulated account, and the account of the demonstration.

use std::sync::Arc;

use super::{
    SimulatedAha,
    ids::IdentityProviderId,
    portals::PortalPerson,
    switches::Switches,
    user::{AdministratorRoles, Role},
};
use crate::clock::Clock;

/// The API key of the [demonstration's](SimulatedAha::demo) administrator.
pub const DEMO_API_KEY: &str = "demo-api-key";

/// A person to put into the account. As made: enabled, without roles, signing in with a password.
#[derive(Clone, Debug)]
pub struct Person {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    pub(super) enabled: bool,
    pub(super) administrator_roles: AdministratorRoles,
    pub(super) roles: Vec<(String, Role)>,
    pub(super) identity_provider: Option<IdentityProviderId>,
}

impl Person {
    /// A person with this name and e-mail.
    pub fn new(first_name: &str, last_name: &str, email: &str) -> Self {
        Self {
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            email: email.to_owned(),
            enabled: true,
            administrator_roles: AdministratorRoles::default(),
            roles: Vec::new(),
            identity_provider: None,
        }
    }

    /// May not log in.
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }

    /// Holds all administrator permissions.
    pub fn administrator(self) -> Self {
        self.administrator_roles(AdministratorRoles::all(true))
    }

    /// Holds these administrator permissions.
    pub fn administrator_roles(mut self, roles: AdministratorRoles) -> Self {
        self.administrator_roles = roles;
        self
    }

    /// Has a role in the workspace with this key.
    pub fn role(mut self, workspace: &str, role: Role) -> Self {
        self.roles.push((workspace.to_owned(), role));
        self
    }

    /// Signs in with this identity provider.
    pub fn signs_in_with(mut self, identity_provider: IdentityProviderId) -> Self {
        self.identity_provider = Some(identity_provider);
        self
    }
}

impl SimulatedAha {
    /// The account of the demonstration: a dozen people at example.com, three workspaces (`PRJ1` to `PRJ3`), a SAML
    /// identity provider, a custom role, two paid seat groups, an administrator who owns [`DEMO_API_KEY`], and the ideas portal
    /// `IDEAS` with three users.
    pub fn demo(clock: Arc<dyn Clock>) -> Self {
        let aha = Self::new(Switches::default(), clock);
        aha.add_workspace("PRJ1", "Project 1");
        aha.add_workspace("PRJ2", "Project 2");
        aha.add_workspace("PRJ3", "Project 3");
        let okta = aha.add_identity_provider("Okta");
        let person = |first: &str, last: &str| {
            let email = format!("{}.{}@example.com", first.to_lowercase(), last.to_lowercase());
            Person::new(first, last, &email)
        };
        let owner = person("Ada", "Lovelace").administrator().role("PRJ1", Role::Owner);
        let owner = aha.seed(owner);
        aha.add_api_key(DEMO_API_KEY, owner);
        let scoped_role = aha.add_custom_role(409_541_421, "Project scoped role 1");
        aha.add_seat_group("Group 1", 21, owner);
        let seat_group = aha.add_seat_group("Group 2", 20, owner);
        let billing = AdministratorRoles { billing: true, ..AdministratorRoles::default() };
        let colleagues = [
            person("Grace", "Hopper").administrator().role("PRJ1", Role::Owner).role("PRJ2", Role::Owner),
            person("Alan", "Turing").role("PRJ1", Role::Contributor).role("PRJ3", Role::Reviewer),
            person("Barbara", "Liskov").role("PRJ2", Role::Owner).signs_in_with(okta),
            person("Edsger", "Dijkstra").role("PRJ1", Role::Reviewer).signs_in_with(okta),
            person("Frances", "Allen").administrator_roles(billing),
            person("Donald", "Knuth").role("PRJ3", Role::Owner),
            person("Margaret", "Hamilton").role("PRJ2", Role::Contributor).signs_in_with(okta),
            person("Dennis", "Ritchie").role("PRJ1", Role::Viewer),
            person("Radia", "Perlman").role("PRJ1", Role::Viewer).role("PRJ2", Role::Viewer),
            person("John", "Backus").role("PRJ1", Role::Viewer).disabled(),
            person("Katherine", "Johnson").role("PRJ3", Role::None),
        ];
        for colleague in colleagues {
            aha.seed(colleague);
        }
        let with_more = aha.users().into_iter().find(|user| user.first_name == "Radia").map(|user| user.id);
        if let (Some(id), Some(workspace)) = (with_more, aha.find_workspace("PRJ2")) {
            aha.set_custom_role(id, workspace, scoped_role, true);
            aha.set_seat_group(id, Some(seat_group));
        }
        let portal = aha.add_portal("IDEAS");
        for customer in [
            PortalPerson::new("Hedy", "Lamarr", "hedy@customer.example"),
            PortalPerson::new("Mary", "Jackson", "mary@customer.example").disabled(),
            PortalPerson::new("Alan", "Turing", "alan.turing@example.com").employee(),
        ] {
            aha.seed_portal_user(portal, customer);
        }
        aha
    }
}
