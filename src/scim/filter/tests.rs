use rstest::rstest;
use serde_json::{Value, json};

use super::{
    Filter,
    ast::Expression,
    name,
    parse::{MAX_DEPTH, MAX_LENGTH, MAX_TESTS},
};
use crate::scim::{
    error::ScimType,
    fixture::{BADGE, group_type, user, user_type},
};

fn filter(text: &str) -> Filter {
    Filter::parse(text, &user_type()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    let error = Filter::parse(text, &user_type()).expect_err(text);
    assert_eq!(error.scim_type, ScimType::InvalidFilter, "{text}");
    error.detail
}

#[rstest]
// RFC-064
#[case::operators_ignore_case(r#"userName Eq "bob@example.com""#)]
#[case::names_ignore_case(r#"USERNAME eq "bob@example.com""#)]
#[case::keywords_ignore_case(r#"active EQ true AND NOT(title PR) Or seats gt 7"#)]
#[case::entra_writes_active_like_this_ent_44("ActiVe eq true")]
// RFC-065
#[case::escapes_are_decoded(r#"userName eq "\u0062ob@example.com""#)]
#[case::a_number("seats eq 5")]
#[case::a_fraction("score lt 1.75e0")]
#[case::a_boolean("active eq true")]
// RFC-066
#[case::and_binds_more_than_or(r#"seats eq 5 or active eq true and userName eq "nobody""#)]
#[case::not_binds_more_than_and(r#"not (active eq false) and seats eq 5"#)]
#[case::parentheses_bind_most(r#"(seats eq 6 or active eq true) and seats eq 5"#)]
// RFC-068
#[case::ne_of_what_is_not_assigned(r#"title ne "x""#)]
#[case::ne_of_an_empty_list(r#"roles ne "admin""#)]
#[case::one_of_several_differs(r#"emails.type ne "work""#)]
// RFC-069, Q-05, ENT-10
#[case::user_name_ignores_case(r#"userName eq "BOB@EXAMPLE.COM""#)]
#[case::external_id_is_exact_ent_09(r#"externalId eq "ABC""#)]
#[case::id_is_exact(r#"id eq "2819c223""#)]
// RFC-070
#[case::contains(r#"userName co "b@EX""#)]
#[case::starts_with(r#"userName sw "BOB""#)]
#[case::ends_with(r#"userName ew ".COM""#)]
#[case::everything_contains_nothing(r#"userName co """#)]
#[case::apostrophe_in_double_quotes(r#"name.familyName co "O'Malley""#)]
#[case::references_are_text(r#"schemas co "enterprise""#)]
// RFC-071
#[case::text_is_ordered(r#"name.givenName gt "Alice""#)]
#[case::numbers_are_ordered("seats ge 5 and seats le 5.0 and seats lt 10")]
#[case::times_are_ordered(r#"hiredAt lt "2011-05-13T06:42:35+02:00""#)]
// RFC-024
#[case::the_same_time_in_another_zone(r#"hiredAt eq "2011-05-13T06:42:34+02:00""#)]
#[case::the_same_time_with_milliseconds(r#"hiredAt eq "2011-05-13T04:42:34.000Z""#)]
#[case::a_time_without_zone_is_utc(r#"hiredAt eq "2011-05-13T04:42:34""#)]
// RFC-072
#[case::a_quoted_boolean(r#"active eq "True""#)]
// RFC-073
#[case::present("userName pr and emails pr and name pr and meta pr")]
#[case::null_is_not_present("not (title pr)")]
#[case::an_empty_list_is_not_present("not (roles pr)")]
#[case::what_is_missing_is_not_present("not (displayName pr)")]
// RFC-074
#[case::eq_null("title eq null and roles eq null")]
#[case::ne_null("userName ne null and emails ne null")]
// RFC-075
#[case::different_elements(r#"emails.type eq "work" and emails.value co "home""#)]
#[case::one_element(r#"emails[type eq "work" and value co "@work"]"#)]
#[case::values_that_are_not_complex(r#"nickNames eq "rob""#)]
#[case::grouped_in_brackets(r#"emails[not (type eq "work") and (value sw "bob" or primary eq true)]"#)]
#[case::brackets_after_a_single_value(r#"name[givenName eq "bob" and familyName sw "o"]"#)]
// RFC-076, RFC-077
#[case::complex_means_its_value(r#"emails co "home.example""#)]
#[case::no_role_contains_it(r#"not (roles co "x")"#)]
// RFC-078
#[case::modified_after(r#"meta.lastModified gt "2024-06-01T11:59:59Z""#)]
#[case::created(r#"meta.created eq "2024-01-01T00:00:00Z""#)]
#[case::resource_type(r#"meta.resourceType eq "User""#)]
#[case::schemas(r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#)]
#[case::urns_ignore_case_rfc_013(
    r#"schemas eq "URN:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User""#
)]
// RFC-079
#[case::core_urn(r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "B""#)]
#[case::extension_urn(r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d""#)]
#[case::extension_urn_in_upper_case(
    r#"URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER:MANAGER.VALUE eq "M1""#
)]
// RFC-081
#[case::no_space_before_the_quote(r#"id eq"2819c223""#)]
#[case::bare_words_are_text("meta.resourceType eq User and externalId eq ABC")]
#[case::spaces_and_line_ends("  active\teq true\n and seats eq 5 ")]
// RFC-018, Q-29
#[case::omitted_primary_is_false(r#"emails[type eq "home" and primary eq false]"#)]
#[case::omitted_primary_is_not_true(r#"emails[type eq "home" and primary ne true]"#)]
#[case::omitted_primary_is_not_present(r#"emails[type eq "home" and not (primary pr)]"#)]
#[case::quoted_primary(r#"emails[primary eq "True"].type eq "work""#)]
// ENT-08, Q-07
#[case::entra_names_a_part_after_brackets(r#"emails[type eq "work"].value eq "BOB@work.example""#)]
// ENT-11, Q-09
#[case::entra_leaves_urn_and_value_away(r#"id eq "2819c223" and manager eq "M1""#)]
#[case::in_either_order(r#"manager eq "M1" and id eq "2819c223""#)]
#[case::another_extension_attribute("department eq \"R&D\"")]
// ENT-44
#[case::entra_looks_for_changes(
    r#"active eq true and (meta.lastModified ge "2024-05-01T00:00:00Z" and meta.lastModified le "2024-07-01T00:00:00Z")"#
)]
fn matches_bob(#[case] text: &str) {
    assert!(filter(text).matches(&user()), "{text}");
}

