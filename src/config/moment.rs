//! Points in time, written as `"2027-01-31"` (its first moment, UTC) or `"2027-01-31T12:00:00Z"`.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{
    reader::{Value, quoted},
    source::Read,
};
use crate::clock::Time;

/// Reads a point in time.
pub(super) fn moment(value: &Value<'_>) -> Read<Time> {
    let text = value.string()?;
    parse(text).ok_or_else(|| {
        value.report(format_args!(
            "{} is not a day or a time; write it as in \"2027-01-31\" or \"2027-01-31T12:00:00Z\"",
            quoted(text)
        ))
    })
}

/// The time that `text` names; `None` if it names none.
pub fn parse(text: &str) -> Option<Time> {
    let timestamp = match text.parse::<Timestamp>() {
        Ok(timestamp) => timestamp,
        // A date reads a prefix of other things, too.
        Err(_) if text.len() != "2027-01-31".len() => return None,
        Err(_) => text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    Some(Time::from_micros(timestamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2027-01-31", Some("2027-01-31T00:00:00.000Z"))]
    #[case("2027-01-31T12:00:00Z", Some("2027-01-31T12:00:00.000Z"))]
    #[case("2027-01-31T12:00:00+02:00", Some("2027-01-31T10:00:00.000Z"))]
    #[case("2027-02-31", None)]
    #[case("2027-01-31T12:00:00", None)]
    #[case("tomorrow", None)]
    #[case("", None)]
    fn a_day_begins_at_midnight_utc_and_a_time_names_its_offset(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(parse(text).map(|time| time.to_string()).as_deref(), expected);
    }
}
