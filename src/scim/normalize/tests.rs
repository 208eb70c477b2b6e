//! The bodies that Okta and Entra ID send, word for word, and what becomes of them.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::scim::registry::Registry;

const ENT: &str = urn::ENTERPRISE_USER;

fn user() -> ResourceType {
    Registry::default().user().clone()
}

fn group() -> ResourceType {
    Registry::default().group().clone()
}

/// What a POST of `body` makes of a user.
fn created(body: Value) -> Value {
    serde_json::to_value(create(&user(), body).unwrap().resource).unwrap()
}

fn refused(body: Value) -> (ScimType, String) {
    let error = create(&user(), body).unwrap_err();
    (error.scim_type, error.detail)
}

/// Entra's create: client `meta` ignored, `roles:[]` unassigned, the enterprise URN listed with no data.
#[test]
fn ent_01_a_user_is_created_with_every_value_as_sent() {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "userName": "Test_User_00aa", "active": true,
        "emails": [{ "primary": true, "type": "work", "value": "Test_User_11bb@testuser.com" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName" }, "roles": [],
    });
    let accepted = create(&user(), body).unwrap();
    assert_eq!(accepted.ignored, [""; 0]);
    assert_eq!(
        serde_json::to_value(accepted.resource).unwrap(),
        json!({
            "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "userName": "Test_User_00aa", "active": true,
            "emails": [{ "primary": true, "type": "work", "value": "Test_User_11bb@testuser.com" }],
            "name": { "formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName" },
        })
    );
}

#[test]
fn ent_02_nulls_are_unassigned_and_what_is_misplaced_or_misspelt_is_ignored() {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "userName": "u", "active": true,
        "addresses": null, "phoneNumbers": null, "preferredLanguage": null, "title": null, "department": null, "manager": null,
    });
    let accepted = create(&user(), body).unwrap();
    assert_eq!(serde_json::to_value(accepted.resource).unwrap(), json!({ "userName": "u", "active": true }));
    assert_eq!(
        accepted.ignored,
        ["urn:ietf:params:scim:schemas:extension:enterprise:2.0User", "department", "manager"]
    );
}

#[test]
fn ent_03_okt_08_q_25_extension_data_is_taken_whether_its_urn_is_listed_or_not() {
    let body = json!({ "schemas": [urn::USER], "userName": "u", "active": true,
        ENT: { "department": "Ops", "employeeNumber": "42" } });
    assert_eq!(
        created(body),
        json!({ "userName": "u", "active": true, ENT: { "department": "Ops", "employeeNumber": "42" } })
    );
}

#[test]
fn ent_04_an_apps_own_extension_is_taken_without_its_urn_in_schemas() {
    let urn = "urn:ietf:params:scim:schemas:extension:CustomExt:2.0:User";
    let schema = crate::scim::extension::parse(
        &json!({ "id": urn, "name": "CustomExt", "attributes": [
            { "name": "tags", "type": "string", "multiValued": true },
            { "name": "level", "type": "integer" },
            { "name": "hiredOn", "type": "dateTime" },
            { "name": "badge", "type": "string", "mutability": "immutable" }] })
        .to_string(),
    )
    .unwrap();
    let registry = Registry::new(vec![schema]).unwrap();
    let body = json!({ "schemas": [urn::USER], "userName": "u", "active": true,
        urn.to_lowercase(): { "TAGS": ["a", "b", "a", ""], "level": 3, "hiredOn": "2026-01-31T09:00:00Z", "badge": "B" } });
    let before = create(registry.user(), body).unwrap().resource;
    assert_eq!(
        before.find(urn),
        Some(&json!({ "tags": ["a", "b"], "level": 3, "hiredOn": "2026-01-31T09:00:00Z", "badge": "B" }))
    );

    // RFC-036: an immutable value may be left out or sent again, but not changed.
    let put =
        |badge: Value| replace(registry.user(), &before, json!({ "userName": "u", urn: { "badge": badge } }));
    assert_eq!(put(Value::Null).unwrap().resource.find(urn), Some(&json!({ "badge": "B" })));
    assert_eq!(put(json!("B")).unwrap().resource.find(urn), Some(&json!({ "badge": "B" })));
    assert_eq!(put(json!("C")).unwrap_err().scim_type, ScimType::Mutability);

    let wrong = json!({ "userName": "u", urn: { "level": 3.5 } });
    assert_eq!(
        create(registry.user(), wrong).unwrap_err().detail,
        format!("`{urn}:level` must be a whole number, not this number.")
    );
    let wrong = json!({ "userName": "u", urn: { "hiredOn": "yesterday" } });
    assert_eq!(create(registry.user(), wrong).unwrap_err().scim_type, ScimType::InvalidValue);
}

