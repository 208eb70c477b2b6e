//! From the body of a POST or PUT to the [`Resource`] it asserts (RFC 7644 §3.3, §3.5.1).

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    attribute::{Attribute, Mutability},
    canonical, element,
    error::{Error, ScimType},
    limits,
    resource::Resource,
    resource_type::ResourceType,
    schema::Schema,
    urn,
    value::{self, Ignored},
};

/// What a request asserts.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The resource, right and complete.
    pub resource: Resource,
    /// Names and URNs that nothing is defined for. They were passed over, as clients depend on (`C-13`); this
    /// is for the log, and holds no values.
    pub ignored: Vec<String>,
}

/// Reads the body of a POST. A user whose body says nothing of `active` is active: clients read it in every
/// answer (`OSPEC-01`, `Q-34`).
///
/// # Errors
///
/// `invalidSyntax` if the body is not an object or names an attribute twice; `invalidValue`, with the
/// attribute's path, if a value does not fit or a required one is missing.
pub fn create(resource_type: &ResourceType, body: Value) -> Result<Accepted, Error> {
    let mut accepted = read(resource_type, body)?;
    if accepted.resource.active().is_none() && resource_type.schema.attribute("active").is_some() {
        accepted.resource = accepted.resource.with_active(true);
    }
    Ok(accepted)
}

/// Reads the body of a PUT that replaces `old`. What the body leaves out is cleared (`C-18`), save what the
/// client cannot change and `active`: a PUT without it must neither disable nor enable anybody (`C-17`,
/// `Q-35`).
///
/// # Errors
///
/// As for [`create`], and `mutability` if an immutable value differs from the one that is set (`RFC-036`).
pub fn replace(resource_type: &ResourceType, old: &Resource, body: Value) -> Result<Accepted, Error> {
    let Accepted { resource, ignored } = read(resource_type, body)?;
    Ok(Accepted { resource: over(resource_type, old, resource)?, ignored })
}

/// What becomes of `old` when `resource`, which [`read`] gave, takes its place.
///
/// # Errors
///
/// `mutability` if an immutable value differs from the one that is set (`RFC-036`).
pub fn over(resource_type: &ResourceType, old: &Resource, resource: Resource) -> Result<Resource, Error> {
    let mut attributes = resource.into_attributes();
    keep_fixed(resource_type.top_level(), old.attributes(), &mut attributes)?;
    for schema in &resource_type.extensions {
        let Some(Value::Object(before)) = old.find(&schema.id) else { continue };
        let mut after = match attributes.shift_remove(&schema.id) {
            Some(Value::Object(after)) => after,
            _ => Map::new(),
        };
        keep_fixed(schema.attributes.iter(), before, &mut after)?;
        if !after.is_empty() {
            attributes.insert(schema.id.clone(), after.into());
        }
    }
    let resource = Resource::from_attributes(attributes);
    Ok(match (resource.active(), old.active()) {
        (None, Some(active)) => resource.with_active(active),
        (None, None) if resource_type.schema.attribute("active").is_some() => resource.with_access_of(old),
        _ => resource,
    })
}

/// The name of a required attribute that is missing, also one of a complex value or an extension that the
/// resource has.
pub(super) fn find_missing(resource_type: &ResourceType, attributes: &Map<String, Value>) -> Option<String> {
    // `schemas` is made for each answer.
    let core = resource_type.top_level().filter(|attribute| attribute.name != "schemas");
    let in_extension = |schema: &Arc<Schema>| {
        let path = find_missing_in(schema.attributes.iter(), attributes.get(&schema.id)?.as_object()?)?;
        Some(format!("{}:{path}", schema.id))
    };
    find_missing_in(core, attributes).or_else(|| resource_type.extensions.iter().find_map(in_extension))
}

fn find_missing_in<'a>(
    mut defined: impl Iterator<Item = &'a Arc<Attribute>>,
    object: &Map<String, Value>,
) -> Option<String> {
    defined.find_map(|attribute| {
        if value::is_missing(attribute, object) {
            return Some(attribute.name.clone());
        }
        let missing_part = |value: &Value| {
            attribute
                .sub_attributes
                .iter()
                .find(|sub| value.as_object().is_some_and(|object| value::is_missing(sub, object)))
        };
        let missing = match object.get(&attribute.name)? {
            Value::Array(elements) if attribute.sub_attributes.iter().any(|sub| sub.required) => {
                elements.iter().find_map(missing_part)
            }
            value => missing_part(value),
        };
        missing.map(|sub| format!("{}.{}", attribute.name, sub.name))
    })
}

