//! Every call that came in, in order, so that a test can say exactly which calls it expects.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::Deref,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, header, request::Parts},
};
use serde_json::Value;

use super::routes::PREFIX;
use crate::clock::Time;

/// How many calls are remembered; older ones are forgotten.
const CAPACITY: usize = 50_000;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When it came in.
    pub at: Time,
    /// The method.
    pub method: Method,
    /// The path below `/api/v1`.
    pub path: String,
    /// The path as the route spells it, `/users/:id`; the path itself where there is no route.
    pub route: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The [`fingerprint`] of the API key; `None` where there was none.
    pub api_key: Option<String>,
    /// The header `traceparent`.
    pub trace_parent: Option<String>,
    /// What was sent: JSON, or a string where it is not JSON; `None` when empty.
    pub body: Option<Value>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not answered yet.
    Running,
    /// Answered in full, with this status.
    Answered(u16),
    /// The connection was cut within the answer, whose status was this.
    Truncated(u16),
    /// The connection was cut without an answer.
    Dropped,
}

impl Call {
    pub(super) fn new(parts: &Parts, body: &[u8], at: Time) -> Self {
        let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or(parts.uri.path()).to_owned();
        let matched = parts.extensions.get::<MatchedPath>();
        Self {
            at,
            method: parts.method.clone(),
            route: matched.map_or_else(|| path.clone(), |matched| route(matched.as_str())),
            path,
            query: query_pairs(parts.uri.query()),
            api_key: bearer(parts).map(fingerprint),
            trace_parent: parts
                .headers
                .get("traceparent")
                .and_then(|value| Some(value.to_str().ok()?.to_owned())),
            body: (!body.is_empty()).then(|| {
                serde_json::from_slice(body)
                    .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into()))
            }),
            outcome: Outcome::Running,
        }
    }

    /// Method, route and the names of the query parameters: `GET /users?email`, `PUT /users/:id`.
    pub fn template(&self) -> String {
        let names: Vec<_> = self.query.iter().map(|(name, _)| name.as_str()).collect();
        let separator = if names.is_empty() { "" } else { "?" };
        format!("{} {}{separator}{}", self.method, self.route, names.join("&"))
    }

    /// Whether the call could change something.
    pub fn is_write(&self) -> bool {
        self.method != Method::GET && self.method != Method::HEAD
    }

    /// Whether the call goes where `target` says: [`template`](Call::template) with or without the query's names.
    pub fn is(&self, target: &str) -> bool {
        let template = self.template();
        template == target || template.split('?').next() == Some(target)
    }
}

/// `PUT /users/123 {"user":{"enabled":false}}`; the query is shown decoded.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        self.body.iter().try_for_each(|body| write!(f, " {body}"))
    }
}

/// Calls in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls(Vec<Call>);

impl Calls {
    /// Those that could change something.
    pub fn writes(&self) -> Self {
        self.only(Call::is_write)
    }

    /// Those that only read.
    pub fn reads(&self) -> Self {
        self.only(|call| !call.is_write())
    }

    /// Those that go where `target` says: `PUT /users/:id`, `GET /users?email`, or `GET /users` with any query.
    pub fn to(&self, target: &str) -> Self {
        self.only(|call| call.is(target))
    }

    /// Those that were answered with `status`.
    pub fn answered(&self, status: u16) -> Self {
        self.only(|call| call.outcome == Outcome::Answered(status))
    }

    /// Each call as a line, as [`Call`] is displayed.
    pub fn lines(&self) -> Vec<String> {
        self.iter().map(Call::to_string).collect()
    }

    /// How many there are of each [template](Call::template).
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.iter().fold(BTreeMap::new(), |mut counts, call| {
            *counts.entry(call.template()).or_default() += 1;
            counts
        })
    }

    fn only(&self, wanted: impl Fn(&Call) -> bool) -> Self {
        Self(self.iter().filter(|call| wanted(call)).cloned().collect())
    }
}

impl Deref for Calls {
    type Target = [Call];

    fn deref(&self) -> &[Call] {
        &self.0
    }
}

impl FromIterator<Call> for Calls {
    fn from_iter<T: IntoIterator<Item = Call>>(calls: T) -> Self {
        Self(calls.into_iter().collect())
    }
}

/// One line a call.
impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|call| writeln!(f, "{call}"))
    }
}

