//! How a resource is shown: what the client asserted, with what the server knows (RFC 7643 §3, §3.1).

use serde_json::{Map, Value, json};

use super::{resource::Resource, resource_type::ResourceType};
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
        format!("W/\"{}\"", self.version)
    }

    /// The URL of the resource, as in the `Location` header and `meta.location`.
    pub fn location(&self, resource_type: &ResourceType) -> String {
        format!("{}{}/{}", self.base_url, resource_type.endpoint, self.id)
    }
}

/// The resource as an answer holds it, whole: what was asked for with `attributes` is chosen from this later.
///
/// `schemas` names the core schema and the extensions that the resource has attributes of, whatever the
/// client listed (`RFC-013`, `ENT-04`, `ENT-30`). A user's `groups` and a group's `members` are added by who
/// knows them.
pub fn present(resource_type: &ResourceType, resource: &Resource, identity: &Identity<'_>) -> Value {
    let extensions = resource_type.extensions.iter().map(|schema| schema.id.as_str());
    let extensions: Vec<_> = extensions.filter(|urn| resource.find(urn).is_some()).collect();
    let schemas: Vec<_> =
        std::iter::once(resource_type.schema.id.as_str()).chain(extensions.iter().copied()).collect();

    let mut shown = Map::new();
    shown.insert("schemas".into(), json!(schemas));
    shown.insert("id".into(), identity.id.into());
    // Inserted before the rest, it stands before the rest.
    if let Some(external_id) = resource.find("externalId") {
        shown.insert("externalId".into(), external_id.clone());
    }
    let core = resource.shown().filter(|(name, _)| !extensions.contains(name));
    shown.extend(core.map(|(name, value)| (name.to_owned(), value.clone())));
    shown.extend(extensions.iter().filter_map(|urn| Some(((*urn).to_owned(), resource.find(urn)?.clone()))));
    shown.insert(
        "meta".into(),
        json!({
            "resourceType": resource_type.name,
            "created": identity.created.to_string(),
            "lastModified": identity.last_modified.to_string(),
            "location": identity.location(resource_type),
            "version": identity.entity_tag(),
        }),
    );
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::{normalize, registry::Registry, urn};

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
        let shown = present(registry.user(), &resource, &identity);
        assert_eq!(
            shown,
            json!({
                "schemas": [urn::USER, urn::ENTERPRISE_USER],
                "id": "0198", "externalId": "E-1", "userName": "bob", "active": true,
                urn::ENTERPRISE_USER: { "department": "Ops" },
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
            ["schemas", "id", "externalId", "userName", "active", urn::ENTERPRISE_USER, "meta"],
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
        let shown = present(registry.group(), &accepted.resource, &identity);
        assert_eq!(shown["schemas"], json!([urn::GROUP]));
        assert_eq!(shown["meta"]["location"], "https://bridge.test/scim/v2/Groups/g1");
        assert_eq!(
            accepted.ignored,
            ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]
        );
    }
}
