//! An app's own schemas over HTTP: typed, validated, filterable, discoverable, kept, returned and patched like the built-in
//! ones. The example that is shipped is the one that is tried.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup, user};

const ACME: &str = "urn:example:scim:schemas:extension:acme:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

async fn start() -> Bridge {
    let file = concat!("schemas = ['", env!("CARGO_MANIFEST_DIR"), "/config/schemas/acme.json']");
    Setup::memory().app_keys(file).start().await
}

fn acme() -> Value {
    json!({
        "badgeNumber": "B-17", "startDate": "2026-03-01T00:00:00Z", "desks": 2, "fullTimeShare": 0.5,
        "contractor": true, "languages": ["de", "en"], "office": { "site": "Berlin", "floor": 3 },
        "projects": [{ "value": "P1", "type": "lead", "primary": true }, { "value": "P2", "type": "member" }],
    })
}

/// A user with all that Acme knows, and its path.
async fn create(bridge: &Bridge) -> (Answer, String) {
    let mut body = user("ann.lee@example.com");
    body[ACME] = acme();
    let created = bridge.post("/Users", &body).await;
    assert_eq!(created.status, 201, "{created}");
    let path = format!("/Users/{}", created.id());
    (created, path)
}

#[tokio::test]
async fn what_an_extension_defines_is_kept_and_returned_ent_03_ent_04_q_25() {
    let mut bridge = start().await;
    // The URN is not in `schemas` of the request.
    let (created, path) = create(&bridge).await;
    assert_eq!(created.body["schemas"], json!([CORE, ACME]));
    assert_eq!(created.body[ACME], acme());
    bridge.restart().await;
    let read = bridge.get(&path).await;
    assert_eq!((&read.body["schemas"], &read.body[ACME]), (&json!([CORE, ACME]), &acme()));
    let found = bridge.filter("/Users", "userName pr").await;
    assert_eq!(found.body["Resources"][0][ACME], acme());
    // What was read can be sent back; without it, it is gone, but for what is given once.
    let put = bridge.put(&path, &read.body).await;
    assert_eq!((put.status, &put.body), (200, &read.body));
    let put = bridge.put(&path, &user("ann.lee@example.com")).await;
    assert_eq!(put.body[ACME], json!({ "badgeNumber": "B-17" }));
}

#[tokio::test]
async fn an_extension_is_told_at_schemas_and_resource_types() {
    let bridge = start().await;
    let schema = bridge.get(&format!("/Schemas/{ACME}")).await;
    assert_eq!((schema.status, &schema.body["name"]), (200, &json!("AcmeUser")));
    assert_eq!(
        schema.body["attributes"][6],
        json!({
            "name": "office", "type": "complex", "multiValued": false, "description": "Where the person works.",
            "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default",
            "uniqueness": "none", "subAttributes": [
                { "name": "site", "type": "string", "multiValued": false, "description": "The name of the site.",
                  "required": true, "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none" },
                { "name": "floor", "type": "integer", "multiValued": false, "description": "The floor; 0 is the ground.",
                  "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none" },
            ],
        })
    );
    let listed = bridge.get("/Schemas").await;
    assert!(listed.body["Resources"].as_array().unwrap().contains(&schema.body));
    let user_type = bridge.get("/ResourceTypes/User").await;
    let extension = json!({ "schema": ACME, "required": false });
    assert!(user_type.body["schemaExtensions"].as_array().unwrap().contains(&extension), "{user_type}");
}

