//! A person logs in at a target for the bridge (OAuth 2.0, authorization code, RFC 6749 §4.1), and the bridge calls with the
//! token that this gives.
//!
//! ```text
//! scim-bridge login      -> a state, and the URL to open                                  begun
//! the person's browser   -> the target -> /{app}/oauth/callback?code=…&state=…            begun
//! code                   -> the target's token endpoint -> a token, sealed in the database
//! a call                 -> the token; a new one first where it is about to end           kept
//! ```
//!
//! What Aha! answers to the code is not documented beyond the access token, so a refresh token and an end may be there or not:
//! with a refresh token it is renewed in time, without one a person must log in again when it has ended, and is told so. Only
//! one process renews at a time, since a refresh token may be good once.

mod begun;
mod kept;
mod token;

use std::{fmt, sync::Arc};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    config,
    secret::Sealer,
    store::Store,
    upstream::{CallMeter, SetupError, TokenEndpoint},
};

pub use self::begun::{Begun, CameBack, LoginError, is_state};
use self::kept::Current;

/// What a [`Login`] is made of.
#[derive(Debug)]
pub struct Settings<'a> {
    /// Tells of the calls, and whose they are.
    pub meter: CallMeter,
    /// What its target is called.
    pub target: &'static str,
    /// Where the target is; below it are `/oauth/authorize` and `/oauth/token`.
    pub base_url: &'a str,
    /// The client that the bridge is there.
    pub client: &'a config::Login,
    /// Where the token is kept.
    pub store: &'a Store,
    /// Time.
    pub clock: &'a Arc<dyn Clock>,
}

/// The login of a person at the target of one app. Clones are the same login.
#[derive(Clone)]
pub struct Login {
    app: String,
    target: &'static str,
    authorize_url: String,
    client_id: String,
    endpoint: Arc<TokenEndpoint>,
    sealer: Arc<Sealer>,
    store: Store,
    clock: Arc<dyn Clock>,
    current: Arc<Current>,
    /// Held while a token is renewed, so that not everybody who calls asks for a new one.
    renewing: Arc<tokio::sync::Mutex<()>>,
    /// What must not be dropped between a renewal and the database.
    renewals: TaskTracker,
    changes: watch::Sender<u64>,
}

impl Login {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: Settings<'_>) -> Result<Self, SetupError> {
        let Settings { meter, target, base_url, client, store, clock } = settings;
        let url = format!("{base_url}/oauth/token");
        let secret = (client.client_id.clone(), client.client_secret.clone());
        Ok(Self {
            app: meter.app().to_owned(),
            target,
            authorize_url: format!("{base_url}/oauth/authorize"),
            client_id: client.client_id.clone(),
            endpoint: Arc::new(TokenEndpoint::new(meter, url, secret, clock.clone())?),
            sealer: Arc::new(Sealer::new(&client.secret_key)),
            store: store.clone(),
            clock: clock.clone(),
            current: Arc::default(),
            renewing: Arc::default(),
            renewals: TaskTracker::new(),
            changes: watch::Sender::new(0),
        })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("app", &self.app).finish_non_exhaustive()
    }
}