#[rstest]
#[case::another_name_ent_07(r#"userName eq "alice""#)]
#[case::external_id_in_another_case_rfc_069_q_74(r#"externalId eq "abc""#)]
#[case::id_in_another_case(r#"id eq "2819C223""#)]
#[case::unassigned_is_never_equal(r#"title eq """#)]
#[case::unassigned_contains_nothing(r#"title co """#)]
#[case::or_after_and_rfc_066(r#"(seats eq 5 or active eq true) and userName eq "nobody""#)]
#[case::no_one_element_has_both_rfc_075(r#"emails[type eq "work" and value co "home"]"#)]
#[case::entra_part_of_another_element_ent_08(r#"emails[type eq "work"].value eq "bob@home.example""#)]
#[case::entra_absent_element_never_matches(r#"emails[type eq "other"].value ne "x""#)]
#[case::manager_is_exact(r#"manager eq "m1""#)]
#[case::both_are_required_ent_11(r#"id eq "2819c223" and manager eq "M2""#)]
#[case::binary_is_exact("photo eq qujd")]
#[case::false_is_not_true(r#"active eq "FALSE""#)]
#[case::ne_of_a_single_value(r#"active ne true"#)]
fn does_not_match_bob(#[case] text: &str) {
    assert!(!filter(text).matches(&user()), "{text}");
}

