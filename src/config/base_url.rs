//! The URL that other URLs are made from by adding a path.

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// A URL, `http` or `https`, without a slash at its end: `https://acme.aha.io`. Paths are added as text, `{base_url}/…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    origin: String,
    is_encrypted: bool,
    is_loopback: bool,
}

/// Why a text is not a [`BaseUrl`]. It does not show the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// It is not a URL.
    #[error("is not a URL such as \"https://example.com\" ({0})")]
    NotAUrl(#[from] url::ParseError),
    /// Another scheme than `http` and `https`.
    #[error("must begin with https://")]
    Scheme,
    /// It carries a user name or a password.
    #[error("must not carry a user name or password")]
    Credentials,
    /// It carries a query or a fragment, after which no path can be added.
    #[error("must end before any \"?\" or \"#\", since paths are added to it")]
    Query,
}

impl BaseUrl {
    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and, where it is not the usual one, port: `https://acme.aha.io`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether what is sent there is encrypted (`https`).
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Whether it is this machine: `localhost`, `127.0.0.0/8` or `::1`.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidBaseUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBaseUrl::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::Query);
        }
        let is_loopback = match url.host() {
            Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let text = url.as_str().trim_end_matches('/').to_owned();
        let origin = url.origin().ascii_serialization();
        Ok(Self { text, origin, is_encrypted: url.scheme() == "https", is_loopback })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://acme.aha.io", "https://acme.aha.io")]
    #[case("https://ACME.aha.io/", "https://acme.aha.io")]
    #[case("https://example.com:8443/scim//", "https://example.com:8443/scim")]
    #[case("http://[::1]:8080", "http://[::1]:8080")]
    fn a_base_url_has_no_slash_at_its_end(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(text.parse::<BaseUrl>().unwrap().as_str(), expected);
    }

    #[test]
    fn an_origin_is_what_is_the_same_for_all_paths_of_a_host() {
        for text in ["https://acme.aha.io", "https://ACME.aha.io:443/", "https://acme.aha.io/a/b"] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().origin(), "https://acme.aha.io");
        }
        assert_eq!("http://[::1]:8080/x".parse::<BaseUrl>().unwrap().origin(), "http://[::1]:8080");
    }

    #[rstest]
    #[case("http://localhost:1", true)]
    #[case("http://sim.localhost", true)]
    #[case("http://127.8.9.1", true)]
    #[case("http://[::1]", true)]
    #[case("http://10.0.0.1", false)]
    #[case("http://localhost.example.com", false)]
    fn loopback_is_this_machine_only(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(text.parse::<BaseUrl>().unwrap().is_loopback(), expected);
    }
}
