use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn translation() -> Arc<Translation> {
    Arc::new(Translation::new("https://t.example/scim/v2", "https://b.example/t/scim/v2"))
}

fn rewritten(text: &[u8], step: usize) -> Vec<u8> {
    let mut rewriter = Rewriter::new(translation());
    let mut output = Vec::new();
    for part in text.chunks(step.max(1)) {
        rewriter.push(part, &mut output);
    }
    rewriter.finish(&mut output);
    output
}

#[track_caller]
fn becomes(text: &str, expected: &str) {
    for step in [1, 2, 3, 7, usize::MAX] {
        assert_eq!(
            String::from_utf8(rewritten(text.as_bytes(), step)).unwrap(),
            expected,
            "in steps of {step}"
        );
    }
}

#[rstest]
#[case::location(
    r#"{"meta":{"location":"https://t.example/scim/v2/Users/1"}}"#,
    r#"{"meta":{"location":"https://b.example/t/scim/v2/Users/1"}}"#
)]
#[case::reference(
    r#"{"$ref" : "https://t.example/scim/v2/Users/1" }"#,
    r#"{"$ref" : "https://b.example/t/scim/v2/Users/1" }"#
)]
#[case::names_compare_without_case(
    r#"{"Location":"https://t.example/scim/v2","$REF":"https://t.example/scim/v2/a"}"#,
    r#"{"Location":"https://b.example/t/scim/v2","$REF":"https://b.example/t/scim/v2/a"}"#
)]
#[case::the_endpoint_of_a_resource_type(
    r#"[{"endpoint":"https://t.example/scim/v2/Users"},{"endpoint":"/Users"}]"#,
    r#"[{"endpoint":"https://b.example/t/scim/v2/Users"},{"endpoint":"/Users"}]"#
)]
#[case::the_path_of_a_patch_as_a_key(
    r#"{"manager.$ref":"https://t.example/scim/v2/Users/1","URN:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$REF":"https://t.example/scim/v2/Users/1"}"#,
    r#"{"manager.$ref":"https://b.example/t/scim/v2/Users/1","URN:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$REF":"https://b.example/t/scim/v2/Users/1"}"#
)]
#[case::escaped_slashes_stay_escaped(
    r#"{"location":"https:\/\/t.example\/scim\/v2\/Users\/1"}"#,
    r#"{"location":"https:\/\/b.example\/t\/scim\/v2\/Users\/1"}"#
)]
#[case::escaped_by_number(
    r#"{"\u0024ref":"\u0068ttps://t.example/scim/v2\u002fUsers\u002F1"}"#,
    r#"{"\u0024ref":"https://b.example/t/scim/v2\u002fUsers\u002F1"}"#
)]
#[case::what_follows_the_base_stays_as_it_is(
    r#"{"location":"https://t.example/scim/v2/Users/\"\\é\ud83d\ude00\n"}"#,
    r#"{"location":"https://b.example/t/scim/v2/Users/\"\\é\ud83d\ude00\n"}"#
)]
#[case::after_a_byte_order_mark(
    "\u{feff} {\"location\":\"https://t.example/scim/v2\"}",
    "\u{feff} {\"location\":\"https://b.example/t/scim/v2\"}"
)]
fn a_url_below_the_base_is_replaced(#[case] text: &str, #[case] expected: &str) {
    becomes(text, expected);
}

#[rstest]
#[case::another_key(r#"{"profileUrl":"https://t.example/scim/v2/Users/1"}"#)]
#[case::another_base(r#"{"location":"https://t.example/scim/v20"}"#)]
#[case::another_host(r#"{"location":"https://t.example.com/scim/v2"}"#)]
#[case::a_value_that_is_named_like_a_key(r#"{"a":"location","b":"https://t.example/scim/v2"}"#)]
#[case::in_an_array(r#"["location","https://t.example/scim/v2"]"#)]
#[case::an_array_of_them(r#"{"location":["https://t.example/scim/v2"]}"#)]
#[case::within_a_text(r#"{"a":"{\"location\":\"https://t.example/scim/v2\"}"}"#)]
#[case::a_key_that_ends_like_one(
    r#"{"x$ref":"https://t.example/scim/v2","$ref\\":"https://t.example/scim/v2"}"#
)]
#[case::not_a_text(r#"{"location":null,"$ref":1e400,"endpoint":{"a":"https://t.example/scim/v2"}}"#)]
#[case::numbers_spaces_and_order(
    " { \"z\" : 1.0e+05 ,\t\"a\":[ 00123456789012345678901234567890 , -0.0 ]\r\n}\n"
)]
#[case::not_json(r#"location: "location":"https://t.example/scim/v2""#)]
#[case::a_text_alone(r#""location":"https://t.example/scim/v2""#)]
#[case::broken_off_in_a_url(r#"{"location":"https://t.example/sc"#)]
#[case::broken_off_in_an_escape(r#"{"location":"https://t.example/scim/v2x\u00"#)]
#[case::broken_off_in_a_key(r#"{"loca"#)]
#[case::empty("")]
fn nothing_else_changes(#[case] text: &str) {
    becomes(text, text);
}

