//! What a request asks for below the base URL, byte for byte, and which paths are not passed on.
//!
//! Scheme, host and base path come from the configuration alone. What is added to them must not climb out of the base path
//! again, by whatever reading of it the target, or a proxy in front of it, may have.

use http::uri::{InvalidUri, PathAndQuery};

/// How often a path is decoded to see what it may become: proxies in a row decode once each.
const MOST_DECODINGS: usize = 4;

/// What follows the base URL: a path, empty or beginning with `/`, and a query with its `?`, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below(String);

/// A segment of a path, however it is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// What a target may take it for: without the parameters (`;v=1`) that some servers take away, and what is no character.
    pub(super) meant: String,
    /// All of it: what no two have that a target may tell apart.
    pub(super) whole: String,
}

/// Why a path is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// A segment that is `.` or `..`, written in whatever way.
    #[error("The path has a segment that is . or .., which is not passed on.")]
    Dots,
    /// A `/` or `\` that is encoded, or a `\`.
    #[error("The path has a slash or backslash within a segment, which is not passed on.")]
    Slash,
    /// A control character, or what only decoders that are too old take for a character.
    #[error("The path has a control character or malformed UTF-8, which is not passed on.")]
    Unreadable,
}

impl Below {
    /// What follows `prefix` in a request's path and query; `None` if it does not begin with it.
    ///
    /// # Errors
    /// When it could lead out of the base path.
    pub fn find(path_and_query: &str, prefix: &str) -> Option<Result<Self, Unsafe>> {
        let below = path_and_query.strip_prefix(prefix)?;
        if !below.is_empty() && !below.starts_with(['/', '?']) {
            return None;
        }
        let below = Self(below.to_owned());
        Some(check(below.path()).map(|()| below))
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, empty or beginning with `/`.
    pub fn path(&self) -> &str {
        self.0.split('?').next().unwrap_or_default()
    }

    /// The segments of the path, encoded as they came; empty ones are left out.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.path().split('/').filter(|segment| !segment.is_empty())
    }

    /// The segments as a target may take them; empty ones are left out.
    pub(super) fn meant_segments(&self) -> Vec<Segment> {
        meant_segments(self.path())
    }

    /// The path and query at the target, whose base URL has `base_path`.
    ///
    /// # Errors
    /// When HTTP does not allow it, which what came over HTTP is.
    pub(super) fn at(&self, base_path: &str) -> Result<PathAndQuery, InvalidUri> {
        let whole = format!("{base_path}{}", self.0);
        // A path is never empty on the wire.
        if whole.starts_with('/') { whole.try_into() } else { format!("/{whole}").try_into() }
    }
}

/// See [`Below::meant_segments`].
pub(super) fn meant_segments(path: &str) -> Vec<Segment> {
    let mut path = path.as_bytes().to_vec();
    for _ in 0..MOST_DECODINGS {
        path = decode(&path);
    }
    path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty()).map(Segment::of).collect()
}

impl Segment {
    fn of(bytes: &[u8]) -> Self {
        let name = bytes.split(|byte| *byte == b';').next().unwrap_or_default();
        // No server goes by control characters.
        let meant = String::from_utf8_lossy(name).replace(char::is_control, "");
        // What is no character stays encoded; PostgreSQL keeps no text with a NUL.
        let mut whole = String::new();
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                match u8::try_from(character) {
                    Ok(byte) if character.is_ascii_control() => whole.push_str(&format!("%{byte:02X}")),
                    _ => whole.push(character),
                }
            }
            for byte in chunk.invalid() {
                whole.push_str(&format!("%{byte:02X}"));
            }
        }
        Self { meant, whole }
    }
}

fn check(path: &str) -> Result<(), Unsafe> {
    let mut path = path.as_bytes().to_vec();
    for _ in 0..MOST_DECODINGS {
        if path.split(|byte| *byte == b'/').any(is_dots) {
            return Err(Unsafe::Dots);
        }
        if path.contains(&b'\\') {
            return Err(Unsafe::Slash);
        }
        let slashes = count_slashes(&path);
        let decoded = decode(&path);
        if decoded == path {
            return Ok(());
        }
        // Said first, being what the slashes were for.
        if decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(is_dots) {
            return Err(Unsafe::Dots);
        }
        if count_slashes(&decoded) != slashes {
            return Err(Unsafe::Slash);
        }
        if decoded.iter().any(u8::is_ascii_control) || is_overlong(&decoded) {
            return Err(Unsafe::Unreadable);
        }
        path = decoded;
    }
    // Nobody encodes a name so often but to hide something.
    Err(Unsafe::Slash)
}

/// Whether a character is written in more bytes than it needs (RFC 3629 §3), which old decoders take for the character: `%C0%AF`
/// for a slash.
fn is_overlong(path: &[u8]) -> bool {
    path.windows(2)
        .any(|pair| matches!(pair, [0xc0 | 0xc1, 0x80..=0xbf] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]))
}

/// Whether a segment is `.` or `..`; also with parameters behind it (`..;x`), which Java servers take away, with what ends a path
/// once it is decoded, and in the overlong UTF-8 that old decoders take for dots.
fn is_dots(segment: &[u8]) -> bool {
    let segment = segment.split(|byte| matches!(byte, b';' | b'?' | b'#')).next().unwrap_or_default();
    let plain: Vec<u8> = if segment.contains(&0xc0) {
        let mut plain = Vec::new();
        let mut bytes = segment.iter().copied();
        while let Some(byte) = bytes.next() {
            plain.push(if byte == 0xc0 { bytes.next().unwrap_or_default() & 0x7f } else { byte });
        }
        plain
    } else {
        segment.to_vec()
    };
    plain == b"." || plain == b".."
}

