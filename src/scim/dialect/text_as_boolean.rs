//! Entra ID sends booleans as strings: `"False"` for `active`, `"True"` for `primary` of a role (`ENT-19`,
//! `ENT-20`, `C-4`, `Q-27`, `Q-28`).

use serde_json::Value;

use crate::scim::attribute::{Attribute, Kind};

/// `"true"` and `"false"` in any case become booleans for a boolean attribute, and for no other: a display
/// name may well be "True".
pub(super) fn repair(attribute: &Attribute, value: Value) -> Value {
    match value {
        Value::String(text) if attribute.kind == Kind::Boolean && text.eq_ignore_ascii_case("true") => {
            true.into()
        }
        Value::String(text) if attribute.kind == Kind::Boolean && text.eq_ignore_ascii_case("false") => {
            false.into()
        }
        other => other,
    }
}
