//! The rules of RFC 7644 §3.5.2.

use rstest::rstest;
use serde_json::{Value, json};

use super::{ENT, ID, patch_group, patch_user, resource};
use crate::scim::{error::ScimType, limits, patch::Patch, registry::Registry};

#[rstest]
#[case::rfc_082_no_object(json!([]), ScimType::InvalidSyntax)]
#[case::rfc_082_no_operations(json!({}), ScimType::InvalidSyntax)]
#[case::rfc_082_empty(json!({ "Operations": [] }), ScimType::InvalidSyntax)]
#[case::not_a_list(json!({ "Operations": { "op": "add" } }), ScimType::InvalidSyntax)]
#[case::two_spellings(json!({ "Operations": [], "operations": [] }), ScimType::InvalidSyntax)]
#[case::no_object_in_it(json!({ "Operations": ["add"] }), ScimType::InvalidSyntax)]
#[case::rfc_083_move(json!({ "Operations": [{ "op": "move", "path": "title" }] }), ScimType::InvalidSyntax)]
#[case::no_op(json!({ "Operations": [{ "path": "title", "value": "x" }] }), ScimType::InvalidSyntax)]
#[case::op_of_another_type(json!({ "Operations": [{ "op": 1 }] }), ScimType::InvalidSyntax)]
#[case::path_of_another_type(json!({ "Operations": [{ "op": "add", "path": 1, "value": 1 }] }), ScimType::InvalidPath)]
#[case::rfc_086_add(json!({ "Operations": [{ "op": "add", "path": "title" }] }), ScimType::InvalidValue)]
#[case::rfc_086_replace(json!({ "Operations": [{ "op": "replace", "path": "title" }] }), ScimType::InvalidValue)]
#[case::rfc_086_no_path(json!({ "Operations": [{ "op": "add" }] }), ScimType::InvalidValue)]
#[case::no_path_and_a_text(json!({ "Operations": [{ "op": "add", "value": "x" }] }), ScimType::InvalidValue)]
#[case::rfc_012_twice(json!({ "Operations": [{ "op": "add", "value": { "active": true, "Active": false } }] }), ScimType::InvalidSyntax)]
#[case::rfc_092(json!({ "Operations": [{ "op": "remove" }] }), ScimType::NoTarget)]
#[case::rfc_092_with_a_value(json!({ "Operations": [{ "op": "remove", "value": { "title": "" } }] }), ScimType::NoTarget)]
#[case::rfc_107_path(json!({ "Operations": [{ "op": "remove", "path": "emails[type eq \"work\"" }] }), ScimType::InvalidPath)]
#[case::rfc_107_filter(json!({ "Operations": [{ "op": "remove", "path": "emails[type is \"work\"]" }] }), ScimType::InvalidFilter)]
#[case::rfc_107_in_a_value(json!({ "Operations": [{ "op": "add", "value": { "emails[type is \"work\"].value": "x" } }] }), ScimType::InvalidFilter)]
#[case::rfc_108_index(json!({ "Operations": [{ "op": "remove", "path": "emails[0]" }] }), ScimType::InvalidPath)]
#[case::rfc_106_meta(json!({ "Operations": [{ "op": "replace", "path": "meta.version", "value": "x" }] }), ScimType::Mutability)]
#[case::rfc_106_groups(json!({ "Operations": [{ "op": "add", "path": "groups", "value": [{ "value": "g" }] }] }), ScimType::Mutability)]
#[case::rfc_106_part(json!({ "Operations": [{ "op": "add", "path": format!("{ENT}:manager.displayName"), "value": "M" }] }), ScimType::Mutability)]
#[case::rfc_097_id(json!({ "Operations": [{ "op": "remove", "path": "id" }] }), ScimType::Mutability)]
#[case::rfc_097_meta(json!({ "Operations": [{ "op": "remove", "path": "meta" }] }), ScimType::Mutability)]
#[case::rfc_097_groups(json!({ "Operations": [{ "op": "remove", "path": "groups[value eq \"g\"]" }] }), ScimType::Mutability)]
#[case::rfc_097_schemas(json!({ "Operations": [{ "op": "remove", "path": "schemas" }] }), ScimType::Mutability)]
#[case::q_62_c_7_user_name(json!({ "Operations": [{ "op": "replace", "path": "userName", "value": "" }] }), ScimType::InvalidValue)]
#[case::user_name_null(json!({ "Operations": [{ "op": "replace", "path": "userName", "value": null }] }), ScimType::InvalidValue)]
#[case::q_27_boolean(json!({ "Operations": [{ "op": "replace", "path": "active", "value": "yes" }] }), ScimType::InvalidValue)]
#[case::rfc_016(json!({ "Operations": [{ "op": "add", "path": "emails", "value": "a@b" }] }), ScimType::InvalidValue)]
#[case::rfc_016_part(json!({ "Operations": [{ "op": "add", "path": "name.givenName", "value": {} }] }), ScimType::InvalidValue)]
#[case::rfc_017(json!({ "Operations": [{ "op": "add", "path": "emails", "value": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] }] }), ScimType::InvalidValue)]
#[case::extension(json!({ "Operations": [{ "op": "add", "path": ENT, "value": 1 }] }), ScimType::InvalidValue)]
fn what_is_wrong_with_a_request_shows_before_anything_is_touched(
    #[case] body: Value,
    #[case] scim_type: ScimType,
) {
    let registry = Registry::default();
    let error = Patch::parse(body, registry.user()).unwrap_err();
    assert_eq!(error.scim_type, scim_type, "{error}");
}

