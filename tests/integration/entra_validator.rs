//! Microsoft's SCIM validator, test by test, against each kind of target.

use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::harness::{Answer, Bridge, Setup, asserted, user};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const NAME: &str = "Validator.User@testuser.com";

/// What the validator sends: random texts also where a standard has a say, and a boolean as text.
fn full_user() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": NAME, "externalId": "8a5e3c1b", "active": true, "displayName": "ZQPKWVNFQWLK",
        "nickName": "KXWOULBXTGCP", "title": "WCJGDKKYCHVF", "userType": "HEDWZAKNPYQX", "locale": "YWMJLTNDHFSO",
        "timezone": "Atlantis/Nowhere", "preferredLanguage": "nn-ZZ", "profileUrl": "ZLNYAQXVEKCT",
        "name": {
            "formatted": "Orval", "givenName": "Ivy", "familyName": "Marco", "middleName": "Zelma",
            "honorificPrefix": "Heber", "honorificSuffix": "Alva",
        },
        "emails": [{ "primary": true, "type": "work", "value": "validator.user@testuser.com" }],
        "phoneNumbers": [
            { "primary": true, "type": "work", "value": "34-481-3011" },
            { "type": "mobile", "value": "34-481-3012" }, { "type": "fax", "value": "34-481-3013" },
        ],
        "addresses": [{
            "primary": true, "type": "work", "formatted": "VLKO", "streetAddress": "32 Wade Hollow", "locality": "GKIU",
            "region": "BSRC", "postalCode": "bz6 5zb", "country": "Neverland",
        }],
        "roles": [{ "primary": "True", "display": "OYIKUC", "value": "MQDVFW", "type": "LTSPYA" }],
        ENTERPRISE: {
            "employeeNumber": "KRRI", "department": "QTWV", "costCenter": "HNZB", "organization": "FVSX",
            "division": "LDPE", "manager": { "value": "XKBD" },
        },
    })
}

/// How that reads.
fn full_user_as_read() -> Value {
    let mut user = full_user();
    user["roles"][0]["primary"] = json!(true);
    user
}

/// What to set where.
type Paths = Vec<(String, Value)>;

/// Other values for all of it but `userName` and `active`, by names and by paths with a filter; and how the user reads then.
fn replacements() -> (Paths, Paths, Value) {
    let mut expected = full_user_as_read();
    let changed = |value: &Value| json!(format!("{}-new", value.as_str().unwrap()));
    let (mut named, mut filtered) = (Vec::new(), Vec::new());
    for name in [
        "displayName",
        "nickName",
        "title",
        "userType",
        "locale",
        "timezone",
        "preferredLanguage",
        "profileUrl",
        "externalId",
    ] {
        expected[name] = changed(&expected[name]);
        named.push((name.to_owned(), expected[name].clone()));
    }
    for (holder, prefix) in
        [("name", "name."), (ENTERPRISE, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:")]
    {
        for (name, value) in expected[holder].as_object_mut().unwrap() {
            if value.is_string() {
                *value = changed(value);
                named.push((format!("{prefix}{name}"), value.clone()));
            }
        }
    }
    expected["emails"][0]["value"] = json!("validator.new@testuser.com");
    filtered.push(("emails[type eq \"work\"].value".to_owned(), expected["emails"][0]["value"].clone()));
    for attribute in ["phoneNumbers", "addresses", "roles"] {
        for element in expected[attribute].as_array_mut().unwrap() {
            let filter = match attribute {
                "roles" => "primary eq \"True\"".to_owned(),
                _ => format!("type eq {}", element["type"]),
            };
            for (name, value) in element.as_object_mut().unwrap() {
                if value.is_string() && (name != "type" || attribute == "roles") {
                    *value = changed(value);
                    filtered.push((format!("{attribute}[{filter}].{name}"), value.clone()));
                }
            }
        }
    }
    (named, filtered, expected)
}

async fn find(bridge: &Bridge, user_name: &str) -> Answer {
    bridge.filter("/Users", &format!("userName eq \"{user_name}\"")).await
}

async fn created(bridge: &Bridge) -> Answer {
    let created = bridge.post("/Users", &full_user()).await;
    assert_eq!(created.written(201), full_user_as_read());
    created
}

fn one_by_one(op: &str, paths: impl IntoIterator<Item = (String, Value)>) -> Vec<Value> {
    paths.into_iter().map(|(path, value)| json!({ "op": op, "path": path, "value": value })).collect()
}

#[rstest]
#[tokio::test]
async fn a_new_user_is_returned_with_every_value_val_01(
    #[values(Setup::aha(), Setup::memory())] setup: Setup,
) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    let found = find(&bridge, NAME).await;
    assert_eq!((asserted(found.only()), found.only()), (full_user_as_read(), &created.body));
}

#[rstest]
#[tokio::test]
async fn a_duplicate_is_refused_val_02(#[values(Setup::aha(), Setup::memory())] setup: Setup) {
    let bridge = setup.start().await;
    created(&bridge).await;
    bridge.post("/Users", &full_user()).await.error(409, "uniqueness");
}

#[rstest]
#[tokio::test]
async fn filters_match_or_not_in_any_case_val_03_val_04_val_05(
    #[values(Setup::aha(), Setup::memory())] setup: Setup,
) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    assert_eq!(find(&bridge, NAME).await.only(), &created.body);
    assert_eq!(find(&bridge, "8d5a9c70-6f5b-4ff2-a3ae-5b0df5a4a1d2").await.list(0, 1), [] as [Value; 0]);
    assert_eq!(find(&bridge, &NAME.to_uppercase()).await.only(), &created.body);
}

