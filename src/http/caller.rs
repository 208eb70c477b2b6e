//! Which app a request is for, and who sends it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::extract::{FromRequestParts, OriginalUri, Path};
use http::{Extensions, HeaderMap, request::Parts};

use crate::{auth::Authenticator, cause::Cause, provision};

use super::{
    ClientAddress, Mounted, MountedApp, Service,
    error::{Failure, Unauthorized, shown},
};

/// What was found out about a request's sender, for its log line: also when the request fails later.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The app's name.
    pub(super) app: Arc<OnceLock<String>>,
    /// The token's name.
    pub(super) actor: Arc<OnceLock<String>>,
}

impl Seen {
    /// What was found out about the sender of the request with these extensions.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

/// An app, and the name of the token that opened it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) app: Arc<MountedApp>,
    pub(super) actor: String,
}

impl Caller {
    /// The request for the use cases. Now is when it starts to wait for the target.
    pub(super) fn request(&self) -> provision::Request {
        provision::Request::new(&self.app.bridged, &self.actor, Cause::current())
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Failure> {
        let Mounted::Bridged(app) = find_app(parts, service).await? else {
            return Err(no_such_endpoint(parts));
        };
        let actor = authenticate(&app.authenticator, &parts.headers, &parts.extensions)
            .await
            .map_err(Failure::Unauthorized)?;
        Seen::of(&parts.extensions).actor.get_or_init(|| actor.clone());
        Ok(Self { app, actor })
    }
}

/// The app that the path begins with, which the log is told.
pub(super) async fn find_app(parts: &mut Parts, service: &Arc<Service>) -> Result<Mounted, Failure> {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, service).await;
    let name = path.ok().and_then(|Path(mut parameters)| parameters.remove("app"));
    let found = name.and_then(|name| service.apps.get(&name).map(|app| (name, app)));
    let Some((name, app)) = found else { return Err(no_such_endpoint(parts)) };
    Seen::of(&parts.extensions).app.get_or_init(|| name);
    Ok(app.clone())
}

/// The failure that names the path as it was asked for; below an app, [`Parts::uri`] has lost its beginning.
pub(super) fn no_such_endpoint(parts: &Parts) -> Failure {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    Failure::NoSuchEndpoint(shown(uri.path()))
}

/// The name of who sends a request with these headers, if that opens an app.
pub(super) async fn authenticate(
    authenticator: &Authenticator,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<String, Unauthorized> {
    let outcome = authenticator.authenticate(headers, client_address(extensions)).await;
    outcome.map_err(|refused| Unauthorized::of(authenticator, refused))
}

/// Where the request comes from, as far as that is known.
pub(super) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().and_then(|ClientAddress(address)| *address)
}
