//! What a strict target refuses although it could be understood: the deviations of clients that RFC 7643 and 7644 do not have.

use serde_json::Value;

use crate::scim::{
    attribute::{Attribute, Kind},
    error::{Error, ScimType},
    resource_type::{Named, ResourceType},
    urn,
};

/// Checks the body of a POST or PUT.
pub(super) fn resource(resource_type: &ResourceType, body: &Value) -> Result<(), Error> {
    let names = |schema: &Value| schema.as_str() == Some(resource_type.schema.id.as_str());
    if !body["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(names)) {
        return Err(syntax(format!("`schemas` must name {}.", resource_type.schema.id)));
    }
    members(resource_type, body)
}

/// Checks the body of a PATCH.
pub(super) fn patch(resource_type: &ResourceType, body: &Value) -> Result<(), Error> {
    if body["schemas"] != serde_json::json!([urn::PATCH_OP]) {
        return Err(syntax(format!("`schemas` must be [{:?}].", urn::PATCH_OP)));
    }
    let Some(operations) = body["Operations"].as_array() else {
        return Err(syntax("`Operations` must be an array.".to_owned()));
    };
    for operation in operations {
        let op = operation["op"].as_str().unwrap_or_default();
        if !["add", "remove", "replace"].contains(&op) {
            return Err(syntax(format!("`op` must be add, remove or replace, and is {op:?}.")));
        }
        match operation.get("value") {
            Some(_) if op == "remove" => {
                return Err(syntax("`remove` takes no value.".to_owned()));
            }
            Some(value) => match operation["path"].as_str() {
                Some(path) => of_path(resource_type, path, value)?,
                None => members(resource_type, value)?,
            },
            None => {}
        }
    }
    Ok(())
}

/// Checks each member of an object that holds attributes of a resource.
fn members(resource_type: &ResourceType, object: &Value) -> Result<(), Error> {
    for (name, value) in object.as_object().into_iter().flatten() {
        if name.contains('.') && !urn::is_urn(name) {
            return Err(syntax(format!("`{name}` is a path, and not the name of an attribute.")));
        }
        match resource_type.find(name) {
            Some(Named::Extension(schema)) => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if let Some(attribute) = schema.attribute(name) {
                        check(attribute, value)?;
                    }
                }
            }
            Some(Named::Attribute(found)) => check(&found.attribute, value)?,
            None => {}
        }
    }
    Ok(())
}

fn of_path(resource_type: &ResourceType, path: &str, value: &Value) -> Result<(), Error> {
    // `emails[type eq "work"].value` is about `emails.value`.
    let plain = match (path.find('['), path.rfind(']')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &path[..open], &path[close + 1..]),
        _ => path.to_owned(),
    };
    match resource_type.find(&plain) {
        Some(Named::Attribute(found)) => check(found.leaf(), value),
        _ => Ok(()),
    }
}

fn check(attribute: &Attribute, value: &Value) -> Result<(), Error> {
    let refused = |expected: &str| {
        let detail = format!("`{}` must be {expected}, and is {value}.", attribute.name);
        Err(Error::new(ScimType::InvalidValue, detail))
    };
    match (value, attribute.kind) {
        (Value::String(_), Kind::Boolean) => refused("true or false"),
        (Value::Number(_), Kind::String) => refused("a string"),
        (Value::String(_), Kind::Complex) => refused("an object"),
        (Value::Array(_), _) if !attribute.multi_valued => refused("a single value"),
        (Value::Array(elements), _) => elements.iter().try_for_each(|element| match element {
            // Nothing is a list of lists.
            Value::Array(_) => Ok(()),
            element => check(attribute, element),
        }),
        (Value::Object(object), Kind::Complex) => object.iter().try_for_each(|(name, value)| {
            attribute.sub_attribute(name).map_or(Ok(()), |sub| check(sub, value))
        }),
        _ => Ok(()),
    }
}

fn syntax(detail: String) -> Error {
    Error::new(ScimType::InvalidSyntax, detail)
}
