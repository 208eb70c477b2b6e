//! Failures on order.
//!
//! A fault stands between the client and Aha!, as a failing network or gateway does: a call that it keeps away is not
//! applied, not counted against the rate limit, and not checked for its API key, but it is in the call log.
//!
//! ```
//! # use scim_bridge::sim::aha::Fault;
//! // The first create is applied, but its answer gets lost.
//! let lost_answer = Fault::drop_connection().after_applying().on("POST /products/:id/users");
//! // Two calls below one user's path fail with a gateway's page.
//! let bad_gateway = Fault::html(502).on_path_prefix("/users/7400000000000000000").times(2);
//! ```

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use axum::{
    body::{Body, to_bytes},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};

use super::{answer, log::Call};
use crate::clock::{Clock, SystemClock};

/// A failure to come: what happens, to which calls, and how often. As made, it meets the next call, once.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: Effect,
    moment: Moment,
    delay: Option<Delay>,
    target: Target,
    /// How many calls of the target pass unharmed first.
    skipped: usize,
    /// How many calls it meets; `None` is all.
    times: Option<usize>,
}

#[derive(Clone, Debug)]
enum Effect {
    /// Nothing, but for the delay.
    Pass,
    /// This answer instead of the real one.
    Answer(CannedAnswer),
    /// No answer.
    Drop,
    /// Half of the real answer, then the connection closes.
    Truncate,
    /// Half of the real answer as if it were the whole.
    Halve,
}

#[derive(Clone, Debug)]
struct CannedAnswer {
    status: StatusCode,
    content_type: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    BeforeApplying,
    AfterApplying,
}

#[derive(Clone, Copy, Debug)]
enum Delay {
    ByClock(Duration),
    ForReal(Duration),
}

/// The calls that a fault is meant for; what is `None` admits any.
#[derive(Clone, Debug, Default)]
struct Target {
    template: Option<String>,
    method: Option<Method>,
    path_prefix: Option<String>,
    path_suffix: Option<String>,
}

impl Target {
    fn admits(&self, call: &Call) -> bool {
        self.template.as_ref().is_none_or(|template| call.is(template))
            && self.method.as_ref().is_none_or(|method| call.method == *method)
            && self.path_prefix.as_ref().is_none_or(|prefix| call.path.starts_with(prefix))
            && self.path_suffix.as_ref().is_none_or(|suffix| call.path.ends_with(suffix))
    }
}

/// What happens.
impl Fault {
    /// An answer with this status, content type and body. A status that is none is read as 500.
    pub fn answer(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(Effect::Answer(CannedAnswer {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
        }))
    }

    /// An answer in JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::answer(status, "application/json; charset=utf-8", body.to_string())
    }

    /// A page as gateways answer it; 200 is a sign-in or maintenance page.
    pub fn html(status: u16) -> Self {
        Self::answer(status, "text/html", "<html><body><h1>Something went wrong</h1></body></html>")
    }

    /// 401 as Aha! answers it.
    pub fn unauthorized() -> Self {
        Self::html(401)
    }

    /// 429 without any header that says when to come again; add them with [`header`](Fault::header).
    pub fn too_many_requests() -> Self {
        Self::answer(429, "text/plain", "Retry later\n")
    }

    /// No answer: the connection closes.
    pub fn drop_connection() -> Self {
        Self::new(Effect::Drop)
    }

    /// The call is applied; half of the answer comes, then the connection closes short of `Content-Length`.
    pub fn truncate() -> Self {
        Self::new(Effect::Truncate).after_applying()
    }

    /// The call is applied; half of the answer comes as if it were the whole: broken JSON in a sound HTTP message.
    pub fn halve() -> Self {
        Self::new(Effect::Halve).after_applying()
    }

    /// Nothing but waiting, by the simulator's clock. Stands for itself, or before another effect with
    /// [`delayed`](Fault::delayed).
    pub fn delay(duration: Duration) -> Self {
        Self::new(Effect::Pass).delayed(duration)
    }

    fn new(effect: Effect) -> Self {
        Self {
            effect,
            moment: Moment::BeforeApplying,
            delay: None,
            target: Target::default(),
            skipped: 0,
            times: Some(1),
        }
    }

    /// Adds a header to the answer. Without effect where no answer was given, or the header cannot be written.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let (Effect::Answer(answer), Ok(name), Ok(value)) =
            (&mut self.effect, HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            answer.headers.push((name, value));
        }
        self
    }

    /// The call is applied first; only its answer goes wrong.
    pub fn after_applying(mut self) -> Self {
        self.moment = Moment::AfterApplying;
        self
    }

    /// Waits first, by the simulator's clock.
    pub fn delayed(mut self, duration: Duration) -> Self {
        self.delay = Some(Delay::ByClock(duration));
        self
    }

    /// Waits first, by the machine's clock, also where the simulator runs on another.
    pub fn delayed_for_real(mut self, duration: Duration) -> Self {
        self.delay = Some(Delay::ForReal(duration));
        self
    }
}

