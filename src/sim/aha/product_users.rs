//! `/products/:id/users`: the only way to create a user, always into a workspace.

use std::collections::BTreeSet;

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    SimulatedAha, Simulation,
    answer::{self, Refusal},
    extract::{Body, Caller, Fields, Query},
    ids::{IdentityProviderId, UserId, WorkspaceId},
    page::Page,
    product_roles::give_role,
    switches::{DisabledUsers, DuplicateEmail, SsoInvitation},
    user::{AdministratorRoles, Role, User},
    validate::Problems,
    wire,
    world::Invitation,
};
use crate::clock::Time;

/// `GET /products/:id/users`: who has a role in the workspace. Open to those without administrator permissions.
pub(super) async fn list(
    State(aha): State<SimulatedAha>,
    _: Caller,
    Path(workspace): Path<String>,
    query: Query,
) -> Response {
    aha.answer(|Simulation { world, switches, .. }, _| {
        let workspace = world.find_workspace(&workspace).ok_or(Refusal::RecordNotFound)?.id;
        let users: Vec<(&User, Role)> = world
            .users
            .values()
            .filter(|user| user.enabled || switches.disabled_users == DisabledUsers::Listed)
            .filter_map(|user| Some((user, *user.roles.get(&workspace)?)))
            .collect();
        let render = |(user, role): &(&User, Role)| wire::project_user(user, *role);
        Ok(answer::ok(&Page::of(&query).envelope("project_users", users, render)))
    })
}

/// `POST /products/:id/users`: creates a user with a role in the workspace, and sends an invitation.
pub(super) async fn create(
    State(aha): State<SimulatedAha>,
    Caller(caller): Caller,
    Path(workspace): Path<String>,
    body: Body,
) -> Response {
    aha.answer(|simulation, now| {
        let workspace = simulation.world.find_workspace(&workspace).ok_or(Refusal::RecordNotFound)?.id;
        if !may_invite(simulation, caller, workspace) {
            return Err(Refusal::NotPermitted);
        }
        let newcomer = newcomer(simulation, body.fields("user"))?;
        let (user, role) = match simulation.world.find_user_by_email(&newcomer.email).cloned() {
            None => (create_user(simulation, &newcomer, workspace, now)?, newcomer.role),
            Some(existing) => match simulation.switches.duplicate_email {
                DuplicateEmail::GrantRole => {
                    (give_role(simulation, &existing, workspace, newcomer.role, now)?, newcomer.role)
                }
                DuplicateEmail::Refuse => return Err(Refusal::invalid("Email has already been taken")),
            },
        };
        invite(simulation, &user, &newcomer, workspace, now);
        Ok(answer::ok(&wire::project_user(&user, role)))
    })
}

/// An administrator may, and the workspace's owner.
fn may_invite(simulation: &Simulation, caller: UserId, workspace: WorkspaceId) -> bool {
    let caller = simulation.world.users.get(&caller);
    caller
        .is_some_and(|caller| caller.is_administrator() || caller.roles.get(&workspace) == Some(&Role::Owner))
}

/// A create that is in order.
struct Newcomer {
    first_name: String,
    last_name: String,
    email: String,
    role: Role,
    identity_provider: Option<IdentityProviderId>,
}

fn newcomer(simulation: &Simulation, fields: Fields<'_>) -> Result<Newcomer, Refusal> {
    let mut problems = Problems::default();
    let email = simulation.switches.stored_email.keep(problems.email(fields.text("email")));
    let first_name = problems.name("First name", fields.text("first_name"));
    let last_name = problems.name("Last name", fields.text("last_name"));
    let role = problems.role(fields.text("role"));
    let provider_id = fields.text("identity_provider_id").filter(|id| !id.is_empty());
    let provider = provider_id.as_deref().and_then(|id| simulation.world.find_identity_provider(id));
    if provider_id.is_some() && provider.is_none() {
        problems.add("Identity provider is invalid");
    }
    problems.found()?;
    Ok(Newcomer { first_name, last_name, email, role, identity_provider: provider.map(|found| found.id) })
}

fn create_user(
    simulation: &mut Simulation,
    newcomer: &Newcomer,
    workspace: WorkspaceId,
    now: Time,
) -> Result<User, Refusal> {
    let user = User {
        id: simulation.world.next_user_id(),
        first_name: newcomer.first_name.clone(),
        last_name: newcomer.last_name.clone(),
        email: newcomer.email.clone(),
        timezone: "America/Los_Angeles".to_owned(),
        created_at: now,
        updated_at: now,
        accessed_at: None,
        enabled: true,
        roles: [(workspace, newcomer.role)].into(),
        administrator_roles: AdministratorRoles::default(),
        custom_roles: BTreeSet::new(),
        seat_group: None,
        identity_provider: newcomer.identity_provider,
    };
    if !simulation.world.has_seat_for(None, &user, &simulation.switches.seats) {
        return Err(Refusal::NoSeatLeft);
    }
    simulation.world.save(user.clone());
    Ok(user)
}

/// Notes the invitation mail. Somebody who existed already is invited to the workspace all the same: a client that
/// counts on fewer mails than that is wrong.
fn invite(simulation: &mut Simulation, user: &User, newcomer: &Newcomer, workspace: WorkspaceId, now: Time) {
    let suppressed = newcomer.identity_provider.is_some()
        && simulation.switches.sso_invitation == SsoInvitation::Suppressed;
    if !suppressed {
        let invitation = Invitation { at: now, email: user.email.clone(), user: user.id, workspace };
        simulation.world.invitations.push(invitation);
    }
}
