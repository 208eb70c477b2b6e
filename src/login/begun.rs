//! From the URL that a person opens to the token.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{constant_time, digest, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::form_urlencoded;

use super::{Login, kept::WRITE_AGAIN, token::Token};
use crate::{
    clock::Time,
    connector::credentials::Credentials,
    secret::Secret,
    store::{
        StoreError,
        logins::{self, BegunLogin, Stage},
        target_tokens,
    },
    upstream::{Grant, NotGranted},
};

/// How long a person may take to log in.
const PATIENCE: Duration = Duration::from_mins(10);

/// The longest state and code that are looked at, in bytes.
const LONGEST: usize = 4096;

/// The random bytes of a state.
const STATE_BYTES: usize = 32;

/// Whether it has the form of the states that logins are [begun](Login::begin) with. Others need not be looked for.
pub fn is_state(state: &Secret) -> bool {
    URL_SAFE_NO_PAD.decode(state.expose()).is_ok_and(|bits| bits.len() == STATE_BYTES)
}

/// A login that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Its id.
    pub id: String,
    /// What the person is to open. It holds the state, which is a secret until it was used.
    pub url: Secret,
    /// Until when.
    pub expires_at: Time,
}

/// What the person's browser brings back from the target (RFC 6749 §4.1.2).
#[derive(Debug)]
pub struct CameBack {
    /// The state that the login was begun with.
    pub state: Secret,
    /// What the target says.
    pub outcome: Result<Secret, String>,
}

