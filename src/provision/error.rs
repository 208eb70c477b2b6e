//! Why an operation was not done.

use std::time::Duration;

use crate::{scim, store::StoreError};

/// An operation that was not done. The texts are sentences for the IdP's admin.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The request breaks SCIM's rules; nothing was changed.
    #[error(transparent)]
    Scim(#[from] scim::error::Error),
    /// There is no such resource.
    #[error("There is no {resource_type} with the id {id}.")]
    NotFound {
        /// `User` or `Group`.
        resource_type: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// The resource is not of the version that the request demands (RFC 7644 §3.14).
    #[error(
        "The resource has the version {entity_tag}, and the request demands another. Read it again before changing it."
    )]
    VersionMismatch {
        /// Of the version that it has.
        entity_tag: String,
    },
    /// The bridge or the target refuses to do it; nothing was changed.
    #[error("{0}")]
    Forbidden(String),
    /// It cannot be done now.
    #[error("{detail}")]
    Unavailable {
        /// Why, and what to do.
        detail: String,
        /// When it may be worth trying again.
        retry_after: Duration,
    },
    /// Too much waits for the target already; nothing was changed.
    #[error("{detail}")]
    QueueTooLong {
        /// How long the wait would be, and what to do.
        detail: String,
        /// When the queue will be short enough.
        retry_after: Duration,
    },
    /// The bridge's own database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
