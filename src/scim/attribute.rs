//! One attribute of a schema and its characteristics (RFC 7643 §2.2, §7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A defined attribute. The serialised form is that of RFC 7643 §7.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// The canonical spelling; attribute names compare without case (RFC 7643 §2.1).
    pub name: String,
    /// The data type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether the value is an array of such values.
    #[serde(default)]
    pub multi_valued: bool,
    /// For a person who reads `/Schemas`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether a resource must have it.
    #[serde(default)]
    pub required: bool,
    /// Suggested values, such as `work` and `home`. Others are accepted (RFC 7643 §7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether case matters when values are compared.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may write it, and when.
    #[serde(default)]
    pub mutability: Mutability,
    /// When an answer holds it.
    #[serde(default)]
    pub returned: Returned,
    /// Among which resources its value must be unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a `reference` may point to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Arc<Attribute>>,
}

impl Attribute {
    /// The sub-attribute of that name, compared without case.
    pub fn sub_attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }
}

/// Data types (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Text, §2.3.1.
    String,
    /// JSON `true` or `false`, §2.3.2.
    Boolean,
    /// A real number, §2.3.3.
    Decimal,
    /// A whole number, §2.3.4.
    Integer,
    /// xsd:dateTime as text, §2.3.5.
    DateTime,
    /// base64 as text, §2.3.6.
    Binary,
    /// A URI, or a reference to a SCIM resource, as text, §2.3.7.
    Reference,
    /// An object of sub-attributes, §2.3.8.
    Complex,
}

/// Who may write an attribute, and when (RFC 7643 §2.2, §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// The server alone; what a client sends is ignored.
    ReadOnly,
    /// The client at any time.
    #[default]
    ReadWrite,
    /// The client once, when the resource (or the element) is created.
    Immutable,
    /// The client at any time, and nobody can read it.
    WriteOnly,
}

/// When an answer holds an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// In every answer, whatever was asked for.
    Always,
    /// In none.
    Never,
    /// Unless it was excluded, or others were asked for.
    #[default]
    Default,
    /// Only if it was asked for, or was in the request.
    Request,
}

/// Among which resources a value must be unique (RFC 7643 §2.2, §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// It need not be.
    #[default]
    None,
    /// Among the resources of this endpoint.
    Server,
    /// Everywhere.
    Global,
}
