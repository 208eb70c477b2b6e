//! Some clients send a number where a string is defined, such as an employee number (`OKT-19`, `Q-61`).

use serde_json::Value;

use crate::scim::attribute::{Attribute, Kind};

/// A number becomes its decimal text for a string attribute.
pub(super) fn repair(attribute: &Attribute, value: Value) -> Value {
    match value {
        Value::Number(number) if attribute.kind == Kind::String => Value::String(number.to_string()),
        other => other,
    }
}
