//! How a resource is shown: what the client asserted, with what the server knows (RFC 7643 §3, §3.1).
//!
//! That happens in two steps, so that a resource is not parsed and printed for each answer. The [`fragment`] is the text of
//! all that changes only when the resource itself is written; it is stored. The [`document`] is made of it for an answer,
//! with what belongs to other resources (a user's groups, a group's members), `meta`, and the URL of the service.

use std::fmt::{self, Write};

use serde_json::Value;

use super::{document::Document, resource::Resource, resource_type::ResourceType, urn};
use crate::clock::Time;

/// What the server knows about a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity<'a> {
    /// The resource's `id`, chosen by the server.
    pub id: &'a str,
    /// When it was created here.
    pub created: Time,
    /// When it last really changed here; `created` until it did (`RFC-004`).
    pub last_modified: Time,
    /// Counts the changes.
    pub version: i64,
    /// The URL that the endpoints follow, such as `https://scim.example.com/aha/scim/v2`, without a slash at
    /// its end.
    pub base_url: &'a str,
}

impl Identity<'_> {
    /// The weak entity tag of the version, as in the `ETag` header and `meta.version` (RFC 7644 §3.14).
    pub fn entity_tag(&self) -> String {
        entity_tag(self.version)
    }

    /// The URL of the resource, as in the `Location` header and `meta.location`.
    pub fn location(&self, resource_type: &ResourceType) -> String {
        format!("{}{}/{}", self.base_url, resource_type.endpoint, self.id)
    }
}

/// The weak entity tag of a version. It is weak because one version can be shown in many ways: in parts, and with what
/// follows from other resources, which are a user's `groups` and the `display` of a group's members.
///
/// So a user who joins a group keeps its version, and the group gets a new one: `groups` is read-only, a membership is a
/// change of the group (RFC 7643 §4.1.2), and `If-Match` protects what a client may write (RFC 7644 §3.14). A new version of
/// each member would refuse changes of users that take nothing back, and would make ten thousand writes of one.
pub fn entity_tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The members of the resource's JSON object that follow from what was asserted, as text without the braces.
///
/// `schemas` names the core schema and the extensions that the resource has attributes of, whatever the client listed
/// (`RFC-013`, `ENT-04`, `ENT-30`).
pub fn fragment(core_schema: &str, id: &str, resource: &Resource) -> String {
    let mut text = String::with_capacity(512);
    let schemas: Value = std::iter::once(core_schema).chain(resource.extensions()).collect();
    push(&mut text, "schemas", &schemas);
    push(&mut text, "id", &Value::from(id));
    let external_id = resource.shown().filter(|(name, _)| *name == "externalId");
    let core = resource.shown().filter(|(name, _)| *name != "externalId" && !urn::is_urn(name));
    let extensions = resource.shown().filter(|(name, _)| urn::is_urn(name));
    for (name, value) in external_id.chain(core).chain(extensions) {
        push(&mut text, name, value);
    }
    text
}

/// The resource as an answer holds it, whole: what was asked for with `attributes` is chosen from this later. `related` is
/// an attribute that follows from other resources, with its value as JSON text.
pub fn document(
    resource_type: &ResourceType,
    fragment: &str,
    related: Option<(&str, &str)>,
    identity: &Identity<'_>,
) -> Document {
    let mut text = open(fragment, related, identity.base_url.len() + 256);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        r#","meta":{{"resourceType":"{}","created":"{}","lastModified":"{}","location":{},"version":{}}}}}"#,
        resource_type.name,
        identity.created,
        identity.last_modified,
        Value::from(identity.location(resource_type)),
        Value::from(identity.entity_tag()),
    );
    Document::from_text(text)
}

/// As [`document`], without `meta`, for who asks about something else.
pub fn document_without_meta(fragment: &str, related: Option<(&str, &str)>) -> Document {
    let mut text = open(fragment, related, 1);
    text.push('}');
    Document::from_text(text)
}

/// The text up to where `meta` stands, with room for so much more.
fn open(fragment: &str, related: Option<(&str, &str)>, more: usize) -> String {
    let related_length = related.map_or(0, |(name, value)| name.len() + value.len() + 4);
    let mut text = String::with_capacity(1 + fragment.len() + related_length + more);
    text.push('{');
    text.push_str(fragment);
    if let Some((name, value)) = related {
        push(&mut text, name, &Text(value));
    }
    text
}

/// JSON text as a value.
struct Text<'t>(&'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

fn push(text: &mut String, name: &str, value: &impl fmt::Display) {
    let comma = if text.is_empty() || text == "{" { "" } else { "," };
    // Writing to a string cannot fail.
    let _ = write!(text, "{comma}{}:{value}", Value::from(name));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::{normalize, registry::Registry};

    #[test]
    fn a_resource_is_shown_whole_and_in_a_fixed_order_rfc_001_rfc_005_rfc_006_rfc_013_rfc_044() {
        let registry = Registry::default();
        // The client lists the extension or not, and says what it likes in `meta` (RFC-005, Q-25).
        let body = json!({
            "schemas": [urn::USER], "id": "mine", "meta": { "resourceType": "Users" },
            urn::ENTERPRISE_USER: { "department": "Ops" },
            "userName": "bob", "externalId": "E-1", "active": true,
        });
        let resource = normalize::create(registry.user(), body).unwrap().resource;
        let identity = Identity {
            id: "0198",
            created: Time::from_micros(0),
            last_modified: Time::from_micros(1_500_000),
            version: 3,
            base_url: "https://bridge.test/aha/scim/v2",
        };
        let fragment = fragment(urn::USER, "0198", &resource);
        let groups = r#"[{"value":"g1"}]"#;
        let shown =
            document(registry.user(), &fragment, Some(("groups", groups)), &identity).to_value().unwrap();
        assert_eq!(
            shown,
            json!({
                "schemas": [urn::USER, urn::ENTERPRISE_USER],
                "id": "0198", "externalId": "E-1", "userName": "bob", "active": true,
                urn::ENTERPRISE_USER: { "department": "Ops" },
                "groups": [{ "value": "g1" }],
                "meta": {
                    "resourceType": "User",
                    "created": "1970-01-01T00:00:00.000Z",
                    "lastModified": "1970-01-01T00:00:01.500Z",
                    "location": "https://bridge.test/aha/scim/v2/Users/0198",
                    "version": "W/\"3\"",
                },
            })
        );
        let order: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            order,
            ["schemas", "id", "externalId", "userName", "active", urn::ENTERPRISE_USER, "groups", "meta"],
        );
    }

    #[test]
    fn a_resource_without_extension_data_names_its_core_schema_alone_ent_01_ent_30_q_24() {
        let registry = Registry::default();
        let body = json!({
            "schemas": [urn::GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0", "displayName": "displayName", "meta": { "resourceType": "Group" },
        });
        let accepted = normalize::create(registry.group(), body).unwrap();
        let identity = Identity {
            id: "g1",
            created: Time::default(),
            last_modified: Time::default(),
            version: 1,
            base_url: "https://bridge.test/scim/v2",
        };
        let fragment = fragment(urn::GROUP, "g1", &accepted.resource);
        let shown = document(registry.group(), &fragment, None, &identity).to_value().unwrap();
        assert_eq!(shown["schemas"], json!([urn::GROUP]));
        assert_eq!(shown["meta"]["location"], "https://bridge.test/scim/v2/Groups/g1");
        assert_eq!(
            accepted.ignored,
            ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]
        );
    }
}