#[rstest]
#[case::date("startDate", json!("tomorrow"))]
#[case::integer("desks", json!("two"))]
#[case::decimal("fullTimeShare", json!("half"))]
#[case::boolean("contractor", json!("maybe"))]
#[case::list("languages", json!([7, { "a": 1 }]))]
#[case::required_part("office", json!({ "floor": 1 }))]
#[case::type_of_a_part("office", json!({ "site": "Berlin", "floor": "third" }))]
#[case::required_part_of_an_element("projects", json!([{ "type": "lead" }]))]
#[case::two_primary("projects", json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]))]
#[case::what_is_write_only("pin", json!({ "a": 1 }))]
#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_with_its_whole_name(#[case] name: &str, #[case] value: Value) {
    let bridge = start().await;
    let mut body = user("ann.lee@example.com");
    body[ACME] = json!({ name: value });
    let answer = bridge.post("/Users", &body).await;
    assert!(answer.error(400, "invalidValue").contains(&format!("{ACME}:{name}")), "{answer}");
    let (_, path) = create(&bridge).await;
    let before = bridge.get(&path).await;
    for operation in [
        json!({ "op": "replace", "path": format!("{ACME}:{name}"), "value": value }),
        json!({ "op": "replace", "value": { format!("{ACME}:{name}"): value } }),
        json!({ "op": "replace", "value": { ACME: { name: value } } }),
        json!({ "op": "add", "path": ACME, "value": { name: value } }),
    ] {
        // A part that is there already need not be sent again.
        if value != json!({ "floor": 1 }) {
            bridge.patch(&path, json!([operation])).await.error(400, "invalidValue");
        }
    }
    assert_eq!(bridge.get(&path).await.body, before.body);
}

#[rstest]
#[case::text("ACME:badgeNumber eq \"B-17\"", true)]
#[case::exact_case("ACME:badgeNumber eq \"b-17\"", false)]
#[case::without_the_urn("badgeNumber eq \"B-17\"", true)]
#[case::date("ACME:startDate gt \"2026-02-28T23:00:00-02:00\"", false)]
#[case::later_date("ACME:startDate ge \"2026-02-28T22:00:00-02:00\"", true)]
#[case::integer("ACME:desks gt 1", true)]
#[case::decimal("ACME:fullTimeShare lt 0.75", true)]
#[case::boolean("ACME:contractor eq true", true)]
#[case::boolean_as_text("ACME:contractor eq \"True\"", true)]
#[case::list("ACME:languages eq \"EN\"", true)]
#[case::part("ACME:office.site sw \"ber\"", true)]
#[case::part_that_is_not("ACME:office.floor eq 4", false)]
#[case::element("ACME:projects[value eq \"P1\" and primary eq true]", true)]
#[case::two_elements("ACME:projects[value eq \"P2\" and primary eq true]", false)]
#[case::present("ACME:projects pr and not (ACME:notes pr)", true)]
#[case::schemas("schemas eq \"ACME\"", true)]
#[tokio::test]
async fn a_filter_asks_about_an_extension(#[case] filter: &str, #[case] hit: bool) {
    let bridge = start().await;
    bridge.create_user("bob.ray@example.com").await;
    create(&bridge).await;
    let found = bridge.filter("/Users", &filter.replace("ACME", ACME)).await;
    assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(u8::from(hit))), "{found}");
}

#[rstest]
#[case::kind("ACME:desks co \"2\"")]
#[case::value("ACME:desks eq \"two\"")]
#[case::boolean_order("ACME:contractor gt true")]
#[case::never_returned("ACME:pin eq \"1\"")]
#[case::unknown("ACME:shoeSize eq 7")]
#[tokio::test]
async fn a_filter_that_does_not_fit_an_extension_is_refused(#[case] filter: &str) {
    let bridge = start().await;
    bridge.filter("/Users", &filter.replace("ACME", ACME)).await.error(400, "invalidFilter");
}

