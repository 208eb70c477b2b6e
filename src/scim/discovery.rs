//! What the server tells about itself: `/ServiceProviderConfig`, `/Schemas`, `/ResourceTypes` (RFC 7644 §4,
//! RFC 7643 §5–7).
//!
//! The values are camelCase and never `null` (`ENT-43`). `base_url` is the URL that the endpoints follow,
//! without a slash at its end. Lists come as plain vectors; the list message is put around them elsewhere.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    attribute::Attribute,
    list::PageSize,
    registry::Registry,
    resource_type::{Named, ResourceType},
    schema::Schema,
    urn,
};

/// Which optional functions are there. [`Default`] is the least: no bulk, no sorting, no entity tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// The most resources in one list answer.
    pub max_results: u32,
    /// The limits of bulk requests, if they are supported.
    pub bulk: Option<BulkLimits>,
    /// Whether `sortBy` is obeyed.
    pub sort: bool,
    /// How lists come in pages, if cursors lead through them too (RFC 9865 §4).
    pub pagination: Option<Pagination>,
    /// Whether `ETag`, `If-Match` and `If-None-Match` are.
    pub etag: bool,
    /// How clients may authenticate, the best first.
    pub authentication_schemes: Vec<AuthenticationScheme>,
    /// Where an admin can read more.
    pub documentation_uri: Option<String>,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            max_results: 1_000,
            bulk: None,
            sort: false,
            pagination: None,
            etag: false,
            authentication_schemes: vec![AuthenticationScheme::BearerToken],
            documentation_uri: None,
        }
    }
}

/// How lists come in pages, by index (the default) or by cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pagination {
    /// How many resources a page has.
    pub page_size: PageSize,
    /// How long a cursor can be used.
    pub cursor_timeout: Duration,
}

/// A way to authenticate (RFC 7643 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationScheme {
    /// An access token of the app's own token endpoint.
    ClientCredentials,
    /// A JWT of an issuer that the app trusts.
    JsonWebToken,
    /// An opaque bearer token.
    BearerToken,
    /// The same without the word `Bearer`.
    TokenWithoutScheme,
    /// The same as a password.
    Basic,
}

impl AuthenticationScheme {
    /// Its type, name, description and specification.
    const fn told(self) -> [&'static str; 4] {
        match self {
            Self::ClientCredentials => [
                "oauth2",
                "OAuth 2.0 Client Credentials",
                "An access token of the token endpoint of this app in the header: Authorization: Bearer <token>",
                "https://www.rfc-editor.org/info/rfc6749",
            ],
            Self::JsonWebToken => [
                "oauthbearertoken",
                "JSON Web Token",
                "A JWT of an issuer that this app trusts in the header: Authorization: Bearer <token>",
                "https://www.rfc-editor.org/info/rfc7523",
            ],
            Self::BearerToken => [
                "oauthbearertoken",
                "OAuth Bearer Token",
                "The token of this app in the header: Authorization: Bearer <token>",
                "https://www.rfc-editor.org/info/rfc6750",
            ],
            Self::TokenWithoutScheme => [
                "oauthbearertoken",
                "Token",
                "The token of this app in the header: Authorization: <token>",
                "https://www.rfc-editor.org/info/rfc6750",
            ],
            Self::Basic => [
                "httpbasic",
                "HTTP Basic",
                "The token of this app as the password of HTTP Basic",
                "https://www.rfc-editor.org/info/rfc7617",
            ],
        }
    }
}

/// The limits of bulk requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkLimits {
    /// The most operations in one request.
    pub max_operations: u32,
    /// The most bytes of one request.
    pub max_payload_size: u32,
}

/// `/ServiceProviderConfig`. Every member that RFC 7643 §5 requires is there whether the function is or not:
/// a client that misses one may take the whole document for invalid (`Q-69`).
pub fn service_provider_config(base_url: &str, features: &Features) -> Value {
    let limits = features.bulk.unwrap_or(BulkLimits { max_operations: 0, max_payload_size: 0 });
    let mut config = json!({
        "schemas": [urn::SERVICE_PROVIDER_CONFIG],
        "patch": { "supported": true },
        "bulk": {
            "supported": features.bulk.is_some(),
            "maxOperations": limits.max_operations,
            "maxPayloadSize": limits.max_payload_size,
        },
        "filter": { "supported": true, "maxResults": features.max_results },
        "changePassword": { "supported": false },
        "sort": { "supported": features.sort },
        "etag": { "supported": features.etag },
        "authenticationSchemes": authentication_schemes(&features.authentication_schemes),
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base_url}/ServiceProviderConfig"),
        },
    });
    if let Some(Pagination { page_size, cursor_timeout }) = features.pagination {
        config["pagination"] = json!({
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": page_size.default,
            "maxPageSize": page_size.max,
            "cursorTimeout": cursor_timeout.as_secs(),
        });
    }
    if let Some(uri) = &features.documentation_uri {
        config["documentationUri"] = uri.as_str().into();
    }
    config
}

