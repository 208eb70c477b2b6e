//! What is not counted by the process but read when somebody asks: it is true after a restart, and the same on every replica.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::{
    auth::Credentials,
    clock::Time,
    connector::Lane,
    converge::{Target, brake, breaker::Traffic},
    passthrough::{Condition, PassedThrough},
    store::{
        StoreError,
        findings::{self, FindingKind},
        roster_passes, rosters, users,
    },
};

/// A gauge, by its labels.
#[derive(Clone, Default)]
struct Series(Family<Vec<(&'static str, String)>, Gauge<f64, AtomicU64>>);

impl Series {
    fn set<const N: usize>(&self, labels: [(&'static str, &str); N], value: f64) {
        let labels = labels.map(|(name, value)| (name, value.to_owned())).to_vec();
        self.0.get_or_create(&labels).set(value);
    }
}

/// What is read at the time of the question.
pub(super) struct Readings {
    registry: Registry,
    database_up: Series,
    target_up: Series,
    credentials_refused: Series,
    users: Series,
    unmanaged: Series,
    held: Series,
    queue: Series,
    queue_failing: Series,
    queue_age: Series,
    budget_limit: Series,
    budget_used: Series,
    budget_left: Series,
    budget_others: Series,
    refused_calls: Series,
    roster_age: Series,
    roster_failed: Series,
    accounts: Series,
    findings: Series,
    revocations: Series,
    revocations_limit: Series,
    token_expiry: Series,
    under_way: Series,
    units_used: Series,
    units_limit: Series,
    key_expiry: Series,
}

impl Default for Readings {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("scim_bridge");
        registry.register("build", "The version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let mut gauge = |name: &str, help: &str| {
            let series = Series::default();
            registry.register(name, help, series.0.clone());
            series
        };
        Self {
            database_up: gauge("database_up", "1 while the database answers and takes writes"),
            target_up: gauge("target_up", "1 while calls reach the target, 0 while it fails or refuses us"),
            credentials_refused: gauge(
                "target_credentials_refused",
                "1 while the target refuses the key or login that it is called with",
            ),
            users: gauge("users", "Users that are served, by what active reads as"),
            unmanaged: gauge("unmanaged_users", "Those of them that no identity provider has written to"),
            held: gauge("held_users", "Users whose loss of access waits for a person"),
            queue: gauge("queue_users", "Users that the target does not agree with yet, by lane"),
            queue_failing: gauge("queue_failing_users", "Those of them whose last attempt failed"),
            queue_age: gauge("queue_oldest_age_seconds", "How long the first of them has been waiting"),
            budget_limit: gauge(
                "budget_limit_calls",
                "Calls to the target's account that may be sent in a window",
            ),
            budget_used: gauge("budget_used_calls", "Calls that were sent in the window that ends now"),
            budget_left: gauge("budget_left_calls", "Calls that may still be sent in it"),
            budget_others: gauge(
                "budget_calls_of_others",
                "Calls of other integrations in a minute, as the target says",
            ),
            refused_calls: gauge(
                "budget_refused_calls",
                "Calls that the target refused for its limits, ever",
            ),
            roster_age: gauge("roster_age_seconds", "Time since the accounts were last listed"),
            roster_failed: gauge(
                "roster_failed",
                "1 while the latest listing of accounts is one that failed",
            ),
            accounts: gauge("roster_accounts", "Accounts at the last listing"),
            findings: gauge(
                "findings",
                "What differs from what is managed and was changed at the target, by kind",
            ),
            revocations: gauge("brake_revocations", "Users who lost access within the brake's window"),
            revocations_limit: gauge("brake_revocations_limit", "How many may"),
            token_expiry: gauge("token_expires_in_seconds", "Until a token expires"),
            under_way: gauge("requests_under_way", "Requests that are being passed through"),
            units_used: gauge("target_units_used", "Units of the target's other API that were used"),
            units_limit: gauge("target_units_limit", "How many may be used, where that is limited"),
            key_expiry: gauge(
                "target_key_expires_in_seconds",
                "Until the key of the target's other API ends",
            ),
            registry,
        }
    }
}

impl Readings {
    /// All of them, for encoding.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The tokens of `app` that end some day.
    pub(super) fn read_tokens(&self, app: &str, credentials: &Credentials, now: Time) {
        for token in credentials.list().iter() {
            let Some(expires_at) = token.expires_at else { continue };
            let labels = [("app", app), ("token", token.name.as_str())];
            self.token_expiry.set(labels, seconds_left(expires_at, now));
        }
    }

    /// Whether the database can be asked for the rest.
    pub(super) fn read_database(&self, is_up: bool) {
        self.database_up.set([], flag(is_up));
    }

    /// What the process knows of the target of a bridged app.
    pub(super) fn read_target(&self, target: &Target) {
        let app = ("app", target.app.as_str());
        self.target_up.set([app], flag(!matches!(target.health.traffic(), Traffic::Stopped { .. })));
        self.credentials_refused.set([app], flag(target.health.credentials_refused().is_some()));
    }

    /// What the database knows of a bridged app. What cannot be read is left out.
    pub(super) async fn read_work(&self, target: &Target, now: Time) {
        let app = target.app.as_str();
        leave_out("users", app, self.read_users(target).await);
        // Where nothing is carried out, all waits, and is meant to.
        if target.is_carried_out() {
            leave_out("queue", app, self.read_queue(target, now).await);
        }
        leave_out("budget", app, self.read_budget(target).await);
        leave_out("roster", app, self.read_roster(target, now).await);
        leave_out("findings", app, self.read_findings(target).await);
        leave_out("brake", app, self.read_room(target).await);
    }

    async fn read_room(&self, target: &Target) -> Result<(), StoreError> {
        let app = ("app", target.app.as_str());
        if let Some(room) = brake::room(target).await? {
            self.revocations.set([app], number(room.used));
            self.revocations_limit.set([app], number(room.most));
        }
        Ok(())
    }

    async fn read_users(&self, target: &Target) -> Result<(), StoreError> {
        let (store, name) = (&target.store, target.app.as_str());
        let app = ("app", name);
        let counts = users::counts(store, name).await?;
        for (state, users) in
            [("active", counts.active), ("inactive", counts.inactive), ("unassigned", counts.unassigned)]
        {
            self.users.set([app, ("state", state)], number(users));
        }
        self.unmanaged.set([app], number(counts.unmanaged));
        let held = users::find_held(store, name).await?;
        self.held.set([app], held.map_or(0.0, |held| number(held.users)));
        Ok(())
    }

    async fn read_queue(&self, target: &Target, now: Time) -> Result<(), StoreError> {
        let app = ("app", target.app.as_str());
        let depths = users::depth(&target.store, &target.app).await?;
        for lane in Lane::ALL {
            let depth = depths.iter().find(|depth| depth.lane == lane);
            let labels = || [app, ("lane", lane.as_str())];
            self.queue.set(labels(), depth.map_or(0.0, |depth| number(depth.users)));
            self.queue_failing.set(labels(), depth.map_or(0.0, |depth| number(depth.failing)));
            let age = depth.map_or(0.0, |depth| now.since(depth.oldest_asked_at).as_secs_f64());
            self.queue_age.set(labels(), age);
        }
        Ok(())
    }

    async fn read_budget(&self, target: &Target) -> Result<(), StoreError> {
        let Some(usage) = target.budget.usage().await? else { return Ok(()) };
        let app = ("app", target.app.as_str());
        for (window, limit, used, others) in [
            ("second", usage.rate.per_second, usage.calls_in_last_second, 0),
            ("minute", usage.rate.per_minute, usage.calls_in_last_minute, usage.calls_of_others),
        ] {
            let labels = || [app, ("window", window)];
            self.budget_limit.set(labels(), limit.into());
            self.budget_used.set(labels(), number(used));
            let left = u64::from(limit).saturating_sub(used).saturating_sub(others.into());
            // Until the target takes calls again there is nothing left of any window.
            self.budget_left.set(labels(), if usage.stopped_until.is_some() { 0.0 } else { number(left) });
        }
        self.budget_others.set([app], usage.calls_of_others.into());
        self.refused_calls.set([app], number(usage.refusals));
        Ok(())
    }

    async fn read_roster(&self, target: &Target, now: Time) -> Result<(), StoreError> {
        if target.connector.directory().is_none() {
            return Ok(());
        }
        let (store, name) = (&target.store, target.app.as_str());
        let app = ("app", name);
        if let Some(roster) = rosters::find(store, name).await? {
            self.roster_age.set([app], now.since(roster.completed_at).as_secs_f64());
            self.accounts.set([app], number(roster.accounts));
        }
        let failure = roster_passes::find(store, name).await?.failure;
        self.roster_failed.set([app], flag(failure.is_some()));
        Ok(())
    }

    async fn read_findings(&self, target: &Target) -> Result<(), StoreError> {
        if target.connector.directory().is_none() {
            return Ok(());
        }
        let app = ("app", target.app.as_str());
        let open = findings::count_open(&target.store, &target.app).await?;
        for kind in FindingKind::ALL {
            let open = open.iter().find(|(open, _)| *open == kind).map_or(0.0, |(_, open)| number(*open));
            self.findings.set([app, ("kind", kind.as_str())], open);
        }
        Ok(())
    }

    /// What the database knows of an app that is passed through. What cannot be read is left out.
    pub(super) async fn read_brake(&self, app: &PassedThrough) {
        let name = ("app", app.name());
        let read = app.brake_state().await.map(|brake| {
            self.revocations.set([name], number(brake.passed));
            self.revocations_limit.set([name], number(brake.most));
        });
        leave_out("brake", app.name(), read);
    }

    /// What the process knows of an app that is passed through.
    pub(super) fn read_passed_through(&self, app: &PassedThrough, now: Time) {
        let name = ("app", app.name());
        self.target_up.set([name], flag(!matches!(app.condition(), Condition::Resting { .. })));
        self.credentials_refused.set([name], flag(app.credentials_refused_since().is_some()));
        self.under_way.set([name], app.under_way() as f64);
        let Some(usage) = app.key_usage() else { return };
        for (counted_by, used, limit) in [
            ("workspace", usage.workspace_used, usage.workspace_limit),
            ("key", usage.key_used, usage.key_limit),
        ] {
            let labels = || [name, ("counted_by", counted_by)];
            self.units_used.set(labels(), number(used));
            if let Some(limit) = limit {
                self.units_limit.set(labels(), number(limit));
            }
        }
        if let Some(ends_at) = usage.ends_at {
            self.key_expiry.set([name], seconds_left(ends_at, now));
        }
    }
}

/// Says once a question what is missing from the answer.
fn leave_out(what: &str, app: &str, read: Result<(), StoreError>) {
    if let Err(error) = read {
        tracing::warn!(app, metrics.missing = what, %error, "some figures could not be read, and are left out of /metrics");
    }
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Below zero once it is over.
fn seconds_left(end: Time, now: Time) -> f64 {
    end.since(now).as_secs_f64() - now.since(end).as_secs_f64()
}

/// Exact up to 2^53, which nothing here comes near.
fn number(count: impl Into<u64>) -> f64 {
    count.into() as f64
}
