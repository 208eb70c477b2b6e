//! Which app a request is for, and who sends it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::extract::{FromRequestParts, OriginalUri, Path};
use http::request::Parts;

use crate::provision;

use super::{
    ClientAddress, MountedApp, Service,
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

/// An app, and the name of the token that opened it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) app: Arc<MountedApp>,
    pub(super) actor: String,
}

impl Caller {
    /// The request for the use cases. Now is when it starts to wait for the target.
    pub(super) fn request(&self) -> provision::Request {
        provision::Request::new(&self.app.bridged, &self.actor)
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Failure> {
        let (app, seen) = find_app(parts, service).await?;
        let actor = authenticate(&app, parts).await.map_err(Failure::Unauthorized)?;
        seen.actor.get_or_init(|| actor.clone());
        Ok(Self { app, actor })
    }
}

/// The app that the path begins with, and what is to be told the log of whoever asks it for something.
pub(super) async fn find_app(
    parts: &mut Parts,
    service: &Arc<Service>,
) -> Result<(Arc<MountedApp>, Seen), Failure> {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, service).await;
    let app = path.ok().and_then(|Path(mut parameters)| parameters.remove("app"));
    let app = app.and_then(|name| service.apps.get(&name));
    let Some(app) = app else { return Err(no_such_endpoint(parts)) };
    let seen = parts.extensions.get::<Seen>().cloned().unwrap_or_default();
    seen.app.get_or_init(|| app.bridged.name().to_owned());
    Ok((app.clone(), seen))
}

/// The failure that names the path as it was asked for; below an app, [`Parts::uri`] has lost its beginning.
pub(super) fn no_such_endpoint(parts: &Parts) -> Failure {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    Failure::NoSuchEndpoint(shown(uri.path()))
}

/// The name of who sends the request, if that opens `app`.
pub(super) async fn authenticate(app: &MountedApp, parts: &Parts) -> Result<String, Unauthorized> {
    let outcome = app.authenticator.authenticate(&parts.headers, client_address(parts)).await;
    outcome.map_err(|refused| Unauthorized::of(app, refused))
}

/// Where the request comes from, as far as that is known.
pub(super) fn client_address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ClientAddress>().and_then(|ClientAddress(address)| *address)
}
