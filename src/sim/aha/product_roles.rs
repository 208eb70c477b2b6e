//! `/users/:id/product_roles`: the roles of a user, one for each workspace.

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    SimulatedAha, Simulation,
    answer::{self, Refusal},
    extract::{Administrator, Body, Query},
    ids::WorkspaceId,
    page::Page,
    switches::{AbsentRole, NoneRole},
    user::{Role, User},
    validate::Problems,
    wire::Wire,
};
use crate::clock::Time;

/// `GET /users/:id/product_roles`.
pub(super) async fn list(
    State(aha): State<SimulatedAha>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
    query: Query,
) -> Response {
    aha.answer(|simulation, _| {
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?;
        let roles = Wire { simulation, caller }.product_roles(user);
        Ok(answer::ok(&Page::of(&query).envelope("product_roles", roles, Clone::clone)))
    })
}

/// `POST /users/:id/product_roles`: gives a role, or changes the one that the user has in the workspace.
pub(super) async fn update(
    State(aha): State<SimulatedAha>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    aha.answer(|simulation, now| {
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?.clone();
        let fields = body.fields("product_role");
        let workspace = fields.text("product_id").unwrap_or_default();
        let workspace = simulation.world.find_workspace(&workspace).ok_or(Refusal::RecordNotFound)?.id;
        let mut problems = Problems::default();
        let role = problems.role(fields.text("role"));
        problems.found()?;
        give_role(simulation, &user, workspace, role, now)?;
        Ok(answer::ok(&Wire { simulation, caller }.product_role(workspace, role)))
    })
}

/// `DELETE /users/:id/product_roles/:product_id`.
pub(super) async fn delete(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path((id, workspace)): Path<(String, String)>,
) -> Response {
    aha.answer(|simulation, now| {
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?.clone();
        let workspace = simulation.world.find_workspace(&workspace).ok_or(Refusal::RecordNotFound)?.id;
        let mut changed = user.clone();
        if changed.roles.remove(&workspace).is_none()
            && simulation.switches.absent_role == AbsentRole::NotFound
        {
            return Err(Refusal::RecordNotFound);
        }
        save(simulation, &user, changed, now)?;
        Ok(answer::no_content())
    })
}

/// Gives a user a role in a workspace, in place of the one held there; the user as it is then.
pub(super) fn give_role(
    simulation: &mut Simulation,
    user: &User,
    workspace: WorkspaceId,
    role: Role,
    now: Time,
) -> Result<User, Refusal> {
    let mut changed = user.clone();
    if role == Role::None && simulation.switches.none_role == NoneRole::Removes {
        changed.roles.remove(&workspace);
    } else {
        changed.roles.insert(workspace, role);
    }
    save(simulation, user, changed, now)
}

fn save(simulation: &mut Simulation, user: &User, mut changed: User, now: Time) -> Result<User, Refusal> {
    if !simulation.world.has_seat_for(Some(user), &changed, &simulation.switches.seats) {
        return Err(Refusal::NoSeatLeft);
    }
    if simulation.switches.updated_at.moves(user, &changed) {
        changed.updated_at = now;
    }
    simulation.world.save(changed.clone());
    Ok(changed)
}