/// Why a person is not logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// There is no such login to be completed.
    #[error(
        "This login cannot be completed: it was completed already, took longer than 10 minutes, or was begun for another app. \
         Begin again with `scim-bridge login`."
    )]
    Unknown,
    /// The target says no.
    #[error("{target} did not allow the login ({reason}). Begin again with `scim-bridge login`.")]
    Refused {
        /// What the target is called.
        target: &'static str,
        /// What it says.
        reason: String,
    },
    /// The target did not answer.
    #[error("{target} could not be asked for the token: {reason}. Begin again with `scim-bridge login`.")]
    Unavailable {
        /// What the target is called.
        target: &'static str,
        /// What happened.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

impl Login {
    /// Begins a login, after which the target sends the person back to `redirect_uri`: exactly the one that the bridge was
    /// registered there with.
    ///
    /// # Errors
    /// When the database fails, or there are no random numbers.
    pub async fn begin(&self, redirect_uri: &str) -> Result<Begun, LoginError> {
        let mut bits = [0; STATE_BYTES];
        rand::fill(&mut bits).map_err(|_| LoginError::Random)?;
        let state = Secret::new(URL_SAFE_NO_PAD.encode(bits));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("state", state.expose())
            .finish();
        let (now, app) = (self.clock.now(), self.app.clone());
        let (expires_at, digest) = (now + PATIENCE, hex(&digest_of(&state)));
        let redirect_uri = redirect_uri.to_owned();
        let id = self.store.write(move |transaction| {
            Box::pin(async move {
                logins::begin(transaction, &app, &digest, &redirect_uri, (now, expires_at)).await
            })
        });
        let id = id.await.map_err(|error: StoreError| error)?;
        Ok(Begun { id, url: Secret::new(format!("{}?{query}", self.authorize_url)), expires_at })
    }

    /// What has become of a login that was [begun](Self::begin); `None` if it took too long and was forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stage(&self, id: &str) -> Result<Option<Stage>, StoreError> {
        Ok(logins::find(&self.store, id).await?.map(|login| login.stage))
    }

    /// Completes the login that the person comes back from. It goes on when the caller does not wait.
    ///
    /// # Errors
    /// When there is no such login, or no token was given.
    pub async fn finish(self: &Arc<Self>, came_back: CameBack) -> Result<(), LoginError> {
        let login = self.clone();
        // A code is good once: whoever hangs up must not lose the token.
        let work = self.renewals.spawn(async move { login.complete(came_back).await });
        work.await.unwrap_or(Err(LoginError::Unknown))
    }

    async fn complete(&self, CameBack { state, outcome }: CameBack) -> Result<(), LoginError> {
        // 1. Which login is it? It counts once.
        let begun = self.find_begun(&state).await?.ok_or(LoginError::Unknown)?;
        let (id, now) = (begun.id.clone(), self.clock.now());
        let used_up = self
            .store
            .write(move |transaction| Box::pin(async move { logins::use_up(transaction, &id, now).await }));
        if !used_up.await.map_err(|error: StoreError| error)? {
            return Err(LoginError::Unknown);
        }
        // 2. The code, or why there is none, becomes a token, or not.
        let granted = self.granted(&begun, outcome).await;
        match granted {
            Ok(token) => {
                self.keep_for_certain(&begun.id, token).await?;
                tracing::info!(
                    app = self.app,
                    "a person has logged in; the bridge calls {} with that",
                    self.target
                );
                self.look().await;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(app = self.app, %error, "a login failed");
                let (id, reason) = (begun.id, error.to_string());
                let noted: Result<(), StoreError> = self
                    .store
                    .write(move |transaction| {
                        Box::pin(async move { logins::fail(transaction, &id, &reason).await })
                    })
                    .await;
                noted?;
                Err(error)
            }
        }
    }

    /// The login of this app with that state. All are compared, each in a time that does not depend on where they differ.
    async fn find_begun(&self, state: &Secret) -> Result<Option<BegunLogin>, StoreError> {
        if state.expose().len() > LONGEST {
            return Ok(None);
        }
        let shown = hex(&digest_of(state));
        let mut found = None;
        for login in logins::list(&self.store, &self.app, self.clock.now()).await? {
            if constant_time::verify_slices_are_equal(login.state_digest.as_bytes(), shown.as_bytes()).is_ok()
            {
                found = Some(login);
            }
        }
        Ok(found)
    }

    async fn granted(
        &self,
        begun: &BegunLogin,
        outcome: Result<Secret, String>,
    ) -> Result<Token, LoginError> {
        let target = self.target;
        let code = outcome.map_err(|reason| LoginError::Refused { target, reason })?;
        if code.expose().is_empty() || code.expose().len() > LONGEST {
            return Err(LoginError::Refused { target, reason: "it sent no code".to_owned() });
        }
        let grant = Grant::Code { code: &code, redirect_uri: &begun.redirect_uri };
        let granted = self.endpoint.ask(grant).await.map_err(|error| match error {
            NotGranted::Refused(reason) => LoginError::Refused { target, reason },
            NotGranted::Unavailable(reason) => LoginError::Unavailable { target, reason },
        })?;
        Ok(Token::granted(granted, self.clock.now()))
    }

    /// Writes the token down, as often as it takes: there is no other for the code that it was given for.
    async fn keep_for_certain(&self, id: &str, token: Token) -> Result<(), StoreError> {
        let mut was_told = false;
        loop {
            match self.keep(id, &token).await {
                Err(error) if !matches!(error, StoreError::Closed) => {
                    if !was_told {
                        was_told = true;
                        tracing::error!(
                            app = self.app, %error,
                            "the token of the login could not be written to the database; it is tried again until that succeeds, \
                             and if the bridge ends before, a person must log in again"
                        );
                    }
                    self.clock.sleep_until(self.clock.now() + WRITE_AGAIN).await;
                }
                written => return written,
            }
        }
    }

    async fn keep(&self, id: &str, token: &Token) -> Result<(), StoreError> {
        let sealed = token.seal(&self.sealer, &self.app);
        let (id, app, now) = (id.to_owned(), self.app.clone(), self.clock.now());
        self.store
            .write(move |transaction| {
                Box::pin(async move {
                    target_tokens::save(transaction, &app, &sealed).await?;
                    logins::complete(transaction, &id, now).await
                })
            })
            .await
    }
}

fn digest_of(state: &Secret) -> digest::Digest {
    digest::digest(&digest::SHA256, state.expose().as_bytes())
}

fn hex(digest: &digest::Digest) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