#[rstest]
#[case::empty("", 1, "it is empty")]
#[case::only_spaces("  ", 1, "it is empty")]
#[case::no_operator("userName", 9, "expected an operator such as `eq` after `userName`, found the end")]
#[case::no_value("userName eq", 12, "expected a value after `eq`, found the end")]
#[case::no_value_in_parentheses("(userName eq )", 14, "expected a value after `eq`, found `)`")]
#[case::unknown_operator(r#"userName regex "b""#, 10, "`regex` is not an operator; those are eq,")]
#[case::operator_runs_into_the_value("userName eqbob", 10, "`eqbob` is not an operator")]
#[case::trailing_text(
    r#"userName eq "b" foo"#,
    17,
    "expected `and`, `or` or the end of the filter, found `foo`"
)]
#[case::trailing_parenthesis(r#"userName pr)"#, 12, "found `)`")]
#[case::open_parenthesis(r#"(userName pr"#, 13, "expected `and`, `or` or `)`, found the end")]
#[case::open_bracket(r#"emails[type pr"#, 15, "expected `and`, `or` or `]`, found the end")]
#[case::brackets_in_brackets(r#"emails[type[value pr]]"#, 12, "brackets cannot stand in brackets")]
#[case::dangling_and(r#"userName pr and"#, 16, "expected the name of an attribute, found the end")]
#[case::not_without_parentheses(r#"not userName pr"#, 5, "expected `(` after `not`, found `userName`")]
#[case::single_quotes_rfc_065("userName eq 'bob'", 13, "double quotes")]
#[case::no_closing_quote(r#"userName eq "bob"#, 13, "no closing double quote")]
#[case::an_escape_json_does_not_have(r#"userName eq "b\x""#, 13, "not a string as JSON writes it")]
#[case::half_a_surrogate(r#"userName eq "\ud800""#, 13, "not a string as JSON writes it")]
#[case::a_quote_for_a_name(r#""userName" eq "bob""#, 1, "expected the name of an attribute")]
#[case::too_many_dots("name.a.b pr", 1, "expected the name of an attribute, found `name.a.b`")]
#[case::characters_not_bytes("title eq ü foo", 12, "found `foo`")]
fn malformed_text_is_refused_where_it_is_wrong_rfc_067_q_08(
    #[case] text: &str,
    #[case] character: usize,
    #[case] message: &str,
) {
    let detail = refusal(text);
    assert!(detail.starts_with(&format!("The filter is wrong at character {character}: ")), "{detail}");
    assert!(detail.contains(message), "{detail}");
}

#[rstest]
#[case::undefined_rfc_068(r#"usrName eq "x""#, "`usrName` is not an attribute of User")]
#[case::undefined_part("name.nickname pr", "`name.nickname` is not an attribute of User")]
#[case::undefined_in_brackets(r#"emails[typ eq "x"]"#, "`typ` is not a sub-attribute of `emails`")]
#[case::undefined_after_brackets(r#"emails[type eq "x"].val eq 1"#, "`val` is not a sub-attribute")]
#[case::undefined_urn(r#"urn:x:y:title eq "x""#, "`urn:x:y:title` is not an attribute of User")]
#[case::two_extensions_define_it(r#"costCenter eq "x""#, "`costCenter` is not an attribute of User")]
#[case::core_has_no_manager(
    "urn:ietf:params:scim:schemas:core:2.0:User:manager pr",
    "is not an attribute of User"
)]
#[case::a_whole_extension(
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
    "is a whole extension"
)]
#[case::password_rfc_021(r#"password eq "x""#, "`password` is never returned")]
#[case::presence_of_password("password pr", "`password` is never returned")]
#[case::unreadable_part("keys.secret pr", "`keys.secret` is never returned")]
#[case::unreadable_part_that_is_not_spelled_out(r#"keys eq "x""#, "`keys` is never returned")]
#[case::unreadable_part_in_brackets("keys[secret pr]", "`secret` is never returned")]
#[case::brackets_after_text(r#"userName[value eq "x"]"#, "`userName` has no sub-attributes to filter by")]
#[case::brackets_after_a_part(r#"emails.value[type eq "x"]"#, "has no sub-attributes to filter by")]
#[case::complex_without_value(
    r#"name eq "Bob""#,
    "`name` is complex; compare one of its parts: formatted, givenName, familyName"
)]
#[case::order_of_booleans_rfc_071(
    "active gt true",
    "`gt` cannot be used with `active`, which is `true` or `false`"
)]
#[case::order_of_binaries_rfc_071("photo le \"QUJD\"", "`le` cannot be used with `photo`")]
#[case::boolean_contains_rfc_070("active co true", "`co` cannot be used with `active`")]
#[case::number_starts_with_rfc_070("seats sw 5", "`sw` cannot be used with `seats`, which is a number")]
#[case::time_ends_with_rfc_070(r#"hiredAt ew "Z""#, "`ew` cannot be used with `hiredAt`")]
#[case::order_of_null("title gt null", "`gt` cannot be used with null")]
#[case::not_a_boolean(r#"active eq "yes""#, "`active` is `true` or `false`, and `yes` is not")]
#[case::not_a_number("seats eq many", "`seats` is a number, and `many` is not")]
#[case::not_a_json_number("seats eq 05", "`seats` is a number, and `05` is not")]
#[case::a_number_beyond_all_bounds("score lt 1e999", "`score` is a number")]
#[case::not_a_time(
    r#"hiredAt gt "yesterday""#,
    "a date and time such as `2026-01-31T12:00:00Z`, and `yesterday`"
)]
fn what_does_not_go_together_is_refused(#[case] text: &str, #[case] message: &str) {
    let detail = refusal(text);
    assert!(detail.contains(message), "{detail}");
}

