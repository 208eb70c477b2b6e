//! Changes of members, row by row.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    scim::{
        error::{Error, ScimType},
        patch::{MembershipChange, member_id},
    },
    store::{Group, Transaction, members},
};

use super::ProvisionError;

/// Carries the changes out in order. Whether anything changed.
///
/// # Errors
/// `invalidValue` for a member that does not exist (`C-23`, `ENT-40`), what a rewrite of the list fails with, and failures
/// of the database.
pub(super) async fn change(
    transaction: &mut Transaction,
    group: &Group,
    changes: Vec<MembershipChange>,
) -> Result<bool, ProvisionError> {
    let mut changed = false;
    for change in changes {
        changed |= match change {
            MembershipChange::Add(list) => add(transaction, group, &list).await?,
            MembershipChange::Remove(ids) => {
                remove(transaction, group, ids.iter().map(String::as_str)).await?
            }
            MembershipChange::Clear => members::clear(transaction, &group.id).await?,
            MembershipChange::Replace(list) => replace(transaction, group, &list).await?,
            MembershipChange::Rewrite(rewrite) => {
                let before = members::list_in(transaction, &group.id).await?;
                let shown =
                    before.iter().map(|member| json!({ "value": member.id, "type": member.kind.as_str() }));
                let after = rewrite.apply(shown.collect())?;
                replace(transaction, group, &after).await?
            }
        };
    }
    Ok(changed)
}

async fn add(transaction: &mut Transaction, group: &Group, list: &[Value]) -> Result<bool, ProvisionError> {
    let mut changed = false;
    for id in list.iter().filter_map(member_id) {
        let kind = members::find_kind(transaction, &group.app, &id).await?;
        let Some(kind) = kind.filter(|_| id != group.id.as_str()) else { return Err(no_such_member(&id)) };
        changed |= members::add(transaction, &group.app, &group.id, &id, kind).await?;
    }
    Ok(changed)
}

async fn remove<'i>(
    transaction: &mut Transaction,
    group: &Group,
    ids: impl Iterator<Item = &'i str>,
) -> Result<bool, ProvisionError> {
    let mut changed = false;
    for id in ids {
        changed |= members::remove(transaction, &group.id, id).await?;
    }
    Ok(changed)
}

/// Makes the list exact by the difference to what is there: Okta sends whole lists for one change.
async fn replace(
    transaction: &mut Transaction,
    group: &Group,
    list: &[Value],
) -> Result<bool, ProvisionError> {
    let before: HashSet<String> = members::ids(transaction, &group.id).await?.into_iter().collect();
    let wanted: HashSet<String> = list.iter().filter_map(member_id).collect();
    let left = before.iter().filter(|id| !wanted.contains(*id)).map(String::as_str);
    let removed = remove(transaction, group, left).await?;
    let is_new = |member: &&Value| member_id(member).is_some_and(|id| !before.contains(&id));
    let new: Vec<Value> = list.iter().filter(is_new).cloned().collect();
    Ok(add(transaction, group, &new).await? || removed)
}

fn no_such_member(id: &str) -> ProvisionError {
    let id: String = id.chars().take(64).collect();
    let detail = format!("There is no user or group with the id {id} that could be a member.");
    Error::new(ScimType::InvalidValue, detail).into()
}
