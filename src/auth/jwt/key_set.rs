//! The keys that an issuer publishes (RFC 7517), fetched and kept.
//!
//! Issuers change their keys at any time, and publish the new ones first. So a key that is not known is looked for once, and
//! then not again for a while: tokens with keys that do not exist must not make us call the issuer for each. Keys that are
//! known are fetched again behind the requests' back when they grow old, and before a request is answered when they are old. If
//! the issuer cannot be reached they are used, for a day, and from then on no request waits for it that has a known key.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde_json::Value;

use super::{
    problem::{KeysError, Problem, Shown},
    verified::VerifiedTokens,
};
use crate::{
    clock::{Clock, Time},
    upstream::Documents,
};

/// After this time keys are fetched again, although those that are asked for are known.
const FRESH_FOR: Duration = Duration::from_hours(1);

/// After this time requests wait until they are fetched: while nobody came nobody fetched them, and a key may have been withdrawn.
const BELIEVED_FOR: Duration = Duration::from_hours(2);

/// How old the keys may be that are used because the issuer cannot be reached.
const USED_FOR: Duration = Duration::from_hours(24);

/// The least time between two attempts to fetch them.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// How long after an attempt that failed no request waits for the next one, if it has a key that may be used. The next one is
/// made meanwhile by whoever comes.
const FAILED_FOR: Duration = Duration::from_mins(10);

/// More keys than any issuer publishes.
const MOST_KEYS: usize = 100;

/// Where an issuer publishes its keys.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWK Set at this URL.
    Keys(String),
    /// Metadata at this URL say where (OpenID Connect Discovery 1.0 §4).
    Metadata {
        /// The URL.
        url: String,
        /// The metadata must be of one of these issuers.
        issuers: Vec<String>,
    },
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeySet {
    source: KeySource,
    documents: Documents,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    /// Held by whoever fetches.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    keys: Arc<Vec<Arc<Key>>>,
    fetched_at: Option<Time>,
    attempted_at: Option<Time>,
    /// Why the last attempt failed.
    failure: Option<String>,
}

/// A key that an issuer published.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<KeyAlgorithm>,
    /// Verifies.
    pub(super) key: DecodingKey,
    /// What it has verified since it was fetched.
    pub(super) verified: VerifiedTokens,
}

impl Key {
    fn fits(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        self.key.family() == algorithm.family()
            && self.algorithm.is_none_or(|own| own == algorithm.into())
            && (id.is_none() || self.id.as_deref() == id)
    }
}

