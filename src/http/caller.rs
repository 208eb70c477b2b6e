//! Which app a request is for, and who sends it.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::extract::{FromRequestParts, OriginalUri};
use http::{Extensions, HeaderMap, Uri, request::Parts};

use crate::{
    auth::{Authenticator, Refusals},
    cause::Cause,
    provision,
};

use super::{
    ClientAddress, Mounted, MountedApp, Service,
    admission::Place,
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
    /// Among the requests that the app works on.
    _place: Arc<Place>,
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
        let Mounted::Bridged(app) = find_app(parts, service)? else { return Err(no_such_endpoint(parts)) };
        let actor = authenticate(&app.authenticator, &parts.headers, &parts.extensions)
            .await
            .map_err(Failure::Unauthorized)?;
        Seen::of(&parts.extensions).actor.get_or_init(|| actor.clone());
        let path = parts.uri.path();
        let place = service.admission.enter(app.bridged.name(), &parts.method, path).await?;
        Ok(Self { app, actor, _place: Arc::new(place) })
    }
}

/// The name of the app that a path is below, as it came. Names need no percent-encoding, so one that is encoded is no app's: the
/// gates of an app and what lies behind them must never disagree about which app is meant.
pub(super) fn app_name(uri: &Uri) -> &str {
    uri.path().split('/').nth(1).unwrap_or_default()
}

/// The app that the path begins with, which the log is told.
pub(super) fn find_app(parts: &Parts, service: &Service) -> Result<Mounted, Failure> {
    let name = app_name(original_uri(parts));
    let app = service.apps.get(name).ok_or_else(|| no_such_endpoint(parts))?;
    Seen::of(&parts.extensions).app.get_or_init(|| name.to_owned());
    Ok(app.clone())
}

/// The URI as it was asked for; below an app, [`Parts::uri`] has lost its beginning.
fn original_uri(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri)
}

/// The failure that names the path as it was asked for.
pub(super) fn no_such_endpoint(parts: &Parts) -> Failure {
    Failure::NoSuchEndpoint(shown(original_uri(parts).path()))
}

/// The name of who sends a request with these headers, if that opens an app.
pub(super) async fn authenticate(
    authenticator: &Authenticator,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<String, Unauthorized> {
    let outcome = authenticator.authenticate(headers, client_address(extensions), refusals(extensions)).await;
    outcome.map_err(|refused| Unauthorized::of(authenticator, refused))
}

/// What the log hears if the request is refused.
pub(super) fn refusals(extensions: &Extensions) -> Refusals {
    extensions.get().copied().unwrap_or_default()
}

/// Where the request comes from, as far as that is known.
pub(super) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().and_then(|ClientAddress(address)| *address)
}
