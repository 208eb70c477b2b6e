//! `/paid_seat_groups` (Enterprise+): for whom paid seats are set aside.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    SimulatedAha,
    answer::{self, Refusal},
    extract::{Administrator, Body},
    ids::SeatGroupId,
    switches::SeatGroupMove,
    user_roles::refuse_unlicensed,
    validate::Problems,
    wire,
};

/// `GET /paid_seat_groups`: a list without pages.
pub(super) async fn list(State(aha): State<SimulatedAha>, _: Administrator) -> Response {
    aha.answer(|simulation, _| {
        refuse_unlicensed(simulation)?;
        let world = &simulation.world;
        let groups: Vec<Value> =
            world.seat_groups.values().map(|group| wire::seat_group(world, group)).collect();
        Ok(answer::ok(&json!({"paid_seat_groups": groups})))
    })
}

/// `POST /paid_seat_groups/:id/modify_user`: puts a user into the group, or with `remove` out of it. The body has no
/// wrapper, and the answer is the group.
pub(super) async fn modify_user(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    aha.answer(|simulation, now| {
        refuse_unlicensed(simulation)?;
        let id = SeatGroupId::parse(&id).filter(|id| simulation.world.seat_groups.contains_key(id));
        let id = id.ok_or(Refusal::RecordNotFound)?;
        let fields = body.bare();
        let user = simulation.world.find_user(&fields.text("user_id").unwrap_or_default());
        let user = user.ok_or(Refusal::RecordNotFound)?.clone();
        // The vendor's example sends null.
        let removes = matches!(fields.flag("remove"), Some(Ok(true)));
        let mut changed = user.clone();
        let mut problems = Problems::default();
        let group = &simulation.world.seat_groups[&id];
        if removes {
            changed.seat_group = user.seat_group.filter(|held| *held != id);
        } else {
            let is_elsewhere = user.seat_group.is_some_and(|held| held != id);
            if is_elsewhere && simulation.switches.seat_group_move == SeatGroupMove::Refused {
                problems.add("User is already in a paid seat group");
            }
            if user.seat_group != Some(id) && simulation.world.allocated_seats(id) >= group.capacity {
                problems.add("No seats available in this group");
            }
            changed.seat_group = Some(id);
        }
        problems.found()?;
        if simulation.switches.updated_at.moves(&user, &changed) {
            changed.updated_at = now;
        }
        simulation.world.save(changed);
        let world = &simulation.world;
        Ok(answer::ok(&wire::seat_group(world, &world.seat_groups[&id])))
    })
}
