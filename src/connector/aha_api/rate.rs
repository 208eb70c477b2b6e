//! What Aha!'s answers say about its rate limits: `X-Ratelimit-Limit`, `-Remaining` and `-Reset` (Unix time in seconds), and
//! perhaps `Retry-After`.
//!
//! Aha! has two limits, and its documents do not say which of them the headers describe. A reset that is further away than a
//! second's window can end is the minute's; otherwise the limit is the one whose size is nearer. Times are read by Aha!'s own
//! clock, the `Date` of the answer, so that a difference between the clocks does not matter.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::{
    clock::Time,
    config::Rate,
    connector::{RateReport, RateWindow},
    upstream::Response,
};

/// The furthest away that the end of a second's window can look: both times have whole seconds.
const SECOND_ENDS_WITHIN: Duration = Duration::from_secs(3);

/// A reset that is further away than this, or as long ago as the other, is that of no window that we know.
const FURTHEST_RESET: Duration = Duration::from_secs(62);
const OLDEST_RESET: Duration = Duration::from_secs(2);

/// What the answer, which came at `now`, says about one of the limits; `None` where it says nothing, or nonsense. `ours` is
/// what this bridge may use.
pub(super) fn report(response: &Response, ours: Rate, now: Time) -> Option<RateReport> {
    let limit = number(response, "x-ratelimit-limit").filter(|limit| *limit > 0)?;
    let remaining = number(response, "x-ratelimit-remaining").filter(|remaining| *remaining <= limit)?;
    let resets_at = resets_at(response, now)?;
    if resets_at > now + FURTHEST_RESET || resets_at < now - OLDEST_RESET {
        return None;
    }
    let window = if resets_at > now + SECOND_ENDS_WITHIN { RateWindow::Minute } else { nearest(limit, ours) };
    Some(RateReport { window, limit, remaining, resets_at })
}

/// When a call that was answered 429 at `now` may be made again, if the answer says so.
pub(super) fn calls_again_at(response: &Response, now: Time) -> Option<Time> {
    match number(response, "retry-after") {
        Some(seconds) => Some(now + Duration::from_secs(seconds.into())),
        None => resets_at(response, now),
    }
}

/// The limit whose size is nearer to `limit`, as a ratio. An account may have been given more than Aha! publishes; a bridge
/// that is configured to use less of it does not make its limits smaller.
fn nearest(limit: u32, ours: Rate) -> RateWindow {
    let published = Rate::default();
    let per_second = u64::from(ours.per_second.max(published.per_second).get());
    let per_minute = u64::from(ours.per_minute.max(published.per_minute).get());
    if u64::from(limit).saturating_mul(limit.into()) < per_second * per_minute {
        RateWindow::Second
    } else {
        RateWindow::Minute
    }
}

/// `X-Ratelimit-Reset`, by our clock.
fn resets_at(response: &Response, now: Time) -> Option<Time> {
    let reset = unix_time(number(response, "x-ratelimit-reset")?.into());
    let theirs = date(response).unwrap_or(now);
    Some(if reset >= theirs { now + reset.since(theirs) } else { now - theirs.since(reset) })
}

/// When Aha! says it answered.
fn date(response: &Response) -> Option<Time> {
    let date = DateTimeParser::new().parse_timestamp(response.header("date")?).ok()?;
    Some(unix_time(date.as_second()))
}

fn unix_time(seconds: i64) -> Time {
    Time::from_micros(seconds.saturating_mul(1_000_000))
}

fn number(response: &Response, name: &str) -> Option<u32> {
    response.header(name)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
    use rstest::rstest;

    use super::*;

    /// 2023-11-14T22:13:20Z, and a bit.
    const NOW: Time = Time::from_micros(1_700_000_000_400_000);
    const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

    fn answer(headers: &[(&'static str, &str)]) -> Response {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        Response { status: StatusCode::OK, headers, body: Vec::new() }
    }

    fn said(limit: &str, remaining: &str, reset: &str) -> Option<RateReport> {
        let answer = answer(&[
            ("date", DATE),
            ("x-ratelimit-limit", limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", reset),
        ]);
        report(&answer, Rate::default(), NOW)
    }

    #[rstest]
    #[case::minute("300", "1700000042", RateWindow::Minute)]
    #[case::minute_that_is_nearly_over("300", "1700000001", RateWindow::Minute)]
    #[case::minute_that_is_over_by_rounding("300", "1699999999", RateWindow::Minute)]
    #[case::second("20", "1700000001", RateWindow::Second)]
    #[case::a_larger_second("50", "1700000001", RateWindow::Second)]
    #[case::a_small_minute("20", "1700000042", RateWindow::Minute)]
    fn the_window_is_the_one_that_limit_and_reset_fit(
        #[case] limit: &str,
        #[case] reset: &str,
        #[case] window: RateWindow,
    ) {
        assert_eq!(said(limit, "7", reset).map(|report| report.window), Some(window));
    }

    #[test]
    fn a_larger_allowance_is_told_from_the_published_one() {
        let ours = Rate { per_second: 100.try_into().unwrap(), per_minute: 1500.try_into().unwrap() };
        assert_eq!((nearest(100, ours), nearest(1500, ours)), (RateWindow::Second, RateWindow::Minute));
        let a_share = Rate { per_second: 2.try_into().unwrap(), per_minute: 30.try_into().unwrap() };
        assert_eq!((nearest(20, a_share), nearest(300, a_share)), (RateWindow::Second, RateWindow::Minute));
    }

    #[rstest]
    #[case::no_number("many", "7", "1700000042")]
    #[case::no_limit("0", "0", "1700000042")]
    #[case::more_left_than_there_is("300", "301", "1700000042")]
    #[case::negative("300", "-1", "1700000042")]
    #[case::seconds_instead_of_a_time("300", "7", "42")]
    #[case::milliseconds("300", "7", "1700000042000")]
    #[case::long_ago("300", "7", "1699999990")]
    #[case::far_away("300", "7", "1700003600")]
    fn nonsense_says_nothing(#[case] limit: &str, #[case] remaining: &str, #[case] reset: &str) {
        assert_eq!(said(limit, remaining, reset), None);
    }

    #[test]
    fn a_header_that_is_missing_says_nothing() {
        let all = [
            ("x-ratelimit-limit", "300"),
            ("x-ratelimit-remaining", "7"),
            ("x-ratelimit-reset", "1700000042"),
        ];
        assert!(report(&answer(&all), Rate::default(), NOW).is_some());
        for missing in 0..all.len() {
            let mut rest = all.to_vec();
            rest.remove(missing);
            assert_eq!(report(&answer(&rest), Rate::default(), NOW), None);
        }
    }

    /// Their clock is an hour ahead.
    #[test]
    fn a_reset_is_read_by_the_clock_of_the_answer() {
        let answer = answer(&[
            ("date", "Tue, 14 Nov 2023 23:13:20 GMT"),
            ("x-ratelimit-limit", "300"),
            ("x-ratelimit-remaining", "7"),
            ("x-ratelimit-reset", "1700003630"),
        ]);
        let resets_at = NOW + Duration::from_secs(30);
        assert_eq!(report(&answer, Rate::default(), NOW).map(|report| report.resets_at), Some(resets_at));
        assert_eq!(calls_again_at(&answer, NOW), Some(resets_at));
    }
}
