//! A strict JSON reader for request bodies.
//!
//! `serde_json` alone would keep the last of two members of one name and read 128 levels deep. A client that sends a
//! member twice has a bug, and guessing which one it meant can grant or take away access; and nothing in SCIM is deep.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::error::{Error, ScimType};

/// How deep arrays and objects may stand in one another. A PATCH of an extension's attribute needs six levels.
pub const MAX_DEPTH: usize = 32;

/// How many characters of a member's name an error repeats.
const MAX_NAME: usize = 60;

/// Reads a JSON text.
///
/// # Errors
/// `invalidSyntax`, with where and why, if it is not UTF-8, not JSON, followed by something else, deeper than
/// [`MAX_DEPTH`], or has two members of one name in one object. Names that differ in case are different here.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let invalid = |detail: String| Error::new(ScimType::InvalidSyntax, detail);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| invalid(format!("The body is not UTF-8 from byte {} on.", error.valid_up_to())))?;
    // Some clients put a byte order mark before it, which a reader may ignore (RFC 8259 §8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(invalid("The body is empty, and must be JSON.".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    StrictValue { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| invalid(format!("The body cannot be read as JSON: {error}.")))
}

/// Reads a JSON object.
///
/// # Errors
/// As [`parse`], and `invalidSyntax` if it is something else than an object (RFC-015).
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    let found = match parse(bytes)? {
        Value::Object(object) => return Ok(object),
        Value::Array(_) => "an array",
        Value::String(_) => "a string",
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
    };
    Err(Error::new(ScimType::InvalidSyntax, format!("The body must be a JSON object, and it is {found}.")))
}

/// Reads one value that stands in `depth` others.
#[derive(Clone, Copy)]
struct StrictValue {
    depth: usize,
}

impl StrictValue {
    /// What reads the values inside an array or object that is being entered.
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!(
                "arrays and objects stand in one another more than {MAX_DEPTH} deep"
            )));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = access.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if object.contains_key(&name) {
                let shown: String = name.chars().take(MAX_NAME).collect();
                return Err(A::Error::custom(format_args!("an object has two members named `{shown}`")));
            }
            let value = access.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let error = parse(bytes).unwrap_err();
        assert_eq!(error.scim_type, ScimType::InvalidSyntax);
        error.detail
    }

    #[test]
    fn json_is_read_as_it_is() {
        let text = r#" {"a":[1,-2,2.5,18446744073709551615,true,null,"\u00e9\n"],"A":{"b":{}},"":[]} "#;
        assert_eq!(
            parse(text.as_bytes()).unwrap(),
            json!({ "a": [1, -2, 2.5, u64::MAX, true, null, "é\n"], "A": { "b": {} }, "": [] })
        );
    }

    #[rstest]
    #[case::empty("", "The body is empty, and must be JSON.")]
    #[case::only_spaces(" \n", "The body is empty, and must be JSON.")]
    #[case::cut_off(
        r#"{"a":"#,
        "The body cannot be read as JSON: EOF while parsing a value at line 1 column 5."
    )]
    #[case::not_json("userName=bob", "The body cannot be read as JSON: expected value at line 1 column 1.")]
    #[case::trailing_comma("{\n\"a\":1,\n}", "trailing comma at line 3 column 1")]
    #[case::trailing_data("{} {}", "trailing characters at line 1 column 4")]
    #[case::single_quotes("{'a':1}", "key must be a string at line 1 column 2")]
    #[case::half_a_surrogate(r#""\ud800""#, "The body cannot be read as JSON: ")]
    #[case::a_number_beyond_all_bounds("1e999", "number out of range")]
    #[case::one_name_twice(
        r#"{"active":true,"b":1,"active":false}"#,
        "an object has two members named `active` at line 1 column 29"
    )]
    #[case::one_name_twice_further_in(r#"[{"a":[{"b":1,"b":1}]}]"#, "two members named `b`")]
    #[case::one_name_twice_by_escape(r#"{"a":1,"\u0061":2}"#, "two members named `a`")]
    fn what_is_wrong_is_said_and_where_rfc_015(#[case] text: &str, #[case] message: &str) {
        let detail = refusal(text.as_bytes());
        assert!(detail.contains(message), "{detail}");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        assert_eq!(refusal(b"{\"a\":\"\xff\"}"), "The body is not UTF-8 from byte 6 on.");
    }

    #[test]
    fn a_byte_order_mark_is_skipped_before_the_text_and_nowhere_else() {
        assert_eq!(parse("\u{feff} {\"a\":\"\u{feff}\"}".as_bytes()).unwrap(), json!({ "a": "\u{feff}" }));
        assert_eq!(refusal("\u{feff}".as_bytes()), "The body is empty, and must be JSON.");
        assert!(refusal("\u{feff}\u{feff}{}".as_bytes()).contains("expected value at line 1 column 1"));
        assert_eq!(refusal(b"\xff\xfe{\0}\0"), "The body is not UTF-8 from byte 0 on.");
    }

    #[test]
    fn the_same_name_may_stand_in_different_objects_or_cases() {
        let text = br#"[{"a":1,"A":2},{"a":{"a":3}}]"#;
        assert_eq!(parse(text).unwrap(), json!([{ "a": 1, "A": 2 }, { "a": { "a": 3 } }]));
    }

    #[rstest]
    #[case::arrays("[", "]")]
    #[case::objects("{\"a\":", "}")]
    fn depth_is_bounded(#[case] open: &str, #[case] close: &str) {
        let nested = |depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(refusal(nested(MAX_DEPTH + 1).as_bytes()).contains("more than 32 deep at line 1"));
        assert!(refusal(open.repeat(1_000_000).as_bytes()).contains("more than 32 deep at line 1"));
    }

    #[rstest]
    #[case("[]", "The body must be a JSON object, and it is an array.")]
    #[case("\"x\"", "The body must be a JSON object, and it is a string.")]
    #[case("null", "The body must be a JSON object, and it is null.")]
    fn a_body_that_is_not_an_object_is_refused_rfc_015(#[case] text: &str, #[case] detail: &str) {
        assert_eq!(parse_object(text.as_bytes()), Err(Error::new(ScimType::InvalidSyntax, detail)));
        assert_eq!(parse_object(b"{\"a\":1}").unwrap()["a"], 1);
    }

    proptest! {
        #[test]
        fn it_accepts_only_what_serde_json_accepts_and_reads_the_same(text in "[\\[\\]{}\":,a10.e\\\\u -]{0,30}") {
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