/// Reads the body of a POST or PUT, before anything is known of what it creates or replaces.
///
/// # Errors
///
/// As for [`create`].
pub fn read(resource_type: &ResourceType, body: Value) -> Result<Accepted, Error> {
    let Value::Object(body) = body else {
        return Err(Error::new(
            ScimType::InvalidSyntax,
            "the body must be a JSON object that holds the resource.",
        ));
    };
    let mut ignored = Ignored::default();
    let mut attributes = Map::new();
    let mut seen = HashSet::new();
    for (name, value) in body {
        if let Some(schema) = resource_type.extension(&name) {
            if !seen.insert(schema.id.as_str()) {
                return Err(value::given_twice(&schema.id));
            }
            if let Some(object) = read_extension(schema, value, &mut ignored)? {
                attributes.insert(schema.id.clone(), object.into());
            }
        } else if let Some(attribute) =
            resource_type.top_level().find(|known| known.name.eq_ignore_ascii_case(&name))
        {
            if !seen.insert(attribute.name.as_str()) {
                return Err(value::given_twice(&attribute.name));
            }
            if attribute.name == "schemas" {
                check_schemas(resource_type, &value, &mut ignored)?;
            } else if is_read(attribute)
                && let Some(value) = value::read(attribute, value, &attribute.name, &mut ignored)?
                && is_kept(attribute)
            {
                attributes.insert(attribute.name.clone(), value);
            }
        } else {
            ignored.push(&name);
        }
    }
    if let Some(path) = find_missing(resource_type, &attributes) {
        return Err(value::required(&path));
    }
    limits::check_resource(&attributes)?;
    Ok(Accepted { resource: Resource::from_attributes(attributes), ignored: ignored.into_names() })
}

fn read_extension(
    schema: &Schema,
    value: Value,
    ignored: &mut Ignored,
) -> Result<Option<Map<String, Value>>, Error> {
    let object = match value {
        Value::Object(object) => object,
        Value::Null => return Ok(None),
        _ => {
            let detail = format!("`{}` must be an object that holds the extension's attributes.", schema.id);
            return Err(Error::new(ScimType::InvalidValue, detail));
        }
    };
    let mut attributes = Map::new();
    let mut seen = HashSet::new();
    for (name, value) in object {
        let path = format!("{}:{name}", schema.id);
        let Some(attribute) = schema.attribute(&name) else {
            ignored.push(&path);
            continue;
        };
        if !seen.insert(attribute.name.as_str()) {
            return Err(value::given_twice(&path));
        }
        if is_read(attribute)
            && let Some(value) = value::read(attribute, value, &path, ignored)?
            && is_kept(attribute)
        {
            attributes.insert(attribute.name.clone(), value);
        }
    }
    Ok((!attributes.is_empty()).then_some(attributes))
}

/// Whether what a client sends for the attribute is looked at, and must be right. Read-only attributes are the
/// server's (`RFC-003`, `RFC-022`).
fn is_read(attribute: &Attribute) -> bool {
    attribute.mutability != Mutability::ReadOnly
}

/// Whether it is then taken into the resource. A write-only one, the password, is accepted and forgotten at once
/// (`OKT-01`).
pub(super) fn is_kept(attribute: &Attribute) -> bool {
    matches!(attribute.mutability, Mutability::ReadWrite | Mutability::Immutable)
}

/// `schemas` must be a list of texts, if it is there at all. Which schemas a resource has follows from its
/// attributes, so what the list says is not needed: Entra ID leaves out URNs (`Q-25`), misspells them
/// (`ENT-02`) and adds its own (`ENT-30`).
fn check_schemas(resource_type: &ResourceType, schemas: &Value, ignored: &mut Ignored) -> Result<(), Error> {
    let malformed =
        || Error::new(ScimType::InvalidSyntax, "`schemas` must be an array of strings, each a schema's URN.");
    if schemas.is_null() {
        return Ok(());
    }
    for schema in schemas.as_array().ok_or_else(malformed)? {
        let schema = schema.as_str().ok_or_else(malformed)?;
        if !urn::same(schema, &resource_type.schema.id) && resource_type.extension(schema).is_none() {
            ignored.push(schema);
        }
    }
    Ok(())
}

/// Carries over from `before` what a client can set only once, and refuses another value for it.
fn keep_fixed<'a>(
    defined: impl Iterator<Item = &'a Arc<Attribute>>,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
) -> Result<(), Error> {
    for attribute in defined {
        let Some(old) = before.get(&attribute.name) else { continue };
        match (after.get_mut(&attribute.name), attribute.mutability) {
            (Some(new), Mutability::Immutable) if !canonical::same(old, new) => {
                let detail = format!("`{}` cannot be changed once it is set.", attribute.name);
                return Err(Error::new(ScimType::Mutability, detail));
            }
            (None, Mutability::Immutable) => {
                after.insert(attribute.name.clone(), old.clone());
            }
            (Some(Value::Array(new)), _) => {
                let old = old.as_array().map(Vec::as_slice).unwrap_or_default();
                *new = element::replace(attribute, old, std::mem::take(new));
            }
            (Some(Value::Object(new)), _) => {
                if let Some(old) = old.as_object() {
                    keep_fixed(attribute.sub_attributes.iter(), old, new)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
