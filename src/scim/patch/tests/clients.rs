//! The requests of Okta and Entra ID.

use rstest::rstest;
use serde_json::{Value, json};

use super::{ENT, ID, patch, patch_group, patch_user, resource};
use crate::scim::{error::ScimType, extension, patch::Patch, registry::Registry};

fn user() -> Value {
    json!({
        "userName": "u@x", "displayName": "U", "active": true, "externalId": "E",
        "name": { "givenName": "G", "familyName": "F" },
        "emails": [{ "type": "work", "value": "old@x", "primary": true }, { "type": "home", "value": "home@x" }],
    })
}

/// `user()` with some attributes replaced, or removed by `null`.
fn user_with(changes: Value) -> Value {
    let mut user = user();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(user.as_object_mut().unwrap().shift_remove(name)),
            value => user[name] = value.clone(),
        }
    }
    user
}

#[rstest]
#[case::ent_13(
    json!([{ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "updatedEmail@microsoft.com" },
        { "op": "Replace", "path": "name.familyName", "value": "updatedFamilyName" }]),
    json!({ "name": { "givenName": "G", "familyName": "updatedFamilyName" },
        "emails": [{ "type": "work", "value": "updatedEmail@microsoft.com", "primary": true }, { "type": "home", "value": "home@x" }] }),
)]
#[case::ent_14(json!([{ "op": "Replace", "path": "userName", "value": "new@x" }]), json!({ "userName": "new@x" }))]
#[case::ent_15(
    json!([{ "op": "Replace", "path": "displayName", "value": "D" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "w@x" },
        { "op": "Replace", "path": "name.givenName", "value": "g" }, { "op": "Replace", "path": "name.familyName", "value": "f" },
        { "op": "Replace", "path": "externalId", "value": "e" },
        { "op": "Replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "value": "7" }]),
    json!({ "displayName": "D", "name": { "givenName": "g", "familyName": "f" }, "externalId": "e",
        "emails": [{ "type": "work", "value": "w@x", "primary": true }, { "type": "home", "value": "home@x" }],
        ENT: { "employeeNumber": "7" } }),
)]
#[case::ent_16_q_38_q_39_c_6_flat_keys(
    json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "w@x" },
        { "op": "replace", "value": { "displayName": "Bjfe", "name.givenName": "Kkom", "name.familyName": "Unua",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "Aklq" } }]),
    json!({ "displayName": "Bjfe", "name": { "givenName": "Kkom", "familyName": "Unua" }, ENT: { "employeeNumber": "Aklq" },
        "emails": [{ "type": "work", "value": "w@x", "primary": true }, { "type": "home", "value": "home@x" }] }),
)]
#[case::q_38_flat_keys_with_add(
    json!([{ "op": "add", "value": { "name.formatted": "G F" } }]),
    json!({ "name": { "givenName": "G", "familyName": "F", "formatted": "G F" } }),
)]
#[case::ent_17(json!([{ "op": "Add", "path": "nickName", "value": "Babs" }]), json!({ "nickName": "Babs" }))]
#[case::ent_17_flag(json!([{ "op": "add", "path": "displayName", "value": "Babs" }]), json!({ "displayName": "Babs" }))]
#[case::ent_19_a(json!([{ "op": "Replace", "path": "active", "value": "False" }]), json!({ "active": false }))]
#[case::ent_19_b(json!([{ "op": "Replace", "path": "active", "value": false }]), json!({ "active": false }))]
#[case::ent_19_c(json!([{ "op": "replace", "path": "active", "value": false }]), json!({ "active": false }))]
#[case::ent_19_d_q_30(json!([{ "op": "Add", "path": "active", "value": "False" }]), json!({ "active": false }))]
#[case::okt_06_q_31(json!([{ "op": "replace", "value": { "active": false } }]), json!({ "active": false }))]
#[case::okt_07(json!([{ "op": "replace", "value": { "password": "s3cret" } }]), json!({}))]
#[case::okt_07_by_path(json!([{ "op": "replace", "path": "password", "value": "s3cret" }]), json!({}))]
#[case::q_33_re_assertion(json!([{ "op": "Replace", "path": "active", "value": "True" },
    { "op": "Add", "path": "externalId", "value": "E" }]), json!({}))]