#[test]
fn depth_length_and_number_are_bounded_rfc_080() {
    let nested = |depth: usize| format!("{}active pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(filter(&nested(MAX_DEPTH)).matches(&user()));
    assert!(refusal(&nested(MAX_DEPTH + 1)).contains("more than 32 deep"));
    assert!(refusal(&nested(10_000)).contains("at most 8192 are read"));
    assert!(refusal(&"(".repeat(MAX_LENGTH)).contains("more than 32 deep"));
    assert!(refusal(&"not(".repeat(MAX_LENGTH / 4)).contains("more than 32 deep"));
    assert!(refusal(&format!("title eq \"{}\"", "ü".repeat(MAX_LENGTH))).contains("at most 8192 are read"));

    let chained = |tests: usize| vec!["active pr"; tests].join(" and ");
    assert!(filter(&chained(MAX_TESTS)).matches(&user()));
    assert!(refusal(&chained(MAX_TESTS + 1)).contains("more than 200 comparisons"));
    assert!(refusal(&format!("emails[{}]", vec!["type pr"; MAX_TESTS].join(" or "))).contains("200"));
}

#[test]
fn an_error_repeats_only_the_beginning_of_a_long_text() {
    let detail = refusal(&format!("{} pr", "ä".repeat(4_000)));
    assert!(detail.chars().count() < 200, "{detail}");
}

#[test]
fn letters_beyond_ascii_compare_without_case_and_never_crash_rfc_028() {
    let user = json!({ "title": "Straße ÄÖÜ İ ΣΑΣ" });
    for text in [r#"title co "strase""#, r#"title eq "straße äöü""#, r#"title co "aou""#] {
        assert!(!filter(text).matches(&user), "{text}");
    }
    for text in [
        r#"title sw "straße äöü""#,
        r#"title eq "STRASSE äöü İ σας""#,
        // The accents by themselves, and the letter in the middle that stands at the end.
        "title co \"a\u{308}o\u{308}\"",
        r#"title co "σα""#,
        r#"title ew "αΣ""#,
    ] {
        assert!(filter(text).matches(&user), "{text}");
    }
}

#[rstest]
#[case::is_a_member_ent_12_q_09(r#"id eq "g1" and members eq "u2""#, true)]
#[case::in_the_other_order(r#"members eq "u1" and id eq "g1""#, true)]
#[case::is_no_member(r#"id eq "g1" and members eq "u3""#, false)]
#[case::member_ids_are_exact(r#"members eq "U1""#, false)]
#[case::by_name_without_case_ent_33(r#"displayName eq "ENGINEERS""#, true)]
#[case::a_name_with_a_dollar_sign(r#"members[$ref ew "/u2" and type eq User]"#, true)]
fn groups_are_asked_for_their_members(#[case] text: &str, #[case] expected: bool) {
    let group = json!({
        "id": "g1",
        "displayName": "Engineers",
        "members": [{ "value": "u1" }, { "value": "u2", "$ref": "https://scim.example/Users/u2", "type": "User" }],
    });
    assert_eq!(Filter::parse(text, &group_type()).unwrap().matches(&group), expected);
}

#[test]
fn an_extension_of_an_app_is_found_by_its_urn() {
    let user = json!({ BADGE: { "costCenter": "7", "number": "12" } });
    assert!(filter(&format!("{BADGE}:costCenter eq 7 and number eq 12")).matches(&user));
}

#[rstest]
#[case::and_within_or("A or B and C", "A or B and C")]
#[case::or_within_and("(A or B) and C", "(A or B) and C")]
#[case::grouping_makes_no_difference("A and (B and (C and A))", "A and B and C and A")]
#[case::not_twice("not (not (A))", "not (not (A))")]
fn the_canonical_form_has_the_parentheses_it_needs(#[case] written: &str, #[case] canonical: &str) {
    let spell = |text: &str| text.replace('A', "id pr").replace('B', "title pr").replace('C', "seats pr");
    assert_eq!(filter(&spell(written)).to_string(), spell(canonical));
}

#[rstest]
#[case(r#"EMAILS[TYPE EQ work].VALUE CO "X""#, r#"emails[type eq "work" and value co "X"]"#)]
#[case(
    r#"manager EQ m or active ne "TRUE""#,
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "m" or active ne true"#
)]
#[case("title eq null or title ne null", "not (title pr) or title pr")]
#[case(r#"title eq "a\"\u00e9\\""#, r#"title eq "a\"é\\""#)]
#[case("hiredAt gt 2024-01-01T00:00:00Z", r#"hiredAt gt "2024-01-01T00:00:00Z""#)]
fn the_canonical_form_has_canonical_names_and_typed_values(#[case] written: &str, #[case] canonical: &str) {
    assert_eq!(filter(written).to_string(), canonical);
    assert_eq!(filter(canonical), filter(written));
}

