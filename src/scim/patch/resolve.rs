//! From written operations to those that can be applied: paths are looked up, values are read.

use std::sync::Arc;

use serde_json::Value;

use super::{
    operation::{Change, ElementChange, Operation},
    request::{Op, Origin, Written},
};
use crate::scim::{
    attribute::{Attribute, Kind, Mutability},
    dialect::{self, listed_removal},
    error::{Error, ScimType},
    filter::{ElementFilter, name},
    path::Path,
    resource_type::{AttributeRef, ResourceType},
    schema::Schema,
    urn,
    value::{self, Ignored, Part},
};

/// What a written operation comes to.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Changes to attributes.
    pub(super) operations: Vec<Operation>,
    /// Values for `id`, which can only be what it is.
    pub(super) echoed_ids: Vec<String>,
}

/// Resolves one written operation; there may be nothing to do for it.
pub(super) fn resolve(
    written: Written,
    resource_type: &ResourceType,
    resolved: &mut Resolved,
    ignored: &mut Ignored,
) -> Result<(), Error> {
    // A schema's URN stands for its attributes, also that of the core schema.
    if urn::same(written.path.trim(), &resource_type.schema.id) {
        return resolve_schema(written, &resource_type.schema, resource_type, resolved, ignored);
    }
    let path = match Path::parse(&written.path, resource_type) {
        // A key that cannot be a path is an attribute that nobody knows; one with a filter was meant for us.
        Err(_) if written.origin == Origin::Value && !written.path.contains('[') => None,
        parsed => parsed?,
    };
    let Some(path) = path else {
        ignored.push(&written.path);
        return Ok(());
    };
    if written.op != Op::Remove && written.value.is_none() {
        let detail = "It has no `value`; only a remove goes without one.";
        return Err(Error::new(ScimType::InvalidValue, detail));
    }
    match path {
        Path::Extension(schema) => {
            return resolve_schema(written, &schema, resource_type, resolved, ignored);
        }
        Path::Attribute(at) => resolve_attribute(written, at, resolved, ignored)?,
        Path::Elements { attribute, filter, sub_attribute } => {
            if may_write(&attribute.attribute, &written)? && may_write_part(sub_attribute.as_ref(), &written)?
            {
                let is_forgotten =
                    sub_attribute.as_ref().is_some_and(|sub| sub.mutability == Mutability::WriteOnly);
                let change = resolve_elements(written, &attribute, filter, sub_attribute, ignored)?;
                if !is_forgotten {
                    resolved.operations.push(Operation::new(attribute, change));
                }
            }
        }
    }
    Ok(())
}

/// An operation on a whole schema is one on each attribute that its value names, or for a removal on each
/// that the schema defines (`RFC-111`).
fn resolve_schema(
    written: Written,
    schema: &Schema,
    resource_type: &ResourceType,
    resolved: &mut Resolved,
    ignored: &mut Ignored,
) -> Result<(), Error> {
    let Written { number, op, value, .. } = written;
    let parts: Vec<(String, Op, Option<Value>)> = match (op, value) {
        (Op::Remove, _) | (_, Some(Value::Null)) => {
            let names = schema.attributes.iter().map(|attribute| attribute.name.clone());
            names.map(|name| (name, Op::Remove, None)).collect()
        }
        (op, Some(Value::Object(object))) => {
            object.into_iter().map(|(name, value)| (name, op, Some(value))).collect()
        }
        _ => {
            let detail = format!("`{}` must be an object that holds the schema's attributes.", schema.id);
            return Err(Error::new(ScimType::InvalidValue, detail));
        }
    };
    for (name, op, value) in parts {
        let path = format!("{}:{name}", schema.id);
        // The URN alone would lead here again.
        if name.is_empty() {
            ignored.push(&path);
            continue;
        }
        resolve(
            Written { number, op, path, origin: Origin::Value, value },
            resource_type,
            resolved,
            ignored,
        )?;
    }
    Ok(())
}

fn resolve_attribute(
    written: Written,
    at: AttributeRef,
    resolved: &mut Resolved,
    ignored: &mut Ignored,
) -> Result<(), Error> {
    if at.extension.is_none() {
        match (at.attribute.name.as_str(), written.op, &written.value) {
            ("schemas", Op::Remove, _) => return Err(read_only("schemas")),
            // Which schemas a resource has follows from its attributes.
            ("schemas", Op::Add | Op::Replace, _) => return Ok(()),
            ("id", Op::Add | Op::Replace, Some(Value::String(id))) => {
                resolved.echoed_ids.push(id.clone());
                return Ok(());
            }
            _ => {}
        }
    }
    if !(may_write(&at.attribute, &written)? && may_write_part(at.sub_attribute.as_ref(), &written)?) {
        return Ok(());
    }
    let path = name::canonical(&at);
    let attribute = at.attribute.clone();
    let is_forgotten =
        at.leaf().mutability == Mutability::WriteOnly || attribute.mutability == Mutability::WriteOnly;
    let change = match (at.sub_attribute.clone(), attribute.multi_valued) {
        (Some(sub), multi_valued) => {
            let parts = vec![resolve_part(written, sub, &path, ignored)?];
            if multi_valued {
                Change::Elements(None, ElementChange::Merge(parts))
            } else {
                Change::Merge(parts)
            }
        }
        (None, true) => resolve_list(written, &attribute, &path, ignored)?,
        (None, false) => resolve_single(written, &attribute, &path, ignored)?,
    };
    // A password must be right, and then it is accepted and forgotten (`OKT-07`).
    if !is_forgotten {
        resolved.operations.push(Operation::new(at, change));
    }
    Ok(())
}

