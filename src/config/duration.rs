//! Durations, written as `"8s"`, `"15m"`, `"1h30m"` or `"400d"`.

use std::{ops::RangeInclusive, time::Duration};

use jiff::{SignedDuration, SpanRelativeTo, fmt::friendly::SpanParser};

use super::{
    reader::{Value, quoted},
    source::Read,
};

static PARSER: SpanParser = SpanParser::new();

/// Reads a duration within `range`.
pub(super) fn duration(value: &Value<'_>, range: RangeInclusive<Duration>) -> Read<Duration> {
    let text = value.as_string().ok_or_else(|| value.unexpected("a duration such as \"8s\" or \"15m\""))?;
    let duration = parse(text).ok_or_else(|| {
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

/// A day has 24 hours here; months and years are none to count with.
fn parse(text: &str) -> Option<Duration> {
    let with_days = || {
        let span = PARSER.parse_span(text).ok()?;
        span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
    };
    PARSER.parse_unsigned_duration(text).ok().or_else(with_days)
}

/// `duration` as one would write it in the file.
pub fn written(duration: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = duration.as_secs();
    if seconds > DAY && seconds.is_multiple_of(DAY) && duration.subsec_nanos() == 0 {
        return format!("{}d", seconds / DAY);
    }
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}
