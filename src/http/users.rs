//! `/Users`.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path},
    response::Response,
};
use http::{StatusCode, request::Parts};
use serde_json::Value;

use crate::{
    cause::Cause,
    config::PatchAnswer,
    provision::{self, BridgedApp, ProvisionError},
    scim::project::Projection,
    store::UserId,
};

use super::{
    MountedApp,
    answer::{Written, changed, no_content, read, resource},
    body::Json,
    caller::{Caller, no_such_endpoint},
    error::Failure,
    precondition::Conditions,
    query::Query,
};

pub(super) async fn get(
    caller: Caller,
    id: Id<UserId>,
    Conditions(precondition): Conditions,
    query: Query,
) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    let projection = projection(app, &query)?;
    let presented = provision::get::get(app, &id.0).await?;
    Ok(read(presented, &projection, &precondition))
}

pub(super) async fn create(caller: Caller, query: Query, Json(body): Json) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let request = caller.request();
    let presented = to_the_end(caller.app.clone(), |app| async move {
        provision::create::create(&app.bridged, body, &request).await
    });
    Ok(resource(StatusCode::CREATED, presented.await?, &projection, Written::Yes))
}

pub(super) async fn replace(
    caller: Caller,
    id: Id<UserId>,
    Conditions(precondition): Conditions,
    query: Query,
    Json(body): Json,
) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let request = caller.request();
    let presented = to_the_end(caller.app.clone(), |app| async move {
        provision::replace::replace(&app.bridged, &id.0, precondition, body, &request).await
    });
    Ok(resource(StatusCode::OK, presented.await?, &projection, Written::Yes))
}

pub(super) async fn update(
    caller: Caller,
    id: Id<UserId>,
    Conditions(precondition): Conditions,
    query: Query,
    Json(body): Json,
) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let request = caller.request();
    let presented = to_the_end(caller.app.clone(), |app| async move {
        provision::update::update(&app.bridged, &id.0, precondition, body, &request).await
    });
    let presented = presented.await?;
    // Who asks for attributes gets them (RFC 7644 §3.5.2).
    let response = match caller.app.patch_answers.user {
        PatchAnswer::NoContent if projection.is_default() => changed(&presented),
        _ => resource(StatusCode::OK, presented, &projection, Written::Yes),
    };
    Ok(response)
}

pub(super) async fn delete(
    caller: Caller,
    id: Id<UserId>,
    Conditions(precondition): Conditions,
) -> Result<Response, Failure> {
    let request = caller.request();
    to_the_end(caller.app.clone(), |app| async move {
        provision::delete::delete(&app.bridged, &id.0, precondition, &request).await
    })
    .await?;
    Ok(no_content())
}

/// The id in the path.
#[derive(Debug)]
pub(super) struct Id<I>(pub(super) I);

impl<S: Send + Sync, I: From<String>> FromRequestParts<S> for Id<I> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(mut parameters)| parameters.remove("id"));
        id.map(|id| Self(I::from(id))).ok_or_else(|| no_such_endpoint(parts))
    }
}

fn projection(app: &BridgedApp, query: &Query) -> Result<Projection, Failure> {
    let (attributes, excluded) = (query.find("attributes"), query.find("excludedAttributes"));
    Ok(Projection::parse(attributes, excluded, app.registry.user())?)
}

/// What is returned on request only is so after a write that sent it (RFC-027).
fn projection_of_write(app: &BridgedApp, query: &Query, body: &Value) -> Result<Projection, Failure> {
    let (attributes, excluded) = (query.find("attributes"), query.find("excludedAttributes"));
    Ok(Projection::parse_for_write(attributes, excluded, body, app.registry.user())?)
}

/// Runs a write in a task of its own: a client that hangs up does not cancel it halfway.
pub(super) async fn to_the_end<T, F, R>(app: Arc<MountedApp>, operation: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce(Arc<MountedApp>) -> R,
    R: Future<Output = Result<T, ProvisionError>> + Send + 'static,
{
    match tokio::spawn(Cause::around_any(Cause::current(), operation(app))).await {
        Ok(result) => Ok(result?),
        Err(panic) => {
            tracing::error!(%panic, "a write panicked");
            Err(Failure::Bug)
        }
    }
}
