//! The part of a PATCH that is about a group's members, for a store that keeps each member as a row of its own: a group of
//! ten thousand must not be loaded to add one.

use serde_json::{Map, Value};

use super::{
    Described, Patch, explain,
    operation::{Change, ElementChange},
};
use crate::scim::error::Error;

/// A change of a list of members.
#[derive(Clone, Debug)]
pub enum MembershipChange {
    /// These join; who is a member stays one (`Q-49`).
    Add(Vec<Value>),
    /// Those with these ids leave; who is no member is passed over (`Q-50`).
    Remove(Vec<String>),
    /// These and no others are members (`OKT-12`).
    Replace(Vec<Value>),
    /// Everybody leaves (`ENT-38`).
    Clear,
    /// What can only be told with the list at hand, such as `members[type eq "Group"]`.
    Rewrite(Rewrite),
}

/// A change that needs the list.
#[derive(Clone, Debug)]
pub struct Rewrite(Described);

impl Rewrite {
    /// The list after the change.
    ///
    /// # Errors
    /// `mutability` when it would change what a member is, `noTarget` when no member matches.
    pub fn apply(&self, members: Vec<Value>) -> Result<Vec<Value>, Error> {
        let mut attributes = Map::new();
        if !members.is_empty() {
            attributes.insert("members".to_owned(), Value::Array(members));
        }
        let Described { description, operation } = &self.0;
        operation.apply(&mut attributes).map_err(|error| explain(description, error))?;
        match attributes.shift_remove("members") {
            Some(Value::Array(members)) => Ok(members),
            _ => Ok(Vec::new()),
        }
    }
}

impl Patch {
    /// Takes the changes of `members` out of the request, in order. They and what is left do not depend on each other.
    pub fn take_membership_changes(&mut self) -> Vec<MembershipChange> {
        let is_membership = |described: &mut Described| described.operation.is_about("members");
        self.operations.extract_if(.., is_membership).map(membership_change).collect()
    }
}

fn membership_change(described: Described) -> MembershipChange {
    match described.operation.change() {
        Change::Add(members) => MembershipChange::Add(members.clone()),
        Change::Replace(members) => MembershipChange::Replace(members.clone()),
        Change::Remove | Change::Elements(None, ElementChange::Remove) => MembershipChange::Clear,
        Change::RemoveListed(members) => MembershipChange::Remove(members.iter().filter_map(id).collect()),
        change => match chosen_by_id(change) {
            Some(id) => MembershipChange::Remove(vec![id]),
            None => MembershipChange::Rewrite(Rewrite(described)),
        },
    }
}

/// The id in `members[value eq "…"]`, where that is removed.
fn chosen_by_id(change: &Change) -> Option<String> {
    let Change::Elements(Some(filter), ElementChange::Remove) = change else { return None };
    match filter.element()?.as_slice() {
        [(attribute, Value::String(id))] if attribute.name == "value" && !id.contains('\0') => {
            Some(id.clone())
        }
        _ => None,
    }
}

/// The id of a member. None has U+0000 in it, which not every database takes.
pub fn id(member: &Value) -> Option<String> {
    member.get("value")?.as_str().filter(|id| !id.contains('\0')).map(str::to_owned)
}