impl KeySet {
    /// The keys that are published at `source`. Nothing is fetched yet.
    pub fn new(source: KeySource, documents: Documents, clock: Arc<dyn Clock>) -> Self {
        Self { source, documents, clock, state: RwLock::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// Where they are published.
    pub(super) fn source(&self) -> &KeySource {
        &self.source
    }

    /// The key with that id for that algorithm. A token need not name its key if there is only one that it can be.
    ///
    /// # Errors
    /// When the issuer does not have it, or cannot be asked.
    pub(super) async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<Key>, Problem> {
        let state = self.state();
        // Each of many would wait in vain for an issuer that hangs.
        let age = if self.has_just_failed(&state) { USED_FOR } else { BELIEVED_FOR };
        if !self.is_older_than(age, &state)
            && let Some(key) = pick(&state.keys, id, algorithm)
        {
            let is_being_fetched = self.fetching.try_lock().is_err();
            if self.is_older_than(FRESH_FOR, &state) && !self.cools_down(&state) && !is_being_fetched {
                // The request does not wait for it.
                drop(self.fetch_in_background(state.attempted_at));
            }
            return Ok(key);
        }
        let state = if self.cools_down(&state) {
            state
        } else {
            // In a task of its own, so that a client that hangs up does not end it.
            let _ = self.fetch_in_background(state.attempted_at).await;
            self.state()
        };
        let found = pick(&state.keys, id, algorithm).filter(|_| !self.is_older_than(USED_FOR, &state));
        match (found, state.failure) {
            (Some(key), _) => Ok(key),
            (None, Some(failure)) => Err(Problem::KeysUnavailable(Shown::new(failure))),
            (None, None) => Err(Problem::UnknownKey(Shown::new(id.unwrap_or("(unnamed)")))),
        }
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_older_than(&self, age: Duration, state: &State) -> bool {
        let now = self.clock.now();
        state.fetched_at.is_none_or(|fetched_at| fetched_at + age <= now)
    }

    /// Whether the issuer could not be asked when that was tried last, and not so long ago that it says nothing any more.
    fn has_just_failed(&self, state: &State) -> bool {
        let now = self.clock.now();
        state.failure.is_some()
            && state.attempted_at.is_some_and(|attempted_at| now < attempted_at + FAILED_FOR)
    }

    fn cools_down(&self, state: &State) -> bool {
        let now = self.clock.now();
        state.attempted_at.is_some_and(|attempted_at| now < attempted_at + COOL_DOWN)
    }

    fn fetch_in_background(self: &Arc<Self>, seen_attempt: Option<Time>) -> tokio::task::JoinHandle<()> {
        let key_set = self.clone();
        tokio::spawn(async move {
            let _fetching = key_set.fetching.lock().await;
            // Whoever waited for another's attempt has its result.
            if key_set.state().attempted_at == seen_attempt {
                key_set.fetch().await;
            }
        })
    }

    async fn fetch(&self) {
        let keys = self.download().await;
        let now = self.clock.now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.attempted_at = Some(now);
        let had_failed = state.failure.is_some();
        match keys {
            Ok(keys) => {
                if had_failed {
                    tracing::info!(url = self.source.url(), "the keys of an issuer can be had again");
                }
                state.keys = Arc::new(keys);
                state.fetched_at = Some(now);
                state.failure = None;
            }
            Err(error) => {
                if !had_failed {
                    let known = state.keys.len();
                    tracing::warn!(
                        url = self.source.url(), %error, known,
                        "the keys of an issuer cannot be had; those that are known are used"
                    );
                }
                state.failure = Some(error.to_string());
            }
        }
    }

    /// Has these keys now, as if it had fetched them.
    #[cfg(test)]
    pub(super) fn replace(&self, document: &Value) {
        let now = Some(self.clock.now());
        let keys = Arc::new(read(document));
        *self.state.write().unwrap() = State { keys, fetched_at: now, attempted_at: now, failure: None };
    }

    async fn download(&self) -> Result<Vec<Arc<Key>>, KeysError> {
        let url = match &self.source {
            KeySource::Keys(url) => url.clone(),
            KeySource::Metadata { url, issuers } => {
                let metadata = self.documents.fetch(url).await?;
                published_at(&metadata, issuers, url)
                    .map_err(|reason| KeysError::Metadata { url: url.clone(), reason })?
            }
        };
        let keys = read(&self.documents.fetch(&url).await?);
        if keys.is_empty() { Err(KeysError::NoKeys(url)) } else { Ok(keys) }
    }
}

impl KeySource {
    fn url(&self) -> &str {
        match self {
            Self::Keys(url) | Self::Metadata { url, .. } => url,
        }
    }
}

fn pick(keys: &[Arc<Key>], id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
    let mut fitting = keys.iter().filter(|key| key.fits(id, algorithm));
    let key = fitting.next()?;
    let is_ambiguous = id.is_none() && fitting.next().is_some();
    (!is_ambiguous).then(|| key.clone())
}

/// Where the metadata of one of `issuers`, which were found at `found_at`, say that its keys are. On this machine they are only
/// where the metadata are there as well: another's must not make us call what is meant for nobody else.
fn published_at(metadata: &Value, issuers: &[String], found_at: &str) -> Result<String, &'static str> {
    let issuer = metadata["issuer"].as_str().ok_or("name no issuer")?;
    if !issuers.iter().any(|one| one == issuer) {
        return Err("are of another issuer");
    }
    let url = metadata["jwks_uri"].as_str().ok_or("do not say where the keys are")?;
    let is_from_here = url::Url::parse(found_at).is_ok_and(|found_at| is_this_machine(&found_at));
    match url::Url::parse(url) {
        Ok(parsed) if is_this_machine(&parsed) && !is_from_here => {
            Err("name a place for the keys on the bridge's own machine")
        }
        Ok(parsed) if parsed.scheme() == "https" || is_this_machine(&parsed) => Ok(url.to_owned()),
        _ => Err("name a place for the keys that is not https://"),
    }
}

fn is_this_machine(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}

/// The keys of a JWK Set that can verify signatures. Those that we cannot read are passed over (RFC 7517 §5), and so are secret
/// ones, which have no place in it.
fn read(document: &Value) -> Vec<Arc<Key>> {
    let keys = document["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(MOST_KEYS).filter_map(key).map(Arc::new).collect()
}

fn key(value: &Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_))
        || jwk.common.public_key_use.is_some_and(|purpose| purpose != PublicKeyUse::Signature)
    {
        return None;
    }
    let key = DecodingKey::from_jwk(&Jwk { common: Default::default(), algorithm: jwk.algorithm }).ok()?;
    debug_assert!(key.family() != AlgorithmFamily::Hmac, "no secret key is published");
    let verified = VerifiedTokens::default();
    Some(Key { id: jwk.common.key_id, algorithm: jwk.common.key_algorithm, key, verified })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::elsewhere("https://login.example.com", "https://keys.example.com/keys", true)]
    #[case::in_clear("https://login.example.com", "http://keys.example.com/keys", false)]
    #[case::from_elsewhere_to_this_machine("https://login.example.com", "http://127.0.0.1:8080/keys", false)]
    #[case::to_its_name("https://login.example.com", "https://localhost/keys", false)]
    #[case::all_on_this_machine("http://127.0.0.1:8080", "http://127.0.0.1:8080/keys", true)]
    fn metadata_lead_to_this_machine_only_from_there(
        #[case] issuer: &str,
        #[case] keys: &str,
        #[case] is_followed: bool,
    ) {
        let metadata = json!({ "issuer": issuer, "jwks_uri": keys });
        let found_at = format!("{issuer}/.well-known/openid-configuration");
        let published = published_at(&metadata, &[issuer.to_owned()], &found_at);
        assert_eq!(published.is_ok(), is_followed, "{published:?}");
    }
}
