//! Lists, by GET with query parameters and by POST to `/.search` (RFC 7644 §3.4.2, §3.4.3): of users, of groups, and of
//! both at the root.

use axum::response::Response;
use http::StatusCode;

use crate::{
    provision::search::{Scope, search},
    scim::query::Parameters,
};

use super::{answer::scim_text, body::Json, caller::Caller, error::Failure, query::Query};

pub(super) async fn list_users(caller: Caller, query: Query) -> Result<Response, Failure> {
    answer(caller, Scope::Users, &of(&query)).await
}

pub(super) async fn search_users(caller: Caller, Json(body): Json) -> Result<Response, Failure> {
    answer(caller, Scope::Users, &Parameters::parse(body)?).await
}

pub(super) async fn list_groups(caller: Caller, query: Query) -> Result<Response, Failure> {
    answer(caller, Scope::Groups, &of(&query)).await
}

pub(super) async fn search_groups(caller: Caller, Json(body): Json) -> Result<Response, Failure> {
    answer(caller, Scope::Groups, &Parameters::parse(body)?).await
}

pub(super) async fn list_all(caller: Caller, query: Query) -> Result<Response, Failure> {
    answer(caller, Scope::All, &of(&query)).await
}

pub(super) async fn search_all(caller: Caller, Json(body): Json) -> Result<Response, Failure> {
    answer(caller, Scope::All, &Parameters::parse(body)?).await
}

fn of(query: &Query) -> Parameters {
    Parameters::read(|name| query.find(name))
}

async fn answer(caller: Caller, scope: Scope, parameters: &Parameters) -> Result<Response, Failure> {
    let list = search(&caller.app.bridged, scope, parameters).await?;
    Ok(scim_text(StatusCode::OK, list.to_text()))
}
