//! The enterprise extension, and those of the admin.

use serde_json::{Value, json};

use super::{ENTERPRISE, USER, test_user, test_user_as_read};
use crate::harness::{Setup, user};

const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User";

/// A schema as an admin writes it, with attributes of several kinds.
fn custom_schema() -> String {
    json!({
        "id": CUSTOM,
        "name": "CustomExtensionName",
        "description": "What Contoso knows beside",
        "attributes": [
            { "name": "badge", "type": "string", "description": "The number on the badge", "caseExact": true },
            { "name": "contractor", "type": "boolean" },
            { "name": "seat", "type": "complex", "subAttributes": [{ "name": "floor", "type": "integer" }] },
            { "name": "tags", "type": "string", "multiValued": true },
        ],
    })
    .to_string()
}

fn with_custom_schema() -> Setup {
    Setup::aha().file("custom.json", custom_schema()).app_keys("schemas = ['custom.json']")
}

#[tokio::test]
async fn enterprise_attributes_are_echoed_under_their_urn_ent_03() {
    let bridge = Setup::aha().start().await;
    let mut sent = test_user();
    sent[ENTERPRISE] = json!({ "department": "bob", "employeeNumber": "701984" });
    let mut expected = test_user_as_read();
    expected["schemas"] = json!([USER, ENTERPRISE]);
    expected[ENTERPRISE] = sent[ENTERPRISE].clone();
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.written(201), expected);
    assert_eq!(bridge.get(&created.path()).await.read(), expected);
    let filter = format!("{ENTERPRISE}:department eq \"BOB\"");
    assert_eq!(bridge.filter("/Users", &filter).await.only(), &created.body);
}

#[tokio::test]
async fn enterprise_attributes_need_not_be_announced_in_schemas_q_25() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    sent[ENTERPRISE] = json!({ "department": "Sales" });
    let mut expected = sent.clone();
    expected["schemas"] = json!([USER, ENTERPRISE]);
    assert_eq!(bridge.post("/Users", &sent).await.written(201), expected);
}

#[tokio::test]
async fn an_extension_of_the_admin_is_served_though_entra_does_not_announce_it_ent_04_q_25() {
    let bridge = with_custom_schema().start().await;
    let mut sent = user("sam.doe@example.com");
    sent[CUSTOM] =
        json!({ "badge": "B-7", "contractor": "True", "seat": { "floor": 3 }, "tags": ["a", "b"] });
    let mut expected = sent.clone();
    expected["schemas"] = json!([USER, CUSTOM]);
    expected[CUSTOM]["contractor"] = json!(true);
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.written(201), expected);
    assert_eq!(bridge.get(&created.path()).await.read(), expected);
    for (filter, hits) in [
        (format!("{CUSTOM}:badge eq \"B-7\""), 1),
        (format!("{CUSTOM}:badge eq \"b-7\""), 0),
        (format!("{CUSTOM}:seat.floor gt 2"), 1),
        (format!("{CUSTOM}:tags eq \"b\""), 1),
    ] {
        bridge.filter("/Users", &filter).await.list(hits, 1);
    }
    let patched = bridge
        .patch(
            &created.path(),
            json!([
                { "op": "Replace", "path": format!("{CUSTOM}:badge"), "value": "B-8" },
                { "op": "replace", "value": { format!("{CUSTOM}:seat.floor"): 4, format!("{CUSTOM}:contractor"): "false" } },
                { "op": "Remove", "path": format!("{CUSTOM}:tags") },
            ]),
        )
        .await;
    expected[CUSTOM] = json!({ "badge": "B-8", "contractor": false, "seat": { "floor": 4 } });
    assert_eq!(patched.written(200), expected);
    let schema = bridge.get(&format!("/Schemas/{CUSTOM}")).await;
    assert_eq!((schema.status, &schema.body["attributes"][0]["name"]), (200, &json!("badge")));
    let user_type = bridge.get("/ResourceTypes/User").await;
    let extensions = [ENTERPRISE, CUSTOM].map(|urn| json!({ "schema": urn, "required": false }));
    assert_eq!(user_type.body["schemaExtensions"], json!(extensions));
    let wrong = bridge
        .patch(
            &created.path(),
            json!([{ "op": "Add", "path": format!("{CUSTOM}:contractor"), "value": "perhaps" }]),
        )
        .await;
    assert!(wrong.error(400, "invalidValue").contains("contractor"), "{wrong}");
}

#[tokio::test]
async fn an_extension_that_nobody_defined_is_ignored_ent_04_ent_41() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    let expected = sent.clone();
    sent[CUSTOM] = json!({ "badge": "B-7" });
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.written(201), expected);
    let patch = json!([{ "op": "Add", "path": format!("{CUSTOM}:badge"), "value": "B-8" }]);
    let patched = bridge.patch(&created.path(), patch).await;
    assert_eq!((patched.written(200), &patched.body), (expected, &created.body));
    // Not known is not the same as matching nothing: a filter on it would link the wrong user.
    let filtered = bridge.filter("/Users", &format!("{CUSTOM}:badge eq \"B-7\"")).await;
    filtered.error(400, "invalidFilter");
}

#[tokio::test]
async fn the_first_enterprise_attribute_brings_the_extension_and_the_last_takes_it_along_ent_25() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    let department = format!("{ENTERPRISE}:department");
    let patched =
        bridge.patch(&created.path(), json!([{ "op": "Add", "path": department, "value": "Sales" }])).await;
    let mut expected = test_user_as_read();
    expected["schemas"] = json!([USER, ENTERPRISE]);
    expected[ENTERPRISE] = json!({ "department": "Sales" });
    assert_eq!(patched.written(200), expected);
    let patched = bridge.patch(&created.path(), json!([{ "op": "Remove", "path": department }])).await;
    assert_eq!(patched.written(200), test_user_as_read());
    assert_eq!(patched.body.get(ENTERPRISE), None::<&Value>);
}