/// A single-valued attribute: to add is to replace (RFC 7644 §3.5.2.1).
fn resolve_single(
    written: Written,
    attribute: &Attribute,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Change, Error> {
    let value = match (written.op, written.value) {
        (Op::Remove, _) | (_, None) => return Ok(Change::Remove),
        (Op::Add | Op::Replace, Some(value)) => dialect::repair_value(attribute, value),
    };
    if attribute.kind == Kind::Complex && !value.is_null() {
        return Ok(Change::Merge(value::read_parts(attribute, value, path, ignored)?));
    }
    let value = value::read_one(attribute, value, path, ignored)?;
    check_required(attribute, value.as_ref(), path)?;
    Ok(Change::Set(value))
}

/// A multi-valued attribute as a whole.
fn resolve_list(
    written: Written,
    attribute: &Attribute,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Change, Error> {
    Ok(match (written.op, written.value) {
        (Op::Remove, value) => match listed_removal::listed(attribute, value, path, ignored)? {
            Some(listed) => Change::RemoveListed(listed),
            None => Change::Remove,
        },
        (Op::Add, value) => {
            Change::Add(value::read_elements(attribute, value.unwrap_or_default(), path, ignored)?)
        }
        (Op::Replace, value) => {
            Change::Replace(value::read_elements(attribute, value.unwrap_or_default(), path, ignored)?)
        }
    })
}

/// Elements that a filter chooses, or a part of them. The `value` of a remove, which Entra ID sends with it,
/// says what is there anyway and is not looked at (`ENT-27`, `Q-44`).
fn resolve_elements(
    written: Written,
    at: &AttributeRef,
    filter: ElementFilter,
    sub_attribute: Option<Arc<Attribute>>,
    ignored: &mut Ignored,
) -> Result<Change, Error> {
    let attribute = &at.attribute;
    let path = name::canonical(&AttributeRef { sub_attribute: sub_attribute.clone(), ..at.clone() });
    let change = match (sub_attribute, written.op, written.value) {
        (Some(sub), op, value) => {
            ElementChange::Merge(vec![resolve_part(Written { op, value, ..written }, sub, &path, ignored)?])
        }
        (None, Op::Add, Some(value)) => {
            ElementChange::Merge(value::read_parts(attribute, value, &path, ignored)?)
        }
        (None, Op::Replace, Some(value)) => match value::read_one(attribute, value, &path, ignored)? {
            Some(element) => ElementChange::Replace(element),
            None => ElementChange::Remove,
        },
        (None, _, _) => ElementChange::Remove,
    };
    Ok(Change::Elements(Some(filter), change))
}

/// A sub-attribute, called `path`, that an operation is about.
fn resolve_part(
    written: Written,
    sub: Arc<Attribute>,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Part, Error> {
    let value = match (written.op, written.value) {
        (Op::Remove, _) | (_, None) => None,
        (Op::Add | Op::Replace, Some(value)) => {
            let value = value::read(&sub, value, path, ignored)?;
            check_required(&sub, value.as_ref(), path)?;
            value
        }
    };
    Ok((sub, value))
}

/// Refuses to unassign what is required by setting it to nothing (`C-7`, `Q-62`).
fn check_required(attribute: &Attribute, value: Option<&Value>, path: &str) -> Result<(), Error> {
    if attribute.required && value.is_none() {
        return Err(Error::new(ScimType::InvalidValue, format!("`{path}` is required and cannot be empty.")));
    }
    Ok(())
}

fn may_write_part(sub_attribute: Option<&Arc<Attribute>>, written: &Written) -> Result<bool, Error> {
    sub_attribute.map_or(Ok(true), |sub| may_write(sub, written))
}

/// Whether the operation is to be looked at. Not if a read-only attribute is just sent back among others; one that a
/// path goes for is refused (`RFC-106`).
fn may_write(attribute: &Attribute, written: &Written) -> Result<bool, Error> {
    match attribute.mutability {
        Mutability::ReadWrite | Mutability::Immutable | Mutability::WriteOnly => Ok(true),
        Mutability::ReadOnly if written.origin == Origin::Value => Ok(false),
        Mutability::ReadOnly => Err(read_only(&attribute.name)),
    }
}

fn read_only(name: &str) -> Error {
    Error::new(ScimType::Mutability, format!("`{name}` is read-only."))
}
