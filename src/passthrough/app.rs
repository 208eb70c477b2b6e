//! A passed-through app: all that its requests share.

use std::{fmt, sync::Arc, time::Duration};

use http::{
    HeaderName, HeaderValue, Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use tokio::sync::Semaphore;

use crate::{
    clock::{Clock, Time},
    config::{Brake, Repair, ScimConfig},
    scim::registry::Registry,
    secret::Secret,
    store::{Store, StoreError},
    upstream::{CallMeter, PrivateNetworks, Relay, RelaySettings, SetupError},
};

use super::{
    base::Translation,
    brake::{self, BrakeState},
    breaker::{Breaker, Condition},
    key_usage::{Key, KeyUsage},
    path::Below,
    refused::Refused,
};

/// How many KiB of bodies that must be read as a whole are held at a time, all requests of an app together.
const BODIES_KIB: u32 = 64 * 1024;

/// What an app is made of beside its configuration.
#[derive(Debug)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// Its base URL for clients, `{public_url}/{name}/scim/v2`.
    pub base_url: String,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// How many requests may be under way at a time, to the last byte of their answers.
    pub max_concurrent: usize,
    /// For the record of writes.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Tells of what is passed on.
    pub calls: CallMeter,
}

/// An app whose requests are passed through.
pub struct PassedThrough {
    name: String,
    pub(super) relay: Relay,
    /// Scheme and authority, from the configuration alone.
    scheme: Scheme,
    authority: Authority,
    base_path: String,
    /// The target, as it is named in messages.
    pub(super) target: String,
    /// The target's own credentials.
    pub(super) authorization: HeaderValue,
    /// From the target's URLs to ours, and back.
    pub(super) to_client: Arc<Translation>,
    pub(super) to_target: Arc<Translation>,
    pub(super) allowed: Arc<[HeaderName]>,
    pub(super) repairs: Vec<Repair>,
    /// What repairs go by.
    pub(super) registry: Registry,
    pub(super) request_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) max_body_bytes: usize,
    pub(super) max_answer_bytes: u64,
    /// One permit for each request that may be under way.
    pub(super) places: Arc<Semaphore>,
    max_concurrent: usize,
    /// One permit for each KiB of bodies that may be held.
    pub(super) memory: Arc<Semaphore>,
    pub(super) breaker: Breaker,
    pub(super) refused: Refused,
    /// That of the target's other API.
    pub(super) key: Option<Key>,
    pub(super) brake: Brake,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) calls: CallMeter,
}

impl fmt::Debug for PassedThrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassedThrough")
            .field("name", &self.name)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl PassedThrough {
    /// The app of `config`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(config: &ScimConfig, settings: Settings) -> Result<Self, SetupError> {
        let Settings { name, base_url, max_body_bytes, max_concurrent, store, clock, calls } = settings;
        let relay = relay(config, &clock)?;
        let authorization = bearer(&config.token)?;
        let target = config.base_url.as_str();
        let uri: Uri = target.parse().map_err(|_| SetupError::Header { what: "base_url" })?;
        let Parts { scheme: Some(scheme), authority: Some(authority), .. } = uri.clone().into_parts() else {
            return Err(SetupError::Header { what: "base_url" });
        };
        // A body of the largest size must fit in, with and without its coding.
        let memory = BODIES_KIB.max(kib(max_body_bytes).saturating_mul(2)) as usize;
        Ok(Self {
            relay,
            scheme,
            authority,
            base_path: uri.path().trim_end_matches('/').to_owned(),
            target: target.to_owned(),
            authorization,
            to_client: Arc::new(Translation::new(target, &base_url)),
            to_target: Arc::new(Translation::new(&base_url, target)),
            allowed: config.forward.as_slice().into(),
            repairs: config.repairs.clone(),
            registry: Registry::default(),
            request_timeout: config.request_timeout,
            idle_timeout: config.idle_timeout,
            total_timeout: config.total_timeout,
            max_body_bytes,
            max_answer_bytes: config.max_answer_bytes,
            places: Arc::new(Semaphore::new(max_concurrent)),
            max_concurrent,
            memory: Arc::new(Semaphore::new(memory)),
            breaker: Breaker::new(clock.clone(), config.request_timeout),
            refused: Refused::default(),
            key: Key::of(config)?,
            brake: config.brake,
            store,
            name,
            clock,
            calls,
        })
    }

    /// The app's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the target is doing.
    pub fn condition(&self) -> Condition {
        self.breaker.condition()
    }

    /// The target, as it is named in messages.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Since when the target refuses the token that it is called with; `None` as far as is known, it does not.
    pub fn credentials_refused_since(&self) -> Option<Time> {
        self.refused.since()
    }

    /// When the target last accepted it, as far as this process knows.
    pub fn credentials_accepted_at(&self) -> Option<Time> {
        self.refused.accepted_at()
    }

    /// How the brake stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn brake_state(&self) -> Result<BrakeState, StoreError> {
        brake::state(&self.store, &self.name, &self.brake, self.clock.now()).await
    }

    /// What the target's other API told last of its key.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.key.as_ref()?.last(self.clock.now())
    }

    /// How many requests are under way.
    pub fn under_way(&self) -> usize {
        self.max_concurrent.saturating_sub(self.places.available_permits())
    }

    /// The URL at the target.
    pub(super) fn uri(&self, below: &Below) -> Result<Uri, http::Error> {
        let path_and_query: PathAndQuery = below.at(&self.base_path)?;
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Ok(Uri::from_parts(parts)?)
    }
}

/// The client of the target.
pub(super) fn relay(config: &ScimConfig, clock: &Arc<dyn Clock>) -> Result<Relay, SetupError> {
    Relay::new(RelaySettings {
        private_networks: match config.allow_private {
            true => PrivateNetworks::Allowed,
            false => PrivateNetworks::Refused,
        },
        authorities: config.authorities.clone(),
        connect_timeout: config.connect_timeout,
        clock: clock.clone(),
    })
}

/// Credentials as a header.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, SetupError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| SetupError::Header { what: "token" })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whole KiB of so many bytes, at least one.
pub(super) fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).max(1)
}
