//! What every request passes, outermost first.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, uri::PathAndQuery};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    cause::{
        self, Cause, RequestId, TraceParent,
        span::{End, Kind, Value},
    },
    clock::until,
};

use super::{Service, admission::admit, caller::Seen, error::Failure, hooks};

/// The header by which a request is found in the logs of all who pass it on.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static(cause::TRACE_PARENT);

/// Puts the layers around the routes.
pub(super) fn around(routes: Router, service: Arc<Service>) -> Router {
    let layers = ServiceBuilder::new()
        // Whatever happens to a request, it happens under its id.
        .layer(middleware::from_fn_with_state(service.clone(), identify))
        // One line per request, also for those that end in a layer below.
        .layer(middleware::from_fn_with_state(service.clone(), log))
        // A bug must not look like a broken connection, which IdPs repeat for ever.
        .layer(CatchPanicLayer::custom(panicked))
        // Who is not let in costs nothing more.
        .layer(middleware::from_fn_with_state(service.clone(), admit))
        // No request holds its resources for ever.
        .layer(middleware::from_fn_with_state(service, limit_time));
    routes.layer(layers)
}

/// Finds out which request it is, and answers with that.
async fn identify(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let request_id = the_only(headers, &X_REQUEST_ID).and_then(RequestId::parse);
    let request_id = request_id.unwrap_or_else(|| RequestId::new(service.clock.now()));
    let trace_parent = the_only(headers, &TRACE_PARENT).and_then(TraceParent::parse);
    let shown = HeaderValue::from_str(request_id.as_str());
    let (method, route) = (request.method().clone(), route_of(&request));
    let (cause, span) = Cause { request_id, trace_parent }.begin(Kind::Server, service.clock.now());
    let mut response = cause.around(next.run(request)).await;
    if let Some(span) = span {
        let end = if response.status().is_server_error() { End::Failed } else { End::Well };
        let attributes = vec![
            ("http.request.method", Value::Text(method.to_string())),
            ("http.route", Value::Text(route.clone())),
            ("http.response.status_code", Value::Number(response.status().as_u16().into())),
        ];
        span.end(service.clock.now(), operation(&method, &route), attributes, end);
    }
    // Also in the place of a target's own: this is the one that the log is searched for.
    response.headers_mut().insert(X_REQUEST_ID, shown.expect("an id has nothing that a header cannot hold"));
    response
}

/// The route that was hit, as a template.
fn route_of(request: &Request) -> String {
    request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned()
}

/// The value of a header that stands there once, as text.
fn the_only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

async fn log(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let seen = Seen::default();
    request.extensions_mut().insert(seen.clone());
    let client = service.admission.locate(&mut request);
    let path = hooks::shown(request.uri());
    let started = service.clock.now();
    let method = request.method().clone();
    let route = route_of(&request);
    let response = next.run(request).await;
    let duration = service.clock.now().since(started);
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let app = seen.app.get().map_or("", String::as_str);
    let actor = seen.actor.get().map_or("", String::as_str);
    let status = response.status().as_u16();
    service.metrics.answered(app, &operation(&method, &route), status, duration);
    // Health checks come every second and say nothing when all is well.
    if matches!(route.as_str(), "/healthz" | "/readyz") && response.status().is_success() {
        tracing::debug!(client.address = %client, http.method = %method, http.route = route, http.status = status, duration_ms, "request");
    } else if route == "none" {
        // Where nothing is, the path says what was meant; a URL that was pasted wrongly, say.
        tracing::info!(app, actor, client.address = %client, http.method = %method, http.path = path, http.status = status, duration_ms, "request");
    } else {
        tracing::info!(app, actor, client.address = %client, http.method = %method, http.route = route, http.status = status, duration_ms, "request");
    }
    response
}

/// What was asked for, as one of a bounded set: `PATCH /Users/{id}`.
fn operation(method: &Method, route: &str) -> String {
    let method = match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => {
            method.as_str()
        }
        _ => "other",
    };
    match route.split_once("/scim/v2").map_or(route, |(_, below)| below) {
        "/{*below}" => format!("{method} passed through"),
        below => format!("{method} {below}"),
    }
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = message, "a request handler panicked");
    Failure::Bug.into_response()
}

async fn limit_time(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let deadline = service.clock.now() + service.request_timeout;
    match until(&*service.clock, deadline, next.run(request)).await {
        Some(response) => response,
        None => Failure::TimedOut.into_response(),
    }
}

/// The request's URI as it came, where [`tidy_path`] changed it.
#[derive(Clone, Debug)]
pub(super) struct Untidy(pub(super) Uri);

/// Admins paste base URLs with a slash at the end, and clients append paths that begin with one. Runs before routing.
pub(super) fn tidy_path<B>(mut request: http::Request<B>) -> http::Request<B> {
    let path = request.uri().path();
    let is_tidy = !path.contains("//") && (path == "/" || !path.ends_with('/'));
    if is_tidy {
        return request;
    }
    let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let tidy = format!("/{}{query}", segments.join("/"));
    let mut parts = request.uri().clone().into_parts();
    // Parts of a valid URI make a valid one again; if not, the request goes on as it came.
    if let Ok(path_and_query) = tidy.parse::<PathAndQuery>() {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            let untidy = std::mem::replace(request.uri_mut(), uri);
            request.extensions_mut().insert(Untidy(untidy));
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

    use axum::{body::to_bytes, routing::get};
    use http::{StatusCode, header};
    use tower::ServiceExt;

    use super::*;
    use crate::{
        auth::{Authenticator, Credentials, WaysIn},
        clock::SystemClock,
        config::Networks,
        http::Admission,
        store::Store,
        telemetry::metrics::Metrics,
    };

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_with_a_scim_error_that_does_not_repeat_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("test.db").display());
        let service = Arc::new(Service {
            apps: BTreeMap::new(),
            admission: Admission::new(
                Networks::default(),
                BTreeMap::new(),
                NonZeroU32::MIN,
                Arc::new(SystemClock),
            ),
            store: Store::open(&database).await.unwrap(),
            metrics: Metrics::default(),
            metrics_readers: Authenticator::new(
                Arc::new(Credentials::new("", Vec::new(), Arc::new(SystemClock))),
                WaysIn::default(),
                Arc::new(SystemClock),
            ),
            clock: Arc::new(SystemClock),
            max_body_bytes: 1024,
            request_timeout: Duration::from_secs(30),
        });
        async fn panics() -> StatusCode {
            panic!("a word that nobody should read")
        }
        let routes = around(Router::new().route("/", get(panics)), service);
        let request = Request::builder().uri("/").body(axum::body::Body::empty()).unwrap();
        let response = routes.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/scim+json");
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
            serde_json::json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "500",
                "detail": "The bridge failed. Its log says why.",
            })
        );
    }

    #[test]
    fn doubled_and_trailing_slashes_are_dropped_and_the_query_is_kept() {
        for (before, after) in [
            ("/aha/scim/v2/Users", "/aha/scim/v2/Users"),
            ("/aha/scim/v2//Users", "/aha/scim/v2/Users"),
            ("/aha/scim/v2/Users/?filter=a%2F%2Fb//", "/aha/scim/v2/Users?filter=a%2F%2Fb//"),
            ("/", "/"),
            ("//", "/"),
        ] {
            let request = http::Request::builder().uri(before).body(()).unwrap();
            assert_eq!(tidy_path(request).uri(), after, "{before}");
        }
    }
}
