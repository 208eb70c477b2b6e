//! Which app a request is for, and who sends it.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use axum::extract::{FromRequestParts, OriginalUri, Path};
use http::{HeaderMap, header, request::Parts};

use crate::{auth::Tokens, provision};

use super::{
    Mounted, MountedApp, Service,
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
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, service).await;
        let app = path.ok().and_then(|Path(mut parameters)| parameters.remove("app"));
        let app = app.and_then(|name| service.apps.get(&name));
        let Some(Mounted::Bridged(app)) = app else { return Err(no_such_endpoint(parts)) };
        let seen = parts.extensions.get::<Seen>().cloned().unwrap_or_default();
        seen.app.get_or_init(|| app.bridged.name().to_owned());
        let actor = authenticate(&app.tokens, &parts.headers).map_err(Failure::Unauthorized)?;
        seen.actor.get_or_init(|| actor.to_owned());
        Ok(Self { app: app.clone(), actor: actor.to_owned() })
    }
}

/// The failure that names the path as it was asked for; below an app, [`Parts::uri`] has lost its beginning.
pub(super) fn no_such_endpoint(parts: &Parts) -> Failure {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    Failure::NoSuchEndpoint(shown(uri.path()))
}

/// The name of the token in the `Authorization` header, if it is one of `tokens`.
pub(super) fn authenticate<'a>(tokens: &'a Tokens, headers: &HeaderMap) -> Result<&'a str, Unauthorized> {
    let presented = bearer(headers).ok_or(Unauthorized::Missing)?;
    tokens.find(presented).ok_or(Unauthorized::Invalid)
}

/// The token of `Authorization: Bearer …`; what else stands in the header is presented as it is, to be refused. The scheme
/// compares without case (RFC 9110 §11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    if headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
        // A proxy in between may have looked at another one than we would.
        return Some("");
    }
    // Text that is not ASCII cannot be a token of ours, and is told apart from none at all.
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or("-").trim();
    let (scheme, token) = value.split_once(' ').unwrap_or(("", value));
    Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" })
}
