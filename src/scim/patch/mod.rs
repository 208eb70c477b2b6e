//! PATCH: changing a resource by operations (RFC 7644 §3.5.2).
//!
//! `request` reads what is written, after the repairs of its wrapping. `resolve` looks the paths up in
//! the resource type and reads the values as the attributes want them, so that what is wrong with a request
//! shows before anything is touched. `operation` changes a copy, one operation after the other; it can fail
//! only for what the resource holds: no element matches, an immutable value is set already.
//!
//! What the RFC leaves open, or clients do differently:
//!
//! - An unknown attribute is ignored, whether a path or a value names it (`C-13`): one attribute too many in
//!   an admin's mapping must not stop all provisioning (`ENT-41`, `Q-64`).
//! - An operation without a path is one operation for each name in its value, and these names are paths
//!   (`C-6`, `ENT-16`). Read-only attributes in it are ignored, as they are in a PUT: authentik and Okta send
//!   back what they read. By path they are refused.
//! - `id` may be set to what it is (`C-12`, `OKT-10`).
//! - `add` to a single-valued attribute is `replace` (`Q-30`), and to set `""` or `null` is to unassign
//!   (`C-7`).
//! - A required attribute may be removed as long as the same request sets it again (`VAL-P2`).
//! - A new `value` without a `$ref` drops the old `$ref`, which would point at another resource than `value`
//!   names.

mod members;
mod operation;
mod request;
mod resolve;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::{
    error::{Error, ScimType},
    filter::parse::quoted,
    limits, normalize,
    resource::Resource,
    resource_type::ResourceType,
    value::Ignored,
};
pub use members::{MembershipChange, Rewrite, id as member_id};
use operation::Operation;

/// The operations of a PATCH request on a resource of one type.
#[derive(Clone, Debug)]
pub struct Patch {
    resource_type: ResourceType,
    operations: Vec<Described>,
    echoed_ids: Vec<String>,
    ignored: Vec<String>,
}

/// An operation, and which one of the request it is, for an error.
#[derive(Clone, Debug)]
struct Described {
    description: String,
    operation: Operation,
}

impl Patch {
    /// Reads the body of a PATCH request.
    ///
    /// # Errors
    ///
    /// `invalidSyntax` if the body is not of the form of a PATCH request, `invalidPath` or `invalidFilter` if
    /// a path is malformed, `noTarget` for a `remove` without a path, `mutability` if an operation goes for
    /// what is read-only, `invalidValue` if a value does not fit. The text names the operation, counted from
    /// 1.
    pub fn parse(body: Value, resource_type: &ResourceType) -> Result<Self, Error> {
        let mut ignored = Ignored::default();
        let mut resolved = resolve::Resolved::default();
        let mut operations = Vec::new();
        for written in request::read(body)? {
            let description = written.to_string();
            resolve::resolve(written, resource_type, &mut resolved, &mut ignored)
                .map_err(|error| explain(&description, error))?;
            let described = |operation| Described { description: description.clone(), operation };
            operations.extend(resolved.operations.drain(..).map(described));
        }
        Ok(Self {
            resource_type: resource_type.clone(),
            operations,
            echoed_ids: resolved.echoed_ids,
            ignored: ignored.into_names(),
        })
    }

    /// Names and URNs in the request that nothing is defined for; for the log.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The resource after all operations, each of which sees what those before it did (`RFC-085`). All or
    /// nothing: the given resource is not touched (`RFC-084`). Equal to the given one if the request changes
    /// nothing. `id` is the resource's.
    ///
    /// # Errors
    ///
    /// `noTarget` if the elements to replace are not there, `mutability` if an immutable or required value
    /// would be lost or another `id` is given, `invalidValue` if the resource would grow too large.
    pub fn apply(&self, resource: &Resource, id: &str) -> Result<Resource, Error> {
        if let Some(other) = self.echoed_ids.iter().find(|echoed| *echoed != id) {
            let detail = format!("`id` is read-only: it is `{id}` and cannot become {}.", quoted(other));
            return Err(Error::new(ScimType::Mutability, detail));
        }
        let mut attributes = resource.attributes().clone();
        for Described { description, operation } in &self.operations {
            operation.apply(&mut attributes).map_err(|error| explain(description, error))?;
        }
        // What was missing before is not this request's doing.
        let missing = |attributes| normalize::find_missing(&self.resource_type, attributes);
        match missing(&attributes) {
            Some(path) if missing(resource.attributes()).as_ref() != Some(&path) => {
                let detail = format!("`{path}` is required and cannot be removed.");
                return Err(Error::new(ScimType::Mutability, detail));
            }
            _ => {}
        }
        limits::check_resource(&attributes)?;
        Ok(Resource::from_attributes(attributes))
    }
}

/// The error with the operation that it is about.
fn explain(operation: &str, error: Error) -> Error {
    Error::new(error.scim_type, format!("{operation}: {}", error.detail))
}