fn authentication_schemes(schemes: &[AuthenticationScheme]) -> Vec<Value> {
    let tell = |(index, scheme): (usize, &AuthenticationScheme)| {
        let [kind, name, description, specification] = scheme.told();
        json!({
            "type": kind, "name": name, "description": description, "specUri": specification, "primary": index == 0,
        })
    };
    schemes.iter().enumerate().map(tell).collect()
}

/// `/ResourceTypes`.
pub fn resource_types(base_url: &str, registry: &Registry) -> Vec<Value> {
    registry.resource_types().map(|resource_type| show_resource_type(base_url, resource_type)).collect()
}

/// `/ResourceTypes/{name}`; `None` if there is no such resource type.
pub fn find_resource_type(base_url: &str, registry: &Registry, name: &str) -> Option<Value> {
    let resource_type = registry.resource_types().find(|resource_type| resource_type.name == name)?;
    Some(show_resource_type(base_url, resource_type))
}

/// `/Schemas`: those of resources. The three of discovery itself are fixed by RFC 7643 §8.7.2 and not listed.
pub fn schemas(base_url: &str, registry: &Registry) -> Vec<Value> {
    registry.resource_types().flat_map(|resource_type| show_schemas(base_url, resource_type)).collect()
}

/// `/Schemas/{urn}`, compared without case; `None` if there is no such schema.
pub fn find_schema(base_url: &str, registry: &Registry, id: &str) -> Option<Value> {
    schemas(base_url, registry)
        .into_iter()
        .find(|schema| schema["id"].as_str().is_some_and(|known| urn::same(known, id)))
}

fn show_resource_type(base_url: &str, resource_type: &ResourceType) -> Value {
    let extensions: Vec<_> = resource_type
        .extensions
        .iter()
        .map(|schema| json!({ "schema": schema.id, "required": false }))
        .collect();
    json!({
        "schemas": [urn::RESOURCE_TYPE],
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": resource_type.schema.id,
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base_url}/ResourceTypes/{}", resource_type.name),
        },
    })
}

/// The core schema of a resource type and its extensions. The core one also lists `externalId`, which RFC
/// 7643 §3.1 lets every resource have unlisted: Microsoft's validation wants each mapped attribute listed
/// (`LAV-1`).
fn show_schemas(base_url: &str, resource_type: &ResourceType) -> Vec<Value> {
    let external_id = match resource_type.find("externalId") {
        Some(Named::Attribute(found)) => Some(found.attribute),
        _ => None,
    };
    let core = show_schema(base_url, &resource_type.schema, external_id.as_deref());
    let extensions = resource_type.extensions.iter().map(|schema| show_schema(base_url, schema, None));
    std::iter::once(core).chain(extensions).collect()
}

