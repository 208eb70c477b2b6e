//! The tokens of a JSON text that is there as a whole, and what can only be told by looking at several of them.

use std::ops::Range;

use memchr::memchr2;
use serde_json::Number;

use super::written::Written;

/// A token, with where it stands in the text. White space and `true`, `false` and `null` are none here.
enum Token {
    /// A string, its quotes included.
    Text(Range<usize>),
    Number(Range<usize>),
    /// One of `{}[]:,`.
    Mark(u8),
}

struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
}

impl Tokens<'_> {
    /// Where the string ends that begins here; `None` if it does not.
    fn end_of_text(&self) -> Option<usize> {
        let mut at = self.at + 1;
        loop {
            let found = at + memchr2(b'"', b'\\', self.text.get(at..)?)?;
            if self.text[found] == b'"' {
                return Some(found + 1);
            }
            at = found + 2;
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let start = self.at;
            match *self.text.get(start)? {
                b'"' => {
                    self.at = self.end_of_text()?;
                    return Some(Token::Text(start..self.at));
                }
                b'-' | b'0'..=b'9' => {
                    let is_in_number =
                        |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                    self.at += self.text[start..].iter().take_while(is_in_number).count();
                    return Some(Token::Number(start..self.at));
                }
                mark @ (b'{' | b'}' | b'[' | b']' | b':' | b',') => {
                    self.at += 1;
                    return Some(Token::Mark(mark));
                }
                _ => self.at += 1,
            }
        }
    }
}

/// What is known of an object that may be an operation of a PATCH.
#[derive(Default)]
struct Operation {
    leads_to_reference: bool,
    values: Vec<Range<usize>>,
}

/// How deep a text may be nested: nobody who reads it with `serde_json` reads more, and other servers hardly do.
const DEEPEST: usize = 128;

/// Where the strings stand that a PATCH sets by a path that ends in `$ref` (`"path":"manager.$ref"`): URLs that no key tells. None in what is nested too
/// deep.
pub(super) fn references(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Vec<Operation> = Vec::new();
    // The string before this token, and the name of the member whose value comes next.
    let (mut last, mut name) = (None, None);
    for token in (Tokens { text, at: 0 }) {
        match token {
            Token::Text(value) => match (name.take(), open.last_mut()) {
                (Some(name), Some(operation)) if is(text, &name, "path") => {
                    operation.leads_to_reference |= is_reference(text, &value);
                }
                (Some(name), Some(operation)) if is(text, &name, "value") => operation.values.push(value),
                (Some(_), _) => {}
                (None, _) => last = Some(value),
            },
            Token::Mark(b':') => name = last.take(),
            Token::Mark(mark) => {
                (last, name) = (None, None);
                match mark {
                    // What is known of each takes more memory than its bracket.
                    b'{' | b'[' if open.len() == DEEPEST => return Vec::new(),
                    b'{' | b'[' => open.push(Operation::default()),
                    b'}' | b']' => {
                        let ended = open.pop().filter(|operation| operation.leads_to_reference);
                        found.extend(ended.into_iter().flat_map(|operation| operation.values));
                    }
                    _ => {}
                }
            }
            Token::Number(_) => name = None,
        }
    }
    found.sort_by_key(|value| value.start);
    found
}

/// Whether the string at `range` is `word`, whatever its case.
fn is(text: &[u8], range: &Range<usize>, word: &str) -> bool {
    let string = &text[range.clone()];
    // Hardly any name has an escape in it.
    if memchr::memchr(b'\\', string).is_none() {
        return string[1..string.len() - 1].eq_ignore_ascii_case(word.as_bytes());
    }
    meant(string).is_some_and(|meant| meant.eq_ignore_ascii_case(word))
}

/// Whether the string at `range` is a path to a `$ref`.
fn is_reference(text: &[u8], range: &Range<usize>) -> bool {
    let path = meant(&text[range.clone()]).unwrap_or_default().trim().to_ascii_lowercase();
    path == "$ref" || path.ends_with(".$ref")
}

