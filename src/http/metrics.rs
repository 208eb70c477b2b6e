//! `/metrics`, in the text format of OpenMetrics, which Prometheus reads.
//!
//! Whoever may ask has a token of an app, as for `/status`; the answer is about all apps, in numbers alone.

use std::sync::{Arc, atomic::AtomicU64};

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header, request::Parts};
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::{
    clock::Time,
    converge::{Target, brake, breaker::Traffic},
    passthrough::{Condition, PassedThrough},
    store::{findings, rosters, users},
};

use super::{Mounted, Service, error::Failure, health::opened};

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct App {
    app: String,
}

/// An app, and what a series is about within it.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Part {
    app: String,
    part: String,
}

type ByApp = Family<App, Gauge<f64, AtomicU64>>;
type ByPart = Family<Part, Gauge<f64, AtomicU64>>;

/// What is read at the time of the question.
#[derive(Default)]
struct Readings {
    target_up: ByApp,
    queue: ByPart,
    queue_age: ByPart,
    users: ByApp,
    held: ByApp,
    budget_limit: ByPart,
    budget_used: ByApp,
    budget_others: ByApp,
    refused_calls: ByApp,
    roster_age: ByApp,
    accounts: ByApp,
    findings: ByPart,
    revocations: ByApp,
    revocations_limit: ByApp,
    under_way: ByApp,
    token_expiry: ByPart,
    units_used: ByPart,
    units_limit: ByPart,
    key_expiry: ByApp,
}

/// Answers all meters.
pub(super) async fn metrics(State(service): State<Arc<Service>>, parts: Parts) -> Result<Response, Failure> {
    opened(&service, &parts).await.map_err(Failure::Unauthorized)?;
    let readings = Readings::default();
    let now = service.clock.now();
    for (name, app) in &service.apps {
        readings.read_tokens(name, app, now);
        match app {
            Mounted::Bridged(app) => readings.read_target(&app.bridged.target, now).await?,
            Mounted::PassedThrough(mount) => readings.read_passed_through(&mount.app, now).await?,
        }
    }
    let mut text = String::new();
    let encoded = encode_registry(&mut text, service.metrics.registry())
        .and_then(|()| encode_registry(&mut text, &readings.registry()))
        .and_then(|()| encode_eof(&mut text));
    encoded.expect("to write to a string cannot fail");
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
    Ok(response)
}

