//! What handlers have at hand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::Admission;
use crate::{auth::Tokens, clock::Clock, config::PatchAnswer, provision::BridgedApp, store::Store};

/// Everything that is served.
#[derive(Debug)]
pub struct Service {
    /// The apps by name, which is the first part of their URLs.
    pub apps: BTreeMap<String, Arc<MountedApp>>,
    /// Who is let in.
    pub admission: Admission,
    /// The database, for readiness.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
}

/// An app with what opens it.
#[derive(Debug)]
pub struct MountedApp {
    /// The app.
    pub bridged: BridgedApp,
    /// Who may call.
    pub tokens: Tokens,
    /// How PATCH is answered.
    pub patch_answers: PatchAnswers,
}

/// How a PATCH is answered when the request does not ask for attributes: clients disagree (`C-8`, `C-9`).
#[derive(Clone, Copy, Debug)]
pub struct PatchAnswers {
    /// On users.
    pub user: PatchAnswer,
    /// On groups.
    pub group: PatchAnswer,
}
