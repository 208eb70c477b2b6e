//! The use cases: one file per SCIM operation on a bridged app.
//!
//! Every write takes the same way, written out in [`create`]: load, repair and validate (pure), find out whether anything
//! really changes (`submit`), commit the new desired state, wait for the target (`confirm`), answer. Every read is
//! answered from the store alone: [`get`], [`search`]. [`bulk`] does many writes for one request.

pub mod bulk;
mod confirm;
pub mod create;
pub mod delete;
pub mod error;
pub mod get;
pub mod groups;
mod present;
mod record;
pub mod replace;
mod request;
pub mod search;
mod submit;
pub mod update;

use std::{sync::Arc, time::Duration};

use crate::{
    converge::{
        Target,
        roster::{Progress, RosterState},
    },
    scim::registry::Registry,
};

pub use self::{error::ProvisionError, present::Presented, request::Request, search::Cursors};

/// An app whose users the bridge keeps and translates.
#[derive(Debug)]
pub struct BridgedApp {
    /// The URL that the endpoints follow, such as `https://scim.example.com/aha/scim/v2`.
    pub base_url: String,
    /// Its schemas.
    pub registry: Arc<Registry>,
    /// How long a write waits for the target before it is answered as accepted.
    pub confirm_within: Duration,
    /// What becomes of a member of a group whose id belongs to nothing here.
    pub unknown_members: groups::UnknownMembers,
    /// Where its accounts are.
    pub target: Arc<Target>,
    /// Whether the accounts of the target are known yet.
    pub roster: Progress,
    /// Makes and reads the cursors of lists.
    pub cursors: Cursors,
}

impl BridgedApp {
    /// The app's name.
    pub fn name(&self) -> &str {
        &self.target.app
    }
}

/// Until the first roster pass is done, "no such user" might be wrong, and an IdP that believes it invites the person again.
///
/// # Errors
/// Until then.
fn accounts_known(app: &BridgedApp) -> Result<(), ProvisionError> {
    let target = app.target.connector.target();
    let detail = match app.roster.current() {
        RosterState::Known => return Ok(()),
        RosterState::First => {
            format!("The accounts of {target} are being listed for the first time; try again shortly.")
        }
        RosterState::FirstFailed { reason } => {
            format!("The accounts of {target} could not be listed yet: {reason}. It is tried again.")
        }
    };
    Err(ProvisionError::Unavailable { detail, retry_after: Duration::from_secs(5) })
}
