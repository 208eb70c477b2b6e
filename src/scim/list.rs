//! Lists: which page of them a client asks for, and the ListResponse that answers (RFC 7644 §3.4.2, §3.4.2.4).

use std::fmt::Write;

use super::{
    document::Document,
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

impl PageSize {
    /// How many resources a page holds for which `count` was asked: none for a negative number, never more than allowed
    /// (RFC-052, RFC-130).
    fn of(self, count: Option<i64>) -> u64 {
        count.map_or(self.default, |count| u64::try_from(count).unwrap_or(0)).min(self.max)
    }

    /// The same, for a page behind a cursor.
    ///
    /// # Errors
    /// `invalidCount` if it is not a whole number (RFC-129).
    pub fn parse_count(self, count: Option<&str>) -> Result<u64, Error> {
        let count = count.map(|text| whole_number("count", text)).transpose();
        let count = count.map_err(|detail| Error::new(ScimType::InvalidCount, detail))?;
        Ok(self.of(count.flatten()))
    }
}

impl Page {
    /// Reads the query parameters. Without them it is the first page of the default size (Q-03); an empty one counts
    /// as none.
    ///
    /// # Errors
    /// `invalidValue` if one is not a whole number (RFC-051).
    pub fn parse(start_index: Option<&str>, count: Option<&str>, size: PageSize) -> Result<Self, Error> {
        let read = |parameter, text: Option<&str>| {
            let number = text.map(|text| whole_number(parameter, text)).transpose();
            number.map(Option::flatten).map_err(|detail| Error::new(ScimType::InvalidValue, detail))
        };
        Ok(Self::new(read("startIndex", start_index)?, read("count", count)?, size))
    }

    /// The page of those numbers: a `startIndex` below 1 is 1, a negative `count` is 0, one that is too large is the
    /// largest allowed (RFC-051, RFC-052).
    pub fn new(start_index: Option<i64>, count: Option<i64>, size: PageSize) -> Self {
        let start_index = start_index.map_or(1, |index| u64::try_from(index).unwrap_or(0).max(1));
        Self { start_index, count: size.of(count) }
    }

    /// How many resources of the list stand before the page.
    pub fn offset(self) -> u64 {
        self.start_index - 1
    }
}

/// The number, `None` for no text, else what is wrong. One that is too large for an integer is as large as one can be: the effect is the
/// same.
fn whole_number(parameter: &str, text: &str) -> Result<Option<i64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let shown: String = text.chars().take(20).collect();
        return Err(format!("`{parameter}` must be a whole number, and `{shown}` is not."));
    }
    let beyond = if digits.len() < text.len() { i64::MIN } else { i64::MAX };
    Ok(Some(text.parse().unwrap_or(beyond)))
}

/// The answer to a list or query.
///
/// All numbers are JSON integers (Q-21), `Resources` is there also when it is empty (Q-02), and `itemsPerPage` is how
/// many there really are (Q-04, RFC-053).
#[derive(Clone, Debug, PartialEq)]
pub struct ListResponse {
    /// How many resources the whole list has.
    pub total_results: u64,
    /// Where this page stands in it.
    pub place: Place,
    /// This page of them.
    pub resources: Vec<Document>,
}

/// Where a page stands in the whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The place of its first resource, counted from 1, as asked for (RFC-053).
    Index(u64),
    /// What leads to the page after it; `None` on the last one (RFC 9865 §2).
    Cursor(Option<String>),
}

impl ListResponse {
    /// A list of which nothing is left out.
    pub fn whole(resources: Vec<Document>) -> Self {
        Self { total_results: resources.len() as u64, place: Place::Index(1), resources }
    }

    /// The JSON text. The resources are joined as they are: writing a page is copying it.
    pub fn to_text(&self) -> String {
        let length: usize = self.resources.iter().map(|resource| resource.as_str().len() + 1).sum();
        let mut text = String::with_capacity(length + 512);
        let (schema, total, items) = (urn::LIST_RESPONSE, self.total_results, self.resources.len());
        let place = match &self.place {
            Place::Index(start_index) => format!(r#""startIndex":{start_index},"#),
            Place::Cursor(Some(next)) => format!(r#""nextCursor":"{next}","#),
            Place::Cursor(None) => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            r#"{{"schemas":["{schema}"],"totalResults":{total},{place}"itemsPerPage":{items},"Resources":["#
        );
        for (index, resource) in self.resources.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(resource.as_str());
        }
        text.push_str("]}");
        text
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
        let resources = vec![Document::from(&json!({ "id": "a" })), Document::from(&json!({ "id": "b" }))];
        let response = ListResponse { total_results: 7, place: Place::Index(6), resources };
        assert_eq!(
            response.to_text(),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":7,"startIndex":6,"itemsPerPage":2,"Resources":[{"id":"a"},{"id":"b"}]}"#
        );
    }

    #[test]
    fn a_page_behind_a_cursor_tells_the_next_one_and_no_index_rfc_125() {
        let text = |next: Option<&str>| {
            let place = Place::Cursor(next.map(str::to_owned));
            ListResponse { total_results: 1, place, resources: vec![] }.to_text()
        };
        assert_eq!(
            text(Some("abc")),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"nextCursor":"abc","itemsPerPage":0,"Resources":[]}"#
        );
        assert!(!text(None).contains("Cursor"));
    }

    #[test]
    fn an_empty_response_has_resources_q_01_q_02() {
        assert_eq!(
            ListResponse::whole(vec![]).to_text(),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}"#
        );
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
