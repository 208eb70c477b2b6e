//! All that Entra ID says otherwise than the RFCs, said as they do, in a body that another server is to read. Our own core reads
//! through the repairs one by one; a server that knows the RFC alone gets them all at once.
//!
//! What names nothing that is defined here is left as it is, for the other server may define it.

use serde_json::{Map, Value, json};

use crate::scim::{
    attribute::{Attribute, Kind},
    resource_type::{Named, ResourceType},
    urn,
};

use super::{bare_operations, repair_list, repair_value};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A resource: of a POST or PUT.
    Resource,
    /// The operations of a PATCH.
    Patch,
}

/// `body` in the RFCs' words. What cannot be mended is left as it is.
pub fn mend(resource_type: &ResourceType, message: Message, body: Value) -> Value {
    match message {
        Message::Resource => mend_object(resource_type, body),
        Message::Patch => mend_patch(resource_type, bare_operations::repair(body)),
    }
}

/// The attributes of a resource, or of the value of an operation without a path.
fn mend_object(resource_type: &ResourceType, value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let mended = members.into_iter().map(|(name, value)| {
        let value = match resource_type.find(&name) {
            Some(Named::Attribute(found)) => mend_value(found.leaf(), value),
            Some(Named::Extension(schema)) => match value {
                Value::Object(members) => Value::Object(
                    members
                        .into_iter()
                        .map(|(name, value)| match schema.attribute(&name) {
                            Some(attribute) => (name, mend_value(attribute, value)),
                            None => (name, value),
                        })
                        .collect(),
                ),
                value => value,
            },
            None => value,
        };
        (name, value)
    });
    Value::Object(mended.collect())
}

fn mend_patch(resource_type: &ResourceType, body: Value) -> Value {
    let Value::Object(mut members) = body else { return body };
    let mut spellings = members.keys().filter(|key| key.eq_ignore_ascii_case("Operations"));
    // Of two spellings the server would get one: what the other says must not be lost.
    let (Some(spelling), None) = (spellings.next().cloned(), spellings.next()) else {
        return Value::Object(members);
    };
    let Some(Value::Array(operations)) = members.get_mut(&spelling) else { return Value::Object(members) };
    let operations = std::mem::take(operations);
    let mended =
        operations.into_iter().flat_map(|operation| mend_operation(resource_type, operation)).collect();
    members.shift_remove(&spelling);
    members.insert("schemas".to_owned(), json!([urn::PATCH_OP]));
    members.insert("Operations".to_owned(), mended);
    Value::Object(members)
}

/// The operations that say what one said.
fn mend_operation(resource_type: &ResourceType, operation: Value) -> Vec<Value> {
    let Value::Object(mut operation) = operation else { return vec![operation] };
    // `Add`, `Replace`, `Remove` (`Q-36`).
    if let Some(Value::String(op)) = operation.get_mut("op") {
        op.make_ascii_lowercase();
    }
    let is_removal = operation.get("op").is_some_and(|op| op == "remove");
    let path = operation.get("path").and_then(Value::as_str).map(str::to_owned);
    let Some(value) = operation.shift_remove("value") else { return vec![operation.into()] };
    match path {
        Some(path) if is_removal => mend_removal(resource_type, &path, operation, value),
        Some(path) => {
            let value = match find(resource_type, &path) {
                Some((attribute, Element::Yes)) => mend_one(&attribute, value),
                Some((attribute, Element::No)) => mend_value(&attribute, value),
                None => value,
            };
            operation.insert("value".to_owned(), value);
            vec![operation.into()]
        }
        None => split(resource_type, &operation, value),
    }
}

