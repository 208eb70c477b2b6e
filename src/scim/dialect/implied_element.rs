//! Entra ID sets `emails[type eq "work"].value` of a user who has no such element (`ENT-18`, `Q-41`, `C-3`),
//! also with `Replace`, for which RFC 7644 §3.5.2.3 wants `noTarget`.

use serde_json::{Map, Value};

use crate::scim::{
    attribute::{Attribute, Mutability},
    element,
    error::Error,
    filter::ElementFilter,
    value::{self, Ignored},
};

/// The element that a filter describes, `{"type": "work"}`, for `eq` joined by `and`. `None` for any other
/// filter, and for a group's members: nobody becomes a member by an operation on a member who is not there.
///
/// # Errors
///
/// As for the same values in a body.
pub(in crate::scim) fn implied(
    attribute: &Attribute,
    filter: &ElementFilter,
) -> Result<Option<Map<String, Value>>, Error> {
    if element::is_fixed(attribute, "value") {
        return Ok(None);
    }
    let Some(described) = filter.element() else { return Ok(None) };
    let is_writable =
        |sub: &Attribute| matches!(sub.mutability, Mutability::ReadWrite | Mutability::Immutable);
    if !described.iter().all(|(sub, _)| is_writable(sub)) {
        return Ok(None);
    }
    let described: Map<_, _> = described.into_iter().map(|(sub, value)| (sub.name.clone(), value)).collect();
    // What a filter compares with becomes a value of the resource: it is read like any other, an empty text as none.
    let parts = value::read_parts(attribute, described.into(), &attribute.name, &mut Ignored::default())?;
    Ok(Some(parts.into_iter().filter_map(|(sub, value)| Some((sub.name.clone(), value?))).collect()))
}
