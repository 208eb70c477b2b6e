//! Lists: which page of them a client asks for, and the ListResponse that answers (RFC 7644 §3.4.2, §3.4.2.4).

use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeStruct},
};
use serde_json::Value;

use super::{
    error::{Error, ScimType},
    urn,
};

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The place of its first resource in the whole list, counted from 1.
    pub start_index: u64,
    /// How many resources it holds at most.
    pub count: u64,
}

/// How many resources a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize {
    /// If the client does not say.
    pub default: u64,
    /// Whatever the client says.
    pub max: u64,
}

impl Page {
    /// Reads the query parameters. Without them it is the first page of the default size (Q-03); an empty one counts
    /// as none.
    ///
    /// # Errors
    /// `invalidValue` if one is not a whole number (RFC-051).
    pub fn parse(start_index: Option<&str>, count: Option<&str>, size: PageSize) -> Result<Self, Error> {
        let start_index = start_index.map(|text| whole_number("startIndex", text)).transpose()?.flatten();
        let count = count.map(|text| whole_number("count", text)).transpose()?.flatten();
        Ok(Self::new(start_index, count, size))
    }

    /// The page of those numbers: a `startIndex` below 1 is 1, a negative `count` is 0, one that is too large is the
    /// largest allowed (RFC-051, RFC-052).
    pub fn new(start_index: Option<i64>, count: Option<i64>, size: PageSize) -> Self {
        let start_index = start_index.map_or(1, |index| u64::try_from(index).unwrap_or(0).max(1));
        let count = count.map_or(size.default, |count| u64::try_from(count).unwrap_or(0));
        Self { start_index, count: count.min(size.max) }
    }

    /// How many resources of the list stand before the page.
    pub fn offset(self) -> u64 {
        self.start_index - 1
    }
}

/// The number, `None` for no text. One that is too large for an integer is as large as one can be: the effect is the
/// same.
fn whole_number(parameter: &str, text: &str) -> Result<Option<i64>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let shown: String = text.chars().take(20).collect();
        let detail = format!("`{parameter}` must be a whole number, and `{shown}` is not.");
        return Err(Error::new(ScimType::InvalidValue, detail));
    }
    let beyond = if digits.len() < text.len() { i64::MIN } else { i64::MAX };
    Ok(Some(text.parse().unwrap_or(beyond)))
}

/// The answer to a list or query. `R` is a resource, as anything that becomes JSON.
///
/// All numbers are JSON integers (Q-21), `Resources` is there also when it is empty (Q-02), and `itemsPerPage` is how
/// many there really are (Q-04, RFC-053).
#[derive(Clone, Debug, PartialEq)]
pub struct ListResponse<R = Value> {
    /// How many resources the whole list has.
    pub total_results: u64,
    /// The effective start of this page.
    pub start_index: u64,
    /// This page of them.
    pub resources: Vec<R>,
}

impl<R: Serialize> Serialize for ListResponse<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items_per_page = u64::try_from(self.resources.len()).map_err(S::Error::custom)?;
        let mut response = serializer.serialize_struct("ListResponse", 5)?;
        response.serialize_field("schemas", &[urn::LIST_RESPONSE])?;
        response.serialize_field("totalResults", &self.total_results)?;
        response.serialize_field("startIndex", &self.start_index)?;
        response.serialize_field("itemsPerPage", &items_per_page)?;
        response.serialize_field("Resources", &self.resources)?;
        response.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const SIZE: PageSize = PageSize { default: 100, max: 200 };

    #[rstest]
    #[case::nothing_given_q_03(None, None, 1, 100)]
    #[case::both_given(Some("101"), Some("50"), 101, 50)]
    #[case::start_of_zero_rfc_051_ent_44(Some("0"), None, 1, 100)]
    #[case::negative_start_rfc_051(Some("-5"), None, 1, 100)]
    #[case::count_of_zero_rfc_052(None, Some("0"), 1, 0)]
    #[case::negative_count_rfc_052(None, Some("-1"), 1, 0)]
    #[case::count_above_the_maximum_rfc_052(None, Some("1000"), 1, 200)]
    #[case::empty_parameters(Some(""), Some(" "), 1, 100)]
    #[case::beyond_all_integers(Some("99999999999999999999"), Some("99999999999999999999"), i64::MAX as u64, 200)]
    #[case::below_all_integers(Some("-99999999999999999999"), Some("-99999999999999999999"), 1, 0)]
    fn a_page_is_what_was_asked_for_within_bounds(
        #[case] start_index: Option<&str>,
        #[case] count: Option<&str>,
        #[case] expected_start: u64,
        #[case] expected_count: u64,
    ) {
        let page = Page::parse(start_index, count, SIZE).unwrap();
        assert_eq!(page, Page { start_index: expected_start, count: expected_count });
        assert_eq!(page.offset(), expected_start - 1);
    }

    #[rstest]
    #[case::word(Some("one"), None, "`startIndex` must be a whole number, and `one` is not.")]
    #[case::fraction(Some("1.5"), None, "`startIndex` must be a whole number, and `1.5` is not.")]
    #[case::sign_alone(None, Some("-"), "`count` must be a whole number, and `-` is not.")]
    #[case::with_unit(None, Some("10 users"), "`count` must be a whole number, and `10 users` is not.")]
    fn what_is_not_a_number_is_invalid_value_rfc_051(
        #[case] start_index: Option<&str>,
        #[case] count: Option<&str>,
        #[case] detail: &str,
    ) {
        let error = Page::parse(start_index, count, SIZE).unwrap_err();
        assert_eq!(error, Error::new(ScimType::InvalidValue, detail));
    }

    #[test]
    fn a_response_tells_what_it_really_holds_q_04_q_21() {
        let response =
            ListResponse { total_results: 7, start_index: 6, resources: vec![json!({ "id": "a" })] };
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":7,"startIndex":6,"itemsPerPage":1,"Resources":[{"id":"a"}]}"#
        );
    }

    #[test]
    fn an_empty_response_has_resources_q_01_q_02() {
        let response = ListResponse::<Value> { total_results: 0, start_index: 1, resources: vec![] };
        let response = serde_json::to_value(response).unwrap();
        assert_eq!(response["Resources"], json!([]));
        assert_eq!(response["itemsPerPage"], json!(0));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(start_index: String, count in "-?[0-9]{0,30}") {
            if let Ok(page) = Page::parse(Some(&start_index), Some(&count), SIZE) {
                prop_assert!(page.start_index >= 1 && page.count <= SIZE.max);
            }
        }
    }
}
