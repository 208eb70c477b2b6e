//! Many operations in one request (RFC 7644 §3.7).
//!
//! Every operation is the same use case as by itself, and one that fails leaves the others done. They are stored one after
//! the other, in the order of [`order`], so that each finds what those before it left. Only the target is waited for
//! together: an operation on a user is left waiting while others go on, until one comes that needs to know how it ended,
//! since it refers to that user or changes it again. All share the deadline of the request, so that a thousand creates are
//! answered as soon as one.

mod run;
mod step;

use crate::{
    provision::{BridgedApp, Presented, ProvisionError, Request},
    scim::bulk::{BulkRequest, Endpoint, Problem, Unit, order},
};

use self::run::Run;

/// An operation that was tried.
#[derive(Debug)]
pub struct Tried {
    /// Its method.
    pub method: String,
    /// Its `bulkId`.
    pub bulk_id: Option<String>,
    /// The URL of the resource; `None` for one that was not created, or whose path leads nowhere.
    pub location: Option<String>,
    /// How it ended.
    pub result: Result<Done, OperationError>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// A resource was created.
    Created(Written),
    /// A resource was replaced.
    Replaced(Written),
    /// A resource at this endpoint was changed.
    Updated(Endpoint, Written),
    /// A resource was deleted.
    Deleted,
}

/// A resource that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    id: String,
    location: String,
    entity_tag: String,
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// It is not written as it must be.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// It refers to something that is not there (RFC-119).
    #[error("{0}")]
    Unresolved(String),
    /// The use case failed.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
}

/// Carries the operations out. Answers those that were tried, in the order of the request: those after the last error that
/// the request accepts are not (RFC-121).
pub async fn run(app: &BridgedApp, request: &Request, bulk: BulkRequest) -> Vec<Tried> {
    let fail_on_errors = bulk.fail_on_errors;
    let mut run = Run::new(app, request, bulk.operations);
    for unit in order(run.references()) {
        if fail_on_errors.is_some_and(|most| run.failed() >= most) {
            break;
        }
        match unit {
            Unit::One(place) => run.begin(place).await,
            Unit::Circle(places) => run.circle(places).await,
        }
        if fail_on_errors.is_some() {
            // Whether to go on depends on how this one ends.
            run.settle().await;
        }
    }
    run.settle().await;
    run.into_tried()
}

impl Done {
    /// The resource, if there is one now.
    pub fn written(&self) -> Option<&Written> {
        match self {
            Self::Created(written) | Self::Replaced(written) | Self::Updated(_, written) => Some(written),
            Self::Deleted => None,
        }
    }
}

impl Written {
    /// The entity tag that it has now.
    pub fn entity_tag(&self) -> &str {
        &self.entity_tag
    }
}

impl From<Presented> for Written {
    fn from(presented: Presented) -> Self {
        Self { id: presented.id, location: presented.location, entity_tag: presented.entity_tag }
    }
}
