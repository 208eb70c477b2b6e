//! What the writes of one request have in common.

use crate::{
    cause::Cause,
    clock::Time,
    scim::{meta, precondition::Precondition},
};

use super::{BridgedApp, ProvisionError};

/// A request of an IdP, which may hold many operations.
#[derive(Clone, Debug)]
pub struct Request {
    /// The name of the token that asks.
    pub actor: String,
    /// Until when to wait for the target; what is not confirmed by then is answered as accepted. All operations of the
    /// request share it, so that a thousand of them take no longer than one.
    pub deadline: Time,
    /// What it is called in the log, as is what is done for it.
    pub cause: Option<Cause>,
}

impl Request {
    /// A request that arrives now.
    pub fn new(app: &BridgedApp, actor: &str, cause: Option<Cause>) -> Self {
        Self { actor: actor.to_owned(), deadline: app.target.clock.now() + app.confirm_within, cause }
    }
}

/// Refuses to change a resource of this version if the client wants to change another one. To be asked inside the
/// transaction that makes the change: of two clients that read the same version, one wins.
///
/// # Errors
/// [`ProvisionError::VersionMismatch`].
pub(super) fn check_version(precondition: &Precondition, version: i64) -> Result<(), ProvisionError> {
    let entity_tag = meta::entity_tag(version);
    if precondition.allows(&entity_tag) {
        Ok(())
    } else {
        Err(ProvisionError::VersionMismatch { entity_tag })
    }
}
