//! What surrounds users: the caller itself, workspaces and their lines, identity providers.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    SimulatedAha,
    answer::{self, Refusal},
    extract::{Administrator, Caller, Query},
    page::Page,
    wire::{self, Wire},
};

/// `GET /me`.
pub(super) async fn me(State(aha): State<SimulatedAha>, Caller(caller): Caller) -> Response {
    aha.answer(|simulation, _| {
        let user = simulation.world.users.get(&caller).ok_or(Refusal::RecordNotFound)?;
        Ok(answer::ok(&json!({"user": Wire { simulation, caller }.me(user)})))
    })
}

/// `GET /products`.
pub(super) async fn products(State(aha): State<SimulatedAha>, _: Caller, query: Query) -> Response {
    aha.answer(|simulation, _| {
        let workspaces: Vec<_> = simulation.world.workspaces.values().collect();
        let render = |workspace: &&_| wire::listed_product(workspace);
        Ok(answer::ok(&Page::of(&query).envelope("products", workspaces, render)))
    })
}

/// `GET /products/:id`, by id or key.
pub(super) async fn product(State(aha): State<SimulatedAha>, _: Caller, Path(id): Path<String>) -> Response {
    aha.answer(|simulation, _| {
        let workspace = simulation.world.find_workspace(&id).ok_or(Refusal::RecordNotFound)?;
        Ok(answer::ok(&json!({"product": wire::product(workspace)})))
    })
}

/// `GET /identity_providers`: a list without pages.
pub(super) async fn identity_providers(State(aha): State<SimulatedAha>, _: Administrator) -> Response {
    aha.answer(|simulation, _| {
        let providers = simulation.world.identity_providers.values();
        let providers: Vec<Value> = providers.map(wire::identity_provider).collect();
        Ok(answer::ok(&json!({"identity_providers": providers})))
    })
}

/// `GET /identity_providers/:id`.
pub(super) async fn identity_provider(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path(id): Path<String>,
) -> Response {
    aha.answer(|simulation, _| {
        let provider = simulation.world.find_identity_provider(&id).ok_or(Refusal::RecordNotFound)?;
        Ok(answer::ok(&json!({"identity_provider": wire::identity_provider(provider)})))
    })
}
