//! Answers: SCIM JSON with the headers that go with it.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{
    provision::Presented,
    scim::{precondition::Precondition, project::Projection},
};

use super::error::Failure;

/// The media type of every answer with a body, exactly: some clients compare it as text (`Q-15`, `Q-19`).
pub(super) const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// A JSON body of SCIM's media type.
pub(super) fn scim_json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(json) => scim_text(status, json),
        // Nothing that is answered has keys that are not text, the one thing that JSON cannot write.
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The same for JSON that is text already.
pub(super) fn scim_text(status: StatusCode, json: String) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response
}

/// One resource, in the part that was asked for. `Location` goes with what was just written, `Content-Location` with all.
pub(super) fn resource(
    status: StatusCode,
    presented: Presented,
    projection: &Projection,
    written: Written,
) -> Response {
    let Presented { resource, location, entity_tag, .. } = presented;
    let mut response = match projection.reduce(resource) {
        Ok(body) => scim_text(status, body.into_string()),
        Err(error) => {
            tracing::error!(%error, "the database holds a resource that is no JSON");
            return Failure::Bug.into_response();
        }
    };
    describe(&mut response, &location, &entity_tag, written);
    response
}

/// One resource that was read; without its body if the client has this version (`RFC-045`).
pub(super) fn read(presented: Presented, projection: &Projection, precondition: &Precondition) -> Response {
    if !precondition.knows(&presented.entity_tag) {
        return resource(StatusCode::OK, presented, projection, Written::No);
    }
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    describe(&mut response, &presented.location, &presented.entity_tag, Written::No);
    response
}

/// No body, of a resource that was changed (`RFC-113`).
pub(super) fn changed(presented: &Presented) -> Response {
    let mut response = no_content();
    describe(&mut response, &presented.location, &presented.entity_tag, Written::Yes);
    response
}

fn describe(response: &mut Response, location: &str, entity_tag: &str, written: Written) {
    let headers = response.headers_mut();
    let location = HeaderValue::from_str(location).ok();
    if let (Written::Yes, Some(location)) = (written, &location) {
        headers.insert(header::LOCATION, location.clone());
    }
    if let Some(location) = location {
        headers.insert(header::CONTENT_LOCATION, location);
    }
    if let Ok(tag) = HeaderValue::from_str(entity_tag) {
        headers.insert(header::ETAG, tag);
    }
}

/// No body.
pub(super) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Whether a resource is answered to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Yes,
    No,
}
