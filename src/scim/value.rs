//! Reading a JSON value as an attribute's definition wants it (RFC 7643 §2.3, §2.5).
//!
//! What comes out is right: names are canonical, types fit, nothing is unassigned, no element stands there
//! twice. Values are never altered beyond the repairs of [`dialect`]: both clients compare what they get with
//! what they sent.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    attribute::{Attribute, Kind, Mutability},
    dialect, element,
    error::{Error, ScimType},
    limits,
};

/// Names in a request that nothing is defined for; they are for the log.
#[derive(Debug, Default)]
pub(super) struct Ignored(Vec<String>);

impl Ignored {
    pub(super) fn push(&mut self, name: &str) {
        if self.0.len() < limits::MAX_IGNORED {
            let end = name.floor_char_boundary(limits::MAX_IGNORED_BYTES);
            self.0.push(name[..end].to_owned());
        }
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.0
    }
}

/// What is said of one sub-attribute: its new value, or `None` to unassign it.
pub(super) type Part = (Arc<Attribute>, Option<Value>);

/// Reads the value of an attribute. `path` is what an error calls it. `None` is unassigned.
pub(super) fn read(
    attribute: &Attribute,
    value: Value,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Option<Value>, Error> {
    if !attribute.multi_valued {
        return read_one(attribute, value, path, ignored);
    }
    let elements = read_elements(attribute, value, path, ignored)?;
    Ok((!elements.is_empty()).then_some(Value::Array(elements)))
}

/// Reads the values of a multi-valued attribute: each once, at most one of them primary (`RFC-017`,
/// `RFC-019`).
pub(super) fn read_elements(
    attribute: &Attribute,
    value: Value,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Vec<Value>, Error> {
    // Where an element must have a part, nothing else is taken for no element: a slip must not empty a group.
    let needed = attribute.sub_attributes.iter().find(|sub| sub.required);
    let values = match dialect::repair_list(attribute, value) {
        Value::Array(values) => values,
        Value::Null => return Ok(Vec::new()),
        Value::String(text) if text.is_empty() && needed.is_none() => return Ok(Vec::new()),
        other => return Err(wrong_type(path, "an array", &other)),
    };
    limits::check_elements(attribute, values.len(), path)?;
    let mut elements = Vec::with_capacity(values.len());
    for value in values {
        match (read_one(attribute, value, path, ignored)?, needed) {
            (Some(element), _) => elements.push(element),
            (None, Some(sub)) => return Err(required(&format!("{path}.{}", sub.name))),
            (None, None) => {}
        }
    }
    if elements.iter().filter(|element| element::is_primary(element)).count() > 1 {
        let detail =
            format!("`{path}` has more than one value with primary true; at most one can be primary.");
        return Err(Error::new(ScimType::InvalidValue, detail));
    }
    let mut distinct = Vec::with_capacity(elements.len());
    element::add(attribute, &mut distinct, elements);
    Ok(distinct)
}

/// Reads one value: of a single-valued attribute, or one element of a multi-valued one.
pub(super) fn read_one(
    attribute: &Attribute,
    value: Value,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Option<Value>, Error> {
    let value = dialect::repair_value(attribute, value);
    if value.is_null() {
        return Ok(None);
    }
    if attribute.kind != Kind::Complex {
        check_simple(attribute, &value, path)?;
        return Ok(Some(value));
    }
    let mut object = Map::new();
    for (sub, value) in read_parts(attribute, value, path, ignored)? {
        if let Some(value) = value {
            object.insert(sub.name.clone(), value);
        }
    }
    let missing = attribute.sub_attributes.iter().find(|sub| is_missing(sub, &object));
    match missing {
        _ if object.is_empty() => Ok(None),
        Some(sub) => Err(required(&format!("{path}.{}", sub.name))),
        None => Ok(Some(Value::Object(object))),
    }
}

/// Reads what an object says of a complex attribute's sub-attributes, also which of them it unassigns.
/// Read-only ones are left out, and so are write-only ones once they are found right.
pub(super) fn read_parts(
    attribute: &Attribute,
    value: Value,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Vec<Part>, Error> {
    let object = match dialect::repair_value(attribute, value) {
        Value::Object(object) => object,
        other => return Err(wrong_type(path, "an object", &other)),
    };
    let mut parts: Vec<Part> = Vec::with_capacity(object.len());
    for (name, value) in object {
        let Some(sub) = attribute.sub_attribute(&name) else {
            ignored.push(&format!("{path}.{name}"));
            continue;
        };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        let path = format!("{path}.{}", sub.name);
        if parts.iter().any(|(seen, _)| seen.name == sub.name) {
            return Err(given_twice(&path));
        }
        let value = read(sub, value, &path, ignored)?;
        if sub.mutability != Mutability::WriteOnly {
            parts.push((sub.clone(), value));
        }
    }
    Ok(parts)
}

/// Whether a required attribute that the client writes is not in `object`.
pub(super) fn is_missing(attribute: &Attribute, object: &Map<String, Value>) -> bool {
    let written = matches!(attribute.mutability, Mutability::ReadWrite | Mutability::Immutable);
    attribute.required && written && !object.contains_key(&attribute.name)
}

/// The error for a name that stands in one object in two spellings (`RFC-012`).
pub(super) fn given_twice(path: &str) -> Error {
    let detail = format!("`{path}` is given more than once; attribute names compare without regard to case.");
    Error::new(ScimType::InvalidSyntax, detail)
}

/// The error for a required attribute that is missing (`RFC-015`).
pub(super) fn required(path: &str) -> Error {
    Error::new(ScimType::InvalidValue, format!("`{path}` is required."))
}

/// Refuses a value that does not fit the attribute's data type.
fn check_simple(attribute: &Attribute, value: &Value, path: &str) -> Result<(), Error> {
    if let Value::String(text) = value {
        limits::check_text(text, path)?;
        if attribute.required && text.trim().is_empty() {
            return Err(Error::new(
                ScimType::InvalidValue,
                format!("`{path}` is required and must not be empty."),
            ));
        }
    }
    let (fits, expected) = match attribute.kind {
        Kind::String => (value.is_string(), "a string"),
        Kind::Reference => (value.is_string(), "a string that holds a URI"),
        Kind::Boolean => (value.is_boolean(), "a boolean, true or false"),
        Kind::Integer => (value.is_i64() || value.is_u64(), "a whole number"),
        Kind::Decimal => (value.is_number(), "a number"),
        Kind::DateTime => {
            (value.as_str().is_some_and(is_date_time), "a date and time, such as 2026-01-31T09:00:00Z")
        }
        Kind::Binary => (value.as_str().is_some_and(is_base64), "a string in base64"),
        Kind::Complex => (value.is_object(), "an object"),
    };
    if fits { Ok(()) } else { Err(wrong_type(path, expected, value)) }
}

/// xsd:dateTime: the zone may be missing, date and time may not (RFC 7643 §2.3.5).
fn is_date_time(text: &str) -> bool {
    text.contains(['T', 't'])
        && (text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok())
}

/// base64 or base64url, padded or not, in lines or not (RFC 7643 §2.3.6).
fn is_base64(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=\r\n ".contains(&byte))
}

/// The error for a value of the wrong type. It does not quote the value, which is a person's.
fn wrong_type(path: &str, expected: &str, value: &Value) -> Error {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "this number",
        Value::String(_) => "this string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Error::new(ScimType::InvalidValue, format!("`{path}` must be {expected}, not {found}."))
}
