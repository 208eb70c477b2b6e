//! One app's target, from its configuration.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use crate::{
    clock::Clock,
    config::{self, Convergence, TargetCredentials},
    connector::{api_key::KeptApiKey, credentials::Credentials, registry::connect},
    converge::{
        Target,
        budget::{Budget, Limits, Rate},
        guard::Guard,
        health::HealthMonitor,
        in_hand::InHand,
        orphans::Orphans,
        outcome::{Outcomes, Reach},
        replica::Replica,
        roster::EarlyRoster,
    },
    login::{self, Login},
    store::Store,
    upstream::{Calls, SetupError},
};

use super::{StartError, ways_in::Shared};

/// What is called with credentials of ours, whomever of it a connector is for.
const AHA: &str = "Aha!";

/// How the accounts of `app` are listed and changed, for a command that takes no work from the queue. Nothing is sent yet.
///
/// # Errors
/// When its client cannot be set up.
pub fn target(app: &config::App, store: &Store, clock: &Arc<dyn Clock>) -> Result<Arc<Target>, StartError> {
    build(app, store, clock, &Calls::default(), Arc::new(Replica::alone(clock.now())))
}

/// The same for a process that works on it, and counts its calls for whoever reads that.
///
/// # Errors
/// When its client cannot be set up.
pub(super) fn working_target(app: &config::App, shared: &Shared<'_>) -> Result<Arc<Target>, StartError> {
    build(app, shared.store, shared.clock, shared.calls, shared.replica.clone())
}

fn build(
    app: &config::App,
    store: &Store,
    clock: &Arc<dyn Clock>,
    calls: &Calls,
    replica: Arc<Replica>,
) -> Result<Arc<Target>, StartError> {
    let name = app.name.as_str().to_owned();
    let failed = |source| StartError::Target { app: name.clone(), source };
    let credentials = counted_credentials(app, Some(store), clock, calls).map_err(failed)?;
    let connector = connect(app, credentials.clone(), clock.clone(), calls.of(&name)).map_err(failed)?;
    // Where there are none they never change.
    let changes =
        credentials.as_ref().map_or_else(|| watch::channel(0).1, |credentials| credentials.changes());
    let (limits, protected, convergence, call_timeout) = match app.connector.aha_account() {
        Some(aha) => {
            let rate = Rate { per_second: aha.rate.per_second.get(), per_minute: aha.rate.per_minute.get() };
            let account = aha.base_url.origin().to_owned();
            let limits = Limits { account, rate, call_timeout: aha.request_timeout };
            (Some(limits), aha.protected.as_slice(), aha.convergence.clone(), aha.request_timeout)
        }
        // It has no limits, and so no brake either.
        None => {
            let convergence = Convergence { brake: None, ..Convergence::default() };
            (None, [].as_slice(), convergence, Duration::ZERO)
        }
    };
    Ok(Arc::new(Target {
        app: name,
        connector,
        credentials,
        store: store.clone(),
        clock: clock.clone(),
        budget: Budget::new(limits, store, clock),
        guard: Guard::new(protected, changes),
        health: HealthMonitor::default(),
        outcomes: Outcomes::new(if replica.has_company() { Reach::Everywhere } else { Reach::Here }),
        convergence,
        call_timeout,
        wake: Notify::new(),
        in_hand: InHand::default(),
        orphans: Orphans::default(),
        early_roster: EarlyRoster::default(),
        replica,
    }))
}

/// What calls to the target of `app` carry; `None` where there is nobody to call, and where a login is kept in a database that
/// is not there.
///
/// # Errors
/// When no client for the target's logins can be made.
pub fn credentials(
    app: &config::App,
    store: Option<&Store>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn Credentials>>, SetupError> {
    counted_credentials(app, store, clock, &Calls::default())
}

fn counted_credentials(
    app: &config::App,
    store: Option<&Store>,
    clock: &Arc<dyn Clock>,
    calls: &Calls,
) -> Result<Option<Arc<dyn Credentials>>, SetupError> {
    Ok(match app.connector.credentials() {
        None => None,
        Some(TargetCredentials::ApiKey(key)) => {
            Some(Arc::new(KeptApiKey::new(app.name.as_str(), AHA, key.clone())))
        }
        Some(TargetCredentials::Login(_)) => match store {
            Some(store) => counted_login(app, store, clock, calls)?.map(|login| Arc::new(login) as _),
            None => None,
        },
    })
}

/// The login at the target of `app`; `None` where there is none.
///
/// # Errors
/// When no client for it can be made.
pub fn login(app: &config::App, store: &Store, clock: &Arc<dyn Clock>) -> Result<Option<Login>, SetupError> {
    counted_login(app, store, clock, &Calls::default())
}

/// The same where somebody reads the counts of its calls.
pub(super) fn counted_login(
    app: &config::App,
    store: &Store,
    clock: &Arc<dyn Clock>,
    calls: &Calls,
) -> Result<Option<Login>, SetupError> {
    let (Some(TargetCredentials::Login(client)), Some(aha)) =
        (app.connector.credentials(), app.connector.aha_account())
    else {
        return Ok(None);
    };
    let (meter, base_url) = (calls.of(app.name.as_str()), aha.base_url.as_str());
    Login::new(login::Settings { meter, target: AHA, base_url, client, store, clock }).map(Some)
}

/// How often the accounts of `app` are listed; `None` where that is not possible.
pub(super) fn roster_every(app: &config::App) -> Option<Duration> {
    app.connector.aha_account().map(|aha| aha.roster_every)
}
