//! Why a request was not passed through, or its answer not passed back; each in words for an admin.

use std::time::Duration;

use http::Method;

use crate::{
    config::written_duration,
    upstream::{ConnectError, RelayError, ResolveError},
};

use super::path::Unsafe;

/// What the bridge answers itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The path is not passed on.
    #[error(transparent)]
    Path(#[from] Unsafe),
    /// The method is not passed on: TRACE would send the target's token back, and CONNECT would make a tunnel.
    #[error("{0} is not passed on.")]
    Method(Method),
    /// The body of the request is larger than allowed.
    #[error("The body is larger than the {0} bytes that are allowed.")]
    TooLarge(usize),
    /// The client's body broke off.
    #[error("The body was not received completely.")]
    IncompleteBody,
    /// More users would lose access than may within a window.
    #[error(
        "More users of {app} would lose access within {} than the {most} who may, so this was not sent: it may be a mistake. If they \
         are meant, run: scim-bridge lift-brake --config FILE --app {app}",
        written_duration(*.window)
    )]
    Held {
        /// The app's name.
        app: String,
        /// How many may.
        most: u64,
        /// The window.
        window: Duration,
        /// When there is room again.
        retry_after: Duration,
    },
    /// Users who lose access could not be counted.
    #[error("The bridge's database failed, which counts who loses access, so this was not sent.")]
    Uncounted,
    /// As many requests as allowed are under way.
    #[error("Too many requests of this app are under way; this one was not sent.")]
    Busy,
    /// The target failed often in a row, and is left alone for a while.
    #[error("{target} does not answer, so nothing is sent for now; what it failed with: {reason}.")]
    Resting {
        /// The target.
        target: String,
        /// The last failure.
        reason: String,
        /// How long nothing is sent.
        retry_after: Duration,
    },
    /// The target could not be reached. Nothing was sent.
    #[error("{target} cannot be reached, so nothing was sent: {reason}.")]
    Unreachable {
        /// The target.
        target: String,
        /// Which step failed.
        reason: String,
        /// Whether it may go away by itself.
        lasting: Lasting,
    },
    /// The connection broke after the request was sent.
    #[error("{target} broke off: {reason}. Whether it did what was asked is not known.")]
    Broken {
        /// The target.
        target: String,
        /// What happened.
        reason: String,
    },
    /// No answer came in time.
    #[error("{target} did not answer within {}. Whether it did what was asked is not known.", seconds(.within))]
    TimedOut {
        /// The target.
        target: String,
        /// How long was waited.
        within: Duration,
    },
    /// The target answered with a page for people.
    #[error("{target} answered {status} with a web page instead of SCIM. {}", advice(*.status))]
    WebPage {
        /// The target.
        target: String,
        /// Its status.
        status: u16,
        /// When it wants to be asked again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The target redirects to what is not below its base URL.
    #[error("{target} redirects to {location}, which is not followed. If the target moved, change base_url.")]
    Redirected {
        /// The target.
        target: String,
        /// Where to.
        location: String,
    },
    /// The answer is larger than allowed.
    #[error(
        "The answer of {target} is larger than the {limit} bytes that are allowed; raise max_answer_bytes, or ask for less at a time."
    )]
    AnswerTooLarge {
        /// The target.
        target: String,
        /// The limit.
        limit: u64,
    },
    /// The answer is compressed in a way that cannot be read.
    #[error("The answer of {target} cannot be read: {reason}.")]
    Unreadable {
        /// The target.
        target: String,
        /// Why.
        reason: String,
    },
}

/// Whether a failure may go away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// It may.
    No,
    /// Somebody has to change something.
    Yes,
}

impl Failure {
    /// What became of a request that was sent, or was to be.
    pub(super) fn of_relay(target: &str, error: &RelayError) -> Self {
        let (target, reason) = (target.to_owned(), error.to_string());
        match error {
            RelayError::Connect(_) => {
                let lasting = match error.connect_error() {
                    Some(
                        ConnectError::Tls { .. }
                        | ConnectError::Resolve(ResolveError::Private { .. } | ResolveError::Never { .. }),
                    ) => Lasting::Yes,
                    _ => Lasting::No,
                };
                Self::Unreachable { target, reason, lasting }
            }
            RelayError::Unsent(_) => Self::Unreachable { target, reason, lasting: Lasting::No },
            RelayError::Broken(_) => Self::Broken { target, reason },
        }
    }

    /// How long to wait before the same request is sent again, where that may help.
    pub fn retry_after(&self) -> Option<Duration> {
        const SOON: Duration = Duration::from_secs(1);
        const LATER: Duration = Duration::from_secs(30);
        match self {
            Self::Busy => Some(SOON),
            Self::Uncounted => Some(LATER),
            Self::Resting { retry_after, .. } | Self::Held { retry_after, .. } => Some(*retry_after),
            Self::Unreachable { lasting: Lasting::No, .. } | Self::Broken { .. } | Self::TimedOut { .. } => {
                Some(LATER)
            }
            Self::WebPage { status: 429 | 500 | 502 | 503 | 504, retry_after, .. } => {
                Some(retry_after.unwrap_or(LATER))
            }
            _ => None,
        }
    }
}

fn seconds(duration: &Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

/// What to do about a page.
fn advice(status: u16) -> &'static str {
    match status {
        429 | 500 | 502..=504 => "It is overloaded or being mended; repeat the request later.",
        401 | 403 => {
            "Something in front of it refuses the bridge: a login page, a firewall, or the list of addresses that may call it."
        }
        _ => {
            "Check base_url: it may lead to the website instead of the SCIM endpoint. `scim-bridge doctor` looks for the right one."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_and_what_to_do() {
        let target = || "https://t.example".to_owned();
        for (failure, text, retry_after) in [
            (
                Failure::TimedOut { target: target(), within: Duration::from_secs(25) },
                "https://t.example did not answer within 25 seconds. Whether it did what was asked is not known.",
                Some(30),
            ),
            (
                Failure::WebPage { target: target(), status: 404, retry_after: None },
                "https://t.example answered 404 with a web page instead of SCIM. Check base_url: it may lead to the website \
                 instead of the SCIM endpoint. `scim-bridge doctor` looks for the right one.",
                None,
            ),
            (
                Failure::WebPage { target: target(), status: 503, retry_after: Some(Duration::from_secs(7)) },
                "https://t.example answered 503 with a web page instead of SCIM. It is overloaded or being mended; repeat the \
                 request later.",
                Some(7),
            ),
        ] {
            assert_eq!(failure.to_string(), text);
            assert_eq!(failure.retry_after().map(|duration| duration.as_secs()), retry_after);
        }
    }
}