#[rstest]
#[case(r#"userName eq "Bob""#, &[("userName", "Bob")])]
#[case(r#"emails[type eq "work"].value eq "x""#, &[("emails.type", "work"), ("emails.value", "x")])]
#[case(r#"id eq "g" and (roles eq "u" and title pr)"#, &[("id", "g"), ("roles.value", "u")])]
#[case(
    r#"manager eq "M1" and externalId eq e"#,
    &[("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "M1"), ("externalId", "e")]
)]
#[case(r#"userName eq "a" or userName eq "b""#, &[])]
#[case(r#"not (userName eq "a") and userName ne "b" and userName sw "c""#, &[])]
#[case(r#"active eq true and hiredAt eq "2024-01-01T00:00:00Z""#, &[])]
#[case(r#"emails[type eq "work" or value eq "x"]"#, &[])]
fn required_equalities_are_those_that_every_match_has(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
    let filter = filter(text);
    let requirements = filter.requirements();
    let equalities: Vec<_> = requirements
        .iter()
        .filter_map(|required| Some((name::canonical(&required.attribute), required.condition.equal_text()?)))
        .collect();
    assert_eq!(equalities.iter().map(|(name, text)| (name.as_str(), *text)).collect::<Vec<_>>(), expected);
}

#[test]
fn the_tree_is_open_to_who_can_answer_it_otherwise() {
    assert!(matches!(filter("id pr and title pr").root(), Expression::And(parts) if parts.len() == 2));
}

#[test]
fn a_value_of_another_type_than_the_schema_says_is_never_equal() {
    let odd = json!({ "userName": 5, "active": "true", "seats": "5", "hiredAt": "never", "name": [], "emails": "x" });
    for text in
        ["userName eq 5", "active eq true", "seats eq 5", "hiredAt lt 2024-01-01T00:00:00Z", "emails eq x"]
    {
        assert!(!filter(text).matches(&odd), "{text}");
    }
    assert!(!filter("userName pr").matches(&Value::Null));
}

#[rstest]
#[case::equality("seats eq 5 and displayName eq x", r#"false"#)]
#[case::or("seats eq 5 or displayName eq x", r#"displayName eq "x""#)]
#[case::presence("seats pr", "false")]
#[case::difference("seats ne 5", "true")]
#[case::absence("seats eq null", "true")]
#[case::existence("seats ne null", "false")]
#[case::negation("not (seats eq 5) and displayName pr", "displayName pr")]
#[case::elements("emails[type eq work]", "false")]
#[case::known_as_ever("displayName eq x and not (id eq g)", r#"displayName eq "x" and not (id eq "g")"#)]
fn among_several_types_an_undefined_attribute_has_no_value_rfc_068(#[case] text: &str, #[case] left: &str) {
    assert_eq!(Filter::parse_mixed(text, &group_type()).unwrap().to_string(), left);
}

#[test]
fn among_several_types_what_is_defined_is_held_to_its_type() {
    for text in ["displayName gt true and members gt", "displayName", "meta pr and meta.created co x"] {
        assert!(Filter::parse_mixed(text, &group_type()).is_err(), "{text}");
    }
}

#[rstest]
#[case(r#"meta.resourceType eq "User""#, "true", "false")]
#[case("(meta.resourceType eq User) or (meta.resourceType eq Group)", "true", "true")]
#[case("meta.resourceType ne User and id pr", "false", "id pr")]
#[case("not (meta.resourceType eq User) or id pr", "id pr", "true")]
#[case("meta.resourceType eq user", "false", "false")]
fn the_resource_type_is_known_beforehand_rfc_063(
    #[case] text: &str,
    #[case] of_users: &str,
    #[case] of_groups: &str,
) {
    for (resource_type, left) in [(user_type(), of_users), (group_type(), of_groups)] {
        let filter = Filter::parse_mixed(text, &resource_type).unwrap().specialised(&resource_type);
        assert_eq!(filter.to_string(), left, "{}", resource_type.name);
    }
}
