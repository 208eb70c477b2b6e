//! One request, from the client to the target and back.

use std::{pin::pin, sync::Arc, time::Duration};

use http::{Method, Request, Response};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    cause::TRACE_PARENT,
    clock::until,
    upstream::{RelayError, RequestBody},
};

use super::{
    AnswerBody, Below, Failure, PassedThrough,
    answer::{self, Asked},
    audit::Record,
    body::Turn,
    brake,
    call::Call,
    handover::Exchange,
    head,
    request::{self, Outgoing, of_fault},
};

/// How long a request waits for a place when all are taken.
const WAIT_FOR_PLACE: Duration = Duration::from_secs(5);

/// How long a small answer has for its body at least, however late its head was.
const LEAST_FOR_WHOLE: Duration = Duration::from_secs(1);

/// Passes `request` of `actor`, the name of a token, to the target, and its answer back. `below` is what it asks for. Dropped,
/// it drops the request to the target.
///
/// # Errors
/// When it is not passed on, or there is no answer that can be passed back.
pub async fn forward(
    app: &Arc<PassedThrough>,
    actor: &str,
    below: &Below,
    request: Request<RequestBody>,
) -> Result<Response<AnswerBody>, Failure> {
    let mut record = Record::begin(app, actor, request.method(), below);
    let result = pass(app, below, request, record.as_mut()).await;
    if let Some(record) = record {
        match &result {
            Ok(answer) => record.end(answer.status().as_str(), Some(answer.headers())).await,
            Err(failure) => record.end(&failure.to_string(), None).await,
        }
    }
    result
}

async fn pass(
    app: &Arc<PassedThrough>,
    below: &Below,
    request: Request<RequestBody>,
    record: Option<&mut Record>,
) -> Result<Response<AnswerBody>, Failure> {
    let (parts, body) = request.into_parts();
    let method = parts.method;
    // 1. TRACE would be answered with the request, the target's token included.
    if method == Method::TRACE || method == Method::CONNECT {
        return Err(Failure::Method(method));
    }
    // 2. The request as the target gets it.
    let mut headers = head::of_request(&parts.headers, &app.authorization, &app.to_target, &app.allowed);
    let asked = request::Asked { method: &method, below };
    let mut body = Outgoing::prepare(app, &asked, &mut headers, body).await?;
    let mut head = Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = app.uri(below).map_err(|_| Failure::Path(super::Unsafe::Slash))?;
    *head.headers_mut() = headers;
    let meaning = body.take_meaning();
    if let Some(record) = record {
        record.has_operations(meaning.operations);
    }
    // 3. Whose access it takes away, and whether that are too many.
    let urgency = if meaning.revoked.is_nobody() { Urgency::Ordinary } else { Urgency::TakesAccess };
    let let_through = brake::pass(app, meaning.revoked).await?;
    // 4. Send it, and once more if that is safe.
    let mut attempts = 2;
    let result = loop {
        attempts -= 1;
        match exchange(app, below, &head, &mut body, urgency).await {
            Err((_, Again::Safe)) if attempts > 0 && body.is_repeatable() => {}
            Err((failure, _)) => break Err(failure),
            Ok(answer) => break Ok(answer),
        }
    };
    // 5. Who lost nothing after all does not count.
    if was_not_done(&result) {
        brake::take_back(app, let_through).await;
    }
    result
}

/// How long a request may wait for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    Ordinary,
    /// A leaver would stay in: it is not told to come again.
    TakesAccess,
}

/// Whether it is certain that the target did not do what was asked.
fn was_not_done(result: &Result<Response<AnswerBody>, Failure>) -> bool {
    match result {
        Ok(answer) => refuses(answer.status().as_u16()),
        Err(Failure::WebPage { status, .. }) => refuses(*status),
        Err(failure) => matches!(
            failure,
            Failure::Busy
                | Failure::Resting { .. }
                | Failure::Unreachable { .. }
                | Failure::TooLarge(_)
                | Failure::IncompleteBody
        ),
    }
}

/// Whether a status says that nothing was done. Who was too slow for a proxy in front of the target (408) may have been heard.
fn refuses(status: u16) -> bool {
    matches!(status, 400..500) && status != 408
}

/// Whether the same request may be sent once more after it failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It changes nothing, or never left.
    Safe,
    Unsafe,
}

