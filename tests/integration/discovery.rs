//! What the server tells about itself, and what it answers where it has nothing.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const NO_CALLS: [&str; 0] = [];

#[track_caller]
fn assert_scim(answer: &Answer) {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/scim+json"), "{answer}");
}

#[tokio::test]
async fn the_configuration_says_what_is_there_q_69() {
    let bridge = Setup::aha().start().await;
    let config = bridge.get("/ServiceProviderConfig").await;
    assert_scim(&config);
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": true, "maxOperations": 1000, "maxPayloadSize": 4_194_304 },
        "filter": { "supported": true, "maxResults": 1000 },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "The token of this app in the header: Authorization: Bearer <token>",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{}/ServiceProviderConfig", bridge.base_url()),
        },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": 100,
            "maxPageSize": 1000,
            "cursorTimeout": 3600,
        },
    });
    assert_eq!(config.body, expected);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn resource_types_are_listed_and_read_one_by_one() {
    let bridge = Setup::aha().start().await;
    let listed = bridge.get("/ResourceTypes").await;
    let resource_type = |name: &str, endpoint: &str, description: &str, schema: &str, extensions: Value| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name, "name": name, "endpoint": endpoint, "description": description, "schema": schema,
            "schemaExtensions": extensions,
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{}/ResourceTypes/{name}", bridge.base_url()),
            },
        })
    };
    let user = resource_type(
        "User",
        "/Users",
        "User Account",
        USER,
        json!([{ "schema": ENTERPRISE, "required": false }]),
    );
    let group = resource_type("Group", "/Groups", "Group", GROUP, json!([]));
    assert_eq!(listed.list(2, 1), [user.clone(), group.clone()]);
    for expected in [user, group] {
        let read = bridge.get(&format!("/ResourceTypes/{}", expected["id"].as_str().unwrap())).await;
        assert_scim(&read);
        assert_eq!(read.body, expected);
    }
    bridge.get("/ResourceTypes/Device").await.error(404, "");
}

