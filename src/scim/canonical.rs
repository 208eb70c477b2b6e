//! When two JSON values say the same: the order of keys, and of an array's elements, is of no account.

use serde_json::{Map, Value};

/// Whether two objects have the same keys with the same values.
pub(super) fn same_attributes(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
}

/// Whether two values say the same.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            // Most often nothing moved, and then nothing needs to be written out and sorted.
            one == other || (one.len() == other.len() && sorted(one) == sorted(other))
        }
        (Value::Object(one), Value::Object(other)) => same_attributes(one, other),
        (one, other) => one == other,
    }
}

/// A text that is equal for values that say the same.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), text(value)))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(elements) => format!("[{}]", sorted(elements).join(",")),
        scalar => scalar.to_string(),
    }
}

fn sorted(elements: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = elements.iter().map(text).collect();
    texts.sort_unstable();
    texts
}
