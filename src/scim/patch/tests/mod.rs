//! What PATCH requests do: those that Entra ID and Okta send, word for word, and the rules of RFC 7644
//! §3.5.2.

mod clients;
mod properties;
mod rules;

use serde_json::{Value, json};

use super::*;
use crate::scim::{registry::Registry, urn};

pub(super) const ENT: &str = urn::ENTERPRISE_USER;
pub(super) const ID: &str = "2819c223";

pub(super) fn resource(value: Value) -> Resource {
    serde_json::from_value(value).unwrap()
}

/// The resource after a PATCH with these operations.
pub(super) fn patch(
    resource_type: &ResourceType,
    before: &Value,
    operations: &Value,
) -> Result<Value, Error> {
    let body = json!({ "schemas": [urn::PATCH_OP], "Operations": operations });
    let after = Patch::parse(body, resource_type)?.apply(&resource(before.clone()), ID)?;
    Ok(serde_json::to_value(after).unwrap())
}

pub(super) fn patch_user(before: &Value, operations: &Value) -> Result<Value, Error> {
    patch(Registry::default().user(), before, operations)
}

pub(super) fn patch_group(before: &Value, operations: &Value) -> Result<Value, Error> {
    patch(Registry::default().group(), before, operations)
}