#[tokio::test]
async fn schemas_are_listed_whole_and_without_nulls_ent_43_ent_seq_3() {
    let bridge = Setup::aha().start().await;
    let listed = bridge.get("/Schemas").await;
    let ids: Vec<_> = listed.list(3, 1).iter().map(|schema| schema["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [USER, ENTERPRISE, GROUP]);
    assert!(!listed.body.to_string().contains("null"), "{listed}");
    for schema in listed.list(3, 1) {
        let id = schema["id"].as_str().unwrap();
        assert_eq!(schema["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]));
        let meta =
            json!({ "resourceType": "Schema", "location": format!("{}/Schemas/{id}", bridge.base_url()) });
        assert_eq!(schema["meta"], meta);
        for attribute in schema["attributes"].as_array().unwrap() {
            assert_characteristics(attribute);
        }
        let read = bridge.get(&format!("/Schemas/{id}")).await;
        assert_scim(&read);
        assert_eq!(&read.body, schema);
    }
    bridge.get("/Schemas/urn:example:none").await.error(404, "");
    assert_eq!(bridge.calls(), NO_CALLS);
}

/// The values are those of RFC 7643 §7, in camelCase.
fn assert_characteristics(attribute: &Value) {
    for (name, allowed) in [
        (
            "type",
            &["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"][..],
        ),
        ("mutability", &["readOnly", "readWrite", "immutable", "writeOnly"]),
        ("returned", &["always", "never", "default", "request"]),
        ("uniqueness", &["none", "server", "global"]),
    ] {
        let value = attribute[name].as_str().unwrap_or_default();
        assert!(allowed.contains(&value), "{name} of {attribute:#}");
    }
    for name in ["multiValued", "required", "caseExact"] {
        assert!(attribute[name].is_boolean(), "{name} of {attribute:#}");
    }
    for sub_attribute in attribute["subAttributes"].as_array().into_iter().flatten() {
        assert_characteristics(sub_attribute);
    }
}

#[rstest]
#[case("/ServiceProviderConfig")]
#[case("/ResourceTypes")]
#[case("/ResourceTypes/User")]
#[case("/Schemas")]
#[case("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User")]
#[tokio::test]
async fn discovery_is_read_only_and_takes_no_filter(#[case] path: &str) {
    let bridge = Setup::aha().start().await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        assert_not_allowed(&bridge, method, path, "GET,HEAD").await;
    }
    let filtered = bridge.get(&format!("{path}?filter=id+eq+%22x%22")).await;
    filtered.error(403, "");
    // Paging and sorting are ignored.
    let whole = bridge.get(path).await;
    let paged = bridge.get(&format!("{path}?startIndex=2&count=1&sortBy=id")).await;
    assert_eq!((paged.status, &paged.body), (200, &whole.body));
}

async fn assert_not_allowed(bridge: &Bridge, method: Method, path: &str, allowed: &str) {
    let refused = bridge.send(method.clone(), path, Some(&json!({}))).await;
    refused.error(405, "");
    assert_eq!(refused.header("allow"), allowed, "{method} {path}");
}

#[tokio::test]
async fn groups_have_the_methods_of_scim_and_no_others() {
    let bridge = Setup::aha().start().await;
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        assert_not_allowed(&bridge, method, "/Groups", "GET,HEAD,POST").await;
    }
    assert_not_allowed(&bridge, Method::POST, "/Groups/7", "GET,HEAD,PUT,PATCH,DELETE").await;
    assert_eq!(bridge.get("/Groups").await.list(0, 1), [] as [Value; 0]);
    assert!(bridge.get("/Groups/7").await.error(404, "").contains('7'));
    bridge.get("/Groups?attributes=a&excludedAttributes=b").await.error(400, "invalidValue");
    bridge.get("/Groups?startIndex=x").await.error(400, "invalidValue");
    bridge.get("/Groups?filter=userName+eq+%22x%22").await.error(400, "invalidFilter");
}

#[tokio::test]
async fn users_have_the_methods_of_scim_and_no_others() {
    let bridge = Setup::aha().start().await;
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        assert_not_allowed(&bridge, method, "/Users", "GET,HEAD,POST").await;
    }
    assert_not_allowed(&bridge, Method::POST, "/Users/7", "GET,HEAD,PUT,PATCH,DELETE").await;
}

#[rstest]
#[case(Method::GET, "/Me")]
#[case(Method::PATCH, "/Me")]
#[tokio::test]
async fn what_scim_knows_and_this_server_does_not_have_is_501(#[case] method: Method, #[case] path: &str) {
    let bridge = Setup::aha().start().await;
    let answer = bridge.send(method, path, None).await;
    assert!(answer.error(501, "").contains(path), "{answer}");
}

#[rstest]
#[case("/Devices")]
#[case("/Users/1/2")]
#[case("/users")]
#[tokio::test]
async fn what_nobody_knows_is_404_q_19(#[case] path: &str) {
    let bridge = Setup::aha().start().await;
    bridge.get(path).await.error(404, "");
    let outside = Answer::of(bridge.anonymous(Method::GET, "/nothing/scim/v2/Users")).await;
    outside.error(404, "");
}

#[rstest]
#[case::scim(Some("application/scim+json"), 201)]
#[case::scim_with_charset(Some("application/scim+json; charset=utf-8"), 201)]
#[case::scim_in_capitals(Some("Application/SCIM+JSON;Charset=\"UTF-8\""), 201)]
#[case::json_q_17(Some("application/json"), 201)]
#[case::json_with_charset(Some("application/json;charset=UTF-8"), 201)]
#[case::none(None, 201)]
#[case::form(Some("application/x-www-form-urlencoded"), 415)]
#[case::text(Some("text/plain"), 415)]
#[tokio::test]
async fn bodies_are_scim_json_or_plain_json_with_any_charset_q_15_q_16_q_17_q_18(
    #[case] content_type: Option<&str>,
    #[case] status: u16,
) {
    let bridge = Setup::aha().start().await;
    let request =
        bridge.request(Method::POST, "/Users").body(crate::harness::user("sam.doe@example.com").to_string());
    let request = match content_type {
        Some(content_type) => request.header("content-type", content_type),
        None => request,
    };
    let answer = Answer::of(request).await;
    if status == 201 {
        assert_eq!(answer.written(201), crate::harness::user("sam.doe@example.com"));
    } else {
        answer.error(status, "");
    }
}
