//! All routes.

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get, post},
};

use super::{
    Service, bulk, callback, discovery, error, groups, health, hooks, layers, metrics, oauth, passthrough,
    search, users,
};

/// The whole service, layers included.
pub fn router(service: Arc<Service>) -> Router {
    let scim = Router::new()
        .route("/", get(search::list_all))
        .route("/.search", post(search::search_all))
        .route("/Users", get(search::list_users).post(users::create))
        .route("/Users/.search", post(search::search_users))
        .route("/Users/{id}", get(users::get).put(users::replace).patch(users::update).delete(users::delete))
        .route("/Groups", get(search::list_groups).post(groups::create))
        .route("/Groups/.search", post(search::search_groups))
        .route(
            "/Groups/{id}",
            get(groups::get).put(groups::replace).patch(groups::update).delete(groups::delete),
        )
        .route("/ServiceProviderConfig", get(discovery::service_provider_config))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{name}", get(discovery::resource_type))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema))
        .route("/Me", any(error::not_implemented))
        .route("/Bulk", post(bulk::run));

    let routes = Router::new()
        .nest("/{app}/scim/v2", scim)
        .route("/{app}/oauth/token", post(oauth::token).fallback(oauth::method_not_allowed))
        .route("/{app}/oauth/callback", get(callback::callback))
        .merge(passthrough::routes(&service))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/status", get(health::status))
        .route("/metrics", get(metrics::metrics))
        .route("/hooks/{app}/{secret}", post(hooks::receive))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(service.clone());

    layers::around(routes, service)
}
