//! The connectors there are: one line each.

use std::sync::Arc;

use crate::{
    clock::Clock,
    config,
    upstream::{CallMeter, SetupError},
};

use super::{Connector, aha::Aha, aha_portal::AhaPortal, credentials::Credentials, memory::Memory};

/// Makes the connector that an app is configured with. `credentials` are what its target is called with, if it is, and
/// `meter` tells of the calls.
///
/// # Errors
/// When its client cannot be set up, there are no credentials for it, or the app is passed through.
pub fn connect(
    app: &config::App,
    credentials: Option<Arc<dyn Credentials>>,
    clock: Arc<dyn Clock>,
    meter: CallMeter,
) -> Result<Arc<dyn Connector>, SetupError> {
    let credentials = credentials.ok_or(SetupError::NoCredentials);
    Ok(match &app.connector {
        config::Connector::Aha(aha) => Arc::new(Aha::new(meter, (**aha).clone(), credentials?, clock)?),
        config::Connector::AhaPortal(portal) => {
            Arc::new(AhaPortal::new(meter, (**portal).clone(), credentials?, clock)?)
        }
        config::Connector::Memory => Arc::new(Memory),
        config::Connector::Scim(_) => return Err(SetupError::PassedThrough),
    })
}
