//! Which attributes stand in the body of a write, be it a resource or a PATCH request.

use serde_json::{Map, Value};

use crate::scim::{filter::name, path::Path, resource_type::ResourceType};

/// The names, as they can be looked up in the resource type; some may be unknown. A body that is malformed has none: it is
/// refused elsewhere.
pub(super) fn names(body: &Value, resource_type: &ResourceType) -> Vec<String> {
    let mut names = Vec::new();
    let Value::Object(body) = body else { return names };
    match member(body, "Operations") {
        Some(Value::Array(operations)) => {
            for operation in operations.iter().filter_map(Value::as_object) {
                let path = member(operation, "path").and_then(Value::as_str);
                let value = member(operation, "value").unwrap_or(&Value::Null);
                match path.filter(|path| !path.trim().is_empty()) {
                    Some(path) => {
                        push_value(&mut names, &without_filter(path, resource_type), value, resource_type)
                    }
                    None => push_object(&mut names, value, resource_type),
                }
            }
        }
        _ => push_members(&mut names, body, resource_type),
    }
    names
}

fn member<'b>(object: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// `emails[type eq "work"].value` is about `emails.value`.
fn without_filter(path: &str, resource_type: &ResourceType) -> String {
    match Path::parse(path, resource_type) {
        Ok(Some(Path::Elements { mut attribute, sub_attribute, .. })) => {
            attribute.sub_attribute = sub_attribute;
            name::canonical(&attribute)
        }
        _ => path.trim().to_owned(),
    }
}

fn push_object(names: &mut Vec<String>, value: &Value, resource_type: &ResourceType) {
    if let Value::Object(object) = value {
        push_members(names, object, resource_type);
    }
}

fn push_members(names: &mut Vec<String>, object: &Map<String, Value>, resource_type: &ResourceType) {
    for (name, value) in object {
        push_value(names, &without_filter(name, resource_type), value, resource_type);
    }
}

/// The name, and those of what is in its value.
fn push_value(names: &mut Vec<String>, name: &str, value: &Value, resource_type: &ResourceType) {
    names.push(name.to_owned());
    let separator = if resource_type.extension(name).is_some() { ':' } else { '.' };
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        other => std::slice::from_ref(other),
    };
    for object in elements.iter().filter_map(Value::as_object) {
        for (part, value) in object {
            let name = format!("{name}{separator}{part}");
            if separator == ':' {
                push_value(names, &name, value, resource_type);
            } else {
                names.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::scim::fixture::{BADGE, user_type};

    #[rstest]
    #[case::a_resource(json!({ "userName": "b", "NAME": { "givenName": "B" }, "emails": [{ "value": "x" }, { "type": "y" }] }),
        &["userName", "NAME", "NAME.givenName", "emails", "emails.value", "emails.type"])]
    #[case::an_extension(json!({ BADGE: { "pin": "1", "seat": { "row": 1 } } }),
        &["BADGE", "BADGE:pin", "BADGE:seat", "BADGE:seat.row"])]
    #[case::a_patch(json!({ "operations": [
        { "op": "add", "path": "emails[type eq \"work\"].value", "value": "x" },
        { "op": "add", "value": { "name.givenName": "B", BADGE: { "pin": "1" } } },
        { "op": "add", "Path": "nickName", "value": "x" }, 7] }),
        &["emails.value", "name.givenName", "BADGE", "BADGE:pin", "nickName"])]
    #[case::no_object(json!([1]), &[])]
    fn the_names_of_a_body_are_told(#[case] body: Value, #[case] expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|name| name.replace("BADGE", BADGE)).collect();
        assert_eq!(names(&body, &user_type()), expected);
    }
}
