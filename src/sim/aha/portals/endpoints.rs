//! `/idea_portals/:id/portal_users` and `/portal_users`.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use super::{PortalInvitation, PortalUser};
use crate::sim::aha::{
    SimulatedAha, Simulation,
    answer::{self, Refusal},
    extract::{Administrator, Body, Fields, Query},
    ids::{PortalId, PortalUserId},
    page::Page,
    switches::{DisabledUsers, DuplicatePortalUser, PortalInvitations, PortalPermission, Switches},
    validate::Problems,
};

/// `GET /idea_portals/:id/portal_users`: in ascending order of their ids, or those that the filter by e-mail admits.
pub(in super::super) async fn list(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path(portal): Path<String>,
    query: Query,
) -> Response {
    aha.answer(|Simulation { world, switches, .. }, _| {
        let portal = world.portals.find(&portal).ok_or(Refusal::RecordNotFound)?;
        let (email, idea_user) = (query.find("email"), query.find("idea_user_id"));
        let users = world.portals.users.values().filter(|user| user.portal == portal);
        let users = users
            .filter(|user| user.enabled || switches.disabled_users == DisabledUsers::Listed)
            .filter(|user| email.is_none_or(|email| switches.email_filter.admits(&user.email, email)))
            .filter(|user| idea_user.is_none_or(|wanted| user.idea_user.to_string() == wanted));
        Ok(envelope(&query, users.collect()))
    })
}

/// `GET /portal_users`: those of all portals.
pub(in super::super) async fn list_all(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    query: Query,
) -> Response {
    aha.answer(|simulation, _| Ok(envelope(&query, simulation.world.portals.users.values().collect())))
}

/// `GET /idea_portals/:id/portal_users/:id`.
pub(in super::super) async fn show(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path((portal, id)): Path<(String, String)>,
) -> Response {
    aha.answer(|simulation, _| Ok(wrapped(find(simulation, &portal, &id)?)))
}

/// `GET /portal_users/:id`, in whatever portal.
pub(in super::super) async fn show_any(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path(id): Path<String>,
) -> Response {
    aha.answer(|simulation, _| {
        let user = PortalUserId::parse(&id).and_then(|id| simulation.world.portals.users.get(&id));
        user.map(wrapped).ok_or(Refusal::RecordNotFound)
    })
}

/// `POST /idea_portals/:id/portal_users`: creates a user of the portal.
pub(in super::super) async fn create(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path(portal): Path<String>,
    body: Body,
) -> Response {
    aha.answer(|simulation, now| {
        let portal = simulation.world.portals.find(&portal).ok_or(Refusal::RecordNotFound)?;
        let fields = body.fields("portal_user");
        let mut problems = Problems::default();
        let email = simulation.switches.stored_email.keep(problems.email(fields.text("email")));
        let (id, next_idea_user) = (PortalUserId(simulation.world.next_id()), simulation.world.next_id());
        let blank = PortalUser {
            id,
            portal,
            idea_user: simulation.world.portals.find_idea_user(&email).unwrap_or(next_idea_user),
            email,
            first_name: None,
            last_name: None,
            enabled: true,
            verified: false,
            employee: false,
            max_endorsements_override: None,
            unsubscribed: false,
            unsubscribed_from_weekly_emails: None,
            created_at: now,
            updated_at: now,
        };
        let user = with_fields(blank, fields, &simulation.switches, &mut problems);
        problems.found()?;
        let portals = &mut simulation.world.portals;
        if let Some(existing) = portals.find_user_by_email(portal, &user.email) {
            return match simulation.switches.duplicate_portal_user {
                DuplicatePortalUser::Refuse => Err(Refusal::invalid("Email has already been taken")),
                DuplicatePortalUser::AnswerExisting => Ok(wrapped(existing)),
            };
        }
        if simulation.switches.portal_invitations == PortalInvitations::Sent {
            portals.invitations.push(PortalInvitation {
                at: now,
                email: user.email.clone(),
                user: id,
                portal,
            });
        }
        let answer = wrapped(&user);
        portals.users.insert(id, user);
        Ok(answer)
    })
}

