//! `/Groups`: reads. There are no groups.

use axum::{extract::OriginalUri, response::Response};
use http::StatusCode;
use serde_json::Value;

use crate::{
    provision::ProvisionError,
    scim::{
        filter::Filter,
        list::{ListResponse, Page},
        project::Projection,
    },
};

use super::{
    answer::scim_json,
    caller::Caller,
    error::{Failure, shown},
    query::Query,
    users::PAGE_SIZE,
};

pub(super) async fn list(caller: Caller, query: Query) -> Result<Response, Failure> {
    let group_type = caller.app.bridged.registry.group();
    // What is wrong with a query is wrong also where nothing can match.
    query.find("filter").map(|text| Filter::parse(text, group_type)).transpose()?;
    Projection::parse(query.find("attributes"), query.find("excludedAttributes"), group_type)?;
    let page = Page::parse(query.find("startIndex"), query.find("count"), PAGE_SIZE)?;
    let list =
        ListResponse::<Value> { total_results: 0, start_index: page.start_index, resources: Vec::new() };
    Ok(caller.sign(scim_json(StatusCode::OK, &list)))
}

pub(super) async fn get(_caller: Caller, OriginalUri(uri): OriginalUri) -> Failure {
    let id = shown(uri.path().rsplit('/').next().unwrap_or_default());
    ProvisionError::NotFound { resource_type: "Group", id }.into()
}
