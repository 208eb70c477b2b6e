//! Query parameters.

use axum::extract::FromRequestParts;
use http::request::Parts;
use url::form_urlencoded;

use crate::scim::error::{Error, ScimType};

use super::error::{Failure, shown};

/// The parameters of a request. Unknown ones are ignored (RFC-030, `Q-26`); names compare without case, since clients send
/// `startindex` (`ENT-44`); of one that is given twice the first counts.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The value of a parameter.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn parse(query: &str) -> Result<Self, Error> {
        let mut parameters = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            for (name, value) in form_urlencoded::parse(tell_plus(pair).as_bytes()) {
                if replaced(&name) + replaced(&value) > replaced(pair) + encoded_replacements(pair) {
                    return Err(not_utf_8(&name));
                }
                parameters.push((name.into_owned(), value.into_owned()));
            }
        }
        Ok(Self(parameters))
    }
}

/// How often the character stands in `text` that decoding puts in the place of bytes that are not UTF-8.
fn replaced(text: &str) -> usize {
    text.matches(char::REPLACEMENT_CHARACTER).count()
}

/// How often a client sent that character itself.
fn encoded_replacements(pair: &str) -> usize {
    pair.to_ascii_uppercase().matches("%EF%BF%BD").count()
}

/// Guessing at the text would search for something that nobody asked for.
fn not_utf_8(name: &str) -> Error {
    let scim_type =
        if name.eq_ignore_ascii_case("filter") { ScimType::InvalidFilter } else { ScimType::InvalidValue };
    Error::new(scim_type, format!("The query parameter {} is not UTF-8.", shown(name)))
}

/// `+` means a space where forms are encoded, and itself elsewhere. A value that writes its spaces as `%20` is of the second
/// kind: `filter=userName%20eq%20"a+b@example.com"` (`Q-14`).
fn tell_plus(pair: &str) -> String {
    if pair.contains("%20") { pair.replace('+', "%2B") } else { pair.to_owned() }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once_and_a_plus_is_a_space_only_where_spaces_are_written_so_q_14() {
        for (query, expected) in [
            ("filter=userName+eq+%22a%2Bb%40x%22", "userName eq \"a+b@x\""),
            ("filter=userName%20eq%20%22a+b@x%22", "userName eq \"a+b@x\""),
            ("filter=userName%20eq%20%22100%2525%22", "userName eq \"100%25\""),
            ("FILTER=a&filter=b", "a"),
            ("filter=%ef%bf%bd", "\u{fffd}"),
            ("filter", ""),
        ] {
            assert_eq!(Query::parse(query).unwrap().find("filter"), Some(expected), "{query}");
        }
        assert_eq!(Query::parse("aadOptscim062020&&x=1").unwrap().find("filter"), None);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused_and_the_parameter_is_named() {
        for (query, scim_type, name) in [
            ("count=1&filter=%ff", ScimType::InvalidFilter, "filter"),
            ("filter=%ef%bf%bd%c3", ScimType::InvalidFilter, "filter"),
            ("startIndex=%80", ScimType::InvalidValue, "startIndex"),
        ] {
            let detail = format!("The query parameter {name} is not UTF-8.");
            assert_eq!(Query::parse(query).unwrap_err(), Error::new(scim_type, detail), "{query}");
        }
    }
}
