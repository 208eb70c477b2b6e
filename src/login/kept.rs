//! The token that calls carry, and its renewal.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::watch;

use super::{Login, token::Token};
use crate::{
    cause::Cause,
    clock::Time,
    connector::{TargetError, credentials::Credentials},
    secret::Secret,
    store::{StoreError, target_tokens},
    upstream::{Grant, Granted, NotGranted},
};

/// How long before its end a token is renewed: a call that carries it may take a while. Of a short life it is a tenth.
const BEFORE_THE_END: Duration = Duration::from_secs(60);

/// How long the turn to renew lasts: longer than the token endpoint may take.
const TURN: Duration = Duration::from_secs(20);

/// How often to look whether another process has renewed it.
const POLL: Duration = Duration::from_millis(250);

/// How long after a failure a renewed token is written to the database again.
pub(super) const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// How long a refresh token that was refused is not shown again: as long as it takes until a target that refuses is called again.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// How long before the end of a token that cannot be renewed it is said that somebody must log in again.
const WARN_BEFORE: Duration = Duration::from_hours(7 * 24);

/// What is known of the token.
#[derive(Debug, Default)]
pub(super) struct Current {
    state: RwLock<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    token: Option<Arc<Token>>,
    /// How long the last that was given to this process was good for.
    lifetime: Option<Duration>,
    /// Why there is none, although there is a row.
    unreadable: bool,
    /// The version whose refresh token was refused, when, and why.
    refused: Option<(i64, Time, String)>,
    /// The version whose end was told.
    told: Option<i64>,
}

