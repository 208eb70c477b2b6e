//! `/Bulk` (RFC 7644 §3.7).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    config::PatchAnswer,
    provision::{
        self,
        bulk::{Done, Tried},
    },
    scim::{
        bulk::{BulkRequest, Endpoint, response},
        discovery::BulkLimits,
        limits::MAX_BULK_OPERATIONS,
    },
};

use super::{
    PatchAnswers, Service, answer::scim_json, body::Json, caller::Caller, error::Failure, users::to_the_end,
};

/// What a bulk request may hold. Its size is limited as that of every body is.
pub(super) fn limits(service: &Service) -> BulkLimits {
    BulkLimits {
        max_operations: u32::try_from(MAX_BULK_OPERATIONS).unwrap_or(u32::MAX),
        max_payload_size: u32::try_from(service.max_body_bytes).unwrap_or(u32::MAX),
    }
}

pub(super) async fn run(
    State(service): State<Arc<Service>>,
    caller: Caller,
    body: Result<Json, Failure>,
) -> Result<Response, Failure> {
    let Json(body) = body.map_err(|failure| match failure {
        Failure::TooLarge(_) => Failure::BulkTooLarge(limits(&service)),
        failure => failure,
    })?;
    let bulk = BulkRequest::parse(body)?;
    let request = caller.request();
    let tried = to_the_end(caller.app.clone(), |app| async move {
        Ok(provision::bulk::run(&app.bridged, &request, bulk).await)
    })
    .await?;
    let failed = tried.iter().filter(|operation| operation.result.is_err()).count();
    // Every request has a line with its status, which says nothing here.
    tracing::info!(
        app = caller.app.bridged.name(),
        actor = caller.actor,
        bulk.operations = tried.len(),
        bulk.failed = failed,
        "bulk request"
    );
    let operations = tried.into_iter().map(|operation| entry(operation, caller.app.patch_answers)).collect();
    Ok(scim_json(StatusCode::OK, &response(operations)))
}

/// What the answer says of one operation: the status that it would have had by itself, and the body if it failed (RFC-118).
fn entry(operation: Tried, patch_answers: PatchAnswers) -> Value {
    let Tried { method, bulk_id, location, result } = operation;
    let mut entry = json!({ "method": method });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            entry[name] = value;
        }
    };
    add("bulkId", bulk_id.map(Value::from));
    add("location", location.map(Value::from));
    match result {
        Ok(done) => {
            add("version", done.written().map(|written| written.entity_tag().into()));
            add("status", Some(status(&done, patch_answers).as_str().into()));
        }
        Err(error) => {
            let (status, body) = Failure::from(error).report();
            add("status", Some(status.as_str().into()));
            add("response", Some(body));
        }
    }
    entry
}

fn status(done: &Done, patch_answers: PatchAnswers) -> StatusCode {
    let patched = |answer: PatchAnswer| match answer {
        PatchAnswer::NoContent => StatusCode::NO_CONTENT,
        PatchAnswer::Resource => StatusCode::OK,
    };
    match done {
        Done::Created(_) => StatusCode::CREATED,
        Done::Replaced(_) => StatusCode::OK,
        Done::Updated(Endpoint::Users, _) => patched(patch_answers.user),
        Done::Updated(Endpoint::Groups, _) => patched(patch_answers.group),
        Done::Deleted => StatusCode::NO_CONTENT,
    }
}
