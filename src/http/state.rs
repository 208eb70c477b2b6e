//! What handlers have at hand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::Admission;
use crate::{
    auth::{Authenticator, HookSecret},
    clock::Clock,
    config::PatchAnswer,
    login::Login,
    passthrough::PassedThrough,
    provision::BridgedApp,
    store::Store,
    telemetry::metrics::Metrics,
};

/// Everything that is served.
#[derive(Debug)]
pub struct Service {
    /// The apps by name, which is the first part of their URLs.
    pub apps: BTreeMap<String, Mounted>,
    /// Who is let in.
    pub admission: Admission,
    /// The database, for readiness.
    pub store: Store,
    /// What is counted and timed.
    pub metrics: Metrics,
    /// Who may read that and nothing else.
    pub metrics_readers: Authenticator,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
}

/// An app, by the way that its requests go.
#[derive(Clone, Debug)]
pub enum Mounted {
    /// They are answered here, and carried out at a target that speaks no SCIM.
    Bridged(Arc<MountedApp>),
    /// They are passed through to the target's own SCIM endpoint.
    PassedThrough(Arc<PassedThroughMount>),
}

impl Mounted {
    /// Who may call.
    pub fn authenticator(&self) -> &Authenticator {
        match self {
            Self::Bridged(app) => &app.authenticator,
            Self::PassedThrough(app) => &app.authenticator,
        }
    }
}

/// An app that is passed through, with what opens it.
#[derive(Debug)]
pub struct PassedThroughMount {
    /// The app.
    pub app: Arc<PassedThrough>,
    /// Who may call.
    pub authenticator: Authenticator,
}

/// A bridged app with what opens it.
#[derive(Debug)]
pub struct MountedApp {
    /// The app.
    pub bridged: BridgedApp,
    /// Who may call.
    pub authenticator: Authenticator,
    /// How PATCH is answered.
    pub patch_answers: PatchAnswers,
    /// What opens its hook; `None`: it has none.
    pub hook_secret: Option<HookSecret>,
    /// The login of a person at the target, if it is called with one.
    pub login: Option<Arc<Login>>,
}

/// How a PATCH is answered when the request does not ask for attributes: clients disagree (`C-8`, `C-9`).
#[derive(Clone, Copy, Debug)]
pub struct PatchAnswers {
    /// On users.
    pub user: PatchAnswer,
    /// On groups.
    pub group: PatchAnswer,
}