#[test]
fn an_error_names_the_operation_and_what_is_wrong() {
    let operations = json!([{ "op": "Add", "path": "title", "value": "T" }, { "op": "Replace", "path": "active", "value": "yes" }]);
    assert_eq!(
        patch_user(&json!({ "userName": "u" }), &operations).unwrap_err().detail,
        "Operation 2 (replace `active`): `active` must be a boolean, true or false, not this string."
    );
}

#[test]
fn the_number_of_operations_is_bounded() {
    let registry = Registry::default();
    let body =
        |count| json!({ "Operations": vec![json!({ "op": "add", "path": "title", "value": "T" }); count] });
    assert!(Patch::parse(body(limits::MAX_OPERATIONS), registry.user()).is_ok());
    assert_eq!(
        Patch::parse(body(limits::MAX_OPERATIONS + 1), registry.user()).unwrap_err().detail,
        "`Operations` holds 1001 operations; at most 1000 are accepted in one request."
    );
    let names: Value = (0..=limits::MAX_PATCH_PATHS).map(|n| (n.to_string(), Value::Null)).collect();
    assert!(
        Patch::parse(json!({ "Operations": [{ "op": "add", "value": names }] }), registry.user()).is_err()
    );
}

#[test]
fn a_resource_cannot_grow_without_end() {
    let mut user = json!({ "userName": "u" });
    let mut grow = |from: usize| {
        let emails: Vec<_> = (from..from + 600).map(|n| json!({ "value": n.to_string() })).collect();
        user = patch_user(&user, &json!([{ "op": "add", "path": "emails", "value": emails }]))?;
        Ok::<_, crate::scim::error::Error>(())
    };
    grow(0).unwrap();
    assert_eq!(
        grow(600).unwrap_err().detail,
        "Operation 1 (add `emails`): `emails` has 1200 values; at most 1000 are accepted."
    );
}

#[rstest]
#[case::rfc_085_later_operations_see_earlier_results(
    json!({ "userName": "u" }),
    json!([{ "op": "add", "path": "emails", "value": [{ "type": "work", "value": "a" }] },
        { "op": "replace", "path": "emails[value eq \"a\"].type", "value": "home" }]),
    json!({ "userName": "u", "emails": [{ "type": "home", "value": "a" }] }))]