/// By path, by keys that are paths, and by the whole (`Q-39`, `RFC-110`, `RFC-111`).
#[rstest]
#[case::by_path(json!([{ "op": "replace", "path": "ACME:desks", "value": 3 }]), "desks", json!(3))]
#[case::in_another_case(json!([{ "op": "Replace", "path": "Urn:Example:Scim:Schemas:Extension:Acme:2.0:user:DESKS", "value": 3 }]), "desks", json!(3))]
#[case::by_key(json!([{ "op": "replace", "value": { "ACME:desks": 3 } }]), "desks", json!(3))]
#[case::by_key_of_a_part(json!([{ "op": "add", "value": { "ACME:office.floor": 4 } }]), "office", json!({ "site": "Berlin", "floor": 4 }))]
#[case::by_object(json!([{ "op": "replace", "value": { "ACME": { "desks": 3 } } }]), "desks", json!(3))]
#[case::by_the_whole(json!([{ "op": "add", "path": "ACME", "value": { "desks": 3 } }]), "desks", json!(3))]
#[case::a_part(json!([{ "op": "replace", "path": "ACME:office.floor", "value": 4 }]), "office", json!({ "site": "Berlin", "floor": 4 }))]
#[case::an_element(json!([{ "op": "replace", "path": "ACME:projects[value eq \"P2\"].type", "value": "lead" }]), "projects",
    json!([{ "value": "P1", "type": "lead", "primary": true }, { "value": "P2", "type": "lead" }]))]
#[case::a_new_primary(json!([{ "op": "add", "path": "ACME:projects", "value": [{ "value": "P3", "primary": true }] }]), "projects",
    json!([{ "value": "P1", "type": "lead", "primary": false }, { "value": "P2", "type": "member" }, { "value": "P3", "primary": true }]))]
#[case::add_to_a_list(json!([{ "op": "add", "path": "ACME:languages", "value": ["fr"] }]), "languages", json!(["de", "en", "fr"]))]
#[case::add_what_is_there(json!([{ "op": "add", "path": "ACME:languages", "value": ["en"] }]), "languages", json!(["de", "en"]))]
#[case::remove_listed(json!([{ "op": "remove", "path": "ACME:languages", "value": ["de"] }]), "languages", json!(["en"]))]
#[case::remove(json!([{ "op": "remove", "path": "ACME:desks" }]), "desks", Value::Null)]
#[case::empty_text(json!([{ "op": "replace", "path": "ACME:office", "value": "" }]), "office", Value::Null)]
#[case::text_as_boolean(json!([{ "op": "replace", "path": "ACME:contractor", "value": "False" }]), "contractor", json!(false))]
#[tokio::test]
async fn an_extension_is_patched_q_39_rfc_110_rfc_111(
    #[case] operations: Value,
    #[case] name: &str,
    #[case] expected: Value,
) {
    let bridge = start().await;
    let (_, path) = create(&bridge).await;
    let operations = serde_json::from_str(
        &operations
            .to_string()
            .replace("ACME:", &format!("{ACME}:"))
            .replace("\"ACME\"", &json!(ACME).to_string()),
    )
    .unwrap();
    let answer = bridge.patch(&path, operations).await;
    assert_eq!(answer.status, 200, "{answer}");
    let read = bridge.get(&path).await;
    assert_eq!(answer.body, read.body);
    let mut rest = acme();
    if expected.is_null() {
        rest.as_object_mut().unwrap().shift_remove(name);
    } else {
        rest[name] = expected;
    }
    assert_eq!(read.body[ACME], rest);
}

#[tokio::test]
async fn an_extension_comes_with_its_first_attribute_and_goes_with_its_last_rfc_110() {
    let bridge = start().await;
    let id = bridge.create_user("ann.lee@example.com").await;
    let path = format!("/Users/{id}");
    assert_eq!(bridge.get(&path).await.body["schemas"], json!([CORE]));
    let add = json!([{ "op": "add", "path": format!("{ACME}:desks"), "value": 1 }]);
    let patched = bridge.patch(&path, add).await;
    assert_eq!(
        (&patched.body["schemas"], &patched.body[ACME]),
        (&json!([CORE, ACME]), &json!({ "desks": 1 }))
    );
    let remove = json!([{ "op": "remove", "path": ACME }]);
    let patched = bridge.patch(&path, remove).await;
    assert_eq!((&patched.body["schemas"], patched.body.get(ACME)), (&json!([CORE]), None));
}

