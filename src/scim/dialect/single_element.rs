//! Some clients send one value of a multi-valued attribute without the array around it (`RFC-091`).

use serde_json::Value;

use crate::scim::attribute::{Attribute, Kind};

/// A lone object becomes an array of one for a complex attribute, a lone string or number for a simple one. A
/// lone string for a complex attribute, `"emails": "a@b"`, is refused as the RFC says (`RFC-016`).
pub(super) fn repair(attribute: &Attribute, value: Value) -> Value {
    match value {
        Value::Object(_) if attribute.kind == Kind::Complex => Value::Array(vec![value]),
        Value::String(ref text) if attribute.kind != Kind::Complex && !text.is_empty() => {
            Value::Array(vec![value])
        }
        Value::Number(_) if attribute.kind != Kind::Complex => Value::Array(vec![value]),
        other => other,
    }
}
