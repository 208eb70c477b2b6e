//! What is told of every call to a target, whoever makes it: one line in the log, one more in the count.

use std::fmt;

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    cause::{
        Cause, TraceParent,
        span::{End, Kind, Running, Value},
    },
    clock::Time,
};

/// The status of an answer of a target.
pub type StatusOfTarget = StatusCode;

/// The bounds of durations in seconds: targets answer within some hundred milliseconds, and are waited for for 30 s.
const BOUNDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How a call ended, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx or 3xx.
    Done,
    /// The target said no: 4xx other than the ones below. That somebody is looked for who is not there (404) counts here too.
    Refused,
    /// 401: the credentials were refused.
    Unauthorized,
    /// 429: too many calls.
    Limited,
    /// 5xx, or 408.
    Failed,
    /// No complete answer came.
    Unanswered,
}

impl Outcome {
    /// All of them.
    const ALL: [Self; 6] =
        [Self::Done, Self::Refused, Self::Unauthorized, Self::Limited, Self::Failed, Self::Unanswered];

    /// What a status means.
    pub fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => Self::Limited,
            StatusCode::REQUEST_TIMEOUT => Self::Failed,
            status if status.is_client_error() => Self::Refused,
            status if status.is_server_error() => Self::Failed,
            _ => Self::Done,
        }
    }

    /// As it is shown to programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::Limited => "limited",
            Self::Failed => "failed",
            Self::Unanswered => "unanswered",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Counted {
    app: String,
    call: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Timed {
    app: String,
    call: String,
}

/// The calls of all apps of one process. Clones count together.
#[derive(Clone)]
pub struct Calls {
    counts: Family<Counted, Counter>,
    durations: Family<Timed, Histogram, fn() -> Histogram>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Default for Calls {
    fn default() -> Self {
        let durations = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        Self { counts: Family::default(), durations }
    }
}

impl Calls {
    /// Shows the counts in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("upstream_calls", "Calls to targets by app, call and outcome", self.counts.clone());
        registry.register_with_unit(
            "upstream_call_duration",
            "How long calls to targets took, up to the end of the answer",
            Unit::Seconds,
            self.durations.clone(),
        );
    }

    /// Counts the calls of `app`.
    pub fn of(&self, app: &str) -> CallMeter {
        CallMeter { app: app.to_owned(), calls: self.clone() }
    }
}

/// Tells of the calls of one app.
#[derive(Clone, Debug)]
pub struct CallMeter {
    app: String,
    calls: Calls,
}

impl From<&str> for CallMeter {
    /// For an app whose counts nobody reads.
    fn from(app: &str) -> Self {
        Calls::default().of(app)
    }
}

/// A call that is made now.
#[derive(Debug)]
pub struct Begun {
    /// The trace that it belongs to, and its own place in it, if it is recorded: what is sent with it.
    pub trace_parent: Option<TraceParent>,
    began_at: Time,
    span: Option<Running>,
}

impl Begun {
    /// Begins at `now`, for what the current task works for.
    pub fn at(now: Time) -> Self {
        let (cause, span) = Cause::current().map(|cause| cause.begin(Kind::Client, now)).unzip();
        Self { trace_parent: cause.and_then(|cause| cause.trace_parent), began_at: now, span: span.flatten() }
    }

    /// Its place in the trace, if it is a part of its own. Where it is none, what is passed on is as it came.
    pub fn recorded(&self) -> Option<TraceParent> {
        self.trace_parent.filter(|_| self.span.is_some())
    }
}

/// What was called.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The method.
    pub method: &'a Method,
    /// The template of its path, one of few; for what is passed through, the word for that.
    pub route: &'a str,
    /// The path as it was sent, without the query, in which there may be names.
    pub path: &'a str,
}

impl CallMeter {
    /// Whose calls they are.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// Counts a call that ended `now`, writes its line and ends its part of the trace: it got that status, or no answer for that
    /// reason.
    pub fn tell(
        &self,
        begun: Begun,
        called: Called<'_>,
        now: Time,
        result: Result<StatusCode, &dyn fmt::Display>,
    ) {
        let Called { method, route, path } = called;
        let duration = now.since(begun.began_at);
        let (app, counted_as) = (&self.app, format!("{} {route}", known(method)));
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let outcome = match result {
            Ok(status) => {
                let status_code = status.as_u16();
                tracing::info!(app, http.method = %method, http.route = route, http.path = path, http.status = status_code, duration_ms, "upstream call");
                Outcome::of(status)
            }
            Err(error) => {
                tracing::warn!(app, http.method = %method, http.route = route, http.path = path, %error, duration_ms, "upstream call");
                Outcome::Unanswered
            }
        };
        if let Some(span) = begun.span {
            let mut attributes = vec![
                ("app", Value::Text(app.clone())),
                ("http.request.method", Value::Text(method.to_string())),
                ("url.template", Value::Text(route.to_owned())),
            ];
            attributes.push(match result {
                Ok(status) => ("http.response.status_code", Value::Number(status.as_u16().into())),
                Err(_) => ("error.type", Value::Text(outcome.as_str().to_owned())),
            });
            // A client's part fails also where it is told no (OpenTelemetry's conventions for HTTP).
            let end = if outcome == Outcome::Done { End::Well } else { End::Failed };
            span.end(now, counted_as.clone(), attributes, end);
        }
        let timed = Timed { app: app.clone(), call: counted_as.clone() };
        self.calls.durations.get_or_create(&timed).observe(duration.as_secs_f64());
        for other in Outcome::ALL {
            let counted = Counted { app: app.clone(), call: counted_as.clone(), outcome: other.as_str() };
            // All begin with the first: what increases is seen only in a series that was there before.
            let counter = self.calls.counts.get_or_create(&counted);
            if other == outcome {
                counter.inc();
            }
        }
    }
}

/// The method, as one of few: what is counted is kept for ever, and a method that is passed through may be anything.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => {
            method.as_str()
        }
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(200, "done")]
    #[case(302, "done")]
    #[case(400, "refused")]
    #[case(401, "unauthorized")]
    #[case(404, "refused")]
    #[case(408, "failed")]
    #[case(429, "limited")]
    #[case(503, "failed")]
    fn a_status_counts_as_what_it_means(#[case] status: u16, #[case] outcome: &str) {
        assert_eq!(Outcome::of(StatusCode::from_u16(status).unwrap()).as_str(), outcome);
    }
}
