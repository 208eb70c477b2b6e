//! Keys that the bridge makes for itself and keeps in the database, so that they are the same after a restart and on every
//! replica.
//!
//! They are sealed with `server.secret_key`. Without one only the key of the cursors is there, in clear: whoever can read the
//! database has before them all that a cursor could lead to.

use std::sync::Arc;

use aws_lc_rs::{error::Unspecified, hmac, rand};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    clock::{Clock, Time},
    secret::{Sealer, Secret},
    store::{
        Store, StoreError,
        own_keys::{self, Form, KeptKey},
    },
};

/// The bytes of a key.
const LENGTH: usize = 32;

/// Makes keys and finds them again.
#[derive(Debug)]
pub struct OwnKeys {
    store: Store,
    clock: Arc<dyn Clock>,
    sealer: Option<Sealer>,
}

/// A key of ours.
pub struct OwnKey {
    /// Its id.
    pub(super) id: String,
    /// When it is first used.
    pub(super) active_at: Time,
    /// The key; `None` if it cannot be opened.
    pub(super) secret: Option<[u8; LENGTH]>,
}

/// A key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OwnKeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

impl From<Unspecified> for OwnKeyError {
    fn from(_: Unspecified) -> Self {
        Self::Random
    }
}

impl OwnKeys {
    /// Keys in `store`, sealed with `secret_key` if there is one.
    pub fn new(store: Store, clock: Arc<dyn Clock>, secret_key: Option<&Secret>) -> Self {
        Self { store, clock, sealer: secret_key.map(Sealer::new) }
    }

    /// The one key for `purpose`, made when it is first asked for. If it cannot be opened any more it is made again, and what
    /// was done with it is worthless.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn only(&self, purpose: &'static str) -> Result<hmac::Key, OwnKeyError> {
        for _ in 0..2 {
            let kept = own_keys::list(&self.store, purpose).await?.pop();
            let secret = kept.as_ref().and_then(|kept| self.open(purpose, kept));
            if let (Some(kept), Some(secret)) = (&kept, secret)
                && kept.form == self.form()
            {
                return Ok(hmac::Key::new(hmac::HMAC_SHA256, &secret));
            }
            if kept.is_some() && secret.is_none() {
                tracing::warn!(purpose, "a key cannot be opened with server.secret_key; another one is made");
            }
            let secret = secret.map_or_else(random, Ok)?;
            self.keep(purpose, purpose, secret, self.clock.now(), kept).await?;
        }
        // Another replica with another secret key keeps its own. Ours serves for as long as we run.
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &random()?))
    }

    /// The keys for `purpose`, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn list(&self, purpose: &str) -> Result<Vec<OwnKey>, StoreError> {
        let kept = own_keys::list(&self.store, purpose).await?;
        let read = |kept: KeptKey| OwnKey {
            secret: self.open(purpose, &kept),
            id: kept.id,
            active_at: kept.active_at,
        };
        Ok(kept.into_iter().map(read).collect())
    }

    /// Makes a key that is first used at `active_at`, unless another than `last` has become the newest for `purpose` meanwhile, as
    /// when replicas find at the same time that it is time for one. Whether it was made.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn make(
        &self,
        purpose: &'static str,
        active_at: Time,
        last: Option<&str>,
    ) -> Result<bool, OwnKeyError> {
        let mut id = [0; 8];
        rand::fill(&mut id)?;
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let key = self.kept(purpose, &id, random()?, active_at);
        let last = last.map(str::to_owned);
        let made = self.store.write(move |transaction| {
            Box::pin(async move { own_keys::append(transaction, purpose, &key, last.as_deref()).await })
        });
        Ok(made.await?)
    }

    /// Forgets a key.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn forget(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.store
            .write(move |transaction| Box::pin(async move { own_keys::delete(transaction, &id).await }))
            .await
    }

    /// Keeps a key under `id`, in the place of the one that was found there. If another replica has put one there since, that one
    /// stays.
    async fn keep(
        &self,
        purpose: &'static str,
        id: &str,
        secret: [u8; LENGTH],
        active_at: Time,
        instead_of: Option<KeptKey>,
    ) -> Result<(), StoreError> {
        let key = self.kept(purpose, id, secret, active_at);
        self.store
            .write(move |transaction| {
                Box::pin(async move {
                    if let Some(found) = instead_of {
                        own_keys::delete_this(transaction, &found).await?;
                    }
                    own_keys::create(transaction, purpose, &key).await
                })
            })
            .await
    }

    fn kept(&self, purpose: &str, id: &str, secret: [u8; LENGTH], active_at: Time) -> KeptKey {
        let material = match &self.sealer {
            Some(sealer) => sealer.seal(&label(purpose, id), &secret),
            None => STANDARD.encode(secret),
        };
        KeptKey { id: id.to_owned(), form: self.form(), material, active_at }
    }

    fn open(&self, purpose: &str, kept: &KeptKey) -> Option<[u8; LENGTH]> {
        let secret = match (kept.form, &self.sealer) {
            (Form::Plain, _) => STANDARD.decode(&kept.material).ok()?,
            (Form::Sealed, Some(sealer)) => sealer.open(&label(purpose, &kept.id), &kept.material).ok()?,
            (Form::Sealed, None) => return None,
        };
        secret.try_into().ok()
    }

    fn form(&self) -> Form {
        if self.sealer.is_some() { Form::Sealed } else { Form::Plain }
    }
}

fn label(purpose: &str, id: &str) -> String {
    format!("{purpose}/{id}")
}

fn random() -> Result<[u8; LENGTH], Unspecified> {
    let mut secret = [0; LENGTH];
    rand::fill(&mut secret)?;
    Ok(secret)
}