#[case::q_36_q_37_case(json!([{ "op": "REPLACE", "path": "DisplayName", "value": "D" }]), json!({ "displayName": "D" }))]
#[case::q_40_core_urn(
    json!([{ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", "value": "g" }]),
    json!({ "name": { "givenName": "g", "familyName": "F" } }),
)]
#[case::q_57(json!([{ "op": "replace", "value": { "emails": [{ "value": "n@x" }] } }]), json!({ "emails": [{ "value": "n@x" }] }))]
#[case::q_61(json!([{ "op": "Add", "path": format!("{ENT}:employeeNumber"), "value": 123 }]), json!({ ENT: { "employeeNumber": "123" } }))]
#[case::ent_25_the_extension_is_created(
    json!([{ "op": "Add", "path": format!("{ENT}:department"), "value": "X" }]), json!({ ENT: { "department": "X" } }))]
#[case::ent_27_q_44_a_remove_with_a_value(
    json!([{ "op": "Remove", "path": "emails[type eq \"home\"].value", "value": "home@x" }]),
    json!({ "emails": [{ "type": "work", "value": "old@x", "primary": true }, { "type": "home" }] }),
)]
#[case::lav_2_null_update(
    json!([{ "op": "replace", "value": { "name.givenName": "", "displayName": "", "title": "", format!("{ENT}:department"): "" } },
        { "op": "replace", "path": "emails[type eq \"home\"]", "value": "" },
        { "op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "" },
        { "op": "replace", "path": "externalId", "value": null }]),
    json!({ "displayName": null, "externalId": null, "name": { "familyName": "F" },
        "emails": [{ "type": "work", "value": "old@x", "primary": true }] }),
)]
#[case::ent_41_q_64_c_13_unknown(
    json!([{ "op": "Add", "path": "shoeSize", "value": 43 }, { "op": "Add", "path": "urn:x:2.0User:department", "value": "D" },
        { "op": "replace", "value": { "hat": "L", "a b": 1, "": 2, "name": { "nick": "n" }, "title": "T" } },
        { "op": "Remove", "path": "emails[type eq \"work\"].hue" }]),
    json!({ "title": "T" }),
)]
fn a_request_on_a_user_does_what_its_client_means(#[case] operations: Value, #[case] changes: Value) {
    let after = patch_user(&user(), &operations).unwrap();
    assert_eq!(resource(after), resource(user_with(changes)));
}

#[rstest]
#[case(json!("True"))]
#[case(json!("true"))]
#[case(json!(true))]
fn ent_20_q_32_enabling_is_as_good_as_disabling(#[case] value: Value) {
    let before = json!({ "userName": "u", "active": false });
    for operation in [
        json!({ "op": "Replace", "path": "active", "value": value }),
        json!({ "op": "Add", "path": "active", "value": value }),
        json!({ "op": "replace", "value": { "active": value } }),
    ] {
        assert_eq!(
            patch_user(&before, &json!([operation])).unwrap(),
            json!({ "userName": "u", "active": true })
        );
    }
}

#[rstest]
fn ent_18_q_41_c_3_an_element_that_the_path_describes_is_created(
    #[values("Add", "add", "Replace", "replace")] op: &str,
) {
    let operations = json!([
        { "op": op, "path": "emails[type eq \"work\"].value", "value": "x@y" },
        { "op": op, "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1" },
        { "op": op, "path": "addresses[type eq \"work\"].formatted", "value": "HQ" },
        { "op": op, "path": "addresses[type eq \"work\"].country", "value": "X" },
    ]);
    assert_eq!(
        patch_user(&json!({ "userName": "u" }), &operations).unwrap(),
        json!({ "userName": "u", "emails": [{ "type": "work", "value": "x@y" }],
            "phoneNumbers": [{ "type": "mobile", "value": "1" }],
            "addresses": [{ "type": "work", "formatted": "HQ", "country": "X" }] })
    );
}

