//! Warnings before tokens expire: an identity provider whose token has expired stops working at night, and says little.

use std::{collections::HashMap, time::Duration};

use super::{Credential, Credentials, Kind};
use crate::clock::Time;

const DAY: Duration = Duration::from_hours(24);

/// How long before the end it is said, once each.
const WARNINGS: [Duration; 4] = [
    Duration::from_hours(30 * 24),
    Duration::from_hours(7 * 24),
    DAY,
    // It is over.
    Duration::ZERO,
];

/// What stands for the app where tokens open `/metrics` alone. No app has this name.
const METRICS: &str = "metrics";

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct ExpiryWarnings {
    /// How many of the warnings are behind, by app and credential.
    said: HashMap<(String, String), usize>,
}

/// A token that is near its end, or has reached it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Warning {
    app: String,
    /// The token's name.
    token: String,
    /// Whose secret it is, if it is one.
    client: Option<String>,
    expires_at: Time,
    /// `None`: it has expired.
    days_left: Option<u64>,
}

/// How near its end a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearing {
    /// When it ends.
    pub expires_at: Time,
    /// How many of the times at which it is said are behind.
    pub stage: usize,
    /// `None`: it has expired.
    pub days_left: Option<u64>,
}

/// How near its end `credential` is at `now`; `None` while there is nothing to say.
pub fn nearing(credential: &Credential, now: Time) -> Option<Nearing> {
    nearing_end(credential.expires_at?, now)
}

/// The same of anything that ends then.
pub fn nearing_end(expires_at: Time, now: Time) -> Option<Nearing> {
    let stage = WARNINGS.iter().filter(|before| expires_at <= now + **before).count();
    let days_left = (stage < WARNINGS.len()).then(|| expires_at.since(now).as_secs().div_ceil(DAY.as_secs()));
    (stage > 0).then_some(Nearing { expires_at, stage, days_left })
}

impl ExpiryWarnings {
    /// The warnings that are due at `now` and were not given. What was near its end when the program started is warned of
    /// again.
    pub(super) fn due(&mut self, credentials: &Credentials, now: Time) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for credential in credentials.list().iter() {
            let Some(Nearing { expires_at, stage: due, days_left }) = nearing(credential, now) else {
                continue;
            };
            let said = self.said.entry((credentials.app().to_owned(), credential.id.clone())).or_insert(0);
            if due <= *said {
                continue;
            }
            *said = due;
            warnings.push(Warning {
                app: credentials.app().to_owned(),
                token: credential.name.clone(),
                client: match &credential.kind {
                    Kind::BearerToken => None,
                    Kind::ClientSecret { client } => Some(client.clone()),
                },
                expires_at,
                days_left,
            });
        }
        warnings
    }
}

impl Warning {
    /// Says it.
    pub(super) fn log(&self) {
        let Self { app, token, client, expires_at, days_left } = self;
        let whose = if app == METRICS { "whoever reads /metrics" } else { "the identity provider" };
        match days_left {
            Some(days_left) => tracing::warn!(
                app, token, client, %expires_at, days_left,
                "a token expires soon; make another one, and give it to {whose}"
            ),
            None => tracing::error!(
                app, token, client, %expires_at, "a token has expired: whoever sends it is refused"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{auth::Credential, clock::ManualClock, config, secret::Secret};

    #[test]
    fn it_is_said_30_7_and_1_days_before_and_at_the_end_once_each() {
        let start = Time::from_micros(1_700_000_000_000_000);
        let token = |name: &str, expires| {
            let token = config::Token { name: name.into(), token: Secret::new(name), expires };
            Credential::of_token(&token)
        };
        let all = vec![token("ends", Some(start + 100 * DAY)), token("never", None)];
        let credentials = Credentials::new("aha", all, Arc::new(ManualClock::new(start)));
        let mut warnings = ExpiryWarnings::default();
        let mut said = Vec::new();
        for hour in 0..110 * 24 {
            for warning in warnings.due(&credentials, start + Duration::from_hours(hour)) {
                assert_eq!((warning.app.as_str(), warning.token.as_str()), ("aha", "ends"));
                said.push((hour / 24, warning.days_left));
            }
        }
        assert_eq!(said, [(70, Some(30)), (93, Some(7)), (99, Some(1)), (100, None)]);
        // Who starts late hears the most urgent one alone.
        let late = ExpiryWarnings::default().due(&credentials, start + 99 * DAY);
        assert_eq!(late.iter().map(|warning| warning.days_left).collect::<Vec<_>>(), [Some(1)]);
    }
}
