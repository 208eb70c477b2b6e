//! An app that is passed through, from its configuration.

use std::sync::Arc;

use crate::{
    auth::Authenticator,
    config::{self, Config, ScimConfig},
    http::PassedThroughMount,
    passthrough::{PassedThrough, Settings},
};

use super::{StartError, ways_in::Shared};

/// What `app` has, whatever its target.
pub(super) fn settings(
    app: &config::App,
    config: &Config,
    public_url: &str,
    shared: &Shared<'_>,
) -> Settings {
    let name = app.name.as_str().to_owned();
    Settings {
        base_url: format!("{public_url}/{name}/scim/v2"),
        max_concurrent: app.max_concurrent_requests,
        max_body_bytes: config.server.max_body_bytes,
        store: shared.store.clone(),
        clock: shared.clock.clone(),
        calls: shared.calls.of(&name),
        name,
    }
}

/// The app with what opens it. Nothing is sent yet.
pub(super) fn mount(
    scim: &ScimConfig,
    settings: Settings,
    authenticator: Authenticator,
) -> Result<PassedThroughMount, StartError> {
    let name = settings.name.clone();
    let app =
        PassedThrough::new(scim, settings).map_err(|source| StartError::Target { app: name, source })?;
    Ok(PassedThroughMount { app: Arc::new(app), authenticator })
}