/// A removal that lists what to remove (`ENT-36`) becomes one for each, by a filter; the RFC's has no value (`ENT-27`).
fn mend_removal(
    resource_type: &ResourceType,
    path: &str,
    mut operation: Map<String, Value>,
    value: Value,
) -> Vec<Value> {
    let listed = match find(resource_type, path) {
        Some((attribute, Element::No)) if attribute.multi_valued && !value.is_null() => {
            listed(&attribute, &value)
        }
        Some(_) => return vec![operation.into()],
        None => None,
    };
    match listed {
        Some(listed) => listed
            .into_iter()
            .map(|value| {
                let mut operation = operation.clone();
                operation
                    .insert("path".to_owned(), format!("{path}[value eq {}]", Value::from(value)).into());
                operation.into()
            })
            .collect(),
        // What lists nothing usable must not become a removal of all (`C-2`).
        None => {
            operation.insert("value".to_owned(), value);
            vec![operation.into()]
        }
    }
}

/// The elements that a removal lists, each by its `value`; `None` if there is none, or one without.
fn listed(attribute: &Attribute, value: &Value) -> Option<Vec<String>> {
    let Value::Array(elements) = mend_value(attribute, value.clone()) else { return None };
    let text = |element: &Value| element.get("value")?.as_str().map(str::to_owned);
    let listed: Vec<String> = elements.iter().map(text).collect::<Option<_>>()?;
    (!listed.is_empty()).then_some(listed)
}

/// Paths as names in the value of an operation without a path (`ENT-16`) become operations with a path.
fn split(resource_type: &ResourceType, operation: &Map<String, Value>, value: Value) -> Vec<Value> {
    let Value::Object(members) = value else {
        let mut operation = operation.clone();
        operation.insert("value".to_owned(), value);
        return vec![operation.into()];
    };
    let is_path = |name: &str| match resource_type.find(name) {
        Some(Named::Extension(_)) => false,
        Some(Named::Attribute(found)) => found.extension.is_some() || found.sub_attribute.is_some(),
        None => name.contains('['),
    };
    let (paths, names): (Vec<_>, Vec<_>) = members.into_iter().partition(|(name, _)| is_path(name));
    let mut operations = Vec::new();
    let names: Map<String, Value> = names.into_iter().collect();
    if !names.is_empty() || paths.is_empty() {
        let mut operation = operation.clone();
        operation.insert("value".to_owned(), mend_object(resource_type, Value::Object(names)));
        operations.push(operation.into());
    }
    for (path, value) in paths {
        let mut operation = operation.clone();
        operation.insert("path".to_owned(), path.into());
        operation.insert("value".to_owned(), value);
        operations.extend(mend_operation(resource_type, operation.into()));
    }
    operations
}

/// Whether a path chooses elements of a multi-valued attribute.
enum Element {
    Yes,
    No,
}

/// The attribute that a path leads to; `emails[type eq "work"].value` leads to `emails.value`.
fn find(resource_type: &ResourceType, path: &str) -> Option<(Attribute, Element)> {
    let (name, is_filtered) = match (path.find('['), path.rfind(']')) {
        (Some(open), Some(close)) if open < close => {
            (format!("{}{}", &path[..open], &path[close + 1..]), true)
        }
        _ => (path.to_owned(), false),
    };
    match resource_type.find(&name)? {
        Named::Attribute(found) => {
            let is_element = is_filtered && found.sub_attribute.is_none();
            Some((Attribute::clone(found.leaf()), if is_element { Element::Yes } else { Element::No }))
        }
        Named::Extension(_) => None,
    }
}

/// The value of an attribute.
fn mend_value(attribute: &Attribute, value: Value) -> Value {
    if !attribute.multi_valued {
        return mend_one(attribute, value);
    }
    match repair_list(attribute, value) {
        Value::Array(elements) => elements.into_iter().map(|element| mend_one(attribute, element)).collect(),
        value => value,
    }
}

