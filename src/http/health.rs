//! `/healthz`, `/readyz` and `/status`.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde_json::{Map, Value, json};

use crate::{
    auth::{Refusals, Refused},
    clock::until,
    config::{Mode, written_duration},
    converge::{Target, brake, breaker::Traffic, budget::Usage, health::Health, roster::RosterState},
    passthrough::{Condition, PassedThrough},
    store::{findings, groups, members, replicas, roster_passes, rosters, users},
};

use super::{
    Mounted, MountedApp, Service,
    answer::scim_json,
    caller::{client_address, refusals},
    error::{Failure, Unauthorized},
};

/// How long the database may take to answer. A probe of Kubernetes waits for a second.
const CHECK_WITHIN: Duration = Duration::from_millis(800);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The process answers. Touches nothing.
pub(super) async fn alive() -> Response {
    plain_json(StatusCode::OK, &json!({ "status": "alive" }))
}

/// Whether requests can be served: the database answers, is migrated, and nobody waits for an app's first roster pass. A
/// target that fails never makes the bridge unready: what it was promised is kept, and most of what is asked can be
/// answered.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    let deadline = service.clock.now() + CHECK_WITHIN;
    let database = until(&*service.clock, deadline, service.store.check()).await;
    let mut waiting = false;
    let apps: Map<_, _> = service
        .apps
        .iter()
        .filter_map(|(name, app)| match app {
            Mounted::Bridged(app) => Some((name, app)),
            Mounted::PassedThrough(_) => None,
        })
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
        Some(Ok(())) => "ok".to_owned(),
        Some(Err(error)) => {
            tracing::error!(%error, "not ready");
            "failed; the log says why".to_owned()
        }
        None => {
            tracing::error!(
                database.timeout_ms = CHECK_WITHIN.as_millis(),
                "not ready: the database does not answer"
            );
            "does not answer".to_owned()
        }
    };
    let is_ready = matches!(database, Some(Ok(()))) && !waiting;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if is_ready { "ready" } else { "not ready" };
    plain_json(status, &json!({ "status": word, "database": said_of_database, "apps": apps }))
}

/// How the app whose token is sent is doing, and what to do about it.
pub(super) async fn status(State(service): State<Arc<Service>>, parts: Parts) -> Result<Response, Failure> {
    let (name, app) = opened(&service, &parts).await?;
    let said = match app {
        Mounted::Bridged(app) => app_status(app).await?,
        Mounted::PassedThrough(mount) => passthrough_status(&mount.app).await?,
    };
    let mut apps = Map::new();
    apps.insert(name.clone(), said);
    let replicas = replicas(&service).await?;
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"), "database": "ok", "replicas": replicas, "apps": apps,
    });
    Ok(plain_json(StatusCode::OK, &body))
}

/// How many processes serve.
async fn replicas(service: &Service) -> Result<u64, Failure> {
    if !service.store.is_shared() {
        return Ok(1);
    }
    Ok(replicas::count(&service.store, service.clock.now()).await?)
}

/// The app that the request's token opens. Where the app's own URLs may not be asked from, its token opens nothing here either.
pub(super) async fn opened<'a>(
    service: &'a Service,
    parts: &Parts,
) -> Result<(&'a String, &'a Mounted), Failure> {
    // That one app does not know the token of another is nothing for the log. Once nobody knows it, the log hears why.
    match opened_with(service, parts, Refusals::Silent).await {
        Err(Failure::Unauthorized(_)) if refusals(&parts.extensions) == Refusals::Logged => {
            opened_with(service, parts, Refusals::Logged).await
        }
        outcome => outcome,
    }
}

async fn opened_with<'a>(
    service: &'a Service,
    parts: &Parts,
    refusals: Refusals,
) -> Result<(&'a String, &'a Mounted), Failure> {
    let address = client_address(&parts.extensions);
    let (mut refused, mut kept_out) = (Refused::Missing, None);
    for (name, app) in &service.apps {
        match app.authenticator().authenticate(&parts.headers, address, refusals).await {
            Ok(_) => match service.admission.check(name, &parts.extensions) {
                Ok(()) => return Ok((name, app)),
                Err(failure) => kept_out = Some(failure),
            },
            // Somebody's token that has expired is more to the point than that others never knew it.
            Err(Refused::Invalid) if refused != Refused::Missing => {}
            Err(found) => refused = found,
        }
    }
    Err(kept_out.unwrap_or_else(|| Failure::Unauthorized(Unauthorized::of_none(refused))))
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
    let mode = match target.convergence.mode {
        Mode::Apply => "apply",
        Mode::Plan => {
            "plan: writes are answered as if they were done, and nothing is changed at the target; see `scim-bridge plan`"
        }
    };
    let budget = target.budget.usage().await?.map(|usage| said_of_budget(&usage));
    let (brake, held) = (brake_status(target).await?, held_status(target).await?);
    let credentials = target.credentials.as_ref().map(|credentials| credentials.standing());
    Ok(json!({
        "mode": mode, "target": health, "credentials": credentials, "budget": budget, "roster": roster, "queue": queue, "brake": brake, "held": held, "users": users,
        "groups": groups_status(target).await?,
    }))
}

/// `null` where there is no brake.
async fn brake_status(target: &Target) -> Result<Value, Failure> {
    let (Some(brake), Some(used)) = (target.convergence.brake, brake::used(target).await?) else {
        return Ok(Value::Null);
    };
    Ok(json!({ "window": written_duration(brake.window), "revocations": used }))
}

/// How far it is with what groups give; `null` where they give nothing.
async fn groups_status(target: &Target) -> Result<Value, Failure> {
    if target.connector.group_rights().is_none() {
        return Ok(Value::Null);
    }
    let (store, app) = (&target.store, target.app.as_str());
    let groups = groups::count_matching(store, app, &groups::Narrowing::All).await?;
    Ok(json!({ "groups": groups, "users_waiting": members::count_waiting(store, app).await? }))
}

/// `null` while nothing is held.
async fn held_status(target: &Target) -> Result<Value, Failure> {
    let Some(held) = users::find_held(&target.store, &target.app).await? else { return Ok(Value::Null) };
    Ok(json!({
        "users": held.users,
        "since": held.since.to_string(),
        "to_do": "look at them with `scim-bridge held list`, then release or drop them",
    }))
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

async fn passthrough_status(app: &PassedThrough) -> Result<Value, Failure> {
    let target = match app.condition() {
        Condition::Working => json!({ "state": "working, as far as is known" }),
        Condition::Failing { failures, reason } => {
            json!({ "state": "failing", "failures_in_a_row": failures, "reason": reason })
        }
        Condition::Resting { reason } => {
            json!({ "state": "failed often; nothing is sent but a request now and then to see", "reason": reason })
        }
    };
    let brake = app.brake_state().await?;
    let brake = json!({
        "revocations_in_window": brake.passed, "most": brake.most,
        "lifted_until": brake.lifted_until.map(|time| time.to_string()),
    });
    Ok(json!({ "target": target, "requests_under_way": app.under_way(), "brake": brake }))
}

pub(super) fn plain_json(status: StatusCode, body: &Value) -> Response {
    let mut response = scim_json(status, body);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