async fn exchange(
    app: &Arc<PassedThrough>,
    below: &Below,
    head: &Request<()>,
    body: &mut Outgoing,
    urgency: Urgency,
) -> Result<Response<AnswerBody>, (Failure, Again)> {
    let place = place(app, urgency).await.map_err(|failure| (failure, Again::Unsafe))?;
    let passage = app.breaker.pass().map_err(|resting| {
        let failure = Failure::Resting {
            target: app.target.clone(),
            reason: resting.reason,
            retry_after: resting.retry_after,
        };
        (failure, Again::Unsafe)
    })?;
    let started = app.clock.now();
    let mut call = Call::begin(app, head.method(), below);
    let sent = send(app, head, body, &call).await;
    let is_read = head.method() == Method::GET || head.method() == Method::HEAD;
    let response = match sent {
        Ok(response) => response,
        Err(trouble) if body.progress.fault().is_some() => {
            call.failed(&trouble.reason());
            return Err((of_fault(body.progress.fault(), app), Again::Unsafe));
        }
        Err(trouble) => {
            let failure = trouble.failure(app);
            call.failed(&trouble.reason());
            passage.failed(&trouble.reason());
            let again = match trouble {
                Trouble::Relay(RelayError::Unsent(_)) => Again::Safe,
                Trouble::Relay(RelayError::Broken(_)) if is_read => Again::Safe,
                Trouble::Relay(_) | Trouble::Late => Again::Unsafe,
            };
            return Err((failure, again));
        }
    };
    call.answered(response.status());
    app.refused.heed(response.status(), app.clock.now());
    let whole_by = (started + app.request_timeout).max(app.clock.now() + LEAST_FOR_WHOLE);
    let asked = Asked { below, deadline: started + app.total_timeout, whole_by };
    let passed = answer::pass(app, &asked, response, Exchange::new(place, call)).await;
    match &passed {
        // It did not come to the end of what it began.
        Err(Failure::Broken { reason, .. }) => passage.failed(reason),
        Err(failure @ Failure::TimedOut { .. }) => passage.failed(&failure.to_string()),
        Ok(_) | Err(_) => passage.answered(),
    }
    passed.map_err(|failure| {
        let broke_off = matches!(failure, Failure::Broken { .. });
        (failure, if broke_off && is_read { Again::Safe } else { Again::Unsafe })
    })
}

async fn place(app: &PassedThrough, urgency: Urgency) -> Result<OwnedSemaphorePermit, Failure> {
    if let Ok(place) = app.places.clone().try_acquire_owned() {
        return Ok(place);
    }
    let wait = match urgency {
        Urgency::Ordinary => WAIT_FOR_PLACE,
        Urgency::TakesAccess => app.request_timeout.max(WAIT_FOR_PLACE),
    };
    let deadline = app.clock.now() + wait;
    match until(&*app.clock, deadline, app.places.clone().acquire_owned()).await {
        Some(place) => Ok(place.expect("the semaphore of an app is never closed")),
        None => Err(Failure::Busy),
    }
}

/// Why there is no answer.
enum Trouble {
    Relay(RelayError),
    Late,
}

impl Trouble {
    fn reason(&self) -> String {
        match self {
            Self::Relay(error) => error.to_string(),
            Self::Late => "it did not answer in time".to_owned(),
        }
    }

    fn failure(&self, app: &PassedThrough) -> Failure {
        match self {
            Self::Relay(error) => Failure::of_relay(&app.target, error),
            Self::Late => Failure::TimedOut { target: app.target.clone(), within: app.request_timeout },
        }
    }
}

async fn send(
    app: &PassedThrough,
    head: &Request<()>,
    body: &mut Outgoing,
    call: &Call,
) -> Result<Response<Incoming>, Trouble> {
    let mut request = Request::new(body.take());
    *request.method_mut() = head.method().clone();
    *request.uri_mut() = head.uri().clone();
    *request.headers_mut() = head.headers().clone();
    if let Some(parent) = call.trace_parent().and_then(|parent| parent.to_string().parse().ok()) {
        request.headers_mut().insert(TRACE_PARENT, parent);
    }
    let mut deadline = app.clock.now() + app.request_timeout;
    let mut answer = pin!(app.relay.send(request));
    loop {
        if let Some(result) = until(&*app.clock, deadline, &mut answer).await {
            return result.map_err(Trouble::Relay);
        }
        // A target that has not got the whole request is not late. How long the client may take is bounded by the server.
        let now = app.clock.now();
        deadline = match body.progress.turn() {
            Turn::Client => now + app.request_timeout,
            Turn::TargetSince(time) if now < time + app.request_timeout => time + app.request_timeout,
            Turn::TargetSince(_) | Turn::Target => return Err(Trouble::Late),
        };
    }
}