#[case::rfc_087_add_without_path_merges(
    json!({ "userName": "u", "emails": [{ "value": "a" }], "title": "old" }),
    json!([{ "op": "add", "value": { "emails": [{ "value": "b", "type": "home" }], "nickname": "Babs", "title": "new" } }]),
    json!({ "userName": "u", "emails": [{ "value": "a" }, { "value": "b", "type": "home" }], "title": "new", "nickName": "Babs" }))]
#[case::rfc_088_an_equal_element_is_there_once(
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work", "display": "A" }] }),
    json!([{ "op": "add", "path": "emails", "value": [{ "type": "work", "value": "a" }] }]),
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work", "display": "A" }] }))]
#[case::rfc_089_add_replaces_a_single_value(
    json!({ "userName": "u", "title": "a" }), json!([{ "op": "add", "path": "title", "value": "b" }]), json!({ "userName": "u", "title": "b" }))]
#[case::rfc_090_rfc_102_a_complex_value_is_merged(
    json!({ "userName": "u", "name": { "givenName": "G", "familyName": "F" } }),
    json!([{ "op": "add", "path": "name", "value": { "givenName": "g" } }, { "op": "replace", "path": "name", "value": { "familyName": "" , "formatted": "x" } }]),
    json!({ "userName": "u", "name": { "givenName": "g", "formatted": "x" } }))]
#[case::rfc_091_one_object_is_one_element(
    json!({ "userName": "u" }), json!([{ "op": "add", "path": "emails", "value": { "value": "a" } }]),
    json!({ "userName": "u", "emails": [{ "value": "a" }] }))]
#[case::rfc_093_removing_parts(
    json!({ "userName": "u", "title": "T", "name": { "givenName": "G", "familyName": "F" } }),
    json!([{ "op": "remove", "path": "title" }, { "op": "remove", "path": "name.givenName" }]),
    json!({ "userName": "u", "name": { "familyName": "F" } }))]
#[case::rfc_093_the_last_part_takes_the_whole_with_it(
    json!({ "userName": "u", "name": { "givenName": "G" } }), json!([{ "op": "remove", "path": "name.givenName" }]), json!({ "userName": "u" }))]
#[case::rfc_094_all_values(
    json!({ "userName": "u", "emails": [{ "value": "a" }] }), json!([{ "op": "remove", "path": "emails" }]), json!({ "userName": "u" }))]
#[case::rfc_095_matching_elements(
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work" }, { "value": "b", "type": "home" }] }),
    json!([{ "op": "remove", "path": "emails[type eq \"work\"]" }]),
    json!({ "userName": "u", "emails": [{ "value": "b", "type": "home" }] }))]
#[case::rfc_095_the_last_one(
    json!({ "userName": "u", "emails": [{ "value": "a@example.com", "type": "work" }] }),
    json!([{ "op": "remove", "path": "emails[type eq \"work\" and value ew \"example.com\"]" }]), json!({ "userName": "u" }))]
#[case::rfc_096_a_part_of_matching_elements(
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work", "display": "A" }, { "value": "b", "display": "B" }] }),
    json!([{ "op": "remove", "path": "emails[type eq \"work\"].display" }]),
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work" }, { "value": "b", "display": "B" }] }))]
#[case::rfc_098_absent(
    json!({ "userName": "u" }),
    json!([{ "op": "remove", "path": "title" }, { "op": "remove", "path": "name.givenName" }, { "op": "remove", "path": "emails[type eq \"x\"]" },
        { "op": "remove", "path": "emails[type eq \"x\"].value" }, { "op": "remove", "path": ENT }, { "op": "remove", "path": format!("{ENT}:manager.value") }]),
    json!({ "userName": "u" }))]
