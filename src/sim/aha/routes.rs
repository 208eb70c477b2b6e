//! All routes on one page, and what every call passes on its way to them.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{delete, get, post, put},
};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};

use super::{
    SimulatedAha,
    answer::{self, Broken, Refusal},
    catalogue,
    log::{Call, Outcome, call_without_body},
    oauth, portals, product_roles, product_users,
    rate::Standing,
    seat_groups,
    switches::{RetryAfter, Rounding},
    user_roles, users,
};

/// Where the API begins.
pub(super) const PREFIX: &str = "/api/v1";

/// The longest body that is read, in bytes. A write about one user is far shorter.
const LONGEST_BODY: usize = 64 * 1024;

pub(super) fn router(aha: SimulatedAha) -> Router {
    let api = Router::new()
        .route("/users", get(users::list))
        .route("/users/{id}", get(users::show).merge(put(users::update)))
        .route("/users/{id}/product_roles", get(product_roles::list).post(product_roles::update))
        .route("/users/{id}/product_roles/{product_id}", delete(product_roles::delete))
        .route("/users/{id}/user_roles", get(user_roles::list).post(user_roles::give))
        .route("/users/{id}/user_roles/{product_id}", delete(user_roles::delete))
        .route("/products/{id}/users", get(product_users::list).post(product_users::create))
        .route("/products", get(catalogue::products))
        .route("/products/{id}", get(catalogue::product))
        .route("/identity_providers", get(catalogue::identity_providers))
        .route("/identity_providers/{id}", get(catalogue::identity_provider))
        .route("/paid_seat_groups", get(seat_groups::list))
        .route("/paid_seat_groups/{id}/modify_user", post(seat_groups::modify_user))
        .route("/idea_portals/{portal_id}/portal_users", get(portals::list).post(portals::create))
        .route(
            "/idea_portals/{portal_id}/portal_users/{id}",
            get(portals::show).put(portals::update).delete(portals::delete),
        )
        .route("/portal_users", get(portals::list_all))
        .route("/portal_users/{id}", get(portals::show_any))
        .route("/me", get(catalogue::me))
        // A known path with another verb, such as DELETE /users/:id, is a route that Aha! does not serve.
        .method_not_allowed_fallback(no_such_route);
    // Whether logins count against the limits of the API is not documented; they are few.
    let logins = Router::new()
        .route("/oauth/authorize", get(oauth::authorize))
        .route("/oauth/token", post(oauth::token));
    Router::new()
        .nest(PREFIX, api)
        .fallback(no_such_route)
        // From here on upwards, as the answer travels:
        // the account's rate limits,
        .layer(from_fn_with_state(aha.clone(), limit))
        .merge(logins)
        // the faults on order, as a broken network or gateway in front of Aha!,
        .layer(from_fn_with_state(aha.clone(), spoil))
        // and the log, which misses nothing.
        .layer(from_fn_with_state(aha.clone(), record))
        .with_state(aha)
}

async fn no_such_route(State(aha): State<SimulatedAha>) -> Response {
    Refusal::RouteNotFound.answer(&aha.lock().switches)
}

/// Notes the call and what becomes of it.
///
/// The call runs in a task of its own: whoever hangs up does not stop it, as at a real server. A client that ran out of
/// patience during a delay must expect that its write is applied later.
async fn record(State(aha): State<SimulatedAha>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.ok();
    let call = Call::new(&parts, body.as_deref().unwrap_or_default(), aha.clock.now());
    let mark = aha.lock().log.begin(call);
    let Some(body) = body else {
        let response = Refusal::TooLarge.answer(&aha.lock().switches);
        aha.lock().log.finish(mark, Outcome::Answered(response.status().as_u16()));
        return response;
    };
    let request = Request::from_parts(parts, Body::from(body));
    let work = tokio::spawn(async move {
        let mut response = next.run(request).await;
        response.headers_mut().extend(date(&aha).map(|date| (header::DATE, date)));
        let broken = response.extensions().get::<Broken>().map(|Broken(outcome)| *outcome);
        let outcome = broken.unwrap_or_else(|| Outcome::Answered(response.status().as_u16()));
        aha.lock().log.finish(mark, outcome);
        response
    });
    // The task ends early only by a panic of ours; the caller sees what it would see of a server that died.
    work.await.unwrap_or_else(|_| answer::dropped())
}

/// Lets the first fault act that is meant for this call.
async fn spoil(State(aha): State<SimulatedAha>, request: Request, next: Next) -> Response {
    if aha.lock().faults.is_empty() {
        return next.run(request).await;
    }
    let (call, request) = call_without_body(request, aha.clock.now());
    let Some(fault) = aha.lock().faults.take(&call) else { return next.run(request).await };
    if fault.is_after_applying() {
        let response = next.run(request).await;
        fault.wait(&aha.clock).await;
        match fault.replacement() {
            Some(replacement) => replacement,
            None => fault.spoil(response).await,
        }
    } else {
        fault.wait(&aha.clock).await;
        match fault.replacement() {
            Some(replacement) => replacement,
            None => next.run(request).await,
        }
    }
}

/// Counts the call against the account's limits; says how they stand, or 429.
async fn limit(State(aha): State<SimulatedAha>, request: Request, next: Next) -> Response {
    let (admission, rules) = aha.admit();
    let mut response = if admission.admitted {
        next.run(request).await
    } else {
        // What the body of a 429 says is not known: nothing that a client could read.
        answer::text(http::StatusCode::TOO_MANY_REQUESTS, "text/plain; charset=utf-8", "Retry later\n")
    };
    let headers = response.headers_mut();
    let reported = admission.reported.map(|standing| standing_headers(standing, rules.rounding));
    for (name, value) in reported.into_iter().flatten() {
        headers.insert(name, value);
    }
    if !admission.admitted && rules.retry_after == RetryAfter::Seconds {
        let seconds = whole_seconds(admission.wait, Rounding::Up);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn standing_headers(standing: Standing, rounding: Rounding) -> [(HeaderName, HeaderValue); 3] {
    let reset = Duration::from_micros(u64::try_from(standing.reset.as_micros()).unwrap_or(0));
    let reset = whole_seconds(reset, rounding);
    [
        (HeaderName::from_static("x-ratelimit-limit"), HeaderValue::from(standing.limit)),
        (HeaderName::from_static("x-ratelimit-remaining"), HeaderValue::from(standing.remaining)),
        (HeaderName::from_static("x-ratelimit-reset"), HeaderValue::from(reset)),
    ]
}

fn whole_seconds(duration: Duration, rounding: Rounding) -> u64 {
    match rounding {
        Rounding::Up => duration.as_secs() + u64::from(duration.subsec_nanos() > 0),
        Rounding::Down => duration.as_secs(),
    }
}

/// `Date` by the simulator's clock, which every answer carries.
fn date(aha: &SimulatedAha) -> Option<HeaderValue> {
    let now = aha.clock.now() + aha.lock().switches.clock_ahead;
    let timestamp = Timestamp::from_microsecond(now.as_micros()).ok()?;
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).ok()?;
    HeaderValue::from_str(&date).ok()
}
