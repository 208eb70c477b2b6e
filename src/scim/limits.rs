//! How large a resource may be, so that no client can make one that nobody can load.

use serde_json::{Map, Value};

use super::{
    attribute::Attribute,
    error::{Error, ScimType},
};

/// The longest text of one value, in bytes. Certificates and photos as data URIs are the longest that are
/// seen.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The most elements of a multi-valued attribute.
pub const MAX_ELEMENTS: usize = 1_000;
/// The most members of a group.
pub const MAX_MEMBERS: usize = 100_000;
/// The most bytes of names and values in one resource.
pub const MAX_RESOURCE_BYTES: usize = 16 * 1024 * 1024;
/// The most operations of one PATCH request.
pub const MAX_OPERATIONS: usize = 1_000;
/// The most attributes that all operations of one PATCH request name together.
pub const MAX_PATCH_PATHS: usize = 10_000;
/// The most operations of one bulk request.
pub const MAX_BULK_OPERATIONS: usize = 1_000;
/// The most names that are remembered as ignored, and how many bytes of each: they are for the log.
pub const MAX_IGNORED: usize = 32;
/// See [`MAX_IGNORED`].
pub const MAX_IGNORED_BYTES: usize = 128;

/// Refuses a list that is too long for the attribute, called `path`.
pub(super) fn check_elements(attribute: &Attribute, count: usize, path: &str) -> Result<(), Error> {
    let most = if attribute.name == "members" { MAX_MEMBERS } else { MAX_ELEMENTS };
    if count <= most {
        return Ok(());
    }
    Err(Error::new(
        ScimType::InvalidValue,
        format!("`{path}` has {count} values; at most {most} are accepted."),
    ))
}

/// Refuses a text that is too long, or that no database can hold, for the attribute called `path`.
pub(super) fn check_text(text: &str, path: &str) -> Result<(), Error> {
    if text.len() > MAX_TEXT_BYTES {
        let detail = format!("`{path}` is {} bytes long; at most {MAX_TEXT_BYTES} are accepted.", text.len());
        return Err(Error::new(ScimType::InvalidValue, detail));
    }
    if text.contains('\0') {
        let detail = format!("`{path}` holds the character U+0000, which cannot be stored.");
        return Err(Error::new(ScimType::InvalidValue, detail));
    }
    Ok(())
}

/// Refuses a resource that is too large as a whole.
pub(super) fn check_resource(attributes: &Map<String, Value>) -> Result<(), Error> {
    let bytes = attributes.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>();
    if bytes <= MAX_RESOURCE_BYTES {
        return Ok(());
    }
    let detail =
        format!("the resource would be {bytes} bytes large; at most {MAX_RESOURCE_BYTES} are accepted.");
    Err(Error::new(ScimType::InvalidValue, detail))
}

/// About how many bytes a value is; it is at most four levels deep.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}
