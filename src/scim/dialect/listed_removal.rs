//! Entra ID removes members by `{"op":"Remove","path":"members","value":[{"value":"…"}]}` (`ENT-36`, `Q-43`),
//! authentik too. RFC 7644 §3.5.2.2 knows no value of `remove`, and would remove all members.

use serde_json::Value;

use crate::scim::{
    attribute::{Attribute, Kind},
    error::{Error, ScimType},
    value::{self, Ignored},
};

/// The elements that a `remove` of a multi-valued attribute lists, or `None` if it lists none and means all,
/// as the RFC says. `null` is the same as no value at all: Keycloak empties a group so.
///
/// # Errors
///
/// `invalidValue` if there is a value that lists nothing usable: to take it for "all" would empty a group by
/// mistake (`C-2`).
pub(in crate::scim) fn listed(
    attribute: &Attribute,
    value: Option<Value>,
    path: &str,
    ignored: &mut Ignored,
) -> Result<Option<Vec<Value>>, Error> {
    let value = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let listed = value::read_elements(attribute, value, path, ignored)?;
    let has_value = attribute.kind == Kind::Complex && attribute.sub_attribute("value").is_some();
    let usable = |element: &Value| !has_value || element.get("value").is_some();
    if !listed.is_empty() && listed.iter().all(usable) {
        return Ok(Some(listed));
    }
    let detail = format!(
        "The value of a remove of `{path}` must list what to remove, as in [{{\"value\": \"…\"}}]; \
         without a value all is removed."
    );
    Err(Error::new(ScimType::InvalidValue, detail))
}
