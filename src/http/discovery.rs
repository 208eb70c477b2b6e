//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4).

use std::collections::HashMap;

use axum::{extract::Path, response::Response};
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
    answer::{scim_json, scim_text},
    caller::Caller,
    error::{Failure, shown},
    query::Query,
};

pub(super) async fn service_provider_config(caller: Caller) -> Response {
    let features = Features {
        max_results: u32::try_from(PAGE_SIZE.max).unwrap_or(u32::MAX),
        sort: true,
        pagination: Some(Pagination { page_size: PAGE_SIZE, cursor_timeout: CURSOR_TIMEOUT }),
        ..Features::default()
    };
    let config = discovery::service_provider_config(&caller.app.bridged.base_url, &features);
    caller.sign(scim_json(StatusCode::OK, &config))
}

pub(super) async fn resource_types(caller: Caller, query: Query) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    list(&caller, &query, discovery::resource_types(&app.base_url, &app.registry))
}

pub(super) async fn resource_type(
    caller: Caller,
    path: Path<HashMap<String, String>>,
) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    let name = path.get("name").map(String::as_str).unwrap_or_default();
    one(&caller, "resource type", name, discovery::find_resource_type(&app.base_url, &app.registry, name))
}

pub(super) async fn schemas(caller: Caller, query: Query) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    list(&caller, &query, discovery::schemas(&app.base_url, &app.registry))
}

pub(super) async fn schema(caller: Caller, path: Path<HashMap<String, String>>) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    let id = path.get("id").map(String::as_str).unwrap_or_default();
    one(&caller, "schema", id, discovery::find_schema(&app.base_url, &app.registry, id))
}

/// All definitions: paging and sorting do not apply to them, and a filter is refused (RFC-039).
fn list(caller: &Caller, query: &Query, resources: Vec<Value>) -> Result<Response, Failure> {
    if query.find("filter").is_some() {
        return Err(Failure::FilteredDiscovery);
    }
    let list = ListResponse::whole(resources.iter().map(Document::from).collect());
    Ok(caller.sign(scim_text(StatusCode::OK, list.to_text())))
}

fn one(caller: &Caller, what: &'static str, name: &str, found: Option<Value>) -> Result<Response, Failure> {
    let definition = found.ok_or_else(|| Failure::NoSuchDefinition { what, name: shown(name) })?;
    Ok(caller.sign(scim_json(StatusCode::OK, &definition)))
}
