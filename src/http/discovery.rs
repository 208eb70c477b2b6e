//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4).

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use serde_json::Value;

use crate::{
    provision::search::{CURSOR_TIMEOUT, PAGE_SIZE},
    scim::{
        discovery::{self, Features, Pagination},
        document::Document,
        list::ListResponse,
    },
};

use super::{
    Service,
    answer::{scim_json, scim_text},
    bulk,
    caller::Caller,
    error::{Failure, shown},
    query::Query,
};

pub(super) async fn service_provider_config(
    State(service): State<Arc<Service>>,
    caller: Caller,
    query: Query,
) -> Result<Response, Failure> {
    refuse_filter(&query)?;
    let features = Features {
        max_results: u32::try_from(PAGE_SIZE.max).unwrap_or(u32::MAX),
        bulk: Some(bulk::limits(&service)),
        sort: true,
        etag: true,
        authentication_schemes: caller.app.authenticator.schemes(),
        pagination: Some(Pagination { page_size: PAGE_SIZE, cursor_timeout: CURSOR_TIMEOUT }),
        ..Features::default()
    };
    let config = discovery::service_provider_config(&caller.app.bridged.base_url, &features);
    Ok(scim_json(StatusCode::OK, &config))
}

pub(super) async fn resource_types(caller: Caller, query: Query) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    list(&query, discovery::resource_types(&app.base_url, &app.registry))
}

pub(super) async fn resource_type(
    caller: Caller,
    query: Query,
    path: Path<HashMap<String, String>>,
) -> Result<Response, Failure> {
    refuse_filter(&query)?;
    let app = &caller.app.bridged;
    let name = path.get("name").map(String::as_str).unwrap_or_default();
    one("resource type", name, discovery::find_resource_type(&app.base_url, &app.registry, name))
}

pub(super) async fn schemas(caller: Caller, query: Query) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    list(&query, discovery::schemas(&app.base_url, &app.registry))
}

pub(super) async fn schema(
    caller: Caller,
    query: Query,
    path: Path<HashMap<String, String>>,
) -> Result<Response, Failure> {
    refuse_filter(&query)?;
    let app = &caller.app.bridged;
    let id = path.get("id").map(String::as_str).unwrap_or_default();
    one("schema", id, discovery::find_schema(&app.base_url, &app.registry, id))
}

/// A client that filters must not believe that what it gets matches (RFC 7644 §4, RFC-039).
fn refuse_filter(query: &Query) -> Result<(), Failure> {
    match query.find("filter") {
        Some(_) => Err(Failure::FilteredDiscovery),
        None => Ok(()),
    }
}

/// All definitions: paging and sorting do not apply to them.
fn list(query: &Query, resources: Vec<Value>) -> Result<Response, Failure> {
    refuse_filter(query)?;
    let list = ListResponse::whole(resources.iter().map(Document::from).collect());
    Ok(scim_text(StatusCode::OK, list.to_text()))
}

fn one(what: &'static str, name: &str, found: Option<Value>) -> Result<Response, Failure> {
    let definition = found.ok_or_else(|| Failure::NoSuchDefinition { what, name: shown(name) })?;
    Ok(scim_json(StatusCode::OK, &definition))
}
