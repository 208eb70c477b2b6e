//! Warnings before tokens expire: an identity provider whose token has expired stops working at night, and says little.

use std::{collections::HashMap, time::Duration};

use super::{Credentials, credential::Kind};
use crate::clock::Time;

/// How long before the end it is said, once each.
const WARNINGS: [Duration; 4] =
    [Duration::from_hours(30 * 24), Duration::from_hours(7 * 24), Duration::from_hours(24), Duration::ZERO];

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct ExpiryWarnings {
    /// How many of the warnings are behind, by app and credential.
    said: HashMap<(String, String), usize>,
}

impl ExpiryWarnings {
    /// Warns of what is near its end, and was not warned of. What was near when the program started is said again.
    pub(super) fn look(&mut self, credentials: &Credentials, now: Time) {
        for credential in credentials.list().iter() {
            let Some(expires_at) = credential.expires_at else { continue };
            let due = WARNINGS.iter().filter(|before| expires_at <= now + **before).count();
            let said = self.said.entry((credentials.app().to_owned(), credential.id.clone())).or_insert(0);
            if due <= *said {
                continue;
            }
            *said = due;
            let app = credentials.app();
            let token = credential.name.as_str();
            let client = match &credential.kind {
                Kind::BearerToken => None,
                Kind::ClientSecret { client } => Some(client.as_str()),
            };
            if due == WARNINGS.len() {
                tracing::error!(app, token, client, %expires_at, "a token has expired: whoever sends it is refused");
            } else {
                let days_left = expires_at.since(now).as_secs() / 86_400;
                tracing::warn!(
                    app, token, client, %expires_at, days_left,
                    "a token expires soon; make another one, and give it to the identity provider"
                );
            }
        }
    }
}
