//! `/healthz`, `/readyz` and `/status`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::{
    converge::{breaker::Traffic, budget::Usage, health::Health, roster::RosterState},
    store::{findings, roster_passes, rosters, users},
};

use super::{
    MountedApp, Service,
    answer::scim_json,
    caller::{authenticate, bearer},
    error::{Failure, Unauthorized},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The process answers. Touches nothing.
pub(super) async fn alive() -> Response {
    plain_json(StatusCode::OK, &json!({ "status": "alive" }))
}

/// Whether requests can be served: the database answers, is migrated, and nobody waits for an app's first roster pass. A
/// target that fails never makes the bridge unready: what it was promised is kept, and most of what is asked can be
/// answered.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    let database = service.store.check().await;
    let mut waiting = false;
    let apps: Map<_, _> = service
        .apps
        .iter()
        .map(|(name, app)| {
            let (ready, said) = match app.bridged.roster.current() {
                RosterState::Known => (true, json!({ "roster": "known" })),
                RosterState::First => {
                    (false, json!({ "roster": "first pass under way: its users are not served until it is done" }))
                }
                RosterState::FirstFailed { reason } => {
                    (true, json!({ "roster": "first pass failed: its users are not served until it succeeds", "reason": reason }))
                }
            };
            waiting |= !ready;
            (name.clone(), said)
        })
        .collect();
    let said_of_database = match &database {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            "failed; the log says why".to_owned()
        }
    };
    let is_ready = database.is_ok() && !waiting;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if is_ready { "ready" } else { "not ready" };
    plain_json(status, &json!({ "status": word, "database": said_of_database, "apps": apps }))
}

/// How the app whose token is sent is doing, and what to do about it.
pub(super) async fn status(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if bearer(&headers).is_none() {
        return Err(Failure::Unauthorized(Unauthorized::Missing));
    }
    let opened = service.apps.values().find(|app| authenticate(app, &headers).is_ok());
    let app = opened.ok_or(Failure::Unauthorized(Unauthorized::Invalid))?;
    let said = app_status(app).await?;
    let mut apps = Map::new();
    apps.insert(app.bridged.name().to_owned(), said);
    let body = json!({ "version": env!("CARGO_PKG_VERSION"), "database": "ok", "apps": apps });
    Ok(plain_json(StatusCode::OK, &body))
}

async fn app_status(app: &MountedApp) -> Result<Value, Failure> {
    let target = &app.bridged.target;
    let mut health = match target.health.current() {
        Health::Unknown => json!({ "state": "not called yet" }),
        Health::Working => json!({ "state": "working" }),
        Health::Failing { since, reason } => {
            json!({ "state": "failing; calls are repeated", "since": since.to_string(), "reason": reason })
        }
        Health::Down { since, reason } => {
            json!({ "state": "down; nothing is sent but a probe now and then", "since": since.to_string(), "reason": reason })
        }
        Health::CredentialsRefused { since, reason } => {
            json!({ "state": "credentials refused; nothing is sent", "since": since.to_string(), "reason": reason })
        }
        Health::Recovering => json!({ "state": "answering again; one piece of work goes first" }),
    };
    if let Traffic::Stopped { probe_at } = target.health.traffic() {
        health["next_probe_at"] = json!(probe_at.to_string());
    }
    let failure = roster_passes::find(&target.store, &target.app).await?.failure;
    let open: Map<_, _> = findings::count_open(&target.store, &target.app)
        .await?
        .into_iter()
        .map(|(kind, findings)| (kind.as_str().to_owned(), json!(findings)))
        .collect();
    let roster = match rosters::find(&target.store, &target.app).await? {
        Some(roster) => json!({
            "completed_at": roster.completed_at.to_string(), "accounts": roster.accounts, "last_failure": failure,
            "findings": open,
        }),
        None => json!({ "completed_at": null, "last_failure": failure, "findings": open }),
    };
    let queue: Map<_, _> = users::depth(&target.store, &target.app)
        .await?
        .into_iter()
        .map(|depth| {
            let said = json!({
                "users": depth.users, "failing": depth.failing, "oldest_due_at": depth.oldest_due_at.to_string(),
            });
            (depth.lane.to_string(), said)
        })
        .collect();
    let users = users::count(&target.store, &target.app).await?;
    let budget = target.budget.usage().await?.map(|usage| said_of_budget(&usage));
    Ok(json!({ "target": health, "budget": budget, "roster": roster, "queue": queue, "users": users }))
}

fn said_of_budget(usage: &Usage) -> Value {
    json!({
        "account": usage.account,
        "per_second": usage.rate.per_second,
        "per_minute": usage.rate.per_minute,
        "calls_in_last_minute": usage.calls_in_last_minute,
        "calls_of_others": usage.calls_of_others,
        "refused_calls": usage.refusals,
        "stopped_until": usage.stopped_until.map(|until| until.to_string()),
    })
}

fn plain_json(status: StatusCode, body: &Value) -> Response {
    let mut response = scim_json(status, body);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
