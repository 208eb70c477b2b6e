//! What clients really send, and how it is repaired.
//!
//! The RFCs say how a request looks; Okta, Entra ID and others send some of it otherwise. Each deviation that we know and
//! take has a file here, which says who sends it. A repair runs in front of the core and rewrites what came into the RFC's
//! form, so that the core knows the RFC alone. Nothing else is forgiven: a value that no repair knows is refused with its
//! name.

mod array_of_one;
mod bare_value;
mod empty_text;
mod number_as_text;
mod single_element;
mod text_as_boolean;

use serde_json::Value;

use super::attribute::Attribute;

/// A repair of one value of the attribute. It hands on what it does not know.
type ValueRepair = fn(&Attribute, Value) -> Value;

/// In the order in which they run: a manager that is an array of one text becomes a text, then an object.
const VALUE_REPAIRS: [ValueRepair; 5] = [
    array_of_one::repair,
    empty_text::repair,
    bare_value::repair,
    text_as_boolean::repair,
    number_as_text::repair,
];

/// Repairs one value: that of a single-valued attribute, or one element. Unassigned becomes `null`.
pub(super) fn repair_value(attribute: &Attribute, value: Value) -> Value {
    VALUE_REPAIRS.iter().fold(value, |value, repair| repair(attribute, value))
}

/// Repairs the value of a multi-valued attribute as a whole.
pub(super) fn repair_list(attribute: &Attribute, value: Value) -> Value {
    single_element::repair(attribute, value)
}