#[tokio::test]
async fn what_is_given_once_cannot_be_changed_and_what_is_write_only_is_nowhere() {
    let bridge = start().await;
    let (_, path) = create(&bridge).await;
    let badge = |op: &str| json!([{ "op": op, "path": format!("{ACME}:badgeNumber"), "value": "B-18" }]);
    for op in ["add", "replace", "remove"] {
        bridge.patch(&path, badge(op)).await.error(400, "mutability");
    }
    let mut body = user("ann.lee@example.com");
    body[ACME] = json!({ "badgeNumber": "B-18" });
    bridge.put(&path, &body).await.error(400, "mutability");
    body[ACME] = json!({ "badgeNumber": "B-17", "pin": "1234", "notes": "likes tea" });
    let put = bridge.put(&path, &body).await;
    // `notes` is returned to who wrote it, and else to who asks (RFC-027).
    assert_eq!(put.body[ACME], json!({ "badgeNumber": "B-17", "notes": "likes tea" }));
    assert_eq!(bridge.get(&path).await.body[ACME], json!({ "badgeNumber": "B-17" }));
    let asked =
        bridge.request(Method::GET, &path).query(&[("attributes", format!("{ACME}:notes,{ACME}:pin"))]);
    assert_eq!(Answer::of(asked).await.body[ACME], json!({ "notes": "likes tea" }));
}

#[tokio::test]
async fn projections_name_an_extension_whole_or_in_parts_rfc_058() {
    let bridge = start().await;
    let (created, path) = create(&bridge).await;
    for (parameter, names, expected) in [
        ("attributes", ACME.to_owned(), acme()),
        (
            "attributes",
            format!("{ACME}:desks,{ACME}:office.site"),
            json!({ "desks": 2, "office": { "site": "Berlin" } }),
        ),
        ("attributes", "userName".to_owned(), Value::Null),
        ("excludedAttributes", ACME.to_owned(), Value::Null),
    ] {
        let read = Answer::of(bridge.request(Method::GET, &path).query(&[(parameter, &names)])).await;
        assert_eq!(read.body.get(ACME).unwrap_or(&Value::Null), &expected, "{parameter}={names}");
        assert_eq!(read.body["id"], created.body["id"]);
    }
}

#[tokio::test]
async fn groups_have_extensions_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("team.json");
    let urn = "urn:example:scim:schemas:extension:team:2.0:Group";
    let schema = json!({ "id": urn, "name": "Team", "attributes": [
        { "name": "costCenter", "type": "string" }, { "name": "size", "type": "integer" }] });
    std::fs::write(&file, schema.to_string()).unwrap();
    let bridge = Setup::memory().app_keys(&format!("group_schemas = ['{}']", file.display())).start().await;
    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let body = json!({ "schemas": [group, urn], "displayName": "G", urn: { "costCenter": "C1", "size": 4 } });
    let created = bridge.post("/Groups", &body).await;
    assert_eq!(created.status, 201, "{created}");
    assert_eq!((&created.body["schemas"], &created.body[urn]), (&body["schemas"], &body[urn]));
    let path = format!("/Groups/{}", created.id());
    let patch = json!([{ "op": "replace", "path": format!("{urn}:size"), "value": 5 }]);
    assert_eq!(bridge.patch(&path, patch).await.status, 204);
    let wrong = json!([{ "op": "replace", "path": format!("{urn}:size"), "value": "five" }]);
    bridge.patch(&path, wrong).await.error(400, "invalidValue");
    let found = bridge.filter("/Groups", &format!("{urn}:size eq 5 and {urn}:costCenter eq \"c1\"")).await;
    assert_eq!(found.body["Resources"][0][urn], json!({ "costCenter": "C1", "size": 5 }));
    let group_type = bridge.get("/ResourceTypes/Group").await;
    assert_eq!(group_type.body["schemaExtensions"], json!([{ "schema": urn, "required": false }]));
    assert_eq!(bridge.get(&format!("/Schemas/{urn}")).await.body["name"], "Team");
    // Users do not have it.
    let mut person = user("a@example.com");
    person[urn] = json!({ "size": "ignored" });
    assert_eq!(bridge.post("/Users", &person).await.body.get(urn), None);
}