#[case::rfc_099_replace_without_path(
    json!({ "userName": "u", "title": "T", "emails": [{ "value": "a" }] }),
    json!([{ "op": "replace", "value": { "emails": [{ "value": "b" }], "nickname": "Babs" } }]),
    json!({ "userName": "u", "title": "T", "emails": [{ "value": "b" }], "nickName": "Babs" }))]
#[case::rfc_100_replace_of_what_is_absent_adds(
    json!({ "userName": "u" }), json!([{ "op": "replace", "path": "title", "value": "T" }, { "op": "replace", "path": "emails", "value": [{ "value": "a" }] }]),
    json!({ "userName": "u", "title": "T", "emails": [{ "value": "a" }] }))]
#[case::rfc_101_replace_with_nothing_clears(
    json!({ "userName": "u", "emails": [{ "value": "a" }] }), json!([{ "op": "replace", "path": "emails", "value": [] }]), json!({ "userName": "u" }))]
#[case::rfc_103_whole_elements(
    json!({ "userName": "u", "addresses": [{ "type": "work", "country": "X", "region": "R" }, { "type": "home", "country": "H", "primary": true }] }),
    json!([{ "op": "replace", "path": "addresses[type eq \"work\"]", "value": { "type": "work", "locality": "Hollywood", "primary": true } }]),
    json!({ "userName": "u", "addresses": [{ "type": "work", "locality": "Hollywood", "primary": true }, { "type": "home", "country": "H", "primary": false }] }))]
#[case::rfc_103_a_part_of_all_matching_elements(
    json!({ "userName": "u", "addresses": [{ "type": "work", "country": "X" }, { "type": "work", "country": "Y" }, { "type": "home", "country": "H" }] }),
    json!([{ "op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "1010 Broadway Ave" }]),
    json!({ "userName": "u", "addresses": [{ "type": "work", "country": "X", "streetAddress": "1010 Broadway Ave" },
        { "type": "work", "country": "Y", "streetAddress": "1010 Broadway Ave" }, { "type": "home", "country": "H" }] }))]
#[case::elements_that_become_the_same_are_there_once(
    json!({ "userName": "u", "emails": [{ "type": "work", "value": "a" }, { "type": "work", "value": "b" }] }),
    json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "c" }]),
    json!({ "userName": "u", "emails": [{ "type": "work", "value": "c" }] }))]
#[case::an_element_that_loses_its_last_part_is_gone(
    json!({ "userName": "u", "emails": [{ "value": "a" }, { "value": "b" }] }),
    json!([{ "op": "remove", "path": "emails[value eq \"a\"].value" }]), json!({ "userName": "u", "emails": [{ "value": "b" }] }))]
#[case::a_part_of_all_elements(
    json!({ "userName": "u", "emails": [{ "value": "a" }, { "value": "b" }] }),
    json!([{ "op": "add", "path": "emails.type", "value": "work" }]),
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work" }, { "value": "b", "type": "work" }] }))]
#[case::a_part_of_no_element(
    json!({ "userName": "u" }), json!([{ "op": "add", "path": "emails.value", "value": "a" }]), json!({ "userName": "u", "emails": [{ "value": "a" }] }))]
#[case::add_to_matching_elements_merges(
    json!({ "userName": "u", "emails": [{ "type": "work", "value": "a" }] }),
    json!([{ "op": "add", "path": "emails[type eq \"work\"]", "value": { "display": "A" } }, { "op": "add", "path": "emails[type eq \"home\"]", "value": { "value": "h" } }]),
    json!({ "userName": "u", "emails": [{ "type": "work", "value": "a", "display": "A" }, { "type": "home", "value": "h" }] }))]
#[case::rfc_105_q_58_primary_by_add(
    json!({ "userName": "u", "emails": [{ "value": "a", "primary": true }] }),
    json!([{ "op": "add", "path": "emails", "value": [{ "value": "b", "primary": true }] }]),
    json!({ "userName": "u", "emails": [{ "value": "a", "primary": false }, { "value": "b", "primary": true }] }))]