/// To which calls, and how often.
impl Fault {
    /// Meets only calls to this route, as the call log names it: `PUT /users/:id`, `GET /users?email`.
    pub fn on(mut self, template: &str) -> Self {
        self.target.template = Some(template.to_owned());
        self
    }

    /// Meets only calls with this method.
    pub fn on_method(mut self, method: Method) -> Self {
        self.target.method = Some(method);
        self
    }

    /// Meets only calls whose path below `/api/v1` begins so.
    pub fn on_path_prefix(mut self, prefix: &str) -> Self {
        self.target.path_prefix = Some(prefix.to_owned());
        self
    }

    /// Meets only calls whose path ends so.
    pub fn on_path_suffix(mut self, suffix: &str) -> Self {
        self.target.path_suffix = Some(suffix.to_owned());
        self
    }

    /// Lets the first `calls` calls of the target pass.
    pub fn skipping(mut self, calls: usize) -> Self {
        self.skipped = calls;
        self
    }

    /// Meets this many calls.
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Meets every call, until the faults are cleared.
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }
}

/// How a fault changes the course of a call.
impl Fault {
    /// Whether the call is applied before the fault acts.
    pub(super) fn is_after_applying(&self) -> bool {
        self.moment == Moment::AfterApplying
    }

    /// Waits as long as the fault says.
    pub(super) async fn wait(&self, clock: &Arc<dyn Clock>) {
        match self.delay {
            None => {}
            Some(Delay::ByClock(duration)) => clock.sleep_until(clock.now() + duration).await,
            Some(Delay::ForReal(duration)) => SystemClock.sleep_until(SystemClock.now() + duration).await,
        }
    }

    /// The answer that comes in place of the real one; `None` where the real one is needed.
    pub(super) fn replacement(&self) -> Option<Response> {
        match &self.effect {
            Effect::Pass | Effect::Truncate | Effect::Halve => None,
            Effect::Drop => Some(answer::dropped()),
            Effect::Answer(canned) => {
                let mut response = answer::text(canned.status, canned.content_type, canned.body.clone());
                response.headers_mut().extend(canned.headers.iter().cloned());
                Some(response)
            }
        }
    }

    /// What the fault makes of the real answer.
    pub(super) async fn spoil(&self, response: Response) -> Response {
        if !matches!(self.effect, Effect::Truncate | Effect::Halve) {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        // The simulator's own answers are in memory: there is no error, and no limit is needed.
        let body: Bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let half = body.slice(..body.len() / 2);
        if matches!(self.effect, Effect::Halve) {
            parts.headers.remove(header::CONTENT_LENGTH);
            return Response::from_parts(parts, Body::from(half));
        }
        let content_type = parts.headers.remove(header::CONTENT_TYPE);
        let content_type = content_type.unwrap_or_else(|| HeaderValue::from_static("text/plain"));
        answer::truncated(parts.status, content_type, body.len(), half)
    }
}

/// The faults that are still to come, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first fault that meets this call.
    pub(super) fn take(&mut self, call: &Call) -> Option<Fault> {
        let mut met = None;
        for fault in self.0.iter_mut().filter(|fault| fault.target.admits(call)) {
            if fault.skipped > 0 {
                fault.skipped -= 1;
            } else if fault.times != Some(0) {
                fault.times = fault.times.map(|times| times - 1);
                met = Some(fault.clone());
                break;
            }
        }
        self.0.retain(|fault| fault.times != Some(0));
        met
    }
}
