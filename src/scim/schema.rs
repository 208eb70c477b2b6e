//! A schema: a URN and the attributes it defines (RFC 7643 §7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::attribute::Attribute;

/// A schema definition. The built-in ones are JSON files in `schemas/`, in the form of RFC 7643 §7; an app's own
/// extensions are read from files of the same form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// A short name for people, such as `User`.
    pub name: String,
    /// For a person who reads `/Schemas`.
    #[serde(default)]
    pub description: String,
    /// What it defines.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// The attribute of that name, compared without case.
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}