#[test]
fn a_string_that_is_said_to_be_a_url_is_replaced_and_the_text_goes_on() {
    for (url, expected) in [
        (r#""https://t.example/scim/v2/Users/1""#, r#""https://b.example/t/scim/v2/Users/1""#),
        (r#""https:\/\/t.example\/scim\/v2""#, r#""https:\/\/b.example\/t\/scim\/v2""#),
        (r#""7""#, r#""7""#),
    ] {
        let mut rewriter = Rewriter::new(translation());
        let mut output = Vec::new();
        rewriter.push(br#"{"value": "#, &mut output);
        rewriter.push_url(url.as_bytes(), &mut output);
        rewriter.push(
            br#","value":"https://t.example/scim/v2","$ref":"https://t.example/scim/v2"}"#,
            &mut output,
        );
        let expected = format!(
            r#"{{"value": {expected},"value":"https://t.example/scim/v2","$ref":"https://b.example/t/scim/v2"}}"#
        );
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}

#[test]
fn a_text_that_is_broken_off_right_behind_the_base_is_still_below_it() {
    becomes(r#"{"location":"https://t.example/scim/v2/"#, r#"{"location":"https://b.example/t/scim/v2/"#);
}

#[test]
fn no_more_is_held_back_than_the_beginning_of_one_string() {
    let mut rewriter = Rewriter::new(translation());
    let mut output = Vec::new();
    rewriter.push(br#"{"location":""#, &mut output);
    for _ in 0..100_000 {
        rewriter.push(b"https://t.example/scim/", &mut output);
    }
    assert!(rewriter.string.capacity() < 1024, "{}", rewriter.string.capacity());
    rewriter.push(br#"","#, &mut output);
    for _ in 0..100_000 {
        rewriter.push(br#""aaaaaaaaaaaaaaaaa"#, &mut output);
    }
    assert!(rewriter.string.capacity() < 1024, "{}", rewriter.string.capacity());
}

/// The same by parsing: every URL below the base at one of the keys is replaced.
fn replaced(value: Value) -> Value {
    let is_key = |key: &str| KEYS.iter().any(|known| known.eq_ignore_ascii_case(key));
    match value {
        Value::Array(elements) => elements.into_iter().map(replaced).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(url) if is_key(&key) => {
                    let below = url.strip_prefix("https://t.example/scim/v2");
                    let below = below.filter(|below| below.is_empty() || below.starts_with(['/', '?', '#']));
                    let url =
                        below.map_or(url.clone(), |below| format!("https://b.example/t/scim/v2{below}"));
                    (key, url.into())
                }
                value => (key, replaced(value)),
            })
            .collect(),
        value => value,
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,8}",
        Just("location".to_owned()),
        "https://t\\.example/scim/v2[/?#x]?\\PC{0,4}",
        Just("\"\\/\n\u{1}".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    let key = prop_oneof!["[a-z$\"\\\\]{0,5}", Just("location".to_owned()), Just("$ref".to_owned())];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .prop_map(|value| json!([value]))
}

proptest! {
    #[test]
    fn it_replaces_what_parsing_would_replace_however_the_text_is_cut(value in any_json(), step in 1..40_usize) {
        let output = rewritten(value.to_string().as_bytes(), step);
        prop_assert_eq!(serde_json::from_slice::<Value>(&output).unwrap(), replaced(value));
    }

    #[test]
    fn to_and_back_gives_the_same_bytes(value in any_json(), step in 1..40_usize) {
        let there = rewritten(value.to_string().as_bytes(), step);
        let back = Translation::new("https://b.example/t/scim/v2", "https://t.example/scim/v2");
        let mut rewriter = Rewriter::new(Arc::new(back));
        let mut output = Vec::new();
        rewriter.push(&there, &mut output);
        rewriter.finish(&mut output);
        prop_assert_eq!(String::from_utf8(output).unwrap(), value.to_string());
    }

    #[test]
    fn bytes_without_such_a_url_pass_as_they_are(bytes: Vec<u8>, step in 1..40_usize) {
        prop_assert_eq!(rewritten(&bytes, step), bytes);
    }
}
