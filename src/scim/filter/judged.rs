//! The grammar compared with that of `scim_v2`, which others wrote after the same RFC. It knows no schemas, so attributes
//! and types are right here, and only the grammar decides.

use proptest::prelude::*;
use rstest::rstest;
use scim_v2::filter as theirs;

use super::{Filter, properties::oracle};
use crate::scim::{
    fixture::user_type,
    path::Path,
    urn::{ENTERPRISE_USER, USER},
};

fn ours(filter: &str) -> bool {
    Filter::parse(filter, &user_type()).is_ok()
}

fn theirs(filter: &str) -> bool {
    filter.parse::<theirs::Filter>().is_ok()
}

/// The URNs spelled out for `ENT` and `CORE`, to keep the tables readable.
fn spelled_out(text: &str) -> String {
    text.replace("ENT:", &format!("{ENTERPRISE_USER}:")).replace("CORE:", &format!("{USER}:"))
}

/// The examples of RFC 7644 §3.4.2.2, figure 2, and more.
#[rstest]
#[case("userName eq \"bjensen\"")]
#[case("name.familyName co \"O'Malley\"")]
#[case("userName sw \"J\"")]
#[case("CORE:userName sw \"J\"")]
#[case("title pr")]
#[case("meta.lastModified gt \"2011-05-13T04:42:34Z\"")]
#[case("meta.lastModified ge \"2011-05-13T04:42:34Z\"")]
#[case("meta.lastModified lt \"2011-05-13T04:42:34Z\"")]
#[case("meta.lastModified le \"2011-05-13T04:42:34Z\"")]
#[case("title pr and active eq true")]
#[case("title pr or active eq true")]
#[case("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"")]
#[case("title eq \"Employee\" and (emails co \"example.com\" or emails.value co \"example.org\")")]
#[case("title ne \"Employee\" and not (emails co \"example.com\" or emails.value co \"example.org\")")]
#[case("title eq \"Employee\" and (emails.type eq \"work\")")]
#[case("title eq \"Employee\" and emails[type eq \"work\" and value co \"@example.com\"]")]
#[case(
    "emails[type eq \"work\" and value co \"@example.com\"] or emails[type eq \"xmpp\" and value co \"@foo.com\"]"
)]
#[case("USERNAME EQ \"x\" AND NOT (title PR)")]
#[case("title eq null")]
#[case("seats eq 7 or score lt -1.5e3")]
#[case("ENT:manager.value eq \"m\"")]
#[case("title eq \"a \\\"quoted\\\" \\\\ \\u00e9\"")]
#[case("((title pr))")]
#[case("emails[not (type eq \"work\")]")]
#[case(" title pr ")]
fn what_the_rfc_allows_both_accept_rfc_064_rfc_065_rfc_066(#[case] filter: &str) {
    let filter = spelled_out(filter);
    assert_eq!((ours(&filter), theirs(&filter)), (true, true));
}

#[rstest]
#[case::empty("")]
#[case::name_alone("title")]
#[case::no_value("title eq")]
#[case::unknown_operator("title is \"x\"")]
#[case::single_quotes("title eq 'x'")]
#[case::open_text("title eq \"x")]
#[case::bad_escape("title eq \"\\x\"")]
#[case::trailing_text("title pr foo")]
#[case::unbalanced("(title pr")]
#[case::unbalanced_brackets("emails[type pr")]
#[case::nothing_in_brackets("emails[]")]
#[case::nested_brackets("emails[value[type pr]]")]
#[case::and_alone("title pr and")]
#[case::or_first("or title pr")]
#[case::not_without_parentheses("not title pr")]
#[case::two_values("title eq \"a\" \"b\"")]
#[case::an_array("title eq [\"a\"]")]
#[case::an_object("title eq {}")]
#[case::text_first("\"x\" eq title")]
#[case::an_index("emails[0]")]
#[case::double_dots("name..givenName pr")]
fn what_the_rfc_forbids_both_refuse_rfc_067(#[case] filter: &str) {
    assert_eq!((ours(filter), theirs(filter)), (false, false));
}

