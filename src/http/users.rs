//! `/Users`.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path},
    response::Response,
};
use http::{StatusCode, request::Parts};
use serde_json::Value;

use crate::{
    config::PatchAnswer,
    provision::{self, BridgedApp, ProvisionError},
    scim::{
        filter::Filter,
        list::{ListResponse, Page, PageSize},
        project::Projection,
    },
    store::UserId,
};

use super::{
    MountedApp,
    answer::{Written, no_content, resource, scim_json},
    body::Json,
    caller::Caller,
    error::{Failure, shown},
    query::Query,
};

/// How many resources a page has.
pub(super) const PAGE_SIZE: PageSize = PageSize { default: 100, max: 1000 };

pub(super) async fn list(caller: Caller, query: Query) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    let projection = projection(app, &query)?;
    let filter = query.find("filter").map(|text| Filter::parse(text, app.registry.user())).transpose()?;
    let page = Page::parse(query.find("startIndex"), query.find("count"), PAGE_SIZE)?;
    let list = provision::list::list(app, filter.as_ref(), page).await?;
    let resources = list.resources.into_iter().map(|resource| projection.apply(resource)).collect();
    Ok(caller.sign(scim_json(StatusCode::OK, &ListResponse { resources, ..list })))
}

pub(super) async fn get(caller: Caller, id: Id<UserId>, query: Query) -> Result<Response, Failure> {
    let app = &caller.app.bridged;
    let projection = projection(app, &query)?;
    let presented = provision::get::get(app, &id.0).await?;
    Ok(caller.sign(resource(StatusCode::OK, presented, &projection, Written::No)))
}

pub(super) async fn create(caller: Caller, query: Query, Json(body): Json) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let actor = caller.actor.clone();
    let presented = to_the_end(caller.app.clone(), |app| async move {
        provision::create::create(&app.bridged, body, &actor).await
    });
    Ok(caller.sign(resource(StatusCode::CREATED, presented.await?, &projection, Written::Yes)))
}

pub(super) async fn replace(
    caller: Caller,
    id: Id<UserId>,
    query: Query,
    Json(body): Json,
) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let actor = caller.actor.clone();
    let presented = to_the_end(caller.app.clone(), |app| async move {
        provision::replace::replace(&app.bridged, &id.0, body, &actor).await
    });
    Ok(caller.sign(resource(StatusCode::OK, presented.await?, &projection, Written::Yes)))
}

pub(super) async fn update(
    caller: Caller,
    id: Id<UserId>,
    query: Query,
    Json(body): Json,
) -> Result<Response, Failure> {
    let projection = projection_of_write(&caller.app.bridged, &query, &body)?;
    let actor = caller.actor.clone();
    let presented = to_the_end(caller.app.clone(), |app| async move {
        provision::update::update(&app.bridged, &id.0, body, &actor).await
    });
    let presented = presented.await?;
    // Who asks for attributes gets them (RFC 7644 §3.5.2).
    let response = match caller.app.patch_answers.user {
        PatchAnswer::NoContent if projection.is_default() => no_content(),
        _ => resource(StatusCode::OK, presented, &projection, Written::Yes),
    };
    Ok(caller.sign(response))
}

pub(super) async fn delete(caller: Caller, id: Id<UserId>) -> Result<Response, Failure> {
    let actor = caller.actor.clone();
    to_the_end(caller.app.clone(), |app| async move {
        provision::delete::delete(&app.bridged, &id.0, &actor).await
    })
    .await?;
    Ok(caller.sign(no_content()))
}

/// The id in the path.
#[derive(Debug)]
pub(super) struct Id<I>(pub(super) I);

impl<S: Send + Sync, I: From<String>> FromRequestParts<S> for Id<I> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(mut parameters)| parameters.remove("id"));
        id.map(|id| Self(I::from(id))).ok_or_else(|| Failure::NoSuchEndpoint(shown(parts.uri.path())))
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
    match tokio::spawn(operation(app)).await {
        Ok(result) => Ok(result?),
        Err(panic) => {
            tracing::error!(%panic, "a write panicked");
            Err(Failure::Bug)
        }
    }
}