#[test]
fn what_the_path_describes_is_read_as_it_would_be_in_a_body() {
    let operations = json!([{ "op": "add", "path": "emails[type eq \"\"].value", "value": "x@y" }]);
    assert_eq!(
        patch_user(&json!({ "userName": "u" }), &operations).unwrap(),
        json!({ "userName": "u", "emails": [{ "value": "x@y" }] })
    );
}

#[rstest]
#[case::or("emails[type eq \"work\" or type eq \"home\"].value")]
#[case::another_operator("emails[type sw \"w\"].value")]
#[case::nothing_but_presence("emails[type pr].value")]
fn q_41_other_filters_that_match_nothing_have_no_target(#[case] path: &str) {
    let operations = json!([{ "op": "replace", "path": path, "value": "x" }]);
    let error = patch_user(&json!({ "userName": "u" }), &operations).unwrap_err();
    assert_eq!(error.scim_type, ScimType::NoTarget, "{error}");
}

#[test]
fn c_3_nobody_becomes_a_member_by_an_operation_on_a_member_who_is_not_there() {
    let operations = json!([{ "op": "add", "path": "members[value eq \"a\"].type", "value": "User" }]);
    let error = patch_group(&json!({ "displayName": "G" }), &operations).unwrap_err();
    assert_eq!(error.scim_type, ScimType::NoTarget);
    assert_eq!(
        error.detail,
        "Operation 1 (add `members[value eq \"a\"].type`): No value of `members` matches the filter in the path."
    );
}

#[rstest]
#[case([0, 1, 2])]
#[case([0, 2, 1])]
#[case([1, 0, 2])]
#[case([1, 2, 0])]
#[case([2, 0, 1])]
#[case([2, 1, 0])]
fn ent_26_q_42_operations_on_one_absent_element_make_one_element(#[case] order: [usize; 3]) {
    let parts = [("primary", "true"), ("type", "work"), ("value", "x")];
    let operations: Vec<_> = order
        .iter()
        .map(|&index| {
            json!({ "op": "Add", "path": format!("emails[type eq \"work\"].{}", parts[index].0), "value": parts[index].1 })
        })
        .collect();
    assert_eq!(
        patch_user(&json!({ "userName": "u" }), &json!(operations)).unwrap(),
        json!({ "userName": "u", "emails": [{ "type": "work", "value": "x", "primary": true }] })
    );
}

#[rstest]
#[case::ent_22_a_bare_text(json!({ "op": "Add", "path": format!("{ENT}:manager"), "value": "m-2" }), json!({ "value": "m-2" }))]
#[case::ent_23_unqualified_array(
    json!({ "op": "Add", "path": "manager", "value": [{ "$ref": "http://x/Users/m-2", "value": "m-2" }] }),
    json!({ "value": "m-2", "$ref": "http://x/Users/m-2" }))]
#[case::ent_24_replace(json!({ "op": "Replace", "path": format!("{ENT}:manager"), "value": "m-2" }), json!({ "value": "m-2" }))]
#[case::val_11(json!({ "op": "add", "path": format!("{ENT}:manager"), "value": { "value": "m-2" } }), json!({ "value": "m-2" }))]
#[case::the_same_again(json!({ "op": "add", "path": format!("{ENT}:manager"), "value": "m-1" }),
    json!({ "value": "m-1", "$ref": "http://x/Users/m-1" }))]
