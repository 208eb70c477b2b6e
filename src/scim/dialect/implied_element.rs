//! Entra ID sets `emails[type eq "work"].value` of a user who has no such element (`ENT-18`, `Q-41`, `C-3`),
//! also with `Replace`, for which RFC 7644 §3.5.2.3 wants `noTarget`.

use serde_json::{Map, Value};

use crate::scim::{
    attribute::{Attribute, Mutability},
    element,
    filter::ElementFilter,
};

/// The element that a filter describes, `{"type": "work"}`, for `eq` joined by `and`. `None` for any other
/// filter, and for a group's members: nobody becomes a member by an operation on a member who is not there.
pub(in crate::scim) fn implied(attribute: &Attribute, filter: &ElementFilter) -> Option<Map<String, Value>> {
    if element::is_fixed(attribute, "value") {
        return None;
    }
    let parts = filter.element()?;
    let writable =
        parts.iter().all(|(sub, _)| matches!(sub.mutability, Mutability::ReadWrite | Mutability::Immutable));
    writable.then(|| parts.into_iter().map(|(sub, value)| (sub.name.clone(), value)).collect())
}