#[case::rfc_105_primary_by_path(
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work", "primary": true }, { "value": "b", "type": "home" }] }),
    json!([{ "op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True" }]),
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work", "primary": false }, { "value": "b", "type": "home", "primary": true }] }))]
#[case::rfc_105_primary_of_several_is_the_first(
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work" }, { "value": "b", "type": "work" }] }),
    json!([{ "op": "replace", "path": "emails[type eq \"work\"].primary", "value": true }]),
    json!({ "userName": "u", "emails": [{ "value": "a", "type": "work", "primary": true }, { "value": "b", "type": "work", "primary": false }] }))]
#[case::rfc_109_case_and_urns(
    json!({ "userName": "u" }),
    json!([{ "op": "add", "path": "URN:ietf:params:scim:schemas:core:2.0:user:NAME.givenname", "value": "G" },
        { "op": "add", "path": format!("{}:DEPARTMENT", ENT.to_uppercase()), "value": "D" }]),
    json!({ "userName": "u", "name": { "givenName": "G" }, ENT: { "department": "D" } }))]
#[case::rfc_110_the_extension_goes_with_its_last_attribute(
    json!({ "userName": "u", ENT: { "employeeNumber": "7" } }), json!([{ "op": "remove", "path": format!("{ENT}:employeeNumber") }]), json!({ "userName": "u" }))]
#[case::rfc_111_a_whole_extension_by_path(
    json!({ "userName": "u", ENT: { "employeeNumber": "7" } }), json!([{ "op": "replace", "path": ENT, "value": { "department": "D", "manager": "m" } }]),
    json!({ "userName": "u", ENT: { "employeeNumber": "7", "department": "D", "manager": { "value": "m" } } }))]
#[case::rfc_111_a_whole_extension_in_a_value(
    json!({ "userName": "u" }), json!([{ "op": "add", "value": { ENT: { "department": "D", "": 1, "floor": 2 } } }]), json!({ "userName": "u", ENT: { "department": "D" } }))]
#[case::rfc_111_the_core_schema_by_path_and_in_a_value(
    json!({ "userName": "u", "title": "T" }),
    json!([{ "op": "replace", "path": "URN:ietf:params:scim:schemas:core:2.0:User", "value": { "title": "U", "name.givenName": "G", "": 1 } },
        { "op": "add", "value": { "urn:ietf:params:scim:schemas:core:2.0:User": { "nickName": "N", "externalId": "E" } } }]),
    json!({ "userName": "u", "title": "U", "nickName": "N", "externalId": "E", "name": { "givenName": "G" } }))]
#[case::rfc_111_a_whole_extension_removed(
    json!({ "userName": "u", ENT: { "department": "D", "manager": { "value": "m" } } }), json!([{ "op": "remove", "path": ENT }]), json!({ "userName": "u" }))]
#[case::schemas_follow_from_the_attributes(
    json!({ "userName": "u" }), json!([{ "op": "add", "path": "schemas", "value": [ENT] }, { "op": "replace", "value": { "groups": [], "meta": {} } }]), json!({ "userName": "u" }))]
#[case::active_may_be_unassigned(
    json!({ "userName": "u", "active": false }), json!([{ "op": "remove", "path": "active" }]), json!({ "userName": "u" }))]
fn a_patch_does_what_the_rfc_says(#[case] before: Value, #[case] operations: Value, #[case] after: Value) {
    assert_eq!(patch_user(&before, &operations).unwrap(), after);
}

#[test]
fn rfc_104_replacing_elements_that_are_not_there_has_no_target() {
    let operations =
        json!([{ "op": "replace", "path": "addresses[type eq \"work\"]", "value": { "country": "X" } }]);
    let error = patch_user(&json!({ "userName": "u" }), &operations).unwrap_err();
    assert_eq!(error.scim_type, ScimType::NoTarget);
}