/// A single value, or one element.
fn mend_one(attribute: &Attribute, value: Value) -> Value {
    match repair_value(attribute, value) {
        Value::Object(members) if attribute.kind == Kind::Complex => {
            let mended = members.into_iter().filter_map(|(name, value)| {
                match attribute.sub_attribute(&name) {
                    // `"$ref": null` says nothing (`ENT-35`), and what is empty is not there.
                    Some(sub) => Some((name, mend_one(sub, value))).filter(|(_, value)| !value.is_null()),
                    None => Some((name, value)),
                }
            });
            let mended: Map<String, Value> = mended.collect();
            // A manager without a value is none (`ENT-24`).
            if mended.is_empty() { Value::Null } else { Value::Object(mended) }
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scim::registry::Registry;

    const MEMBERS: &str = "urn:ietf:params:scim:schemas:core:2.0:Group:members";
    const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

    fn mended(operation: Value) -> Value {
        let body = json!({ "schemas": [urn::PATCH_OP], "Operations": [operation] });
        let mut mended = mend(Registry::default().user(), Message::Patch, body);
        assert_eq!(mended["schemas"], json!([urn::PATCH_OP]));
        mended["Operations"].take()
    }

    #[rstest]
    #[case::capitals_and_text_q36_ent19(
        json!({ "op": "Replace", "path": "active", "value": "False" }),
        json!([{ "op": "replace", "path": "active", "value": false }])
    )]
    #[case::without_a_path_ent19(
        json!({ "op": "Replace", "value": { "active": "False" } }),
        json!([{ "op": "replace", "value": { "active": false } }])
    )]
    #[case::a_manager_as_text_ent22(
        json!({ "op": "Add", "path": MANAGER, "value": "7" }),
        json!([{ "op": "add", "path": MANAGER, "value": { "value": "7" } }])
    )]
    #[case::a_manager_in_an_array_ent23(
        json!({ "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": [{ "$ref": "r", "value": "7" }] }),
        json!([{ "op": "add", "path": MANAGER, "value": { "$ref": "r", "value": "7" } }])
    )]
    #[case::no_manager_ent24(
        json!({ "op": "Replace", "path": MANAGER, "value": { "value": "" } }),
        json!([{ "op": "replace", "path": MANAGER, "value": null }])
    )]
    #[case::paths_as_names_ent16(
        json!({ "op": "replace", "value": { "displayName": "B", "name.givenName": "K", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "9" } }),
        json!([
            { "op": "replace", "value": { "displayName": "B" } },
            { "op": "replace", "path": "name.givenName", "value": "K" },
            { "op": "replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "value": "9" },
        ])
    )]
    #[case::roles_ent20(
        json!({ "op": "Add", "path": "roles", "value": [{ "primary": "True", "value": "Admin" }] }),
        json!([{ "op": "add", "path": "roles", "value": [{ "primary": true, "value": "Admin" }] }])
    )]
    #[case::an_element_by_filter(
        json!({ "op": "Add", "path": "emails[type eq \"work\"].primary", "value": "true" }),
        json!([{ "op": "add", "path": "emails[type eq \"work\"].primary", "value": true }])
    )]
    #[case::a_removal_with_a_value_ent27(
        json!({ "op": "Remove", "path": "emails[type eq \"work\"].value", "value": "x@y" }),
        json!([{ "op": "remove", "path": "emails[type eq \"work\"].value" }])
    )]
    #[case::removals_of_roles(
        json!({ "op": "Remove", "path": "roles", "value": { "value": "Admin" } }),
        json!([{ "op": "remove", "path": "roles[value eq \"Admin\"]" }])
    )]
    #[case::a_removal_of_no_role_c2(
        json!({ "op": "Remove", "path": "roles", "value": [] }),
        json!([{ "op": "remove", "path": "roles", "value": [] }])
    )]
    #[case::a_removal_of_a_single_value_ent27(
        json!({ "op": "Remove", "path": "title", "value": "x" }),
        json!([{ "op": "remove", "path": "title" }])
    )]
    #[case::an_empty_text(
        json!({ "op": "Replace", "path": "title", "value": "" }),
        json!([{ "op": "replace", "path": "title", "value": null }])
    )]
    #[case::what_nobody_knows(
        json!({ "op": "Add", "path": "urn:example:User:active", "value": "False" }),
        json!([{ "op": "add", "path": "urn:example:User:active", "value": "False" }])
    )]
    fn an_operation_says_the_same_in_the_rfcs_words(#[case] operation: Value, #[case] expected: Value) {
        assert_eq!(mended(operation), expected);
    }

    #[rstest]
    #[case::listed_ent36(
        json!({ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "a\"" }, { "value": "b" }] }),
        json!([
            { "op": "remove", "path": "members[value eq \"a\\\"\"]" },
            { "op": "remove", "path": "members[value eq \"b\"]" },
        ])
    )]
    #[case::all_ent38(json!({ "op": "Remove", "path": "members" }), json!([{ "op": "remove", "path": "members" }]))]
    #[case::nothing_usable_c2(
        json!({ "op": "Remove", "path": "members", "value": [{ "display": "x" }] }),
        json!([{ "op": "remove", "path": "members", "value": [{ "display": "x" }] }])
    )]
    #[case::an_empty_list_c2(
        json!({ "op": "Remove", "path": "members", "value": [] }),
        json!([{ "op": "remove", "path": "members", "value": [] }])
    )]
    #[case::one_that_is_not_listed(
        json!({ "op": "Remove", "path": "members", "value": { "value": "7" } }),
        json!([{ "op": "remove", "path": "members[value eq \"7\"]" }])
    )]
    #[case::a_text_c2(
        json!({ "op": "Remove", "path": "members", "value": "7" }),
        json!([{ "op": "remove", "path": "members", "value": "7" }])
    )]
    #[case::below_a_urn(
        json!({ "op": "Remove", "path": MEMBERS, "value": [{ "value": "7" }] }),
        json!([{ "op": "remove", "path": format!("{MEMBERS}[value eq \"7\"]") }])
    )]
    #[case::nothing_usable_below_a_urn_c2(
        json!({ "op": "Remove", "path": MEMBERS, "value": [{ "display": "x" }] }),
        json!([{ "op": "remove", "path": MEMBERS, "value": [{ "display": "x" }] }])
    )]
    #[case::what_nobody_knows(
        json!({ "op": "Remove", "path": "owners", "value": [{ "value": "7" }] }),
        json!([{ "op": "remove", "path": "owners", "value": [{ "value": "7" }] }])
    )]
    #[case::an_empty_reference_ent35(
        json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "a" }] }),
        json!([{ "op": "add", "path": "members", "value": [{ "value": "a" }] }])
    )]
    fn members_are_added_and_removed_in_the_rfcs_words(#[case] operation: Value, #[case] expected: Value) {
        let body = json!({ "Operations": [operation] });
        let mended = mend(Registry::default().group(), Message::Patch, body);
        assert_eq!(mended["Operations"], expected);
    }

    #[rstest]
    #[case::one_operation_in_no_array(
        json!({ "Operations": { "op": "Replace", "path": "active", "value": false } })
    )]
    #[case::two_spellings(json!({
        "operations": [{ "op": "Replace", "path": "active", "value": false }],
        "Operations": [{ "op": "Replace", "path": "title", "value": "x" }],
    }))]
    fn operations_that_cannot_be_mended_are_not_lost(#[case] body: Value) {
        assert_eq!(mend(Registry::default().user(), Message::Patch, body.clone()), body);
    }

    #[test]
    fn a_resource_is_mended_and_what_is_right_or_unknown_stays() {
        let user = Registry::default();
        let body = json!({
            "schemas": [urn::USER], "userName": "b", "active": "True", "x": "False", "title": "True",
            "emails": [{ "value": "b@x", "primary": "true" }],
            urn::ENTERPRISE_USER: { "manager": "7", "department": "True" },
        });
        assert_eq!(
            mend(user.user(), Message::Resource, body),
            json!({
                "schemas": [urn::USER], "userName": "b", "active": true, "x": "False", "title": "True",
                "emails": [{ "value": "b@x", "primary": true }],
                urn::ENTERPRISE_USER: { "manager": { "value": "7" }, "department": "True" },
            })
        );
        assert_eq!(mend(user.user(), Message::Resource, json!([1])), json!([1]));
        assert_eq!(mend(user.user(), Message::Patch, json!("x")), json!("x"));
    }
}
