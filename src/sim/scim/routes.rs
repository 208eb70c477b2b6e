//! All routes on one page, and what every request passes on its way to them.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{FromRequestParts, OriginalUri, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, header, request::Parts};

use super::{
    Seen, SimulatedScim, endpoints,
    shape::{self, Refusal},
    switches::Enabled,
    world::Kind,
};

/// Where the endpoint begins.
pub(super) const PATH: &str = "/scim/v2";

/// The longest body that is read, in bytes.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

pub(super) fn router(target: SimulatedScim) -> Router {
    let resources = || {
        Router::new()
            .route("/", get(endpoints::list).post(endpoints::create))
            .route("/.search", post(endpoints::search_by_post))
            .route(
                "/{id}",
                get(endpoints::get)
                    .put(endpoints::replace)
                    .patch(endpoints::update)
                    .delete(endpoints::delete),
            )
    };
    let scim = Router::new()
        .nest("/Users", resources())
        .nest("/Groups", resources())
        .route("/ServiceProviderConfig", get(endpoints::service_provider_config))
        .route("/ResourceTypes", get(endpoints::resource_types))
        .route("/Schemas", get(endpoints::schemas));
    Router::new()
        .nest(PATH, scim)
        .fallback(async || Refusal::NotFound)
        .method_not_allowed_fallback(async || Refusal::Method)
        .layer(from_fn_with_state(target.clone(), pass))
        .with_state(target)
}

/// `http://{host}/scim/v2`, as the request knows it.
pub(super) fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("localhost");
    format!("http://{host}{PATH}")
}

/// Notes the request, and answers as the switches say.
async fn pass(State(target): State<SimulatedScim>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        // The client broke off.
        return Refusal::Bug.into_response();
    };
    let seen = Seen {
        method: parts.method.clone(),
        uri: parts.uri.to_string(),
        headers: parts.headers.clone(),
        body: body.to_vec(),
    };
    let switches = {
        let mut simulation = target.lock();
        simulation.requests.push(seen);
        simulation.switches.clone()
    };
    if !switches.delay.is_zero() {
        target.clock.sleep_until(target.clock.now() + switches.delay).await;
    }
    let authorization = parts.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let is_known = authorization == Some(format!("Bearer {}", target.token).as_bytes());
    let response = match (switches.page, switches.enabled) {
        (Some(page), _) => return shape::page(page),
        (None, Enabled::NotYet) => Refusal::NotFound.into_response(),
        (None, _) if !is_known => Refusal::Unauthorized.into_response(),
        (None, Enabled::SamlFirst) => Refusal::SamlFirst.into_response(),
        (None, Enabled::Yes) => next.run(Request::from_parts(parts, Body::from(body))).await,
    };
    shape::shaped(response, &switches).await
}

/// Which endpoint the path names.
impl<S: Send + Sync> FromRequestParts<S> for Kind {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, state).await;
        let is_of_groups = uri.path().split('/').any(|segment| segment == "Groups");
        Ok(if is_of_groups { Self::Group } else { Self::User })
    }
}