#[case::by_its_value(json!({ "op": "add", "path": format!("{ENT}:manager.value"), "value": "m-2" }), json!({ "value": "m-2" }))]
#[case::in_a_value(json!({ "op": "replace", "value": { format!("{ENT}:manager"): "m-2" } }), json!({ "value": "m-2" }))]
#[case::ent_24_empty_text(json!({ "op": "Replace", "path": format!("{ENT}:manager"), "value": "" }), Value::Null)]
#[case::ent_24_val_13_empty_value(json!({ "op": "Replace", "path": format!("{ENT}:manager"), "value": { "value": "" } }), Value::Null)]
#[case::ent_24_remove(json!({ "op": "Remove", "path": format!("{ENT}:manager") }), Value::Null)]
#[case::empty_array(json!({ "op": "Replace", "path": format!("{ENT}:manager"), "value": [] }), Value::Null)]
fn q_45_c_5_every_way_to_set_and_unset_the_manager(#[case] operation: Value, #[case] expected: Value) {
    for before in [
        json!({ "userName": "u" }),
        json!({ "userName": "u", ENT: { "manager": { "value": "m-1", "$ref": "http://x/Users/m-1" } } }),
    ] {
        let after = patch_user(&before, &json!([operation])).unwrap();
        let manager = after.get(ENT).map(|extension| extension["manager"].clone());
        let unchanged = before.get(ENT).is_none() && expected["value"] == "m-1";
        let expected = if unchanged { json!({ "value": "m-1" }) } else { expected.clone() };
        // The extension goes with its last attribute.
        assert_eq!(manager.unwrap_or_default(), expected);
        assert_eq!(after.get(ENT).is_some(), !expected.is_null());
    }
}

#[test]
fn ent_28_q_29_a_role_is_found_by_a_text_that_means_true() {
    let before = json!({ "userName": "u", "roles": [{ "value": "b" }, { "primary": true, "type": "T", "value": "Admin" }] });
    let operations = json!([{ "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Viewer" },
        { "op": "Replace", "path": "roles[primary eq \"True\"].display", "value": "V" }]);
    assert_eq!(
        patch_user(&before, &operations).unwrap()["roles"],
        json!([{ "value": "b" }, { "primary": true, "type": "T", "value": "Viewer", "display": "V" }])
    );
    assert_eq!(
        patch_user(&json!({ "userName": "u" }), &operations).unwrap()["roles"],
        json!([{ "primary": true, "value": "Viewer", "display": "V" }])
    );
}

#[test]
fn ent_29_q_46_a_role_that_is_json_in_a_text_stays_a_text() {
    let value = r#"{"id":"1","value":"Admin","displayName":"Admin"}"#;
    let add = json!([{ "op": "Add", "path": "roles", "value": [{ "value": value }] }]);
    let once = patch_user(&json!({ "userName": "u" }), &add).unwrap();
    assert_eq!(once, json!({ "userName": "u", "roles": [{ "value": value }] }));
    assert_eq!(patch_user(&once, &add).unwrap(), once);
    let replace =
        json!([{ "op": "replace", "path": "roles", "value": [{ "value": "a" }, { "value": "b" }] }]);
    assert_eq!(patch_user(&once, &replace).unwrap()["roles"], json!([{ "value": "a" }, { "value": "b" }]));
}