#[rstest]
#[case::user_name("userName")]
#[case::by_urn("urn:ietf:params:scim:schemas:core:2.0:User:username")]
fn rfc_097_what_is_required_cannot_be_removed(#[case] path: &str) {
    let error =
        patch_user(&json!({ "userName": "u" }), &json!([{ "op": "remove", "path": path }])).unwrap_err();
    assert_eq!(error.scim_type, ScimType::Mutability);
    assert_eq!(error.detail, "`userName` is required and cannot be removed.");
}

#[test]
fn rfc_023_rfc_106_a_member_cannot_become_another() {
    let before = json!({ "displayName": "G", "members": [{ "value": "a", "type": "User" }] });
    for (path, value) in [
        ("members[value eq \"a\"].value", json!("b")),
        ("members[value eq \"a\"].type", json!("Group")),
        ("members[value eq \"a\"]", json!({ "value": "b" })),
        ("members.value", json!("b")),
    ] {
        let error =
            patch_group(&before, &json!([{ "op": "replace", "path": path, "value": value }])).unwrap_err();
        assert_eq!(error.scim_type, ScimType::Mutability, "{path}: {error}");
    }
    let error = patch_group(&before, &json!([{ "op": "remove", "path": "members.type" }])).unwrap_err();
    assert_eq!(error.scim_type, ScimType::Mutability);
    // to say again what is so is no change.
    for (path, value) in
        [("members[value eq \"a\"].value", json!("a")), ("members[value eq \"a\"]", json!({ "value": "a" }))]
    {
        assert_eq!(
            patch_group(&before, &json!([{ "op": "replace", "path": path, "value": value }])).unwrap(),
            before
        );
    }
}

#[test]
fn rfc_108_the_display_of_a_member_can_be_named_but_is_the_servers() {
    let before = json!({ "displayName": "G", "members": [{ "value": "a" }] });
    let operations = json!([{ "op": "replace", "path": "members[value eq \"a\"].display", "value": "A" }]);
    assert_eq!(patch_group(&before, &operations).unwrap_err().scim_type, ScimType::Mutability);
}

#[test]
fn q_59_replacing_members_by_the_same_ones_is_no_change() {
    let before =
        json!({ "displayName": "G", "members": [{ "value": "a", "type": "User" }, { "value": "b" }] });
    let operations = json!([{ "op": "replace", "path": "members", "value": [{ "value": "b", "display": "B" }, { "value": "a" }] }]);
    assert_eq!(resource(patch_group(&before, &operations).unwrap()), resource(before));
}

#[rstest]
#[case(101)]
#[case(1_000)]
#[case(10_000)]
fn q_81_all_members_are_kept_when_one_comes_or_goes(#[case] count: usize) {
    let members: Vec<_> = (0..count).map(|n| json!({ "value": n.to_string() })).collect();
    let before = json!({ "displayName": "G", "members": members });
    let operations = json!([{ "op": "Add", "path": "members", "value": [{ "value": "new" }] },
        { "op": "Remove", "path": "members", "value": [{ "value": "7" }] }, { "op": "remove", "path": "members[value eq \"8\"]" }]);
    let after = patch_group(&before, &operations).unwrap();
    assert_eq!(after["members"].as_array().unwrap().len(), count - 1);
}

#[test]
fn rfc_084_q_55_q_84_a_failing_operation_undoes_those_before_it() {
    let registry = Registry::default();
    let before = resource(json!({ "userName": "u", "title": "T" }));
    let copy = before.clone();
    let body = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "X" }, { "op": "remove", "path": "emails" },
        { "op": "replace", "path": "emails[type sw \"w\"].value", "value": "x" }] });
    let patch = Patch::parse(body, registry.user()).unwrap();
    assert_eq!(patch.apply(&before, ID).unwrap_err().scim_type, ScimType::NoTarget);
    assert_eq!(before, copy);
}
