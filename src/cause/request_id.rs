//! The id of a request, by which its lines in all logs are found.

use std::fmt;

use uuid::{NoContext, Timestamp, Uuid};

use crate::clock::Time;

/// The longest id that is taken over, in bytes: more than those of any proxy or cloud.
const LONGEST: usize = 128;

/// The id of a request: the one that it came with, or one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// An id for a request that came at `now` with none: a UUIDv7.
    pub fn new(now: Time) -> Self {
        let micros = u64::try_from(now.as_micros()).unwrap_or(0);
        let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
        Self(Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos)).to_string())
    }

    /// The id in `text`, if it can be one. It goes into logs, headers and the database, so it has few characters to choose
    /// from; whatever proxies and clouds make has no others.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=~@".contains(&byte);
        let is_id = (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_allowed);
        is_id.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_uuid("01a2026c-bd62-7b45-a2b7-732dffe06796")]
    #[case::of_a_load_balancer("1-67891233-abcdef012345678912345678")]
    #[case::base64("k8Zx+/a==")]
    #[case::the_longest(&"x".repeat(128))]
    fn what_can_be_an_id_is_taken_over(#[case] text: &str) {
        assert_eq!(RequestId::parse(text).unwrap().as_str(), text);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::too_long(&"x".repeat(129))]
    #[case::a_space("a b")]
    #[case::what_ends_a_line("a\nb")]
    #[case::what_ends_a_text("a\"b")]
    #[case::beyond_ascii("é")]
    fn what_could_disturb_a_log_is_not(#[case] text: &str) {
        assert_eq!(RequestId::parse(text), None);
    }

    #[test]
    fn each_request_without_one_gets_its_own() {
        let now = Time::from_micros(1_700_000_000_000_000);
        assert_ne!(RequestId::new(now), RequestId::new(now));
        assert_eq!(RequestId::parse(RequestId::new(now).as_str()).map(|id| id.as_str().len()), Some(36));
    }
}
