//! Durations, written as `"8s"`, `"15m"` or `"1h30m"`.

use std::{ops::RangeInclusive, time::Duration};

use jiff::{SignedDuration, fmt::friendly::SpanParser};

use super::{
    reader::{Value, quoted},
    source::Read,
};

static PARSER: SpanParser = SpanParser::new();

/// Reads a duration within `range`.
pub(super) fn duration(value: &Value<'_>, range: RangeInclusive<Duration>) -> Read<Duration> {
    let text = value.as_string().ok_or_else(|| value.unexpected("a duration such as \"8s\" or \"15m\""))?;
    let duration = PARSER.parse_unsigned_duration(text).map_err(|_| {
        value.report(format_args!(
            "{} is not a duration; write it as in \"500ms\", \"8s\", \"15m\" or \"2h\"",
            quoted(text)
        ))
    })?;
    if range.contains(&duration) {
        return Ok(duration);
    }
    Err(value.report(format_args!("must be from {} to {}", written(*range.start()), written(*range.end()))))
}

/// `duration` as one would write it in the file.
pub fn written(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}
