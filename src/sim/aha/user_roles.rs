//! `/users/:id/user_roles`: the custom roles of a user (Enterprise+), each in a workspace.

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    SimulatedAha, Simulation,
    answer::{self, Refusal},
    extract::{Administrator, Body, Query},
    ids::CustomRoleId,
    page::Page,
    switches::{AbsentRole, CustomRoles, Permission},
    user::User,
    wire::{self, Wire},
};
use crate::clock::Time;

/// `GET /users/:id/user_roles`.
pub(super) async fn list(
    State(aha): State<SimulatedAha>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
    query: Query,
) -> Response {
    aha.answer(|simulation, _| {
        refuse_unlicensed(simulation)?;
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?;
        let roles = Wire { simulation, caller }.user_roles(user);
        Ok(answer::ok(&Page::of(&query).envelope("user_roles", roles, Clone::clone)))
    })
}

/// `POST /users/:id/user_roles`: gives a custom role in a workspace.
pub(super) async fn give(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    aha.answer(|simulation, now| {
        refuse_unlicensed(simulation)?;
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?.clone();
        let fields = body.fields("user_role");
        let workspace = fields.text("product_id").unwrap_or_default();
        let workspace = simulation.world.find_workspace(&workspace).ok_or(Refusal::RecordNotFound)?.id;
        let role = CustomRoleId::parse(&fields.text("custom_role_id").unwrap_or_default())
            .filter(|role| simulation.world.custom_roles.contains_key(role))
            .ok_or(Refusal::RecordNotFound)?;
        let mut changed = user.clone();
        if simulation.switches.custom_roles == CustomRoles::OnePerWorkspace {
            changed.custom_roles.retain(|(held_in, _)| *held_in != workspace);
        }
        changed.custom_roles.insert((workspace, role));
        save(simulation, &user, changed, now);
        Ok(answer::ok(&wire::user_role(&simulation.world, workspace, role)))
    })
}

/// `DELETE /users/:id/user_roles/:product_id`.
pub(super) async fn delete(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path((id, workspace)): Path<(String, String)>,
) -> Response {
    aha.answer(|simulation, now| {
        refuse_unlicensed(simulation)?;
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?.clone();
        let workspace = simulation.world.find_workspace(&workspace).ok_or(Refusal::RecordNotFound)?.id;
        let mut changed = user.clone();
        changed.custom_roles.retain(|(held_in, _)| *held_in != workspace);
        if changed == user && simulation.switches.absent_role == AbsentRole::NotFound {
            return Err(Refusal::RecordNotFound);
        }
        save(simulation, &user, changed, now);
        Ok(answer::no_content())
    })
}

fn save(simulation: &mut Simulation, user: &User, mut changed: User, now: Time) {
    if simulation.switches.updated_at.moves(user, &changed) {
        changed.updated_at = now;
    }
    simulation.world.save(changed);
}

/// What a smaller plan answers is not known; other parts of Aha! answer 403 there.
pub(super) fn refuse_unlicensed(simulation: &Simulation) -> Result<(), Refusal> {
    match simulation.switches.enterprise_plus {
        Permission::Granted => Ok(()),
        Permission::Refused => Err(Refusal::NotPermitted),
    }
}
