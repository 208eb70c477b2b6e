//! Which attribute a client means by a name, and the name that is always understood.

use crate::scim::{
    resource_type::{AttributeRef, Named, ResourceType},
    urn,
};

/// Looks a name up as [`ResourceType::find`] does, and then, if it has no URN and the core does not define it, in the
/// extensions. Entra leaves the URN away from `manager` in filters and paths (ENT-11, ENT-23). `None` if nothing of that
/// name is defined, or if several extensions define it.
pub fn find(resource_type: &ResourceType, name: &str) -> Option<Named> {
    let found = resource_type.find(name);
    if found.is_some() || urn::is_urn(name) {
        return found;
    }
    let mut in_extensions = resource_type
        .extensions
        .iter()
        .filter_map(|extension| resource_type.find(&format!("{}:{name}", extension.id)));
    let found = in_extensions.next()?;
    in_extensions.next().is_none().then_some(found)
}

/// The attribute's canonical name, with the URN if it is an extension's.
pub fn canonical(attribute: &AttributeRef) -> String {
    let mut name = String::new();
    if let Some(urn) = &attribute.extension {
        name.extend([urn, ":"]);
    }
    name.push_str(&attribute.attribute.name);
    if let Some(sub_attribute) = &attribute.sub_attribute {
        name.extend([".", &sub_attribute.name]);
    }
    name
}
