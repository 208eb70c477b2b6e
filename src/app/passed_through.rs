//! An app that is passed through, from its configuration.

use std::sync::Arc;

use crate::{
    clock::Clock,
    config::{self, Config, ScimConfig},
    http::PassedThroughMount,
    passthrough::{PassedThrough, Settings},
    store::Store,
};

use super::{StartError, tokens};

/// The app with what opens it. Nothing is sent yet.
pub(super) fn mount(
    app: &config::App,
    scim: &ScimConfig,
    config: &Config,
    public_url: &str,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> Result<PassedThroughMount, StartError> {
    let name = app.name.as_str().to_owned();
    let settings = Settings {
        base_url: format!("{public_url}/{name}/scim/v2"),
        max_concurrent: app.max_concurrent_requests,
        max_body_bytes: config.server.max_body_bytes,
        store: store.clone(),
        clock: clock.clone(),
        name: name.clone(),
    };
    let app_of_target =
        PassedThrough::new(scim, settings).map_err(|source| StartError::Target { app: name, source })?;
    Ok(PassedThroughMount { app: Arc::new(app_of_target), tokens: tokens(app) })
}
