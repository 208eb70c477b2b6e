//! `/users` and `/users/:id`.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use super::{
    SimulatedAha, Simulation,
    answer::{self, Refusal},
    extract::{Administrator, Body, Fields, Query},
    page::Page,
    switches::{DisabledUsers, Permission, PutAnswer, StoredEmail, UpdatedAt},
    user::{AdministratorRoles, User},
    validate::Problems,
    wire::Wire,
};

/// `GET /users`: all users in ascending order of their ids, or those that the filter by e-mail admits.
pub(super) async fn list(
    State(aha): State<SimulatedAha>,
    Administrator(caller): Administrator,
    query: Query,
) -> Response {
    aha.answer(|simulation, _| {
        let Simulation { world, switches, .. } = &*simulation;
        let wanted = query.find("email");
        let users: Vec<&User> = world
            .users
            .values()
            .filter(|user| user.enabled || switches.disabled_users == DisabledUsers::Listed)
            .filter(|user| wanted.is_none_or(|wanted| switches.email_filter.admits(&user.email, wanted)))
            .collect();
        let wire = Wire { simulation, caller };
        Ok(answer::ok(&Page::of(&query).envelope("users", users, |user| wire.listed_user(user))))
    })
}

/// `GET /users/:id`.
pub(super) async fn show(
    State(aha): State<SimulatedAha>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
) -> Response {
    aha.answer(|simulation, _| {
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?;
        Ok(answer::ok(&json!({"user": Wire { simulation, caller }.user(user)})))
    })
}

/// `PUT /users/:id`: changes what was sent, and answers the user.
pub(super) async fn update(
    State(aha): State<SimulatedAha>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    aha.answer(|simulation, now| {
        let user = simulation.world.find_user(&id).ok_or(Refusal::RecordNotFound)?.clone();
        let mut changed = changed(simulation, &user, body.fields("user"))?;
        if user.id == caller && !changed.enabled && simulation.switches.self_disable == Permission::Refused {
            return Err(Refusal::invalid("You cannot disable yourself"));
        }
        refuse_losing_the_last_administrator(simulation, &user, &changed)?;
        if !simulation.world.has_seat_for(Some(&user), &changed, &simulation.switches.seats) {
            return Err(Refusal::NoSeatLeft);
        }
        if simulation.switches.updated_at.moves(&user, &changed) {
            changed.updated_at = now;
        }
        simulation.world.save(changed.clone());
        let json = Wire { simulation, caller }.changed_user(&changed);
        Ok(match simulation.switches.put_answer {
            PutAnswer::Bare => answer::ok(&json),
            PutAnswer::Wrapped => answer::ok(&json!({"user": json})),
        })
    })
}

/// The user with the fields that were sent; others, and fields that are not documented, change nothing.
fn changed(simulation: &Simulation, user: &User, fields: Fields<'_>) -> Result<User, Refusal> {
    let mut changed = user.clone();
    let mut problems = Problems::default();
    if let Some(first_name) = fields.text("first_name") {
        changed.first_name = problems.name("First name", Some(first_name));
    }
    if let Some(last_name) = fields.text("last_name") {
        changed.last_name = problems.name("Last name", Some(last_name));
    }
    if let Some(email) = fields.text("email") {
        changed.email = simulation.switches.stored_email.keep(problems.email(Some(email)));
        let holder = simulation.world.find_user_by_email(&changed.email);
        let is_own = user.email.eq_ignore_ascii_case(&changed.email);
        if !is_own && holder.is_some_and(|holder| holder.id != user.id) {
            problems.add("Email has already been taken");
        }
    }
    if let Some(enabled) = problems.flag(fields.flag("enabled")) {
        changed.enabled = enabled;
    }
    if let Some(administrator) = problems.flag(fields.flag("administrator")) {
        changed.administrator_roles = AdministratorRoles::all(administrator);
    }
    let roles = fields.below("administrator_roles");
    let held = &mut changed.administrator_roles;
    for (name, held) in [
        ("administer_account", &mut held.account),
        ("administer_billing", &mut held.billing),
        ("administer_configuration", &mut held.configuration),
    ] {
        *held = problems.flag(roles.flag(name)).unwrap_or(*held);
    }
    problems.found().map(|()| changed)
}

fn refuse_losing_the_last_administrator(
    simulation: &Simulation,
    user: &User,
    changed: &User,
) -> Result<(), Refusal> {
    let is_lost =
        simulation.world.is_last_administrator(user) && !(changed.enabled && changed.is_administrator());
    if is_lost && simulation.switches.last_administrator == Permission::Refused {
        return Err(Refusal::invalid("The last administrator cannot be removed"));
    }
    Ok(())
}

impl StoredEmail {
    /// The e-mail as it is kept.
    pub(super) fn keep(self, email: String) -> String {
        match self {
            Self::AsSent => email,
            Self::LowerCased => email.to_lowercase(),
        }
    }
}

impl UpdatedAt {
    /// Whether this change moves `updated_at`; what changes nothing never does.
    pub(super) fn moves(self, before: &User, after: &User) -> bool {
        let identity = |user: &User| (user.first_name.clone(), user.last_name.clone(), user.email.clone());
        match self {
            Self::MovesOnEveryChange => before != after,
            Self::MovesOnNameAndEmail => identity(before) != identity(after),
        }
    }
}