impl Login {
    fn state(&self) -> State {
        self.current.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.current.state.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Reads what the database has: somebody may have logged in, or renewed it.
    async fn read(&self) -> Result<Option<Arc<Token>>, StoreError> {
        let sealed = target_tokens::find(&self.store, &self.app).await?;
        let before = self.state();
        if let (Some(sealed), Some(token)) = (&sealed, &before.token)
            && sealed.version == token.version
            && sealed.logged_in_at == token.logged_in_at
        {
            return Ok(before.token);
        }
        let read = sealed.map(|sealed| Token::open(sealed, &self.sealer, &self.app));
        let unreadable = matches!(read, Some(Err(_)));
        if unreadable && !before.unreadable {
            tracing::error!(
                app = self.app,
                "the token of the login cannot be opened with server.secret_key; a person must log in again"
            );
        }
        let token = read.and_then(Result::ok).map(Arc::new);
        self.change(|state| {
            state.token.clone_from(&token);
            state.unreadable = unreadable;
        });
        let logged_in_at = |token: &Option<Arc<Token>>| token.as_ref().map(|token| token.logged_in_at);
        if logged_in_at(&token) != logged_in_at(&before.token) {
            self.changes.send_modify(|changes| *changes += 1);
        }
        Ok(token)
    }

    async fn find(&self) -> Result<Arc<Token>, TargetError> {
        if let Some(token) = self.state().token {
            return Ok(token);
        }
        self.read().await.map_err(database)?.ok_or_else(|| match self.state().unreadable {
            true => {
                self.a_person_must_log_in("the token of the login cannot be opened with server.secret_key")
            }
            false => {
                self.a_person_must_log_in(&format!("nobody has logged in at {} for this app", self.target))
            }
        })
    }

    /// Another token for `old`, which is about to end, or was refused. It goes on when the caller does not wait: a refresh token
    /// may be good once, so what was given for it must not be lost.
    async fn renew(&self, old: &Arc<Token>) -> Result<Arc<Token>, TargetError> {
        let (login, old) = (self.clone(), old.clone());
        let work = self
            .renewals
            .spawn(Cause::around_any(Cause::current(), async move { login.exchange(&old).await }));
        work.await.unwrap_or_else(|_| {
            Err(TargetError::Unavailable {
                reason: "the token of the login was not renewed, since the bridge stops".to_owned(),
            })
        })
    }

    async fn exchange(&self, old: &Token) -> Result<Arc<Token>, TargetError> {
        let _turn_here = self.renewing.lock().await;
        loop {
            // 1. Has it been renewed meanwhile, here or elsewhere?
            let Some(token) = self.read().await.map_err(database)? else { return self.find().await };
            if !token.is(old) {
                return Ok(token);
            }
            // 2. Can it be?
            let Some(refresh) = &token.refresh else {
                return Err(self.a_person_must_log_in(&format!(
                    "the token of the login is not good any more, and {} gave none to renew it with",
                    self.target
                )));
            };
            let now = self.clock.now();
            if let Some((version, at, reason)) = self.state().refused
                && version == token.version
                && now < at + AFTER_REFUSAL
            {
                return Err(self.a_person_must_log_in(&reason));
            }
            // 3. One process at a time.
            if !self.take_turn(token.version).await.map_err(database)? {
                self.clock.sleep_until(now + POLL).await;
                continue;
            }
            // 4. The target is asked, and what it says is kept.
            return match self.endpoint.ask(Grant::RefreshToken(refresh)).await {
                Ok(granted) => Ok(self.take(&token, granted).await),
                Err(not_granted) => {
                    self.give_up_turn(token.version).await.map_err(database)?;
                    Err(self.not_renewed(&token, not_granted))
                }
            };
        }
    }

    /// Calls carry what was given from now on, and the database keeps it as soon as it can.
    async fn take(&self, token: &Token, granted: Granted) -> Arc<Token> {
        let lifetime = granted.expires_in;
        let renewed = Arc::new(token.renewed(granted, self.clock.now()));
        self.change(|state| {
            state.token = Some(renewed.clone());
            state.lifetime = lifetime;
        });
        tracing::info!(app = self.app, "the token of the login was renewed");
        if let Err(error) = self.write(&renewed).await {
            tracing::error!(
                app = self.app, %error,
                "the renewed token of the login could not be written to the database; it is tried again until that succeeds, and \
                 if the bridge ends before, a person must log in again"
            );
            let (login, renewed) = (self.clone(), renewed.clone());
            self.renewals.spawn(async move { login.write_again(&renewed).await });
        } else if let Ok(Some(written)) = self.read().await {
            return written;
        }
        renewed
    }

    async fn write(&self, renewed: &Token) -> Result<(), StoreError> {
        let (app, version) = (self.app.clone(), renewed.version);
        let sealed = renewed.seal(&self.sealer, &self.app);
        let written = self.store.write(move |transaction| {
            Box::pin(async move { target_tokens::renew(transaction, &app, version, &sealed).await })
        });
        written.await.map(drop)
    }

    async fn write_again(&self, renewed: &Token) {
        // Until it is renewed once more, or somebody logs in.
        while self.state().token.is_some_and(|token| token.is(renewed)) {
            self.clock.sleep_until(self.clock.now() + WRITE_AGAIN).await;
            match self.write(renewed).await {
                Ok(()) => {
                    tracing::info!(app = self.app, "the renewed token of the login is in the database now");
                    // What the next renewal goes by.
                    self.look().await;
                    return;
                }
                Err(StoreError::Closed) => return,
                Err(_) => {}
            }
        }
    }

    fn not_renewed(&self, token: &Token, error: NotGranted) -> TargetError {
        match error {
            NotGranted::Unavailable(reason) => TargetError::Unavailable {
                reason: format!("the token of the login at {} could not be renewed: {reason}", self.target),
            },
            NotGranted::Refused(reason) => {
                let reason = format!("{} does not renew the token of the login: {reason}", self.target);
                let refused = (token.version, self.clock.now(), reason.clone());
                self.change(|state| state.refused = Some(refused));
                self.a_person_must_log_in(&reason)
            }
        }
    }

    async fn take_turn(&self, version: i64) -> Result<bool, StoreError> {
        let (app, now) = (self.app.clone(), self.clock.now());
        let times = (now, now + TURN);
        self.store
            .write(move |transaction| {
                Box::pin(async move { target_tokens::take_turn(transaction, &app, version, times).await })
            })
            .await
    }

    async fn give_up_turn(&self, version: i64) -> Result<(), StoreError> {
        let app = self.app.clone();
        self.store
            .write(move |transaction| {
                Box::pin(async move { target_tokens::give_up_turn(transaction, &app, version).await })
            })
            .await
    }

    /// Says once that a token ends which cannot be renewed.
    fn tell_of_its_end(&self) {
        let Some(expires_at) = self.ends_at() else { return };
        let state = self.state();
        let Some(token) = state.token.filter(|token| state.told != Some(token.version)) else { return };
        if expires_at <= self.clock.now() + WARN_BEFORE {
            self.change(|state| state.told = Some(token.version));
            tracing::warn!(
                app = self.app,
                %expires_at,
                "the token of the login ends and cannot be renewed; log in again before that with: {}",
                self.command()
            );
        }
    }

    fn a_person_must_log_in(&self, why: &str) -> TargetError {
        TargetError::CredentialsRefused {
            reason: format!("{why}. A person must log in (again): {}", self.command()),
        }
    }

    fn command(&self) -> String {
        format!("scim-bridge login --config FILE --app {}", self.app)
    }
}

impl Credentials for Login {
    fn token(&self) -> BoxFuture<'_, Result<Secret, TargetError>> {
        async move {
            let token = self.find().await?;
            let now = self.clock.now();
            let lifetime = self.state().lifetime.unwrap_or(Duration::MAX);
            let margin = BEFORE_THE_END.min(lifetime / 10);
            let Some(expires_at) = token.expires_at.filter(|time| *time <= now + margin) else {
                return Ok(token.access.clone());
            };
            match self.renew(&token).await {
                Ok(renewed) => Ok(renewed.access.clone()),
                // It is still good for a moment.
                Err(_) if now < expires_at => Ok(token.access.clone()),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn instead_of<'a>(&'a self, refused: &'a Secret) -> BoxFuture<'a, Result<Secret, TargetError>> {
        async move {
            let found = self.read().await.map_err(database)?;
            let token = match found {
                Some(token) => token,
                None => self.find().await?,
            };
            if token.access.expose() != refused.expose() {
                return Ok(token.access.clone());
            }
            if token.refresh.is_none() {
                let why = format!("{} does not accept the token of the login any more (401)", self.target);
                return Err(self.a_person_must_log_in(&why));
            }
            self.renew(&token).await.map(|renewed| renewed.access.clone())
        }
        .boxed()
    }

    fn look(&self) -> BoxFuture<'_, ()> {
        async move {
            match self.read().await {
                Ok(_) => self.tell_of_its_end(),
                Err(StoreError::Closed) => {}
                Err(error) => {
                    tracing::warn!(app = self.app, %error, "the token of the login could not be read")
                }
            }
        }
        .boxed()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        async move {
            self.renewals.close();
            self.renewals.wait().await;
        }
        .boxed()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn ends_at(&self) -> Option<Time> {
        self.state().token.filter(|token| token.refresh.is_none())?.expires_at
    }

    fn standing(&self) -> String {
        let State { token, .. } = self.state();
        match token.as_deref() {
            None => format!("nobody is logged in; log in with: {}", self.command()),
            Some(Token { refresh: Some(_), .. }) => "a login, whose token is renewed by itself".to_owned(),
            Some(Token { expires_at: None, .. }) => {
                format!("a login, for which {} names no end", self.target)
            }
            Some(Token { expires_at: Some(end), .. }) => {
                format!("a login until {end}; log in again before that with: {}", self.command())
            }
        }
    }
}

fn database(error: StoreError) -> TargetError {
    TargetError::Unavailable { reason: format!("the token of the login could not be read: {error}") }
}
