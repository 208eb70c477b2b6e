//! GET of a list of groups, whole or by filter.

use serde_json::Value;

use crate::{
    provision::{BridgedApp, ProvisionError},
    scim::{
        filter::Filter,
        list::{ListResponse, Page},
    },
    store::{
        GroupId,
        groups::{self, Narrowing},
    },
};

use super::Members;

/// How many groups are read at a time while a filter is tried on all of them.
const CHUNK: u32 = 100;

/// A page of the groups that `filter` matches, in the order of their creation. `totalResults` is exact.
///
/// # Errors
/// When the database fails.
pub async fn list(
    app: &BridgedApp,
    filter: Option<&Filter>,
    page: Page,
    members: Members,
) -> Result<ListResponse<Value>, ProvisionError> {
    match filter {
        Some(filter) => matching(app, filter, page, members).await,
        None => all(app, page, members).await,
    }
}

async fn all(app: &BridgedApp, page: Page, members: Members) -> Result<ListResponse<Value>, ProvisionError> {
    let store = &app.target.store;
    let total_results = groups::count(store, app.name()).await?;
    let mut resources = Vec::new();
    for group in groups::page(store, app.name(), page.offset(), page.count).await? {
        resources.push(app.present_group(&group, members).await?.resource);
    }
    Ok(ListResponse { total_results, start_index: page.start_index, resources })
}

async fn matching(
    app: &BridgedApp,
    filter: &Filter,
    page: Page,
    members: Members,
) -> Result<ListResponse<Value>, ProvisionError> {
    let interest = filter.interest_in("members");
    let narrowing = narrowing(filter);
    let mut response =
        ListResponse { total_results: 0, start_index: page.start_index, resources: Vec::new() };
    let mut after: Option<GroupId> = None;
    loop {
        let groups = groups::scan(&app.target.store, app.name(), &narrowing, after.as_ref(), CHUNK).await?;
        for group in &groups {
            if !filter.matches(&app.present_group_for(group, &interest).await?) {
                continue;
            }
            response.total_results += 1;
            let is_on_page = response.total_results > page.offset();
            if is_on_page && (response.resources.len() as u64) < page.count {
                response.resources.push(app.present_group(group, members).await?.resource);
            }
        }
        match groups.last() {
            Some(last) if groups.len() == CHUNK as usize => after = Some(last.id.clone()),
            _ => return Ok(response),
        }
    }
}

/// The one thing that every match must have and an index can find.
fn narrowing(filter: &Filter) -> Narrowing {
    filter
        .required_equalities()
        .iter()
        .find_map(|equality| {
            let sub_attribute = equality.attribute.sub_attribute.as_ref().map(|sub| sub.name.as_str());
            match (equality.attribute.attribute.name.as_str(), sub_attribute) {
                ("id", None) => Some(Narrowing::Id(equality.text.into())),
                ("displayName", None) => Some(Narrowing::DisplayName(equality.text.to_owned())),
                ("externalId", None) => Some(Narrowing::ExternalId(equality.text.to_owned())),
                ("members", Some("value")) => Some(Narrowing::Member(equality.text.to_owned())),
                _ => None,
            }
        })
        .unwrap_or(Narrowing::All)
}
