//! A call to the target, of which is told when it has ended: with the last byte of its answer.

use std::{fmt, sync::Arc};

use http::Method;

use crate::{
    cause::TraceParent,
    upstream::{Begun, Called, StatusOfTarget},
};

use super::{Below, PassedThrough};

/// What all of them are counted as: their paths are the client's to choose.
const ROUTE: &str = "passed through";

/// A call that is under way. Dropped before it was [answered](Call::answered) or [failed](Call::failed), it is not told of: the
/// client hung up.
pub(super) struct Call {
    app: Arc<PassedThrough>,
    method: Method,
    path: String,
    /// Taken when it ends.
    begun: Option<Begun>,
    /// What it is done for stands in its line of the log, also where a connection ends it.
    span: tracing::Span,
    outcome: Option<Result<StatusOfTarget, String>>,
}

impl Call {
    /// It begins now.
    pub(super) fn begin(app: &Arc<PassedThrough>, method: &Method, below: &Below) -> Self {
        Self {
            app: app.clone(),
            method: method.clone(),
            path: below.path().to_owned(),
            begun: Some(Begun::at(app.clock.now())),
            span: tracing::Span::current(),
            outcome: None,
        }
    }

    /// Its place in the trace, if it is a part of its own.
    pub(super) fn trace_parent(&self) -> Option<TraceParent> {
        self.begun.as_ref().and_then(Begun::recorded)
    }

    /// The head of an answer came. Unless that [breaks off](Self::failed), it ends well: also where the client wants no more.
    pub(super) fn answered(&mut self, status: StatusOfTarget) {
        self.outcome = Some(Ok(status));
    }

    /// There is no answer, or none to its end.
    pub(super) fn failed(&mut self, reason: &dyn fmt::Display) {
        self.outcome = Some(Err(reason.to_string()));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (Some(outcome), Some(begun)) = (self.outcome.take(), self.begun.take()) else { return };
        let called = Called { method: &self.method, route: ROUTE, path: &self.path };
        let now = self.app.clock.now();
        self.span.in_scope(|| match outcome {
            Ok(status) => self.app.calls.tell(begun, called, now, Ok(status)),
            Err(reason) => self.app.calls.tell(begun, called, now, Err(&reason)),
        });
    }
}
