//! What stands in the `Authorization` header (RFC 9110 §11.6.2).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};

use super::Refused;
use crate::secret::Secret;

/// The longest header value that is looked at, in bytes. Tokens of Entra ID have some 2 KiB.
const MOST_BYTES: usize = 16 * 1024;

/// What a caller presents.
#[derive(Debug)]
pub(super) enum Presented<'h> {
    /// `Bearer …` (RFC 6750).
    Bearer(&'h str),
    /// `Basic …` (RFC 7617).
    Basic(UserAndPassword),
    /// One word without a scheme.
    Raw(&'h str),
}

/// A pair that HTTP Basic carries.
#[derive(Debug)]
pub(super) struct UserAndPassword {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// Reads the header. Schemes compare without case (RFC 9110 §11.1).
///
/// # Errors
/// When there is none, or none that could be right.
pub(super) fn read(headers: &HeaderMap) -> Result<Presented<'_>, Refused> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Refused::Missing)?;
    if values.next().is_some() {
        // A proxy in between may have looked at another one than we would.
        return Err(Refused::Invalid);
    }
    // No token of ours has characters beyond ASCII.
    let value = value.to_str().map_err(|_| Refused::Invalid)?.trim();
    if value.len() > MOST_BYTES {
        return Err(Refused::Invalid);
    }
    match value.split_once(' ') {
        None => Ok(Presented::Raw(value)),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Presented::Bearer(token.trim())),
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            basic(pair.trim()).map(Presented::Basic).ok_or(Refused::Invalid)
        }
        Some(_) => Err(Refused::Invalid),
    }
}

/// The user name ends at the first colon (RFC 7617 §2).
fn basic(pair: &str) -> Option<UserAndPassword> {
    let text = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(UserAndPassword { user: user.to_owned(), password: Secret::new(password) })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn shown(values: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        match read(&headers) {
            Ok(Presented::Bearer(token)) => format!("bearer {token}"),
            Ok(Presented::Raw(token)) => format!("raw {token}"),
            Ok(Presented::Basic(pair)) => format!("basic {}:{}", pair.user, pair.password.expose()),
            Err(refused) => format!("{refused:?}"),
        }
    }

    #[rstest]
    #[case::nothing(&[], "Missing")]
    #[case::a_token(&[b"Bearer abc".as_slice()], "bearer abc")]
    #[case::another_case(&[b"bEARER  abc ".as_slice()], "bearer abc")]
    #[case::no_scheme(&[b"abc".as_slice()], "raw abc")]
    #[case::a_scheme_alone(&[b"Bearer ".as_slice()], "raw Bearer")]
    #[case::a_pair(&[b"Basic dXNlcjpwYXNz".as_slice()], "basic user:pass")]
    #[case::a_password_with_a_colon(&[b"Basic dTpwOnE=".as_slice()], "basic u:p:q")]
    #[case::no_pair(&[b"Basic dXNlcg==".as_slice()], "Invalid")]
    #[case::no_base64(&[b"Basic %%%".as_slice()], "Invalid")]
    #[case::no_text(&[b"Basic //8=".as_slice()], "Invalid")]
    #[case::another_scheme(&[b"Digest abc".as_slice()], "Invalid")]
    #[case::two(&[b"Bearer abc".as_slice(), b"Bearer abc".as_slice()], "Invalid")]
    #[case::not_ascii(&["Bearer tök".as_bytes()], "Invalid")]
    fn the_header_is_read_as_one_of_three_forms_or_refused(#[case] values: &[&[u8]], #[case] expected: &str) {
        assert_eq!(shown(values), expected);
    }

    #[test]
    fn a_header_that_is_longer_than_any_token_is_refused() {
        let longest = MOST_BYTES - "Bearer ".len();
        assert!(shown(&[format!("Bearer {}", "a".repeat(longest)).as_bytes()]).starts_with("bearer a"));
        assert_eq!(shown(&[format!("Bearer {}", "a".repeat(longest + 1)).as_bytes()]), "Invalid");
    }
}
