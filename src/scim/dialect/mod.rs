//! What clients really send, and how it is repaired.
//!
//! The RFCs say how a request looks; Okta, Entra ID and others send some of it otherwise. Each deviation that
//! we know and take has a file here, which says who sends it. A repair runs in front of the core and rewrites
//! what came into the RFC's form, so that the core knows the RFC alone. Nothing else is forgiven: a value
//! that no repair knows is refused with its name.

mod array_of_one;
pub(super) mod bare_operations;
mod bare_value;
mod empty_text;
pub mod entra;
pub(super) mod implied_element;
pub(super) mod listed_removal;
mod number_as_text;
pub(super) mod patch_envelope;
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::scim::registry::Registry;

    /// The attribute of that name, of users or of their enterprise extension; or a sub-attribute.
    fn attribute(name: &str) -> Attribute {
        let registry = Registry::default();
        let mut schemas = registry.schemas();
        let (name, sub_name) = name.split_once('.').unwrap_or((name, ""));
        let attribute = schemas.find_map(|schema| schema.attribute(name)).unwrap();
        Attribute::clone(attribute.sub_attribute(sub_name).unwrap_or(attribute))
    }

    #[rstest]
    #[case::array_of_one(array_of_one::repair, "manager", json!([{ "value": "m" }]), json!({ "value": "m" }))]
    #[case::array_of_none(array_of_one::repair, "manager", json!([]), Value::Null)]
    #[case::bare_manager(bare_value::repair, "manager", json!("m"), json!({ "value": "m" }))]
    #[case::bare_element(bare_value::repair, "emails", json!("a@b"), json!({ "value": "a@b" }))]
    #[case::empty_text(empty_text::repair, "title", json!(""), Value::Null)]
    #[case::number(number_as_text::repair, "employeeNumber", json!(7), json!("7"))]
    #[case::large_number(number_as_text::repair, "title", json!(u64::MAX), json!("18446744073709551615"))]
    #[case::single_object(single_element::repair, "emails", json!({ "value": "a" }), json!([{ "value": "a" }]))]
    #[case::text_true(text_as_boolean::repair, "active", json!("TRUE"), json!(true))]
    #[case::text_false_in_an_element(text_as_boolean::repair, "emails.primary", json!("False"), json!(false))]
    fn a_repair_mends_what_it_is_for(
        #[case] repair: ValueRepair,
        #[case] name: &str,
        #[case] sent: Value,
        #[case] meant: Value,
    ) {
        assert_eq!(repair(&attribute(name), sent), meant);
    }

    #[rstest]
    #[case::array_of_two(array_of_one::repair, "manager", json!(["m", "n"]))]
    #[case::array_for_a_list(array_of_one::repair, "emails", json!([{ "value": "m" }]))]
    #[case::array_for_a_name(array_of_one::repair, "name", json!([{ "givenName": "G" }]))]
    #[case::text_for_a_name(bare_value::repair, "name", json!("Bob"))]
    #[case::text_for_an_address(bare_value::repair, "addresses", json!("1 Street"))]
    #[case::empty_but_required(empty_text::repair, "userName", json!(""))]
    #[case::blank(empty_text::repair, "title", json!(" "))]
    #[case::number_for_a_boolean(number_as_text::repair, "active", json!(1))]
    #[case::text_for_a_list(single_element::repair, "emails", json!("a@b"))]
    #[case::true_as_a_name(text_as_boolean::repair, "displayName", json!("True"))]
    #[case::yes(text_as_boolean::repair, "active", json!("yes"))]
    #[case::padded(text_as_boolean::repair, "active", json!(" true"))]
    fn a_repair_hands_on_what_it_does_not_know(
        #[case] repair: ValueRepair,
        #[case] name: &str,
        #[case] sent: Value,
    ) {
        assert_eq!(repair(&attribute(name), sent.clone()), sent);
    }
}
