//! A resource type: a core schema, its extensions, and the attributes that every resource has (RFC 7643 §3.1, §6).

use std::sync::{Arc, LazyLock};

use super::{attribute::Attribute, schema::Schema, urn};

/// What an endpoint such as `/Users` holds.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceType {
    /// `User` or `Group`: also `meta.resourceType`.
    pub name: &'static str,
    /// The path below the base URL, such as `/Users`.
    pub endpoint: &'static str,
    /// For a person who reads `/ResourceTypes`.
    pub description: &'static str,
    /// The schema of the attributes that stand at the top level of a resource.
    pub schema: Arc<Schema>,
    /// Schemas whose attributes stand under a key that is the schema's URN. None of them is required.
    pub extensions: Vec<Arc<Schema>>,
}

/// An attribute or sub-attribute that a name led to: what a filter compares and a path points to.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeRef {
    /// The canonical URN of the extension it stands under; `None` for core and common attributes.
    pub extension: Option<Arc<str>>,
    /// The attribute.
    pub attribute: Arc<Attribute>,
    /// The sub-attribute, when the name went that far.
    pub sub_attribute: Option<Arc<Attribute>>,
}

impl AttributeRef {
    /// The attribute that a value found there would have: the sub-attribute if there is one.
    pub fn leaf(&self) -> &Arc<Attribute> {
        self.sub_attribute.as_ref().unwrap_or(&self.attribute)
    }

    /// The canonical names of a core attribute and its part; `None` for one of an extension.
    pub fn core_names(&self) -> Option<(&str, Option<&str>)> {
        let sub_attribute = self.sub_attribute.as_ref().map(|sub_attribute| sub_attribute.name.as_str());
        self.extension.is_none().then_some((self.attribute.name.as_str(), sub_attribute))
    }

    /// The member of a resource's JSON object that its value stands in: the attribute, or the extension.
    pub fn member(&self) -> &str {
        self.extension.as_deref().unwrap_or(&self.attribute.name)
    }
}

/// What a name in a filter, a path or `attributes=` means.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    /// An attribute or sub-attribute.
    Attribute(AttributeRef),
    /// A whole extension: the name is just its URN.
    Extension(Arc<Schema>),
}

/// `schemas`, `id`, `externalId` and `meta` (RFC 7643 §3, §3.1): no schema lists them, every resource has them.
static COMMON: LazyLock<Schema> = LazyLock::new(|| {
    serde_json::from_str(include_str!("schemas/common.json"))
        .expect("the built-in common attributes are well formed")
});

impl ResourceType {
    /// Looks a name up, as written in a filter, a PATCH path or `attributes=`: `userName`, `name.givenName`,
    /// `urn:…:enterprise:2.0:User:manager.value`, `urn:…:core:2.0:User:userName`, or a bare extension URN. Names and
    /// URNs compare without case; the longest schema URN that fits wins, since URNs hold dots and colons themselves
    /// (RFC 7644 §3.10). `None` if nothing of that name is defined.
    pub fn find(&self, name: &str) -> Option<Named> {
        let (schema, rest) = match self.split_urn(name) {
            Some((schema, "")) if !Arc::ptr_eq(schema, &self.schema) => {
                return Some(Named::Extension(schema.clone()));
            }
            Some((schema, rest)) => (schema, rest),
            None if urn::is_urn(name) => return None,
            None => (&self.schema, name),
        };
        let extension = (!Arc::ptr_eq(schema, &self.schema)).then(|| Arc::from(schema.id.as_str()));
        let (name, sub_name) = match rest.split_once('.') {
            Some((name, sub_name)) => (name, Some(sub_name)),
            None => (rest, None),
        };
        let common = || if extension.is_none() { COMMON.attribute(name) } else { None };
        let attribute = schema.attribute(name).or_else(common)?.clone();
        let sub_attribute = match sub_name {
            Some(sub_name) => Some(attribute.sub_attribute(sub_name)?.clone()),
            None => None,
        };
        Some(Named::Attribute(AttributeRef { extension, attribute, sub_attribute }))
    }

    /// The attributes that stand at the top level of a resource: the common ones, then those of the core schema.
    pub fn top_level(&self) -> impl Iterator<Item = &Arc<Attribute>> {
        COMMON.attributes.iter().chain(&self.schema.attributes)
    }

    /// The extension of that URN, compared without case.
    pub fn extension(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.extensions.iter().find(|schema| urn::same(&schema.id, urn))
    }

    /// Splits a known schema URN off the front of `name`; the rest is what follows the colon, or nothing.
    fn split_urn<'n>(&self, name: &'n str) -> Option<(&Arc<Schema>, &'n str)> {
        std::iter::once(&self.schema)
            .chain(&self.extensions)
            .filter_map(|schema| {
                let prefix = name.get(..schema.id.len()).filter(|prefix| urn::same(prefix, &schema.id))?;
                match &name[prefix.len()..] {
                    "" => Some((schema, "")),
                    rest => Some((schema, rest.strip_prefix(':')?)),
                }
            })
            .max_by_key(|(schema, _)| schema.id.len())
    }
}