impl Readings {
    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("scim_bridge");
        registry.register("build", "The version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let by_app: [(_, _, &ByApp); 12] = [
            ("target_up", "1 while calls reach the target, 0 while it fails or refuses us", &self.target_up),
            ("users", "Users that are served", &self.users),
            ("held_users", "Users whose loss of access waits for a person", &self.held),
            ("budget_calls_last_minute", "Calls to the target in the last minute", &self.budget_used),
            (
                "budget_calls_of_others",
                "Calls of other integrations in a minute, as the target says",
                &self.budget_others,
            ),
            (
                "budget_refused_calls",
                "Calls that the target refused for its limits, ever",
                &self.refused_calls,
            ),
            ("roster_age_seconds", "Time since the accounts were last listed", &self.roster_age),
            ("roster_accounts", "Accounts at the last listing", &self.accounts),
            ("brake_revocations", "Users who lost access within the brake's window", &self.revocations),
            ("brake_revocations_limit", "How many may", &self.revocations_limit),
            (
                "target_key_expires_in_seconds",
                "Until the key of the target's other API ends",
                &self.key_expiry,
            ),
            ("requests_under_way", "Requests that are being passed through", &self.under_way),
        ];
        for (name, help, family) in by_app {
            registry.register(name, help, family.clone());
        }
        let by_part: [(_, _, &ByPart); 7] = [
            ("queue_users", "Users that the target does not agree with yet; part: the lane", &self.queue),
            (
                "queue_oldest_age_seconds",
                "How long the first of them has been due; part: the lane",
                &self.queue_age,
            ),
            ("budget_limit", "Calls that may be sent; part: per second or minute", &self.budget_limit),
            ("findings", "Open findings of the roster; part: their kind", &self.findings),
            (
                "target_units_used",
                "Units of the target's other API; part: by the workspace or the key",
                &self.units_used,
            ),
            ("target_units_limit", "How many may be used, where that is limited", &self.units_limit),
            ("token_expires_in_seconds", "Until a token expires; part: its name", &self.token_expiry),
        ];
        for (name, help, family) in by_part {
            registry.register(name, help, family.clone());
        }
        registry
    }

    fn read_tokens(&self, name: &str, app: &Mounted, now: Time) {
        for token in app.authenticator().credentials().list().iter() {
            let Some(expires_at) = token.expires_at else { continue };
            set_part(&self.token_expiry, name, &token.name, seconds_left(expires_at, now));
        }
    }

    async fn read_target(&self, target: &Target, now: Time) -> Result<(), Failure> {
        let (store, app) = (&target.store, target.app.as_str());
        let is_up = !matches!(target.health.traffic(), Traffic::Stopped { .. });
        set(&self.target_up, app, f64::from(u8::from(is_up)));
        set(&self.users, app, number(users::count(store, app).await?));
        for depth in users::depth(store, app).await? {
            let lane = depth.lane.to_string();
            set_part(&self.queue, app, &lane, number(depth.users));
            set_part(&self.queue_age, app, &lane, now.since(depth.oldest_due_at).as_secs_f64());
        }
        let held = users::find_held(store, app).await?;
        set(&self.held, app, held.map_or(0.0, |held| number(held.users)));
        if let Some(usage) = target.budget.usage().await? {
            set_part(&self.budget_limit, app, "second", usage.rate.per_second.into());
            set_part(&self.budget_limit, app, "minute", usage.rate.per_minute.into());
            set(&self.budget_used, app, number(usage.calls_in_last_minute));
            set(&self.budget_others, app, usage.calls_of_others.into());
            set(&self.refused_calls, app, number(usage.refusals));
        }
        if let Some(roster) = rosters::find(store, app).await? {
            set(&self.roster_age, app, now.since(roster.completed_at).as_secs_f64());
            set(&self.accounts, app, number(roster.accounts));
        }
        for (kind, open) in findings::count_open(store, app).await? {
            set_part(&self.findings, app, kind.as_str(), number(open));
        }
        if target.convergence.brake.is_some()
            && let Some(used) = brake::used(target).await?
        {
            set(&self.revocations, app, number(used));
        }
        Ok(())
    }

    async fn read_passed_through(&self, app: &PassedThrough, now: Time) -> Result<(), Failure> {
        let is_up = !matches!(app.condition(), Condition::Resting { .. });
        set(&self.target_up, app.name(), f64::from(u8::from(is_up)));
        let brake = app.brake_state().await?;
        set(&self.revocations, app.name(), number(brake.passed));
        set(&self.revocations_limit, app.name(), number(brake.most));
        set(&self.under_way, app.name(), app.under_way() as f64);
        let Some(usage) = app.key_usage() else { return Ok(()) };
        for (part, used, limit) in [
            ("workspace", usage.workspace_used, usage.workspace_limit),
            ("key", usage.key_used, usage.key_limit),
        ] {
            set_part(&self.units_used, app.name(), part, number(used));
            if let Some(limit) = limit {
                set_part(&self.units_limit, app.name(), part, number(limit));
            }
        }
        if let Some(ends_at) = usage.ends_at {
            set(&self.key_expiry, app.name(), seconds_left(ends_at, now));
        }
        Ok(())
    }
}

fn set(family: &ByApp, app: &str, value: f64) {
    family.get_or_create(&App { app: app.to_owned() }).set(value);
}

fn set_part(family: &ByPart, app: &str, part: &str, value: f64) {
    family.get_or_create(&Part { app: app.to_owned(), part: part.to_owned() }).set(value);
}

/// Below zero once it is over.
fn seconds_left(end: Time, now: Time) -> f64 {
    end.since(now).as_secs_f64() - now.since(end).as_secs_f64()
}

/// Exact up to 2^53, which nothing here comes near.
fn number(count: impl Into<u64>) -> f64 {
    count.into() as f64
}
