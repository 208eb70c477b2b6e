//! Entra ID sends the manager as an array of one, as it does for every reference (`ENT-23`, `Q-45`).

use serde_json::Value;

use crate::scim::attribute::{Attribute, Kind};

/// An array of one becomes its element, and an empty one `null`, for a single-valued attribute that is
/// complex and has a `value`.
pub(super) fn repair(attribute: &Attribute, value: Value) -> Value {
    if attribute.multi_valued || attribute.kind != Kind::Complex || attribute.sub_attribute("value").is_none()
    {
        return value;
    }
    match value {
        Value::Array(mut elements) if elements.len() <= 1 => elements.pop().unwrap_or_default(),
        other => other,
    }
}
