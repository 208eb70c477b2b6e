//! One app's target, from its configuration.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    clock::Clock,
    config::{self, Convergence},
    connector::registry::connect,
    converge::{
        Target,
        budget::{Budget, Limits, Rate},
        guard::Guard,
        health::HealthMonitor,
        in_hand::InHand,
        outcome::Outcomes,
    },
    store::Store,
};

use super::StartError;

/// How the accounts of `app` are listed and changed. Nothing is sent yet.
///
/// # Errors
/// When its client cannot be set up.
pub fn target(app: &config::App, store: &Store, clock: &Arc<dyn Clock>) -> Result<Arc<Target>, StartError> {
    let name = app.name.as_str().to_owned();
    let connector =
        connect(app, clock.clone()).map_err(|source| StartError::Target { app: name.clone(), source })?;
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
        store: store.clone(),
        clock: clock.clone(),
        budget: Budget::new(limits, store, clock),
        guard: Guard::new(protected),
        health: HealthMonitor::default(),
        outcomes: Outcomes::default(),
        convergence,
        call_timeout,
        wake: Notify::new(),
        in_hand: InHand::default(),
    }))
}

/// How often the accounts of `app` are listed; `None` where that is not possible.
pub(super) fn roster_every(app: &config::App) -> Option<Duration> {
    app.connector.aha_account().map(|aha| aha.roster_every)
}
