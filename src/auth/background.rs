//! What keeps the authenticators fresh, without any request.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    Credentials,
    expiry::{ExpiryWarnings, Warning},
    oauth::SigningKeys,
};
use crate::{
    clock::Clock,
    store::{Store, StoreError, spent_assertions, token_uses},
};

/// How often it is read what was made and what was revoked. So long a revoked token may still work.
const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// Every how many refreshes the last uses are written down, and what has expired is forgotten.
const WRITE_EVERY: u32 = 5;

/// What is kept fresh.
#[derive(Debug)]
pub struct Background {
    /// The tokens of every app.
    pub credentials: Vec<Arc<Credentials>>,
    /// Those that open `/metrics`: they are configured, and only warned of.
    pub metrics_readers: Arc<Credentials>,
    /// The keys of access tokens, if an app gives any.
    pub signing_keys: Option<Arc<SigningKeys>>,
    /// The database.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Background {
    /// Keeps all fresh until `stopping`, and writes down the last uses at the end.
    pub async fn run(self, stopping: CancellationToken) {
        let mut warnings = ExpiryWarnings::default();
        // A database that fails, fails every two seconds.
        let mut had_failed = false;
        for round in 0_u32.. {
            let now = self.clock.now();
            for credentials in self.credentials.iter().chain([&self.metrics_readers]) {
                warnings.due(credentials, now).iter().for_each(Warning::log);
            }
            tokio::select! {
                () = stopping.cancelled() => break,
                () = self.clock.sleep_until(now + REFRESH_EVERY) => {}
            }
            let mut outcome = self.refresh().await;
            if round % WRITE_EVERY == WRITE_EVERY - 1 {
                outcome = outcome.and(self.write().await);
            }
            match outcome {
                Err(reason) if !had_failed => {
                    tracing::warn!(reason, "tokens cannot be read again; those that are known count");
                    had_failed = true;
                }
                Err(_) => {}
                Ok(()) => had_failed = false,
            }
        }
        if let Err(reason) = self.write().await {
            tracing::warn!(reason, "the last uses of tokens could not be written down");
        }
    }

    async fn refresh(&self) -> Result<(), String> {
        for credentials in &self.credentials {
            credentials.refresh(&self.store).await.map_err(|error| error.to_string())?;
        }
        if let Some(keys) = &self.signing_keys {
            keys.refresh().await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn write(&self) -> Result<(), String> {
        let now = self.clock.now();
        let uses: Vec<_> = self
            .credentials
            .iter()
            .flat_map(|one| one.take_uses().into_iter().map(|(id, last)| (one.app().to_owned(), id, last)))
            .collect();
        if uses.is_empty() && self.signing_keys.is_none() {
            return Ok(());
        }
        let taken = uses.clone();
        let written = self.store.write(move |transaction| {
            Box::pin(async move {
                for (app, id, last) in &taken {
                    token_uses::save(transaction, app, id, last).await?;
                }
                spent_assertions::forget_expired(transaction, now).await
            })
        });
        written.await.map_err(|error: StoreError| {
            for (app, id, last) in uses {
                if let Some(credentials) = self.credentials.iter().find(|one| one.app() == app) {
                    credentials.give_back(id, last);
                }
            }
            error.to_string()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::credential::{Credential, Kind},
        clock::SystemClock,
        config,
        secret::Secret,
    };

    #[tokio::test]
    async fn last_uses_that_could_not_be_written_down_are_kept_for_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let (store, clock) = (Store::open(&url).await.unwrap(), Arc::new(SystemClock));
        let token = config::Token { name: "okta".into(), token: Secret::new("s3cret"), expires: None };
        let list = vec![Credential::of_token(&token)];
        let credentials = Arc::new(Credentials::new("aha", list, clock.clone()));
        credentials.find(&Kind::BearerToken, "s3cret", Default::default()).unwrap();
        let background = Background {
            credentials: vec![credentials.clone()],
            metrics_readers: Arc::new(Credentials::new("", Vec::new(), clock.clone())),
            signing_keys: None,
            store: store.clone(),
            clock,
        };
        store.close().await;
        background.write().await.unwrap_err();
        assert!(credentials.take_uses().contains_key("config/token/okta"));
    }
}
