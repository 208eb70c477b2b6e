//! The keys of access tokens: a new one every day, each kept until the last token of its time has expired.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::hmac;

use crate::{
    auth::{OwnKeyError, OwnKeys},
    clock::{Clock, Time},
};

const PURPOSE: &str = "access tokens";

/// How long a key signs.
const SIGNS_FOR: Duration = Duration::from_hours(24);

/// How long a key is there before it signs, so that every replica has it by then.
const ANNOUNCED_FOR: Duration = Duration::from_mins(1);

/// How long a key is there after it has signed: longer than the longest life of an access token.
const OUTLIVES: Duration = Duration::from_hours(7);

/// The keys of access tokens, of all apps.
#[derive(Debug)]
pub struct SigningKeys {
    own_keys: OwnKeys,
    clock: Arc<dyn Clock>,
    /// The oldest first.
    current: RwLock<Arc<Vec<SigningKey>>>,
}

struct SigningKey {
    id: String,
    active_at: Time,
    key: hmac::Key,
}

/// A key of access tokens of one app.
pub(super) struct AppKey {
    /// `kid`.
    pub(super) id: String,
    /// A secret of HMAC-SHA-256.
    pub(super) secret: hmac::Tag,
}

impl SigningKeys {
    /// Keys that are kept in `own_keys`. There are none before [`refresh`](Self::refresh).
    pub fn new(own_keys: OwnKeys, clock: Arc<dyn Clock>) -> Self {
        Self { own_keys, clock, current: RwLock::default() }
    }

    /// Reads the keys that are there, makes a new one when it is time, and forgets the oldest when nothing is left of it.
    ///
    /// # Errors
    /// When the database fails; what was read before stays.
    pub async fn refresh(&self) -> Result<(), OwnKeyError> {
        let now = self.clock.now();
        let mut kept = self.own_keys.list(PURPOSE).await?;
        let newest = kept.iter().rfind(|key| key.secret.is_some()).map(|key| key.active_at);
        let due = match newest {
            None => Some(now),
            Some(newest) if newest + SIGNS_FOR <= now => Some(now + ANNOUNCED_FOR),
            Some(_) => None,
        };
        if let Some(active_at) = due {
            let last = kept.last().map(|key| key.id.as_str());
            if self.own_keys.make(PURPOSE, active_at, last).await? {
                tracing::info!(%active_at, "a new key for access tokens was made");
            }
            kept = self.own_keys.list(PURPOSE).await?;
        }
        for (index, old) in kept.iter().enumerate() {
            // Keys that were made while another secret_key was configured have signed nothing that is to stay.
            let successor = kept[index + 1..].iter().find(|key| key.secret.is_some());
            if successor.is_some_and(|successor| successor.active_at + OUTLIVES <= now) {
                self.own_keys.forget(&old.id).await?;
            }
        }
        let keys = kept.into_iter().filter_map(|key| {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, &key.secret?);
            Some(SigningKey { id: key.id, active_at: key.active_at, key: secret })
        });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys.collect());
        Ok(())
    }

    /// The key that signs the access tokens of `app` now.
    pub(super) fn signing(&self, app: &str, now: Time) -> Option<AppKey> {
        self.current().iter().rfind(|key| key.active_at <= now).map(|key| key.of(app))
    }

    /// The key with that id, of `app`.
    pub(super) fn find(&self, app: &str, id: &str) -> Option<AppKey> {
        self.current().iter().find(|key| key.id == id).map(|key| key.of(app))
    }

    fn current(&self) -> Arc<Vec<SigningKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SigningKey {
    fn of(&self, app: &str) -> AppKey {
        let secret = hmac::sign(&self.key, format!("access tokens of {app}").as_bytes());
        AppKey { id: self.id.clone(), secret }
    }
}

/// The id alone.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}
