//! The use cases of groups, one file per SCIM operation.
//!
//! A group is the bridge's own: writes are done when they are committed. Members are rows, so that what an operation costs
//! depends on how many members it names, not on how many there are.

pub mod create;
pub mod delete;
pub mod get;
mod membership;
mod present;
pub mod replace;
pub mod update;

pub use self::{membership::UnknownMembers, present::Members};

use crate::{
    clock::Time,
    scim::error::{Error, ScimType},
    store::{Group, GroupId, Transaction, groups},
};

use super::{BridgedApp, ProvisionError};

/// The answer for a group that is not there.
fn not_found(id: &GroupId) -> ProvisionError {
    // An id is repeated as it came, but not at any length.
    ProvisionError::NotFound { resource_type: "Group", id: id.as_str().chars().take(64).collect() }
}

/// Stores what became of `before`, as a new version if anything changed.
async fn save_changed(
    transaction: &mut Transaction,
    before: &Group,
    mut group: Group,
    members_changed: bool,
    now: Time,
) -> Result<Group, ProvisionError> {
    if !members_changed && group.resource == before.resource {
        return Ok(group);
    }
    if group.resource.display_name() != before.resource.display_name() {
        refuse_taken_name(transaction, &group).await?;
    }
    group.version += 1;
    group.modified_at = now;
    groups::save(transaction, &group).await?;
    Ok(group)
}

/// Refuses a `displayName` that another group has (`C-14`).
async fn refuse_taken_name(transaction: &mut Transaction, group: &Group) -> Result<(), ProvisionError> {
    let name = group.resource.display_name().unwrap_or_default();
    match groups::find_by_display_name(transaction, &group.app, name).await? {
        Some(other) if other.id != group.id => {
            let detail = format!("A group with this displayName exists already; its id is {}.", other.id);
            Err(Error::new(ScimType::Uniqueness, detail).into())
        }
        _ => Ok(()),
    }
}
