//! The header `traceparent`: which trace a request belongs to (W3C Trace Context, <https://www.w3.org/TR/trace-context/>).

use std::fmt;

/// `00-{trace id}-{id of the span that asks}-{flags}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// The flag that says that whoever asks records the trace (§3.2.2.5).
const SAMPLED: u8 = 1;

/// The lengths of the fields, in hexadecimal digits.
const TRACE_ID_DIGITS: usize = 32;
const SPAN_ID_DIGITS: usize = 16;

impl TraceParent {
    /// The place of the span `span_id` in the trace `trace_id`, which is recorded. Neither can be zero.
    pub fn recorded(trace_id: u128, span_id: u64) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags: SAMPLED })
    }

    /// Reads the header's value. Of a later version what this one has is read, as the standard asks for (§3.2.4).
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let version = digits(fields.next()?, 2)?;
        let trace_id = digits(fields.next()?, TRACE_ID_DIGITS)?;
        let span_id = u64::try_from(digits(fields.next()?, SPAN_ID_DIGITS)?).ok()?;
        let flags = u8::try_from(digits(fields.next()?, 2)?).ok()?;
        let is_known = version == 0 && fields.next().is_none();
        let is_later = version != 0 && version != 0xff;
        let is_valid = (is_known || is_later) && trace_id != 0 && span_id != 0;
        is_valid.then_some(Self { trace_id, span_id, flags })
    }

    /// The trace, as 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The trace, as the 16 bytes that these digits spell.
    pub fn trace_id_bytes(&self) -> [u8; 16] {
        self.trace_id.to_be_bytes()
    }

    /// The span within it, as 8 bytes.
    pub fn span_id_bytes(&self) -> [u8; 8] {
        self.span_id.to_be_bytes()
    }

    /// Whether whoever asks records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The place of another span, whose id is not zero, in the same trace.
    pub fn with_span(self, span_id: u64) -> Self {
        Self { span_id, ..self }
    }
}

/// As it is sent on: in the version that we know, of whose flags we know one.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags & SAMPLED)
    }
}

/// So many hexadecimal digits, which are lower case.
fn digits(text: &str, count: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == count && text.bytes().all(is_digit)).then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[rstest]
    #[case::of_the_standard(EXAMPLE, EXAMPLE)]
    #[case::not_recorded(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    )]
    #[case::with_flags_that_nobody_knows("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", EXAMPLE)]
    #[case::of_a_later_version(
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future",
        EXAMPLE
    )]
    fn a_trace_is_understood_and_sent_on(#[case] text: &str, #[case] sent: &str) {
        assert_eq!(TraceParent::parse(text).unwrap().to_string(), sent);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::upper_case("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")]
    #[case::no_trace("00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
    #[case::no_span("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")]
    #[case::the_version_that_is_none("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    #[case::more_than_the_version_has("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x")]
    #[case::too_short("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01")]
    #[case::a_sign("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    fn what_is_none_is_passed_over(#[case] text: &str) {
        assert_eq!(TraceParent::parse(text), None);
    }
}