/// `PUT /idea_portals/:id/portal_users/:id`: changes what was sent, and answers the user.
pub(in super::super) async fn update(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path((portal, id)): Path<(String, String)>,
    body: Body,
) -> Response {
    aha.answer(|simulation, now| {
        let before = find(simulation, &portal, &id)?.clone();
        let fields = body.fields("portal_user");
        let mut problems = Problems::default();
        let mut user = with_fields(before.clone(), fields, &simulation.switches, &mut problems);
        if let Some(email) = fields.text("email") {
            user.email = simulation.switches.stored_email.keep(problems.email(Some(email)));
            if is_taken(simulation, before.portal, &user) {
                problems.add("Email has already been taken");
            }
        }
        problems.found()?;
        if user != before {
            user.updated_at = now;
        }
        let answer = wrapped(&user);
        simulation.world.portals.users.insert(user.id, user);
        Ok(answer)
    })
}

/// `DELETE /idea_portals/:id/portal_users/:id`: for good.
pub(in super::super) async fn delete(
    State(aha): State<SimulatedAha>,
    _: Administrator,
    Path((portal, id)): Path<(String, String)>,
) -> Response {
    aha.answer(|simulation, _| {
        let id = find(simulation, &portal, &id)?.id;
        simulation.world.portals.users.remove(&id);
        Ok(answer::no_content())
    })
}

fn find<'a>(simulation: &'a Simulation, portal: &str, id: &str) -> Result<&'a PortalUser, Refusal> {
    let portals = &simulation.world.portals;
    let portal = portals.find(portal).ok_or(Refusal::RecordNotFound)?;
    portals.find_user(portal, id).ok_or(Refusal::RecordNotFound)
}

fn is_taken(simulation: &Simulation, portal: PortalId, user: &PortalUser) -> bool {
    let is_other = |other: &PortalUser| other.id != user.id && other.email.eq_ignore_ascii_case(&user.email);
    let users = simulation.world.portals.users.values();
    users.filter(|other| other.portal == portal).any(is_other)
}

/// The user with the fields that were sent, but for the e-mail; fields that are not documented change nothing.
fn with_fields(
    mut user: PortalUser,
    fields: Fields<'_>,
    switches: &Switches,
    problems: &mut Problems,
) -> PortalUser {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    if let Some(first_name) = fields.text("first_name") {
        user.first_name = given(first_name);
    }
    if let Some(last_name) = fields.text("last_name") {
        user.last_name = given(last_name);
    }
    if let Some(flag) = fields.flag("permission") {
        let word =
            flag.map_or_else(|_| fields.text("permission").unwrap_or_default(), |flag| flag.to_string());
        match switches.portal_permission.is_employee(&word) {
            Some(employee) => user.employee = employee,
            None => problems.add("Permission is not included in the list"),
        }
    }
    if let Some(votes) = fields.text("max_endorsement_override") {
        user.max_endorsements_override = votes.parse().ok();
    }
    user.enabled = problems.flag(fields.flag("enabled")).unwrap_or(user.enabled);
    user.unsubscribed = problems.flag(fields.flag("unsubscribed")).unwrap_or(user.unsubscribed);
    let weekly = problems.flag(fields.flag("unsubscribed_from_weekly_emails"));
    user.unsubscribed_from_weekly_emails = weekly.or(user.unsubscribed_from_weekly_emails);
    user
}

impl PortalPermission {
    /// Whether `permission`, as it was sent, makes an employee; `None` where it is not accepted.
    fn is_employee(self, permission: &str) -> Option<bool> {
        match permission {
            "employee" if self != Self::Flags => Some(true),
            "true" if self != Self::Words => Some(true),
            "false" if self != Self::Words => Some(false),
            _ => None,
        }
    }
}

fn wrapped(user: &PortalUser) -> Response {
    answer::ok(&json!({ "portal_user": user.json() }))
}

fn envelope(query: &Query, users: Vec<&PortalUser>) -> Response {
    answer::ok(&Page::of(query).envelope("portal_users", users, |user| user.json()))
}
