//! `/Groups`.

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::{
    config::PatchAnswer,
    provision::{BridgedApp, groups, groups::Members},
    scim::project::Projection,
    store::GroupId,
};

use super::{
    answer::{Written, changed, no_content, read, resource},
    body::Json,
    caller::Caller,
    error::Failure,
    precondition::Conditions,
    query::Query,
    users::{Id, to_the_end},
};

pub(super) async fn get(
    caller: Caller,
    id: Id<GroupId>,
    Conditions(precondition): Conditions,
    query: Query,
) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    let projection = projection(app, &query)?;
    let presented = groups::get::get(app, &id.0, &precondition, members(&projection)).await?;
    Ok(read(presented, &projection, &precondition))
}

pub(super) async fn create(caller: Caller, query: Query, Json(body): Json) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let members = members(&projection);
    let request = caller.request();
    let presented = to_the_end(caller.app.clone(), move |app| async move {
        groups::create::create(&app.bridged, body, members, &request).await
    });
    Ok(resource(StatusCode::CREATED, presented.await?, &projection, Written::Yes))
}

pub(super) async fn replace(
    caller: Caller,
    id: Id<GroupId>,
    Conditions(precondition): Conditions,
    query: Query,
    Json(body): Json,
) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let members = members(&projection);
    let request = caller.request();
    let presented = to_the_end(caller.app.clone(), move |app| async move {
        groups::replace::replace(&app.bridged, &id.0, precondition, body, members, &request).await
    });
    Ok(resource(StatusCode::OK, presented.await?, &projection, Written::Yes))
}

pub(super) async fn update(
    caller: Caller,
    id: Id<GroupId>,
    Conditions(precondition): Conditions,
    query: Query,
    Json(body): Json,
) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let answers_nothing = caller.app.patch_answers.group == PatchAnswer::NoContent && projection.is_default();
    let members = if answers_nothing { Members::Omitted } else { members(&projection) };
    let request = caller.request();
    let presented = to_the_end(caller.app.clone(), move |app| async move {
        groups::update::update(&app.bridged, &id.0, precondition, body, members, &request).await
    });
    let presented = presented.await?;
    let response = if answers_nothing {
        changed(&presented)
    } else {
        resource(StatusCode::OK, presented, &projection, Written::Yes)
    };
    Ok(response)
}

pub(super) async fn delete(
    caller: Caller,
    id: Id<GroupId>,
    Conditions(precondition): Conditions,
) -> Result<Response, Failure> {
    let request = caller.request();
    to_the_end(caller.app.clone(), move |app| async move {
        groups::delete::delete(&app.bridged, &id.0, precondition, &request).await
    })
    .await?;
    Ok(no_content())
}

fn projection(app: &BridgedApp, query: &Query) -> Result<Projection, Failure> {
    let (attributes, excluded) = (query.find("attributes"), query.find("excludedAttributes"));
    Ok(Projection::parse(attributes, excluded, app.registry.group())?)
}

/// What is returned on request only is so after a write that sent it (RFC-027).
fn projection_of_write(app: &BridgedApp, query: &Query, body: &Value) -> Result<Projection, Failure> {
    let (attributes, excluded) = (query.find("attributes"), query.find("excludedAttributes"));
    Ok(Projection::parse_for_write(attributes, excluded, body, app.registry.group())?)
}

/// Members are read only for an answer that holds them.
fn members(projection: &Projection) -> Members {
    if projection.keeps("members") { Members::Shown } else { Members::Omitted }
}
