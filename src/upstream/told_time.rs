//! What time it is at a target, by the `Date` of its answers (RFC 9110 §6.6.1).

use std::time::Duration;

use http::header;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::redirect;

use crate::clock::Time;

use super::client::CONNECT_TIMEOUT;

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Nobody answered.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nobody answered")]
pub struct NoAnswer;

/// Asks whoever answers at `url` what time it is, with no credentials; whatever else the answer says does not matter. `None`
/// if it does not tell.
///
/// # Errors
/// When there is no answer.
pub async fn told_time(url: &str) -> Result<Option<Time>, NoAnswer> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("scim-bridge/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|_| NoAnswer)?;
    let answer = client.head(url).send().await.map_err(|_| NoAnswer)?;
    let date = answer.headers().get(header::DATE).and_then(|value| value.to_str().ok());
    Ok(date.and_then(parse))
}

/// The date of HTTP is one of mails, in one of its forms.
fn parse(date: &str) -> Option<Time> {
    let timestamp = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(Time::from_micros(timestamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let read = parse("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(read.to_string(), "1994-11-06T08:49:37.000Z");
        assert_eq!(parse("yesterday"), None);
    }
}