/// Each difference, with the reason.
#[rstest]
#[case::entra_sends_it_ent_08("emails[type eq \"work\"].value eq \"x\"", true)]
#[case::entra_sends_bare_words_rfc_081("externalId eq jyoung", true)]
#[case::an_example_of_the_rfc_lacks_the_space_rfc_081("externalId eq\"2819c223\"", true)]
#[case::not_without_a_space_is_the_rfcs_own_grammar("not(title pr)", true)]
#[case::and_needs_no_space_after_a_parenthesis("(title pr)and(active eq true)", true)]
#[case::a_text_that_is_no_number_does_not_fit("seats eq \"seven\"", false)]
#[case::booleans_have_no_order_rfc_071("active gt true", false)]
#[case::a_boolean_contains_nothing_rfc_070("active co \"t\"", false)]
#[case::the_attribute_is_not_there_rfc_068("shoeSize eq 7", false)]
#[case::nobody_reads_a_password_rfc_021("password eq \"x\"", false)]
#[case::null_has_no_order("title gt null", false)]
fn where_we_differ_there_is_a_reason(#[case] filter: &str, #[case] is_accepted: bool) {
    assert_eq!((ours(filter), theirs(filter)), (is_accepted, !is_accepted));
}

#[rstest]
#[case("userName")]
#[case("name.familyName")]
#[case("members")]
#[case("emails[type eq \"work\"]")]
#[case("emails[type eq \"work\"].value")]
#[case("emails[type eq \"work\" and value ew \"example.com\"].display")]
#[case("CORE:name.givenName")]
#[case("ENT:manager.value")]
fn a_path_that_the_rfc_allows_both_accept_rfc_108(#[case] path: &str) {
    let path = spelled_out(path);
    assert!(Path::parse(&path, &user_type()).is_ok());
    assert!(path.parse::<theirs::PatchPath>().is_ok());
}

#[rstest]
#[case("")]
#[case("emails[0]")]
#[case("emails[]")]
#[case("emails[type eq \"work\"")]
#[case("emails[type eq \"work\"]value")]
#[case("emails[type eq \"work\"].value.x")]
#[case("/emails/0")]
fn a_path_that_the_rfc_forbids_both_refuse_rfc_107(#[case] path: &str) {
    assert!(Path::parse(path, &user_type()).is_err());
    assert!(path.parse::<theirs::PatchPath>().is_err());
}

proptest! {
    /// What we print is the RFC's grammar, and what they make of it means the same to us.
    #[test]
    fn a_canonical_filter_goes_through_their_parser_and_comes_back(oracle in oracle()) {
        let filter = Filter::parse(&oracle.text(), &user_type()).unwrap();
        let parsed = filter.to_string().parse::<theirs::Filter>();
        prop_assert!(parsed.is_ok(), "{}: {:?}", filter, parsed);
        let printed = parsed.unwrap().to_string();
        prop_assert_eq!(&Filter::parse(&printed, &user_type()).unwrap(), &filter, "{}", printed);
    }

    /// Whatever they accept of right attributes we accept, and what we refuse they refuse, however it is put together.
    #[test]
    fn of_right_tests_put_together_at_random_both_make_the_same(
        text in prop::collection::vec(prop::sample::select(vec![
            "title pr", "active eq true", "emails[type eq \"work\"]", "emails[type pr or not (value sw \"a\")]",
            "seats ge 1", "(", ")", " and ", " or ", "not (", " ",
        ]), 1..12).prop_map(|pieces| pieces.concat())
    ) {
        // They want spaces where the RFC's grammar wants none.
        if theirs(&text) {
            prop_assert!(ours(&text), "{}", text);
        }
        if !ours(&text) {
            prop_assert!(!theirs(&text), "{}", text);
        }
    }
}
