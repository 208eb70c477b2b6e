//! Records as JSON, key by key as in the vendor's examples.
//!
//! Workspaces that the caller has no role in are nameless in `product_roles`; for that, each rendering knows its caller.

use serde_json::{Value, json};

use super::{
    Simulation,
    ids::{CustomRoleId, SeatGroupId, UserId, WorkspaceId},
    switches::ProductNames,
    user::{Role, User},
    world::{IdentityProvider, SeatGroup, Workspace, World},
};

/// Where the account is said to be.
pub(super) const DOMAIN: &str = "company";

/// Renders records for one caller.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) caller: UserId,
}

impl Wire<'_> {
    /// A user as `PUT /users/:id` answers it: all but the kinds of seat.
    pub(super) fn changed_user(&self, user: &User) -> Value {
        json!({
            "id": user.id.to_string(),
            "name": user.name(),
            "email": user.email,
            "timezone": user.timezone,
            "created_at": user.created_at.to_string(),
            "updated_at": user.updated_at.to_string(),
            "accessed_at": user.accessed_at.map(|time| time.to_string()),
            "product_roles": self.product_roles(user),
            "enabled": user.enabled,
            "paid_seat": user.needs_paid_seat(self.simulation.switches.seats.taken_by),
            "administrator": user.is_administrator(),
            "administrator_roles": {
                "administer_account": user.administrator_roles.account,
                "administer_billing": user.administrator_roles.billing,
                "administer_configuration": user.administrator_roles.configuration,
            },
            "identity_provider": self.sign_in(user),
        })
    }

    /// A user as `GET /users/:id` answers it.
    pub(super) fn user(&self, user: &User) -> Value {
        let mut json = self.changed_user(user);
        json["roadmaps_seat"] = json!(true);
        json["develop_seat"] = json!(false);
        json
    }

    /// A user in the list: only there with custom roles and, for those who are in one, the paid seat group.
    pub(super) fn listed_user(&self, user: &User) -> Value {
        let mut json = self.user(user);
        json["user_roles"] = json!(self.user_roles(user));
        if let Some(group) = user.seat_group.and_then(|id| self.simulation.world.seat_groups.get(&id)) {
            json["paid_seat_group"] = json!({"id": group.id.to_string(), "name": group.name});
        }
        json
    }

    /// All custom roles of a user.
    pub(super) fn user_roles(&self, user: &User) -> Vec<Value> {
        let world = &self.simulation.world;
        user.custom_roles.iter().map(|(workspace, role)| user_role(world, *workspace, *role)).collect()
    }

    /// The caller, as `GET /me` answers it: it does not say whether the caller is an administrator.
    pub(super) fn me(&self, user: &User) -> Value {
        let first = user.roles.keys().next().or_else(|| self.simulation.world.workspaces.keys().next());
        let mut json = five_keys(user);
        json["product_roles"] = json!(self.product_roles(user));
        json["preferences"] = json!({"current_product_id": first.map(|workspace| workspace.0)});
        json["accounts"] = json!([{
            "account": {"name": "Company", "domain": DOMAIN, "logo": null, "alt_logo": null, "enabled": true}
        }]);
        json
    }

    /// All roles of a user.
    pub(super) fn product_roles(&self, user: &User) -> Vec<Value> {
        user.roles.iter().map(|(workspace, role)| self.product_role(*workspace, *role)).collect()
    }

    /// A role of a user in a workspace.
    pub(super) fn product_role(&self, workspace: WorkspaceId, role: Role) -> Value {
        let world = &self.simulation.world;
        let named = self.simulation.switches.product_names == ProductNames::Always
            || world.users.get(&self.caller).is_some_and(|caller| caller.roles.contains_key(&workspace));
        let name = world.workspaces.get(&workspace).filter(|_| named).map(|workspace| &workspace.name);
        json!({
            "role": role.code(),
            "role_description": role.description(),
            "product_id": workspace.to_string(),
            "product_name": name,
        })
    }

    /// Only `password` is documented; what users of an identity provider show is not known.
    fn sign_in(&self, user: &User) -> Value {
        match user.identity_provider.and_then(|id| self.simulation.world.identity_providers.get(&id)) {
            None => json!({"type": "password"}),
            Some(provider) => json!({"type": "saml", "id": provider.id.to_string(), "name": provider.name}),
        }
    }
}

/// A custom role in a workspace. Its ids are numbers, unlike those of nearly everything else.
pub(super) fn user_role(world: &World, workspace: WorkspaceId, role: CustomRoleId) -> Value {
    let name = world.workspaces.get(&workspace).map(|workspace| workspace.name.as_str());
    json!({
        "role_id": role.0,
        "name": world.custom_roles.get(&role),
        "scope": {"type": "project", "name": name, "id": workspace.0},
    })
}

/// A paid seat group.
pub(super) fn seat_group(world: &World, group: &SeatGroup) -> Value {
    let SeatGroup { id: SeatGroupId(id), name, capacity, administrator, created_at } = group;
    let administrators: Vec<_> = world.users.get(administrator).map(five_keys).into_iter().collect();
    json!({
        "id": id.to_string(),
        "name": name,
        "administrators": administrators,
        "capacity": capacity,
        "allocated_seats": world.allocated_seats(group.id),
        "description": null,
        "created_at": created_at.to_string(),
        "updated_at": created_at.to_string(),
    })
}

/// A user in a workspace.
pub(super) fn project_user(user: &User, role: Role) -> Value {
    json!({"role": role.code(), "role_description": role.description(), "user": five_keys(user)})
}

fn five_keys(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "name": user.name(),
        "email": user.email,
        "created_at": user.created_at.to_string(),
        "updated_at": user.updated_at.to_string(),
    })
}

/// A workspace in the list.
pub(super) fn listed_product(workspace: &Workspace) -> Value {
    json!({
        "id": workspace.id.to_string(),
        "reference_prefix": workspace.key,
        "name": workspace.name,
        "product_line": workspace.is_line,
        "created_at": workspace.created_at.to_string(),
        "url": url(workspace),
        "workspace_type": "product_workspace",
    })
}

/// A workspace by itself: what identifies it. Its screens, workflows, custom fields and capacity settings, dozens of
/// keys, say nothing about users and are left out.
pub(super) fn product(workspace: &Workspace) -> Value {
    let mut json = listed_product(workspace);
    json["product_line_type"] = Value::Null;
    json["updated_at"] = json!(workspace.created_at.to_string());
    json["resource"] = json!(url(workspace));
    json["children"] = json!([]);
    json
}

fn url(workspace: &Workspace) -> String {
    format!("https://{DOMAIN}.aha.io/projects/{}", workspace.key)
}

/// An identity provider.
pub(super) fn identity_provider(provider: &IdentityProvider) -> Value {
    json!({
        "id": provider.id.to_string(),
        "enabled": true,
        "name": provider.name,
        "sso_endpoint": format!("https://sso.example.com/{}/saml", provider.id),
        "created_at": provider.created_at.to_string(),
        "updated_at": provider.created_at.to_string(),
    })
}