/// A place in the log, to ask later what came after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// The log itself.
#[derive(Debug, Default)]
pub(super) struct Log {
    calls: VecDeque<Call>,
    /// How many calls came before the first that is still here.
    forgotten: u64,
}

impl Log {
    /// Notes a call that came in; the mark names it.
    pub(super) fn begin(&mut self, call: Call) -> Mark {
        if self.calls.len() == CAPACITY {
            self.calls.pop_front();
            self.forgotten += 1;
        }
        let mark = self.mark();
        self.calls.push_back(call);
        mark
    }

    /// Notes what became of a call.
    pub(super) fn finish(&mut self, mark: Mark, outcome: Outcome) {
        // The call may have been forgotten, or taken, in the meantime.
        let index = mark.0.checked_sub(self.forgotten).and_then(|index| usize::try_from(index).ok());
        if let Some(call) = index.and_then(|index| self.calls.get_mut(index)) {
            call.outcome = outcome;
        }
    }

    /// The place after the last call.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.forgotten + self.calls.len() as u64)
    }

    /// The calls that came after `mark`.
    pub(super) fn since(&self, mark: Mark) -> Calls {
        let skipped = usize::try_from(mark.0.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        self.calls.iter().skip(skipped).cloned().collect()
    }

    /// All calls that are still remembered.
    pub(super) fn all(&self) -> Calls {
        self.calls.iter().cloned().collect()
    }

    /// All calls, which are forgotten with this.
    pub(super) fn take(&mut self) -> Calls {
        self.forgotten += self.calls.len() as u64;
        self.calls.drain(..).collect()
    }
}

/// What the log shows of an API key: enough to tell two apart, not enough to use one.
pub fn fingerprint(api_key: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, api_key.as_bytes());
    digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The pairs of a query string, decoded.
pub(super) fn query_pairs(query: Option<&str>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// A call as far as a fault's target needs it: without its body.
pub(super) fn call_without_body(request: Request, at: Time) -> (Call, Request) {
    let (parts, body) = request.into_parts();
    (Call::new(&parts, &[], at), Request::from_parts(parts, body))
}

/// `/api/v1/users/{id}` as `/users/:id`.
fn route(matched: &str) -> String {
    matched.strip_prefix(PREFIX).unwrap_or(matched).replace('{', ":").replace('}', "")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn call(method: Method, uri: &str, body: &str) -> Call {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        Call::new(&request.into_parts().0, body.as_bytes(), Time::default())
    }

    #[test]
    fn a_call_is_displayed_as_method_path_query_and_body() {
        let put = call(Method::PUT, "/api/v1/users/123", r#"{"user":{"enabled":false}}"#);
        assert_eq!(put.to_string(), r#"PUT /users/123 {"user":{"enabled":false}}"#);
        let get = call(Method::GET, "/api/v1/users?email=ann%40example.com&page=2", "");
        assert_eq!(get.to_string(), "GET /users?email=ann@example.com&page=2");
    }

    #[test]
    fn a_template_names_the_query_and_matches_with_or_without_it() {
        let get = call(Method::GET, "/api/v1/users?email=ann%40example.com", "");
        assert_eq!(get.template(), "GET /users?email");
        assert!(get.is("GET /users?email") && get.is("GET /users"));
        assert!(!get.is("GET /users?page") && !get.is("PUT /users"));
    }

    #[test]
    fn a_mark_stays_right_when_calls_are_taken() {
        let mut log = Log::default();
        let running = log.begin(call(Method::GET, "/api/v1/me", ""));
        assert_eq!(log.take().lines(), ["GET /me"]);
        let mark = log.mark();
        log.begin(call(Method::GET, "/api/v1/users", ""));
        log.finish(running, Outcome::Answered(200));
        assert_eq!(log.since(mark).lines(), ["GET /users"]);
        assert_eq!(log.since(mark)[0].outcome, Outcome::Running);
    }

    #[test]
    fn the_log_forgets_the_oldest_calls() {
        let mut log = Log::default();
        for number in 0..=CAPACITY {
            log.begin(call(Method::GET, &format!("/api/v1/users/{number}"), ""));
        }
        assert_eq!(log.since(Mark(0)).len(), CAPACITY);
        assert_eq!(log.since(Mark(0))[0].path, "/users/1");
    }

    #[test]
    fn a_fingerprint_tells_keys_apart_and_does_not_show_them() {
        assert_ne!(fingerprint("first"), fingerprint("second"));
        assert_eq!(fingerprint("first").len(), 8);
    }
}