/// ENT-46, VAL-06, VAL-07, VAL-10: all default mappings onto a minimal user, by path and in one value.
#[test]
fn ent_46_all_default_mappings_by_path_and_then_in_one_value() {
    let mapped = [
        ("active", json!("True")),
        ("displayName", json!("D")),
        ("title", json!("T")),
        ("emails[type eq \"work\"].value", json!("w@x")),
        ("preferredLanguage", json!("qq")),
        ("name.givenName", json!("G")),
        ("name.familyName", json!("F")),
        ("name.formatted", json!("G F")),
        ("addresses[type eq \"work\"].formatted", json!("A")),
        ("addresses[type eq \"work\"].streetAddress", json!("S")),
        ("addresses[type eq \"work\"].locality", json!("L")),
        ("addresses[type eq \"work\"].region", json!("R")),
        ("addresses[type eq \"work\"].postalCode", json!("P")),
        ("addresses[type eq \"work\"].country", json!("C")),
        ("phoneNumbers[type eq \"work\"].value", json!("1")),
        ("phoneNumbers[type eq \"mobile\"].value", json!("2")),
        ("phoneNumbers[type eq \"fax\"].value", json!("3")),
        ("externalId", json!("E")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", json!("7")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", json!("Ops")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", json!("m")),
    ];
    let expected = resource(json!({
        "userName": "u", "active": true, "displayName": "D", "title": "T", "preferredLanguage": "qq", "externalId": "E",
        "emails": [{ "type": "work", "value": "w@x" }],
        "name": { "givenName": "G", "familyName": "F", "formatted": "G F" },
        "addresses": [{ "type": "work", "formatted": "A", "streetAddress": "S", "locality": "L", "region": "R",
            "postalCode": "P", "country": "C" }],
        "phoneNumbers": [{ "type": "work", "value": "1" }, { "type": "mobile", "value": "2" }, { "type": "fax", "value": "3" }],
        ENT: { "employeeNumber": "7", "department": "Ops", "manager": { "value": "m" } },
    }));
    let before = json!({ "userName": "u" });
    let verbose: Vec<_> =
        mapped.iter().map(|(path, value)| json!({ "op": "Add", "path": path, "value": value })).collect();
    let after = patch_user(&before, &json!(verbose)).unwrap();
    assert_eq!(resource(after.clone()), expected);

    let flat: Value = mapped.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
    let flat = json!([{ "op": "replace", "value": flat }]);
    assert_eq!(resource(patch_user(&before, &flat).unwrap()), expected);
    assert_eq!(resource(patch_user(&after, &flat).unwrap()), expected);
}

#[test]
fn ent_04_an_apps_own_extension_is_patched_by_urn() {
    let urn = "urn:ietf:params:scim:schemas:extension:CustomExt:2.0:User";
    let text = json!({ "id": urn, "name": "CustomExt", "attributes": [{ "name": "tag", "type": "string" },
        { "name": "badge", "type": "string", "mutability": "immutable" }] })
    .to_string();
    let registry = Registry::new(vec![extension::parse(&text).unwrap()]).unwrap();
    let run = |before: &Value, operations: Value| patch(registry.user(), before, &operations);
    let before = json!({ "userName": "u" });
    let after = run(&before, json!([{ "op": "Add", "path": format!("{urn}:tag"), "value": "T" }])).unwrap();
    assert_eq!(after, json!({ "userName": "u", urn: { "tag": "T" } }));

    // RFC-106: an immutable attribute can be set once, and re-asserted.
    let set = |badge: &str| json!([{ "op": "add", "path": format!("{urn}:badge"), "value": badge }]);
    let after = run(&after, set("B")).unwrap();
    assert_eq!(after[urn]["badge"], "B");
    assert_eq!(run(&after, set("B")).unwrap(), after);
    assert_eq!(run(&after, set("C")).unwrap_err().scim_type, ScimType::Mutability);
    let remove = json!([{ "op": "remove", "path": format!("{urn}:badge") }]);
    assert_eq!(run(&after, remove).unwrap_err().scim_type, ScimType::Mutability);
}

fn group() -> Value {
    json!({ "displayName": "G", "members": [{ "value": "a" }, { "value": "b" }, { "value": "c" }] })
}

#[rstest]
#[case::ent_34(json!([{ "op": "Replace", "path": "displayName", "value": "Y" }]), "Y", &["a", "b", "c"])]
#[case::ent_35_q_53_null_ref(json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "d" }] }]), "G", &["a", "b", "c", "d"])]
#[case::ent_35_q_49_again(json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "a" }] }]), "G", &["a", "b", "c"])]
#[case::ent_35_several(
    json!([{ "op": "Add", "path": "members", "value": [{ "value": "d" }, { "value": "e" }, { "value": "d" }] },
        { "op": "Add", "path": "members", "value": [{ "value": "f" }] }]), "G", &["a", "b", "c", "d", "e", "f"])]