#[test]
fn okt_01_the_password_is_accepted_and_forgotten_and_groups_are_ignored_rfc_021_rfc_022() {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "test.joiner@x",
        "name": { "givenName": "test", "familyName": "joiner" }, "emails": [{ "primary": true, "value": "test.joiner@x" }],
        "externalId": "00u18ep2sjmnGT1wk698", "groups": [], "password": "s3cret", "active": true,
    });
    let accepted = create(&user(), body).unwrap();
    assert!(!format!("{accepted:?}").contains("s3cret"));
    assert_eq!(
        serde_json::to_value(accepted.resource).unwrap(),
        json!({
            "userName": "test.joiner@x", "name": { "givenName": "test", "familyName": "joiner" },
            "emails": [{ "primary": true, "value": "test.joiner@x" }],
            "externalId": "00u18ep2sjmnGT1wk698", "active": true,
        })
    );
}

/// ENT-45: one POST with the whole default mapping; E1: value for value equal, nothing trimmed or validated.
#[test]
fn ent_45_rfc_026_c_21_the_whole_default_mapping_comes_back_value_for_value() {
    let body = json!({
        "userName": " Bob@X ", "active": false, "displayName": "Bob  B", "title": "Vice \"P\"",
        "preferredLanguage": "qq-QQ", "locale": "nowhere", "timezone": "Mars/Olympus", "externalId": "bob",
        "name": { "givenName": "Bob", "familyName": "B", "formatted": "Bob B" },
        "emails": [{ "type": "work", "value": "BOB@x" }],
        "addresses": [{ "type": "work", "formatted": "HQ\n1", "streetAddress": "1 St", "locality": "L", "region": "R",
            "postalCode": "0123", "country": "Nowhere" }, { "type": "other", "formatted": "O" }],
        "phoneNumbers": [{ "type": "work", "value": "55555555555" }, { "type": "mobile", "value": "+1" },
            { "type": "fax", "value": "2" }],
        ENT: { "employeeNumber": "007", "department": "Ops", "manager": { "value": "m-1" } },
    });
    assert_eq!(created(body.clone()), body);
}

