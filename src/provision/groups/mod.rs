//! The use cases of groups, one file per SCIM operation.
//!
//! A group is the bridge's own: writes are done when they are committed. What a group gives at the target follows, as `effect`
//! has it. Members are rows, so that what an operation costs
//! depends on how many members it names, not on how many there are.

pub mod create;
pub mod delete;
mod effect;
pub mod get;
mod membership;
mod present;
mod record;
pub mod replace;
pub mod update;

pub use self::{membership::UnknownMembers, present::Members};

use crate::{
    scim::error::{Error, ScimType},
    store::{Group, GroupId, Transaction, groups},
};

use self::{
    effect::{Effect, Touched},
    record::{Author, MembersChanged},
};
use super::{BridgedApp, ProvisionError, Request};

/// The answer for a group that is not there.
fn not_found(id: &GroupId) -> ProvisionError {
    // An id is repeated as it came, but not at any length.
    ProvisionError::NotFound { resource_type: "Group", id: id.as_str().chars().take(64).collect() }
}

/// Stores what became of `before`, as a new version if anything changed. Answers it, and who is to be looked at again.
async fn save_changed(
    transaction: &mut Transaction,
    author: &Author,
    effect: &Effect,
    before: &Group,
    mut group: Group,
    members: &MembersChanged,
) -> Result<(Group, Touched), ProvisionError> {
    if members.is_empty() && group.resource == before.resource {
        return Ok((group, Touched::default()));
    }
    if group.resource.display_name() != before.resource.display_name() {
        refuse_taken_name(transaction, &group).await?;
    }
    group.version += 1;
    group.modified_at = author.now();
    group.is_offered = false;
    groups::save(transaction, &group).await?;
    let touched = effect.changed(transaction, Some(before), &group, members, author.now()).await?;
    author.changed(transaction, before, &group, members).await?;
    Ok((group, touched))
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
