//! The connectors there are: one line each.

use std::sync::Arc;

use crate::{clock::Clock, config, upstream::SetupError};

use super::{Connector, aha::Aha, aha_portal::AhaPortal, memory::Memory};

/// Makes the connector that an app is configured with.
///
/// # Errors
/// When its client cannot be set up, or the app is passed through.
pub fn connect(app: &config::App, clock: Arc<dyn Clock>) -> Result<Arc<dyn Connector>, SetupError> {
    Ok(match &app.connector {
        config::Connector::Aha(aha) => Arc::new(Aha::new(app.name.as_str(), (**aha).clone(), clock)?),
        config::Connector::AhaPortal(portal) => {
            Arc::new(AhaPortal::new(app.name.as_str(), (**portal).clone(), clock)?)
        }
        config::Connector::Memory => Arc::new(Memory),
        config::Connector::Scim(_) => return Err(SetupError::PassedThrough),
    })
}