#[test]
fn ent_28_q_28_roles_with_a_text_as_primary_are_kept_with_a_boolean() {
    let body = json!({ "userName": "u", "active": "True",
        "roles": [{ "primary": "True", "type": "WindowsAzureActiveDirectoryRole", "value": "Admin", "display": "A" }] });
    assert_eq!(
        created(body),
        json!({ "userName": "u", "active": true,
            "roles": [{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin", "display": "A" }] })
    );
}

#[test]
fn ent_29_q_46_a_role_that_is_json_in_a_text_stays_a_text() {
    let value = r#"{"id":"1","value":"Admin","displayName":"Admin"}"#;
    let body =
        json!({ "userName": "u", "active": true, "roles": [{ "value": value, "displayName": "Admin" }] });
    let accepted = create(&user(), body).unwrap();
    assert_eq!(accepted.resource.find("roles"), Some(&json!([{ "value": value }])));
    assert_eq!(accepted.ignored, ["roles.displayName"]);
}

#[rstest]
#[case::a_bare_text(json!("m-1"), json!({ "value": "m-1" }))]
#[case::an_array_of_one(json!([{ "$ref": "http://x/Users/m-1", "value": "m-1" }]), json!({ "$ref": "http://x/Users/m-1", "value": "m-1" }))]
#[case::an_array_of_one_text(json!(["m-1"]), json!({ "value": "m-1" }))]
#[case::the_object_itself(json!({ "value": "m-1", "displayName": "read-only" }), json!({ "value": "m-1" }))]
#[case::empty_text_unassigns(json!(""), Value::Null)]
#[case::empty_value_unassigns(json!({ "value": "" }), Value::Null)]
#[case::empty_array_unassigns(json!([]), Value::Null)]
fn ent_22_ent_23_ent_24_q_45_every_spelling_of_the_manager(#[case] manager: Value, #[case] expected: Value) {
    let resource = create(&user(), json!({ "userName": "u", ENT: { "manager": manager } })).unwrap().resource;
    assert_eq!(resource.find(ENT).map(|ent| ent["manager"].clone()).unwrap_or_default(), expected);
}

#[rstest]
#[case(json!("True"), true)]
#[case(json!("true"), true)]
#[case(json!("FALSE"), false)]
#[case(json!(false), false)]
fn q_27_c_4_texts_that_are_booleans_are_read_in_any_case(#[case] active: Value, #[case] expected: bool) {
    let body = json!({ "userName": "u", "displayName": "True", "active": active });
    assert_eq!(created(body), json!({ "userName": "u", "displayName": "True", "active": expected }));
}

#[test]
fn okt_19_q_61_a_number_becomes_its_text_where_a_text_is_defined() {
    let body =
        json!({ "userName": "u", "active": true, "externalId": 701984, ENT: { "employeeNumber": 12.50 } });
    assert_eq!(
        created(body),
        json!({ "userName": "u", "active": true, "externalId": "701984", ENT: { "employeeNumber": "12.5" } })
    );
}

#[test]
fn rfc_007_rfc_008_c_7_q_62_null_empty_array_empty_object_and_empty_text_are_unassigned() {
    let body = json!({ "userName": "u", "active": true, "title": "", "name": { "givenName": "", "familyName": null },
        "emails": [{ "value": "" }, {}, null], "phoneNumbers": [], ENT: { "department": "", "manager": null }, "roles": "" });
    assert_eq!(created(body), json!({ "userName": "u", "active": true }));
}

#[test]
fn rfc_011_names_are_read_without_case_and_kept_as_defined() {
    let body = json!({ "USERNAME": "u", "Active": true, "Emails": [{ "VALUE": "a@b", "Type": "work" }],
        "URN:ietf:params:scim:schemas:extension:enterprise:2.0:user": { "Department": "Ops" } });
    assert_eq!(
        created(body),
        json!({ "userName": "u", "active": true, "emails": [{ "value": "a@b", "type": "work" }], ENT: { "department": "Ops" } })
    );
}

#[rstest]
#[case::attribute(json!({ "userName": "u", "username": "v" }), "userName")]
#[case::sub_attribute(json!({ "userName": "u", "name": { "givenName": "a", "givenname": "b" } }), "name.givenName")]
#[case::extension(json!({ "userName": "u", ENT: {}, ENT.to_lowercase(): {} }), ENT)]
fn rfc_012_two_spellings_of_one_name_are_refused(#[case] body: Value, #[case] path: &str) {
    let detail = format!("`{path}` is given more than once; attribute names compare without regard to case.");
    assert_eq!(refused(body), (ScimType::InvalidSyntax, detail));
}

#[test]
fn rfc_014_ent_41_q_64_unknown_attributes_are_ignored_and_told_for_the_log() {
    let body = json!({ "userName": "u", "active": true, "shoeSize": 43, "urn:x:y": { "a": 1 }, "name": { "nick": "n" },
        ENT: { "floor": 3 } });
    let accepted = create(&user(), body).unwrap();
    assert_eq!(serde_json::to_value(accepted.resource).unwrap(), json!({ "userName": "u", "active": true }));
    assert_eq!(accepted.ignored, ["shoeSize", "urn:x:y", "name.nick", &format!("{ENT}:floor")]);
}

#[test]
fn names_for_the_log_are_bounded_in_number_and_length() {
    let mut body = json!({ "userName": "u" });
    for number in 0..1_000 {
        body[format!("{number}{}", "ä".repeat(500))] = 1.into();
    }
    let ignored = create(&user(), body).unwrap().ignored;
    assert_eq!(ignored.len(), limits::MAX_IGNORED);
    assert!(ignored.iter().all(|name| name.len() <= limits::MAX_IGNORED_BYTES));
}

#[rstest]
#[case::missing(json!({ "displayName": "x" }), "`userName` is required.")]
#[case::null(json!({ "userName": null }), "`userName` is required.")]
#[case::empty(json!({ "userName": "" }), "`userName` is required and must not be empty.")]
#[case::blank(json!({ "userName": "  " }), "`userName` is required and must not be empty.")]
fn rfc_015_c_7_a_required_attribute_must_be_there_and_not_empty(#[case] body: Value, #[case] detail: &str) {
    assert_eq!(refused(body), (ScimType::InvalidValue, detail.to_owned()));
}

#[rstest]
#[case(json!([]))]
#[case(json!("x"))]
#[case(Value::Null)]
fn rfc_015_a_body_that_is_no_object_is_refused(#[case] body: Value) {
    assert_eq!(refused(body).0, ScimType::InvalidSyntax);
}

#[rstest]
#[case(json!({ "active": "yes" }), "`active` must be a boolean, true or false, not this string.")]
#[case(json!({ "active": 1 }), "`active` must be a boolean, true or false, not this number.")]
#[case(json!({ "emails": "a@b" }), "`emails` must be an array, not this string.")]
#[case(json!({ "emails": [[1]] }), "`emails` must be an object, not an array.")]
#[case(json!({ "emails": [{ "value": true }] }), "`emails.value` must be a string, not a boolean.")]
#[case(json!({ "name": "Bob" }), "`name` must be an object, not this string.")]
#[case(json!({ "title": ["a"] }), "`title` must be a string, not an array.")]
#[case(json!({ "x509Certificates": [{ "value": "%%" }] }), "`x509Certificates.value` must be a string in base64, not this string.")]
#[case(json!({ "title": "a\u{0}b" }), "`title` holds the character U+0000, which cannot be stored.")]
#[case(json!({ ENT: 7 }), &format!("`{ENT}` must be an object that holds the extension's attributes."))]
fn rfc_016_a_value_of_the_wrong_type_is_refused_with_its_path(#[case] part: Value, #[case] detail: &str) {
    let mut body = json!({ "userName": "u" });
    body.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    assert_eq!(refused(body), (ScimType::InvalidValue, detail.to_owned()));
}

#[rstest]
#[case(json!("urn"))]
#[case(json!([1]))]
fn schemas_must_be_a_list_of_texts_if_it_is_there(#[case] schemas: Value) {
    assert_eq!(refused(json!({ "userName": "u", "schemas": schemas })).0, ScimType::InvalidSyntax);
}

#[test]
fn rfc_017_two_primaries_in_one_body_are_refused() {
    let body = json!({ "userName": "u", "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": "True" }] });
    let detail = "`emails` has more than one value with primary true; at most one can be primary.";
    assert_eq!(refused(body), (ScimType::InvalidValue, detail.to_owned()));
}

#[test]
fn rfc_019_one_value_of_one_type_is_kept_once() {
    let body = json!({ "userName": "u", "active": true, "emails": [{ "value": "a", "type": "work" },
        { "value": "a", "type": "home" }, { "value": "a", "type": "work", "primary": true }], "addresses": [{ "country": "X" }, { "country": "X" }] });
    assert_eq!(
        created(body),
        json!({ "userName": "u", "active": true, "emails": [{ "value": "a", "type": "work", "primary": true },
            { "value": "a", "type": "home" }], "addresses": [{ "country": "X" }] })
    );
}

#[test]
fn rfc_091_one_object_counts_as_one_element_and_a_text_as_its_value() {
    let body = json!({ "userName": "u", "active": true, "emails": { "value": "a@b" }, "roles": ["r"] });
    assert_eq!(
        created(body),
        json!({ "userName": "u", "active": true, "emails": [{ "value": "a@b" }], "roles": [{ "value": "r" }] })
    );
}

#[test]
fn ospec_01_a_user_of_whom_nothing_is_said_is_active() {
    assert_eq!(created(json!({ "userName": "u" })), json!({ "userName": "u", "active": true }));
}

#[test]
fn sizes_are_bounded() {
    let long = json!({ "userName": "x".repeat(limits::MAX_TEXT_BYTES + 1) });
    assert_eq!(refused(long).1, "`userName` is 65537 bytes long; at most 65536 are accepted.");
    let many: Vec<_> = (0..=limits::MAX_ELEMENTS).map(|n| json!({ "value": n.to_string() })).collect();
    assert_eq!(
        refused(json!({ "userName": "u", "emails": many })).1,
        "`emails` has 1001 values; at most 1000 are accepted."
    );
    let large: Vec<_> = (0..300).map(|n| json!({ "value": format!("{n}{}", "x".repeat(60_000)) })).collect();
    assert!(refused(json!({ "userName": "u", "photos": large })).1.starts_with("the resource would be "));
}

#[test]
fn okt_09_okt_13_ent_35_members_are_read_with_nulls_in_them_q_52_q_53() {
    let body = json!({ "schemas": [urn::GROUP], "displayName": "G",
        "members": [{ "value": "a", "display": null }, { "$ref": null, "value": "b" }, { "value": "a", "type": "User" }] });
    let resource = create(&group(), body).unwrap().resource;
    assert_eq!(
        serde_json::to_value(resource).unwrap(),
        json!({ "displayName": "G", "members": [{ "value": "a", "type": "User" }, { "value": "b" }] })
    );
    let empty = create(&group(), json!({ "displayName": "Test SCIMv2", "members": [] })).unwrap().resource;
    assert_eq!(serde_json::to_value(empty).unwrap(), json!({ "displayName": "Test SCIMv2" }));
    assert_eq!(create(&group(), json!({ "displayName": "" })).unwrap_err().scim_type, ScimType::InvalidValue);
}

#[test]
fn a_group_of_ten_thousand_members_is_read_in_one_go() {
    let members: Vec<_> = (0..10_000).map(|n| json!({ "value": n.to_string() })).collect();
    let resource = create(&group(), json!({ "displayName": "G", "members": members })).unwrap().resource;
    assert_eq!(resource.elements("members").count(), 10_000);
}

/// OKT-04, OKT-SEQ-4: Okta sends back all that it read, also what is the server's.
#[test]
fn okt_04_a_put_of_what_was_read_changes_nothing_q_59_rfc_003_rfc_036() {
    let old = create(&user(), json!({ "userName": "u", "externalId": "00u", "active": true,
        "emails": [{ "value": "u@x", "primary": true }], "name": { "givenName": "G", "familyName": "F", "formatted": "old" } }))
    .unwrap()
    .resource;
    let body = json!({
        "schemas": [urn::USER], "id": "2819", "externalId": "00u", "userName": "u", "groups": [],
        "meta": { "created": "2026-01-01T00:00:00Z", "lastModified": "2026-01-01T00:00:00Z",
            "location": "https://x/Users/2819", "resourceType": "User" },
        "name": { "familyName": "F", "formatted": "old", "givenName": "G" },
        "emails": [{ "primary": true, "value": "u@x" }], "active": true,
    });
    assert_eq!(replace(&user(), &old, body).unwrap().resource, old);
}

#[rstest]
#[case::omitted_keeps_false(Some(false), json!({}), Some(false))]
#[case::null_keeps_false(Some(false), json!({ "active": null }), Some(false))]
#[case::omitted_keeps_true(Some(true), json!({}), Some(true))]
#[case::okt_05_false_disables(Some(true), json!({ "active": false }), Some(false))]
#[case::omitted_keeps_nothing(None, json!({}), None)]
fn c_17_q_35_a_put_without_active_keeps_it(
    #[case] old: Option<bool>,
    #[case] part: Value,
    #[case] expected: Option<bool>,
) {
    let old = Resource::default().with("userName", "u").with("active", old);
    let mut body = json!({ "userName": "u" });
    body.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    assert_eq!(replace(&user(), &old, body).unwrap().resource.active(), expected);
}

#[test]
fn c_18_rfc_037_a_put_clears_what_it_leaves_out() {
    let old = create(
        &user(),
        json!({ "userName": "u", "active": false, "title": "T", "emails": [{ "value": "a" }],
        ENT: { "department": "Ops" } }),
    )
    .unwrap()
    .resource;
    let new = replace(&user(), &old, json!({ "userName": "v", "displayName": "V" })).unwrap().resource;
    assert_eq!(
        serde_json::to_value(new).unwrap(),
        json!({ "userName": "v", "displayName": "V", "active": false })
    );
    assert_eq!(
        replace(&user(), &old, json!({ "title": "x" })).unwrap_err().scim_type,
        ScimType::InvalidValue
    );
}

#[test]
fn rfc_023_q_59_a_put_of_the_same_members_is_no_change_and_of_others_is_allowed() {
    let body = json!({ "displayName": "G", "members": [{ "value": "a", "type": "User" }, { "value": "b" }] });
    let old = create(&group(), body).unwrap().resource;
    let again = json!({ "id": "g", "displayName": "G", "members": [{ "value": "b" }, { "value": "a", "display": "A" }] });
    assert_eq!(replace(&group(), &old, again).unwrap().resource, old);
    let other =
        replace(&group(), &old, json!({ "displayName": "G", "members": [{ "value": "c" }] })).unwrap();
    assert_eq!(other.resource.find("members"), Some(&json!([{ "value": "c" }])));
}

/// Any JSON, with the names and values that matter often among it.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop_oneof![Just("work".to_owned()), Just("True".to_owned()), Just(String::new()), ".{0,4}"]
            .prop_map(Value::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "userName",
            "USERNAME",
            "name",
            "givenName",
            "emails",
            "value",
            "type",
            "primary",
            "active",
            "schemas",
            "members",
            "roles",
            "manager",
            "addresses",
            "meta",
            "id",
            ENT
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_causes_a_panic_and_what_is_accepted_reads_back_as_itself(mut body in any_json()) {
        if let Some(object) = body.as_object_mut() {
            object.entry("userName").or_insert_with(|| "u".into());
        }
        if let Ok(Accepted { resource, .. }) = create(&user(), body) {
            let again = serde_json::to_value(&resource).unwrap();
            let read = create(&user(), again.clone()).unwrap();
            prop_assert_eq!(&read.resource, &resource);
            prop_assert_eq!(read.ignored, Vec::<String>::new());
            prop_assert_eq!(&replace(&user(), &resource, again).unwrap().resource, &resource);
        }
    }
}
