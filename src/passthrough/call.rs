//! A call to the target, of which is told when it has ended: with the last byte of its answer.

use std::{fmt, sync::Arc};

use http::{Method, StatusCode};

use crate::{clock::Time, upstream::Ended};

use super::{Below, PassedThrough};

/// What all of them are counted as: their paths are the client's to choose.
const ROUTE: &str = "passed through";

/// A call that is under way. Dropped before it was [answered](Call::answered) or [failed](Call::failed), it is not told of: the
/// client hung up.
pub(super) struct Call {
    app: Arc<PassedThrough>,
    method: Method,
    path: String,
    started: Time,
    outcome: Option<Result<StatusCode, String>>,
}

impl Call {
    /// It begins now.
    pub(super) fn begin(app: &Arc<PassedThrough>, method: &Method, below: &Below) -> Self {
        let started = app.clock.now();
        Self {
            app: app.clone(),
            method: method.clone(),
            path: below.path().to_owned(),
            started,
            outcome: None,
        }
    }

    /// The head of an answer came. Unless that [breaks off](Self::failed), it ends well: also where the client wants no more.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.outcome = Some(Ok(status));
    }

    /// There is no answer, or none to its end.
    pub(super) fn failed(&mut self, reason: &dyn fmt::Display) {
        self.outcome = Some(Err(reason.to_string()));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(outcome) = &self.outcome else { return };
        let duration = self.app.clock.now().since(self.started);
        let ended = Ended { method: &self.method, route: ROUTE, path: &self.path, duration };
        match outcome {
            Ok(status) => self.app.calls.tell(ended, Ok(*status)),
            Err(reason) => self.app.calls.tell(ended, Err(reason)),
        }
    }
}
