//! Whether a target works, as far as the last calls tell, and what may be sent to it.

use tokio::sync::watch;

use crate::{clock::Time, connector::TargetError};

use super::breaker::{Breaker, Ending, Purpose, Traffic};

/// The state of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// No call has been answered yet.
    Unknown,
    /// The last call was answered.
    Working,
    /// Calls fail; each is repeated.
    Failing {
        /// Since when.
        since: Time,
        /// Why.
        reason: String,
    },
    /// So many calls failed that nothing is sent but one probe now and then.
    Down {
        /// Since when calls fail.
        since: Time,
        /// Why.
        reason: String,
    },
    /// The target does not accept our credentials. Nothing is sent but one probe now and then.
    CredentialsRefused {
        /// Since when.
        since: Time,
        /// What to do.
        reason: String,
    },
    /// A probe was answered, and one piece of work goes first.
    Recovering,
}

/// Keeps the state and tells who watches it.
#[derive(Debug, Default)]
pub struct HealthMonitor {
    state: watch::Sender<State>,
}

#[derive(Clone, Debug)]
struct State {
    health: Health,
    breaker: Breaker,
    /// When our credentials were last accepted.
    accepted_at: Option<Time>,
    /// How many refusals may still be of calls that were sent with the credentials before.
    stale_refusals: u8,
}

/// How many calls may be out when credentials change: a listing, a probe, a look at whose they are.
const STALE_REFUSALS: u8 = 3;

impl Default for State {
    fn default() -> Self {
        Self { health: Health::Unknown, breaker: Breaker::default(), accepted_at: None, stale_refusals: 0 }
    }
}

impl State {
    fn credentials_refused(&self) -> Option<&String> {
        match &self.health {
            Health::CredentialsRefused { reason, .. } => Some(reason),
            _ => None,
        }
    }

    fn is_stopped(&self) -> bool {
        matches!(self.breaker.traffic(), Traffic::Stopped { .. })
    }
}

impl HealthMonitor {
    /// The state now.
    pub fn current(&self) -> Health {
        self.state.borrow().health.clone()
    }

    /// When the target last accepted our credentials, as far as this process knows.
    pub fn accepted_at(&self) -> Option<Time> {
        self.state.borrow().accepted_at
    }

    /// What may be sent now.
    pub fn traffic(&self) -> Traffic {
        self.state.borrow().breaker.traffic()
    }

    /// Why nothing may be sent, if nothing may.
    pub fn stopped(&self) -> Option<String> {
        let state = self.state.borrow();
        let (true, Health::Down { reason, .. } | Health::CredentialsRefused { reason, .. }) =
            (state.is_stopped(), &state.health)
        else {
            return None;
        };
        Some(reason.clone())
    }

    /// The reason, while credentials are refused.
    pub fn credentials_refused(&self) -> Option<String> {
        self.state.borrow().credentials_refused().cloned()
    }

    /// Waits until the target refuses our credentials, and answers why; at once if it does.
    pub async fn until_credentials_refused(&self) -> String {
        let mut state = self.state.subscribe();
        loop {
            if let Some(reason) = self.credentials_refused() {
                return reason;
            }
            // The sender is `self`, so waiting cannot fail.
            let _ = state.changed().await;
        }
    }

    /// Waits until nothing may be sent; returns at once if nothing may.
    pub async fn until_stopped(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(State::is_stopped).await;
    }

    /// Waits while nothing may be sent; returns at once if something may.
    pub async fn while_stopped(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| !state.is_stopped()).await;
    }

    /// Waits until something else may be sent than `traffic`.
    pub async fn until_other_than(&self, traffic: Traffic) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| state.breaker.traffic() != traffic).await;
    }

    /// There are other credentials: where the ones before were refused, or still are by calls that are out, it is probed at once
    /// whether these are accepted.
    pub fn credentials_changed(&self, now: Time) {
        self.state.send_if_modified(|state| {
            state.stale_refusals = STALE_REFUSALS;
            let was_refused = state.credentials_refused().is_some();
            if was_refused {
                state.breaker.probe_at(now);
            }
            was_refused
        });
    }

    /// There is nothing to probe with: the next piece of work goes first.
    pub fn try_one(&self) {
        self.state.send_modify(|state| {
            state.health = Health::Recovering;
            state.breaker.try_one();
        });
    }

    /// Takes the result of work into account. A change is logged, once.
    pub fn record<T>(&self, app: &str, now: Time, result: &Result<T, TargetError>) {
        self.record_as(Purpose::Work, app, now, result);
    }

    /// Takes the result of a probe into account. A change is logged, once.
    pub fn record_probe<T>(&self, app: &str, now: Time, result: &Result<T, TargetError>) {
        self.record_as(Purpose::Probe, app, now, result);
    }

    fn record_as<T>(&self, purpose: Purpose, app: &str, now: Time, result: &Result<T, TargetError>) {
        let (ending, reason) = match result {
            Err(TargetError::CredentialsRefused { reason }) => (Ending::CredentialsRefused, reason.as_str()),
            Err(TargetError::Unavailable { reason }) => (Ending::Failed, reason.as_str()),
            // Any other answer, a no as well, shows that the target works.
            _ => (Ending::Answered, ""),
        };
        self.state.send_if_modified(|state| {
            let before = state.breaker.traffic();
            if ending == Ending::Answered {
                (state.accepted_at, state.stale_refusals) = (Some(now), 0);
            }
            state.breaker.record(purpose, ending, now, app);
            if ending == Ending::CredentialsRefused && state.stale_refusals > 0 {
                state.stale_refusals -= 1;
                state.breaker.probe_at(now);
            }
            let next = next(state, ending, now, reason);
            let is_news = std::mem::discriminant(&next) != std::mem::discriminant(&state.health);
            if is_news {
                log(app, &next);
            }
            state.health = next;
            is_news || before != state.breaker.traffic()
        });
    }
}

