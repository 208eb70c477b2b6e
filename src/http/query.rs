//! Query parameters.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use url::form_urlencoded;

/// The parameters of a request. Unknown ones are ignored (RFC-030, `Q-26`); names compare without case, since clients send
/// `startindex` (`ENT-44`); of one that is given twice the first counts.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The value of a parameter.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .flat_map(|pair| {
                    form_urlencoded::parse(tell_plus(pair).as_bytes()).into_owned().collect::<Vec<_>>()
                })
                .collect(),
        )
    }
}

/// `+` means a space where forms are encoded, and itself elsewhere. A value that writes its spaces as `%20` is of the second
/// kind: `filter=userName%20eq%20"a+b@example.com"` (`Q-14`).
fn tell_plus(pair: &str) -> String {
    if pair.contains("%20") { pair.replace('+', "%2B") } else { pair.to_owned() }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
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
            ("filter=%ff", "\u{fffd}"),
            ("filter", ""),
        ] {
            assert_eq!(Query::parse(query).find("filter"), Some(expected), "{query}");
        }
        assert_eq!(Query::parse("aadOptscim062020&&x=1").find("filter"), None);
    }
}