fn count_slashes(path: &[u8]) -> usize {
    path.iter().filter(|byte| matches!(byte, b'/' | b'\\')).count()
}

/// `path` with each `%XX` replaced by the byte that it stands for, once.
fn decode(path: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(path.len());
    let mut index = 0;
    while let Some(byte) = path.get(index) {
        let pair = (digit(path.get(index + 1)), digit(path.get(index + 2)));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                decoded.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
                index += 3;
            }
            _ => {
                decoded.push(*byte);
                index += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn find(path_and_query: &str) -> Option<Result<Below, Unsafe>> {
        Below::find(path_and_query, "/ahrefs/scim/v2")
    }

    #[rstest]
    #[case("", "/base")]
    #[case("/", "/base/")]
    #[case("?", "/base?")]
    #[case("/?a", "/base/?a")]
    #[case("/Users", "/base/Users")]
    #[case("//Users//", "/base//Users//")]
    #[case("/Users/a%2Bb%c3%A9%20;x=1", "/base/Users/a%2Bb%c3%A9%20;x=1")]
    #[case(
        "/Users?filter=userName%20eq+'a'&&a=..%2f../&?",
        "/base/Users?filter=userName%20eq+'a'&&a=..%2f../&?"
    )]
    #[case("/.search", "/base/.search")]
    #[case("/...", "/base/...")]
    #[case("/Schemas/urn:x%3ay", "/base/Schemas/urn:x%3ay")]
    #[case("/100%", "/base/100%")]
    #[case("/100%25", "/base/100%25")]
    #[case("/{}|\"", "/base/{}|\"")]
    fn what_follows_the_base_is_kept_byte_for_byte(#[case] below: &str, #[case] expected: &str) {
        let below = find(&format!("/ahrefs/scim/v2{below}")).unwrap().unwrap();
        assert_eq!(below.at("/base").unwrap().as_str(), expected);
    }

    #[rstest]
    #[case("", "/")]
    #[case("?x", "/?x")]
    #[case("/Users", "/Users")]
    fn a_base_url_may_have_no_path(#[case] below: &str, #[case] expected: &str) {
        let below = find(&format!("/ahrefs/scim/v2{below}")).unwrap().unwrap();
        assert_eq!(below.at("").unwrap().as_str(), expected);
    }

    #[rstest]
    #[case("/ahrefs/scim/v2x")]
    #[case("/ahrefs/scim/v")]
    #[case("//ahrefs/scim/v2/Users")]
    #[case("/ahrefs%2fscim/v2/Users")]
    #[case("/aha/scim/v2/Users")]
    fn what_does_not_begin_with_the_base_is_not_below_it(#[case] path: &str) {
        assert_eq!(find(path), None);
    }

    #[rstest]
    #[case("/..", Unsafe::Dots)]
    #[case("/.", Unsafe::Dots)]
    #[case("/Users/../admin", Unsafe::Dots)]
    #[case("/Users/%2e%2E/admin", Unsafe::Dots)]
    #[case("/Users/.%2e", Unsafe::Dots)]
    #[case("/Users/%252e%252e", Unsafe::Dots)]
    #[case("/Users/..%2fadmin", Unsafe::Dots)]
    #[case("/Users/..%5cadmin", Unsafe::Dots)]
    #[case("/Users/x%2f..%2f..", Unsafe::Dots)]
    #[case("/Users/..;a=b/admin", Unsafe::Dots)]
    #[case("/Users/..%3ba/admin", Unsafe::Dots)]
    #[case("/Users/%c0%ae%c0%ae/admin", Unsafe::Dots)]
    #[case("/Users/..%23/admin", Unsafe::Dots)]
    #[case("/Users/..%253f/admin", Unsafe::Dots)]
    #[case("/Users/..%c0%af..%c0%afadmin", Unsafe::Unreadable)]
    #[case("/Users/..%c1%9cadmin", Unsafe::Unreadable)]
    #[case("/Users/%e0%80%ae%e0%80%ae/admin", Unsafe::Unreadable)]
    #[case("/Users/%f0%80%80%af", Unsafe::Unreadable)]
    #[case("/Users/..%00/admin", Unsafe::Unreadable)]
    #[case("/Users/7%2500", Unsafe::Unreadable)]
    #[case("/Users/7%0d%0aa", Unsafe::Unreadable)]
    #[case("/Users/a%2fb", Unsafe::Slash)]
    #[case("/Users/a%5Cb", Unsafe::Slash)]
    #[case("/Users/a%252Fb", Unsafe::Slash)]
    #[case("/Users/a\\b", Unsafe::Slash)]
    #[case("/a%2525252525252541", Unsafe::Slash)]
    fn what_could_climb_out_of_the_base_is_refused(#[case] below: &str, #[case] expected: Unsafe) {
        assert_eq!(find(&format!("/ahrefs/scim/v2{below}")), Some(Err(expected)));
    }

    proptest! {
        #[test]
        fn whatever_is_let_through_stays_below_the_base_for_every_decoder(below in "(/[./%25efEFc0;a]{0,12}){1,4}") {
            if let Some(Ok(below)) = find(&format!("/ahrefs/scim/v2{below}")) {
                let mut path = below.path().as_bytes().to_vec();
                for _ in 0..8 {
                    let leaves = path
                        .split(|byte| matches!(byte, b'/' | b'\\'))
                        .any(|segment| segment == b".." || segment.starts_with(b"..;"));
                    prop_assert!(!leaves, "{below:?}");
                    path = decode(&path);
                }
            }
        }
    }
}