fn meant(string: &[u8]) -> Option<String> {
    serde_json::from_slice(string).ok()
}

/// How many values a JSON text has at the most.
pub(super) fn values(text: &[u8]) -> usize {
    let is_before_a_value = |token: &Token| matches!(token, Token::Mark(b'{' | b'[' | b','));
    1 + Tokens { text, at: 0 }.filter(is_before_a_value).count()
}

/// Whether a text means the same when it was read and written again: numbers are kept in 64 bits, and of several members of the
/// same name one remains.
pub(super) fn survives_reading(text: &[u8]) -> bool {
    let mut numbers = Tokens { text, at: 0 }.filter_map(|token| match token {
        Token::Number(range) => Some(&text[range]),
        Token::Text(_) | Token::Mark(_) => None,
    });
    let is_kept = |number: &[u8]| {
        serde_json::from_slice::<Number>(number).is_ok_and(|read| read.to_string().as_bytes() == number)
    };
    numbers.all(is_kept) && Written::read(text).is_some_and(|written| !written.has_doubles())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"op":"replace","path":"manager.$ref","value":"a"}"#, &["\"a\""])]
    #[case(r#"{"value":"a","Path":" x:y:Manager.$REF ","op":"add"}"#, &["\"a\""])]
    #[case(r#"{"p\u0061th":"$ref","\u0056alue":"a\"b"}"#, &[r#""a\"b""#])]
    #[case(r#"[{"path":"members[value eq \"1\"].$ref","value":"a"},{"path":"title","value":"b"}]"#, &["\"a\""])]
    #[case(r#"{"path":"title","value":"a","x":{"path":"$ref","value":"b"}}"#, &["\"b\""])]
    #[case(r#"{"path":"$ref","x":{"value":"a"},"y":[{}, "value"],"n":null,"value":"b"}"#, &["\"b\""])]
    #[case(r#"{"path":"$ref","value":7,"z":"value","value":{"value":"a"}}"#, &[])]
    #[case(r#"{"path":"x$ref","value":"a"}"#, &[])]
    #[case(r#"{"path":"$ref","value":"a"#, &[])]
    fn values_that_a_path_makes_urls_are_found(#[case] text: &str, #[case] expected: &[&str]) {
        let found: Vec<_> = references(text.as_bytes()).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn values_are_counted_and_not_the_marks_in_texts() {
        assert_eq!(values(br#"{"a":[1,"x,[{",{}],"b":null}"#), 7);
        assert_eq!(values(b"7"), 1);
    }

    #[test]
    fn what_is_nested_too_deep_is_not_looked_into() {
        let nested = |depth: usize| {
            format!("{}{{\"path\":\"$ref\",\"value\":\"a\"}}{}", "[".repeat(depth), "]".repeat(depth))
        };
        assert_eq!(references(nested(DEEPEST - 1).as_bytes()).len(), 1);
        assert!(references(nested(DEEPEST).as_bytes()).is_empty());
    }

    #[rstest]
    #[case(r#"{"a":1,"b":[-7,1.5,0,18446744073709551615,"1e5",{"a":1.0}],"c":"1.50"}"#, true)]
    #[case(r#"{"a":12345678901234567890123}"#, false)]
    #[case(r#"[1.50]"#, false)]
    #[case(r#"[1E2]"#, false)]
    #[case(r#"[-0]"#, false)]
    #[case(r#"{"a":1,"a":2}"#, false)]
    #[case(r#"[{"b":{"a":1,"x":2,"a":1}}]"#, false)]
    #[case(r#"{"a":1,"A":2}"#, true)]
    fn what_does_not_survive_is_known(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(survives_reading(text.as_bytes()), expected);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_to_its_end(bytes: Vec<u8>, text in r#"[{}\[\]:,"\\a1$ref-]{0,40}"#) {
            references(&bytes);
            references(text.as_bytes());
            survives_reading(&bytes);
            survives_reading(text.as_bytes());
        }
    }
}
