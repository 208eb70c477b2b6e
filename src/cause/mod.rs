//! What work is done for: the request that asked for it, as the log and traces know it.
//!
//! It comes with a request, stays with the user that the request changed, and is there again when the worker takes up that
//! user, perhaps in another process: so what happened at a target can be found by the id of the request that wanted it. On the
//! way through code it is not an argument but belongs to the task, as the lines of the log do that it stands in.

mod request_id;
pub mod span;
mod trace_parent;

use tracing::Instrument as _;

pub use self::{request_id::RequestId, trace_parent::TraceParent};

/// The header that says which trace a request belongs to.
pub const TRACE_PARENT: &str = "traceparent";

tokio::task_local! {
    static CURRENT: Cause;
}

/// The request that work is done for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The request.
    pub request_id: RequestId,
    /// The trace that it belongs to, and its place in it; `None` where nobody traces.
    pub trace_parent: Option<TraceParent>,
}

impl Cause {
    /// What the current task works for, if that is known.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Does `work` for this: [`current`](Self::current) answers it there, and each line of the log has it.
    pub async fn around<F: Future>(self, work: F) -> F::Output {
        // Of the highest level, so that it stands in whatever lines are written.
        let span =
            tracing::error_span!("request", request.id = %self.request_id, trace.id = tracing::field::Empty);
        if let Some(parent) = &self.trace_parent {
            span.record("trace.id", tracing::field::display(parent.trace_id()));
        }
        CURRENT.scope(self, work.instrument(span)).await
    }

    /// Does `work` for `cause`, if there is one: what a task that is spawned needs to work for what its maker works for.
    pub async fn around_any<F: Future>(cause: Option<Self>, work: F) -> F::Output {
        match cause {
            Some(cause) => cause.around(work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[tokio::test]
    async fn a_task_works_for_what_it_was_given_and_its_children_for_what_they_are_given() {
        assert_eq!(Cause::current(), None);
        let cause = Cause { request_id: RequestId::new(Time::from_micros(1)), trace_parent: None };
        let work = async {
            let current = Cause::current();
            let child = async || tokio::spawn(async { Cause::current() }).await.unwrap();
            let given = tokio::spawn(Cause::around_any(current.clone(), async { Cause::current() }));
            (current, child().await, given.await.unwrap())
        };
        assert_eq!(cause.clone().around(work).await, (Some(cause.clone()), None, Some(cause)));
    }
}
