//! Entra ID and its validator clear an attribute with `""`, Okta pushes empty values (`C-7`, `LAV-2`,
//! `ENT-24`, `Q-62`).

use serde_json::Value;

use crate::scim::attribute::Attribute;

/// `""` becomes `null`, which is unassigned, unless the attribute is required: then it stays, and is refused
/// as a value.
pub(super) fn repair(attribute: &Attribute, value: Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() && !attribute.required => Value::Null,
        other => other,
    }
}