#[rstest]
#[tokio::test]
async fn attributes_are_replaced_one_by_one_val_06(#[values(Setup::aha(), Setup::memory())] setup: Setup) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    let (named, filtered, expected) = replacements();
    let operations = one_by_one("replace", named.into_iter().chain(filtered));
    let patched = bridge.patch(&created.path(), json!(operations)).await;
    assert_eq!(patched.written(200), expected);
    assert_eq!(asserted(find(&bridge, NAME).await.only()), expected);
}

#[rstest]
#[tokio::test]
async fn attributes_are_replaced_at_once_val_07(#[values(Setup::aha(), Setup::memory())] setup: Setup) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    let (named, filtered, expected) = replacements();
    let mut operations = one_by_one("replace", filtered);
    operations.push(json!({ "op": "replace", "value": named.into_iter().collect::<Map<_, _>>() }));
    let patched = bridge.patch(&created.path(), json!(operations)).await;
    assert_eq!(patched.written(200), expected);
    assert_eq!(asserted(find(&bridge, NAME).await.only()), expected);
}

#[rstest]
#[tokio::test]
async fn a_renamed_user_is_found_by_the_new_name_val_08(
    #[values(Setup::aha(), Setup::memory())] setup: Setup,
) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    let rename = json!([{ "op": "replace", "path": "userName", "value": "renamed@testuser.com" }]);
    let renamed = bridge.patch(&created.path(), rename).await;
    assert_eq!(find(&bridge, "renamed@testuser.com").await.only(), &renamed.body);
    find(&bridge, NAME).await.list(0, 1);
}

#[rstest]
#[tokio::test]
async fn a_disabled_user_is_still_returned_val_09(#[values(Setup::aha(), Setup::memory())] setup: Setup) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    let disable = json!([{ "op": "replace", "path": "active", "value": false }]);
    bridge.patch(&created.path(), disable).await.written(200);
    let mut expected = full_user_as_read();
    expected["active"] = json!(false);
    assert_eq!(asserted(find(&bridge, NAME).await.only()), expected);
}

#[rstest]
#[tokio::test]
async fn attributes_are_added_to_a_minimal_user_val_10(
    #[values(Setup::aha(), Setup::memory())] setup: Setup,
) {
    let bridge = setup.start().await;
    let created = bridge.post("/Users", &json!({ "schemas": [USER], "userName": NAME })).await;
    let (named, filtered, mut expected) = replacements();
    let patched =
        bridge.patch(&created.path(), json!(one_by_one("add", named.into_iter().chain(filtered)))).await;
    // Who is primary was not said, but of the role, in its filter; nor who is the manager.
    for attribute in ["emails", "phoneNumbers", "addresses"] {
        for element in expected[attribute].as_array_mut().unwrap() {
            element.as_object_mut().unwrap().shift_remove("primary");
        }
    }
    expected[ENTERPRISE].as_object_mut().unwrap().shift_remove("manager");
    assert_eq!(patched.written(200), expected);
    assert_eq!(asserted(find(&bridge, NAME).await.only()), expected);
}

#[rstest]
#[tokio::test]
async fn a_manager_is_added_replaced_and_removed_val_11_val_12_val_13(
    #[values(Setup::aha(), Setup::memory())] setup: Setup,
) {
    let bridge = setup.start().await;
    let created = bridge.post("/Users", &user(NAME)).await;
    let path = format!("{ENTERPRISE}:manager");
    for (op, manager) in [("add", "random-1"), ("replace", "random-2")] {
        let set = json!([{ "op": op, "path": path, "value": { "value": manager } }]);
        let patched = bridge.patch(&created.path(), set).await;
        assert_eq!(patched.written(200)[ENTERPRISE], json!({ "manager": { "value": manager } }));
        assert_eq!(bridge.get(&created.path()).await.body, patched.body);
    }
    let remove = json!([{ "op": "replace", "path": path, "value": { "value": "" } }]);
    assert_eq!(bridge.patch(&created.path(), remove).await.written(200), user(NAME));
    assert_eq!(bridge.get(&created.path()).await.read(), user(NAME));
}

#[rstest]
#[tokio::test]
async fn a_user_is_deleted_once_val_14_val_p3_val_p5(#[values(Setup::aha(), Setup::memory())] setup: Setup) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    bridge.delete(&created.path()).await.no_content();
    bridge.get(&created.path()).await.error(404, "");
    bridge.delete(&created.path()).await.error(404, "");
    bridge.delete("/Users/1f6d0d1e-2f0f-4ad4-8d3b-3c5a7f0f5b7f").await.error(404, "");
    find(&bridge, NAME).await.list(0, 1);
}

#[rstest]
#[tokio::test]
async fn several_operations_are_applied_in_their_order_val_p1_val_p2(
    #[values(Setup::aha(), Setup::memory())] setup: Setup,
) {
    let bridge = setup.start().await;
    let created = created(&bridge).await;
    let different = json!([
        { "op": "add", "path": "nickName", "value": "Added" },
        { "op": "replace", "path": "title", "value": "Replaced" },
        { "op": "remove", "path": "displayName" },
    ]);
    let mut expected = full_user_as_read();
    expected["nickName"] = json!("Added");
    expected["title"] = json!("Replaced");
    expected.as_object_mut().unwrap().shift_remove("displayName");
    assert_eq!(bridge.patch(&created.path(), different).await.written(200), expected);
    let same = json!([
        { "op": "remove", "path": "displayName" },
        { "op": "add", "path": "displayName", "value": "First" },
        { "op": "replace", "path": "displayName", "value": "Last" },
    ]);
    expected["displayName"] = json!("Last");
    assert_eq!(bridge.patch(&created.path(), same).await.written(200), expected);
}