#[case::ent_36_q_43_c_2_only_those_listed(
    json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "b" }] }]), "G", &["a", "c"])]
#[case::one_listed_without_array(json!([{ "op": "Remove", "path": "members", "value": { "value": "b" } }]), "G", &["a", "c"])]
#[case::listed_as_texts(json!([{ "op": "Remove", "path": "members", "value": ["b", "z"] }]), "G", &["a", "c"])]
#[case::ent_37(json!([{ "op": "remove", "path": "members[value eq \"b\"]" }]), "G", &["a", "c"])]
#[case::ent_37_q_50_non_member(json!([{ "op": "remove", "path": "members[value eq \"z\"]" }]), "G", &["a", "b", "c"])]
#[case::q_44_filter_and_value(json!([{ "op": "Remove", "path": "members[value eq \"b\"]", "value": [{ "value": "a" }] }]), "G", &["a", "c"])]
#[case::ent_38_all(json!([{ "op": "Remove", "path": "members" }]), "G", &[])]
#[case::null_is_no_value(json!([{ "op": "Remove", "path": "members", "value": null }]), "G", &[])]
#[case::okt_10_q_47_c_12(json!([{ "op": "replace", "value": { "id": ID, "displayName": "New" } }]), "New", &["a", "b", "c"])]
#[case::okt_11(
    json!([{ "op": "remove", "path": "members[value eq \"a\"]" },
        { "op": "add", "path": "members", "value": [{ "value": "d", "display": "b@x" }] }]), "G", &["b", "c", "d"])]
#[case::okt_12(json!([{ "op": "replace", "path": "members", "value": [{ "value": "d" }] }]), "G", &["d"])]
#[case::okt_12_q_48_empty(json!([{ "op": "replace", "path": "members", "value": [] }]), "G", &[])]
#[case::q_37_case(json!([{ "op": "Add", "path": "Members", "value": [{ "VALUE": "d" }] }]), "G", &["a", "b", "c", "d"])]
#[case::val_p7_q_54(
    json!([{ "op": "Add", "path": "members", "value": [{ "value": "d" }] }, { "op": "Remove", "path": "members[value eq \"d\"]" }]),
    "G", &["a", "b", "c"])]
#[case::val_24_q_71_replace_is_the_exact_set(json!([{ "op": "replace", "path": "members", "value": [{ "value": "b" }] }]), "G", &["b"])]
#[case::authentik_whole_group(
    json!([{ "op": "replace", "value": { "id": ID, "schemas": ["x"], "displayName": "N", "meta": { "version": "1" }, "externalId": null } }]),
    "N", &["a", "b", "c"])]
#[case::val_p2_the_last_wins(
    json!([{ "op": "remove", "path": "displayName" }, { "op": "add", "path": "displayName", "value": "1" },
        { "op": "replace", "path": "displayName", "value": "2" }]), "2", &["a", "b", "c"])]
fn a_request_on_a_group_does_what_its_client_means(
    #[case] operations: Value,
    #[case] display_name: &str,
    #[case] members: &[&str],
) {
    let after = patch_group(&group(), &operations).unwrap();
    let mut expected = json!({ "displayName": display_name });
    if !members.is_empty() {
        expected["members"] = members.iter().map(|value| json!({ "value": value })).collect();
    }
    assert_eq!(after, expected);
}

#[rstest]
#[case::ent_34_by_path(json!([{ "op": "Add", "path": "externalId", "value": "E" }]))]
#[case::val_22_in_a_value(json!([{ "op": "replace", "value": { "externalId": "E" } }]))]
fn q_60_a_groups_external_id_is_set_and_its_members_stay(#[case] operations: Value) {
    let mut expected = group();
    expected["externalId"] = "E".into();
    assert_eq!(patch_group(&group(), &operations).unwrap(), expected);
}