/// The health that follows once the breaker of `state` knows of the call.
fn next(state: &State, ending: Ending, now: Time, reason: &str) -> Health {
    let since = match &state.health {
        Health::Failing { since, .. } | Health::Down { since, .. } if ending == Ending::Failed => *since,
        Health::CredentialsRefused { since, .. } if ending == Ending::CredentialsRefused => *since,
        _ => now,
    };
    // The same trouble may have another reason by now: the newest is what there is to do about.
    let reason = reason.to_owned();
    match (ending, state.breaker.traffic()) {
        (Ending::Answered, Traffic::Flowing) => Health::Working,
        (Ending::Answered, _) => Health::Recovering,
        (Ending::CredentialsRefused, _) => Health::CredentialsRefused { since, reason },
        (Ending::Failed, Traffic::Stopped { .. }) => match &state.health {
            // A call that was out before they were refused.
            Health::CredentialsRefused { .. } => state.health.clone(),
            _ => Health::Down { since, reason },
        },
        (Ending::Failed, _) => Health::Failing { since, reason },
    }
}

fn log(app: &str, health: &Health) {
    match health {
        Health::CredentialsRefused { reason, .. } => tracing::error!(
            app,
            reason,
            "the target refuses our credentials; nothing is sent until it accepts them"
        ),
        Health::Down { reason, .. } => {
            tracing::error!(app, reason, "the target is down; nothing is sent but a probe now and then");
        }
        Health::Failing { reason, .. } => {
            tracing::warn!(app, reason, "the target fails; calls are repeated");
        }
        Health::Recovering => tracing::info!(app, "the target answers again; one piece of work goes first"),
        Health::Working | Health::Unknown => tracing::info!(app, "the target works"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_micros(1_700_000_000_000_000);

    fn unavailable(reason: &str) -> Result<(), TargetError> {
        Err(TargetError::Unavailable { reason: reason.into() })
    }

    #[test]
    fn it_tells_since_when_calls_fail_and_why_the_last_one_did() {
        let monitor = HealthMonitor::default();
        for second in 0..5 {
            let later = NOW + std::time::Duration::from_secs(second);
            monitor.record("test", later, &unavailable(&format!("reason {second}")));
        }
        assert_eq!(monitor.current(), Health::Down { since: NOW, reason: "reason 4".into() });
        assert_eq!(monitor.stopped(), Some("reason 4".into()));
        monitor.record_probe("test", NOW, &Ok(()));
        assert_eq!((monitor.current(), monitor.traffic()), (Health::Recovering, Traffic::OneCall));
        monitor.record("test", NOW, &Ok(()));
        assert_eq!((monitor.current(), monitor.traffic()), (Health::Working, Traffic::Flowing));
        assert_eq!(monitor.stopped(), None);
    }

    #[test]
    fn a_no_shows_that_the_target_works() {
        let monitor = HealthMonitor::default();
        for error in
            [TargetError::AccountNotFound { reason: "gone".into() }, TargetError::RateLimited { until: None }]
        {
            monitor.record("test", NOW, &unavailable("no answer"));
            monitor.record::<()>("test", NOW, &Err(error));
            assert_eq!(monitor.current(), Health::Working);
        }
    }

    #[test]
    fn what_was_sent_with_the_credentials_before_does_not_put_off_the_probe_of_new_ones() {
        let monitor = HealthMonitor::default();
        let refused = Err(TargetError::CredentialsRefused { reason: "log in".into() });
        let at = |second| NOW + std::time::Duration::from_secs(second);
        monitor.credentials_changed(at(0));
        for second in 1..=3 {
            monitor.record_probe::<()>("test", at(second), &refused);
            assert_eq!(monitor.traffic(), Traffic::Stopped { probe_at: at(second) });
        }
        // These are refused as well.
        monitor.record_probe::<()>("test", at(4), &refused);
        assert!(matches!(monitor.traffic(), Traffic::Stopped { probe_at } if probe_at > at(4)));
        monitor.record_probe("test", at(5), &Ok(()));
        monitor.record_probe::<()>("test", at(6), &refused);
        assert!(matches!(monitor.traffic(), Traffic::Stopped { probe_at } if probe_at > at(6)));
    }

    #[test]
    fn a_late_failure_does_not_hide_that_credentials_are_refused() {
        let monitor = HealthMonitor::default();
        let refused = Err(TargetError::CredentialsRefused { reason: "make a new key".into() });
        monitor.record::<()>("test", NOW, &refused);
        monitor.record("test", NOW, &unavailable("no answer"));
        assert_eq!(monitor.credentials_refused(), Some("make a new key".into()));
    }
}
