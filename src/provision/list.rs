//! GET of a list of users, whole or by filter.

use std::time::Duration;

use serde_json::Value;

use crate::{
    converge::roster::RosterState,
    scim::{
        filter::Filter,
        list::{ListResponse, Page},
    },
    store::{
        UserId,
        users::{self, Narrowing},
    },
};

use super::{BridgedApp, ProvisionError};

/// How many users are read at a time while a filter is tried on all of them.
const CHUNK: u32 = 500;

/// A page of the users that `filter` matches, in the order of their creation. `totalResults` is exact.
///
/// # Errors
/// When the target's accounts are not known yet, or the database fails.
pub async fn list(
    app: &BridgedApp,
    filter: Option<&Filter>,
    page: Page,
) -> Result<ListResponse<Value>, ProvisionError> {
    accounts_known(app)?;
    match filter {
        Some(filter) => matching(app, filter, page).await,
        None => all(app, page).await,
    }
}

/// Until the first roster pass is done, "no such user" might be wrong, and an IdP that believes it invites the person again.
///
/// # Errors
/// Until then.
pub(super) fn accounts_known(app: &BridgedApp) -> Result<(), ProvisionError> {
    let target = app.target.connector.target();
    let detail = match app.roster.current() {
        RosterState::Known { .. } => return Ok(()),
        RosterState::First => {
            format!("The accounts of {target} are being listed for the first time; try again shortly.")
        }
        RosterState::FirstFailed { reason } => {
            format!("The accounts of {target} could not be listed yet: {reason}. It is tried again.")
        }
    };
    Err(ProvisionError::Unavailable { detail, retry_after: Duration::from_secs(5) })
}

async fn all(app: &BridgedApp, page: Page) -> Result<ListResponse<Value>, ProvisionError> {
    let store = &app.target.store;
    let total_results = users::count(store, app.name()).await?;
    let range = users::Page { offset: page.offset(), limit: page.count };
    let users = users::page(store, app.name(), range).await?;
    let resources = app.present_all(&users).await?;
    Ok(ListResponse { total_results, start_index: page.start_index, resources })
}

async fn matching(
    app: &BridgedApp,
    filter: &Filter,
    page: Page,
) -> Result<ListResponse<Value>, ProvisionError> {
    let narrowing = narrowing(filter);
    let mut response =
        ListResponse { total_results: 0, start_index: page.start_index, resources: Vec::new() };
    let mut after: Option<UserId> = None;
    loop {
        let users = users::scan(&app.target.store, app.name(), &narrowing, after.as_ref(), CHUNK).await?;
        for resource in app.present_all(&users).await? {
            if !filter.matches(&resource) {
                continue;
            }
            response.total_results += 1;
            let is_on_page = response.total_results > page.offset();
            if is_on_page && (response.resources.len() as u64) < page.count {
                response.resources.push(resource);
            }
        }
        match users.last() {
            Some(last) if users.len() == CHUNK as usize => after = Some(last.id.clone()),
            _ => return Ok(response),
        }
    }
}

/// The one thing that every match must have and an index can find.
fn narrowing(filter: &Filter) -> Narrowing {
    filter
        .required_equalities()
        .iter()
        .filter(|equality| {
            equality.attribute.extension.is_none() && equality.attribute.sub_attribute.is_none()
        })
        .find_map(|equality| match equality.attribute.attribute.name.as_str() {
            "id" => Some(Narrowing::Id(equality.text.into())),
            "userName" => Some(Narrowing::UserName(equality.text.to_owned())),
            "externalId" => Some(Narrowing::ExternalId(equality.text.to_owned())),
            _ => None,
        })
        .unwrap_or(Narrowing::All)
}