#[rstest]
#[case::empty_list(json!([]))]
#[case::empty_text(json!(""))]
#[case::text(json!("b"))]
#[case::number(json!(7))]
#[case::boolean(json!(true))]
#[case::empty_object(json!({}))]
#[case::nothing_known(json!([{ "id": "b" }]))]
#[case::no_value(json!([{ "type": "User" }]))]
#[case::empty_value(json!([{ "value": "" }]))]
fn c_2_q_43_a_removal_that_lists_nothing_usable_removes_nothing(#[case] value: Value) {
    let error =
        patch_group(&group(), &json!([{ "op": "Remove", "path": "members", "value": value }])).unwrap_err();
    assert_eq!(error.scim_type, ScimType::InvalidValue, "{error}");
}

#[rstest]
#[case::no_element(json!([null]))]
#[case::an_empty_element(json!([{}]))]
#[case::a_misspelt_member(json!([{ "id": "b" }]))]
#[case::a_member_without_value(json!([{ "value": "" }]))]
#[case::text(json!(""))]
fn a_slip_in_the_members_does_not_empty_the_group(#[case] value: Value) {
    for op in ["add", "replace"] {
        let error =
            patch_group(&group(), &json!([{ "op": op, "path": "members", "value": value }])).unwrap_err();
        assert_eq!(error.scim_type, ScimType::InvalidValue, "{error}");
    }
}

#[test]
fn c_2_other_lists_lose_only_what_is_listed_too() {
    let before = json!({ "userName": "u", "emails": [{ "type": "work", "value": "A@x" }, { "type": "home", "value": "a@x" }, { "value": "b@x" }],
        "addresses": [{ "country": "X" }, { "country": "Y" }] });
    let operations = json!([{ "op": "remove", "path": "emails", "value": [{ "type": "work", "value": "a@x" }, { "value": "b@x" }] },
        { "op": "remove", "path": "addresses", "value": [{ "country": "Y" }] }]);
    assert_eq!(
        patch_user(&before, &operations).unwrap(),
        json!({ "userName": "u", "emails": [{ "type": "home", "value": "a@x" }], "addresses": [{ "country": "X" }] })
    );
}

#[test]
fn c_12_another_id_is_refused() {
    for operation in [
        json!({ "op": "replace", "value": { "id": "other" } }),
        json!({ "op": "replace", "path": "id", "value": "other" }),
    ] {
        let error = patch_group(&group(), &json!([operation])).unwrap_err();
        assert_eq!(error.scim_type, ScimType::Mutability);
        assert_eq!(error.detail, "`id` is read-only: it is `2819c223` and cannot become `other`.");
    }
}

#[rstest]
#[case::okt_06_q_23_no_schemas(json!({ "Operations": [{ "op": "replace", "value": { "active": false } }] }))]
#[case::q_82_wrong_urn(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:PatchOp"],
    "Operations": [{ "op": "replace", "value": { "active": false } }] }))]
#[case::q_82_c_11_lower_case(json!({ "operations": [{ "OP": "Replace", "Path": "active", "Value": false }] }))]
#[case::empty_path(json!({ "Operations": [{ "op": "replace", "path": "", "value": { "active": false } }] }))]
fn c_11_the_wrapping_may_be_sloppy(#[case] body: Value) {
    let registry = Registry::default();
    let patch = Patch::parse(body, registry.user()).unwrap();
    assert_eq!(patch.apply(&resource(user()), ID).unwrap().active(), Some(false));
}

#[test]
fn what_is_ignored_is_told_for_the_log() {
    let registry = Registry::default();
    let body = json!({ "Operations": [{ "op": "add", "path": "shoeSize", "value": 43 },
        { "op": "replace", "value": { "name": { "nick": "n" }, "urn:x:2.0User:department": "D" } }] });
    assert_eq!(
        Patch::parse(body, registry.user()).unwrap().ignored(),
        ["shoeSize", "name.nick", "urn:x:2.0User:department"]
    );
}
