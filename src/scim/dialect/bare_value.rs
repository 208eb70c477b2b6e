//! Entra ID sends the manager as a bare string, the manager's id (`ENT-22`, `Q-45`); and some clients list
//! e-mail addresses as strings.

use serde_json::{Value, json};

use crate::scim::attribute::{Attribute, Kind};

/// A string becomes `{"value": string}` for an attribute that is complex and has a `value`.
pub(super) fn repair(attribute: &Attribute, value: Value) -> Value {
    match value {
        Value::String(text)
            if attribute.kind == Kind::Complex && attribute.sub_attribute("value").is_some() =>
        {
            json!({ "value": text })
        }
        other => other,
    }
}