fn show_schema(base_url: &str, schema: &Schema, before: Option<&Attribute>) -> Value {
    let attributes: Vec<_> = before.into_iter().chain(schema.attributes.iter().map(AsRef::as_ref)).collect();
    json!({
        "schemas": [urn::SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base_url}/Schemas/{}", schema.id) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://bridge.test/scim/v2";

    #[test]
    fn the_service_provider_config_has_every_required_member_q_69_rfc_038() {
        let shown = service_provider_config(BASE, &Features::default());
        assert_eq!(
            shown,
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
                "patch": { "supported": true },
                "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
                "filter": { "supported": true, "maxResults": 1000 },
                "changePassword": { "supported": false },
                "sort": { "supported": false },
                "etag": { "supported": false },
                "authenticationSchemes": [{
                    "type": "oauthbearertoken", "name": "OAuth Bearer Token",
                    "description": "The token of this app in the header: Authorization: Bearer <token>",
                    "specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true,
                }],
                "meta": {
                    "resourceType": "ServiceProviderConfig",
                    "location": "https://bridge.test/scim/v2/ServiceProviderConfig",
                },
            })
        );
    }

    #[test]
    fn functions_that_are_there_are_told_rfc_134() {
        let bulk = Some(BulkLimits { max_operations: 100, max_payload_size: 1_048_576 });
        let documentation_uri = Some("https://docs.test/".to_owned());
        let page_size = PageSize { default: 100, max: 1000 };
        let pagination = Some(Pagination { page_size, cursor_timeout: Duration::from_secs(3600) });
        let shown = service_provider_config(
            BASE,
            &Features {
                max_results: 200,
                bulk,
                sort: true,
                pagination,
                etag: true,
                documentation_uri,
                ..Features::default()
            },
        );
        assert_eq!(
            shown["bulk"],
            json!({ "supported": true, "maxOperations": 100, "maxPayloadSize": 1_048_576 })
        );
        assert_eq!(
            (&shown["sort"], &shown["etag"]),
            (&json!({ "supported": true }), &json!({ "supported": true }))
        );
        assert_eq!(
            shown["pagination"],
            json!({
                "cursor": true, "index": true, "defaultPaginationMethod": "index",
                "defaultPageSize": 100, "maxPageSize": 1000, "cursorTimeout": 3600,
            })
        );
        assert_eq!(shown["documentationUri"], "https://docs.test/");
    }

    #[test]
    fn ways_to_authenticate_are_told_and_the_first_is_the_primary_one_c_20() {
        use AuthenticationScheme::*;
        let authentication_schemes =
            vec![ClientCredentials, JsonWebToken, BearerToken, TokenWithoutScheme, Basic];
        let shown =
            service_provider_config(BASE, &Features { authentication_schemes, ..Features::default() });
        let told: Vec<_> = shown["authenticationSchemes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|scheme| (scheme["type"].as_str().unwrap(), scheme["primary"].as_bool().unwrap()))
            .collect();
        assert_eq!(
            told,
            [
                ("oauth2", true),
                ("oauthbearertoken", false),
                ("oauthbearertoken", false),
                ("oauthbearertoken", false),
                ("httpbasic", false)
            ]
        );
    }

    #[test]
    fn resource_types_name_their_schemas_rfc_039() {
        let registry = Registry::default();
        let user = json!({
            "schemas": [urn::RESOURCE_TYPE], "id": "User", "name": "User", "endpoint": "/Users",
            "description": "User Account", "schema": urn::USER,
            "schemaExtensions": [{ "schema": urn::ENTERPRISE_USER, "required": false }],
            "meta": { "resourceType": "ResourceType", "location": "https://bridge.test/scim/v2/ResourceTypes/User" },
        });
        let group = json!({
            "schemas": [urn::RESOURCE_TYPE], "id": "Group", "name": "Group", "endpoint": "/Groups",
            "description": "Group", "schema": urn::GROUP, "schemaExtensions": [],
            "meta": { "resourceType": "ResourceType", "location": "https://bridge.test/scim/v2/ResourceTypes/Group" },
        });
        assert_eq!(resource_types(BASE, &registry), [user.clone(), group]);
        assert_eq!(find_resource_type(BASE, &registry, "User"), Some(user));
        assert_eq!(find_resource_type(BASE, &registry, "Device"), None);
    }

    #[test]
    fn schemas_hold_no_null_and_list_every_attribute_that_entra_maps_ent_43_lav_1() {
        let shown = schemas(BASE, &Registry::default());
        let ids: Vec<_> = shown.iter().map(|schema| schema["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [urn::USER, urn::ENTERPRISE_USER, urn::GROUP]);
        let text = serde_json::to_string(&shown).unwrap();
        assert!(!text.contains("null"), "{text}");
        assert!(text.contains(r#""mutability":"readWrite""#));
        let names = |schema: &Value| -> Vec<String> {
            schema["attributes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let user = names(&shown[0]);
        for mapped in [
            "externalId",
            "userName",
            "active",
            "displayName",
            "title",
            "emails",
            "name",
            "addresses",
            "phoneNumbers",
        ] {
            assert!(user.iter().any(|name| name == mapped), "{mapped}");
        }
        assert_eq!(names(&shown[2]), ["externalId", "displayName", "members"]);
    }

    #[test]
    fn one_schema_is_found_by_its_urn_without_case() {
        let registry = Registry::default();
        let shown = find_schema(BASE, &registry, &urn::GROUP.to_uppercase()).unwrap();
        assert_eq!(
            shown["meta"],
            json!({
                "resourceType": "Schema",
                "location": "https://bridge.test/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group",
            })
        );
        assert_eq!(
            shown["attributes"][1],
            json!({
                "name": "displayName", "type": "string", "multiValued": false,
                "description": "A human-readable name for the Group, unique without regard to case.",
                "required": true, "caseExact": false, "mutability": "readWrite", "returned": "default",
                "uniqueness": "server",
            })
        );
        assert_eq!(find_schema(BASE, &registry, "urn:example:none"), None);
    }
}
