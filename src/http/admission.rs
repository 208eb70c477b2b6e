//! Who is let in: networks and certificates before anything is looked at, numbers as soon as it is known who calls.
//!
//! A failed attempt to authenticate is answered 401 as often as an honest mistake needs, and then 429 for a while. Only what
//! fails is slowed down, and leaves no more lines in the log: behind a proxy whose clients cannot be told apart, somebody who guesses must not shut out the
//! identity provider. That is enough: tokens have too many bits to be guessed, so all there is to save is work and log lines.
//!
//! Too many requests at a time are answered 429 as well, but for those that may take access away: they wait for a place. One
//! becomes free soon, since no request waits for its target for long. Places are for those who have shown who they are: whoever
//! has not can keep nobody out.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{auth::Refusals, clock::Clock, config::Networks};

use super::{
    Service, callback,
    caller::{app_name, client_address},
    error::{Failure, NobodyCanTell},
    failed_attempts::FailedAttempts,
    hooks::FailedAttempt,
    listen::{Certificate, Peer},
    passthrough::OfTarget,
    token_places::{ReceivingPlace, TokenPlaces},
};

/// When a request may be tried again that met too many others.
const RETRY_WHEN_BUSY: Duration = Duration::from_secs(1);

/// Where meters are read, which has a gate of its own. No app has this name.
pub const METRICS: &str = "metrics";

/// How many read meters at a time: each time all of them are read from the database.
const METRICS_REQUESTS: usize = 16;

/// Who is let in.
#[derive(Debug)]
pub struct Admission {
    /// Proxies whose word about the client's address is taken.
    pub trusted_proxies: Networks,
    /// By app.
    pub gates: BTreeMap<String, Gate>,
    failures: FailedAttempts,
}

/// Who is let in to one app.
#[derive(Debug)]
pub struct Gate {
    allow_from: Networks,
    places: Arc<Semaphore>,
    token_places: TokenPlaces,
}

/// A place among the requests that an app works on, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Where a request comes from, as far as that can be known; an extension of every request. `None` where a trusted proxy says it
/// in a way that cannot be read, and where there is no connection, in tests.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |address| address.fmt(f))
    }
}

impl Gate {
    /// A gate for clients in `allow_from`, all if it is empty, and for `most_requests` at a time.
    pub fn new(allow_from: Networks, most_requests: usize) -> Self {
        Self {
            allow_from,
            places: Arc::new(Semaphore::new(most_requests)),
            token_places: TokenPlaces::default(),
        }
    }

    /// The gate of [`METRICS`].
    pub fn of_metrics(allow_from: Networks) -> Self {
        Self::new(allow_from, METRICS_REQUESTS)
    }
}

impl Admission {
    /// Lets in whom `gates` let in. `failures_per_minute` is how many attempts of one client to authenticate may fail.
    pub fn new(
        trusted_proxies: Networks,
        gates: BTreeMap<String, Gate>,
        failures_per_minute: NonZeroU32,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { trusted_proxies, gates, failures: FailedAttempts::new(failures_per_minute, clock) }
    }
}

impl Admission {
    /// Finds out where `request` comes from, and lets everybody know who looks at it.
    pub(super) fn locate(&self, request: &mut Request) -> ClientAddress {
        let peer = request.extensions().get::<Peer>();
        let address =
            peer.and_then(|peer| client(peer.address.ip(), request.headers(), &self.trusted_proxies));
        request.extensions_mut().insert(ClientAddress(address));
        ClientAddress(address)
    }

    /// Whether the gate of `app` lets in who sends a request with these extensions: it comes from where it may, and over a
    /// connection with a certificate where one is needed.
    ///
    /// # Errors
    /// When it is not let in, whatever token it has.
    pub(super) fn check(&self, app: &str, extensions: &Extensions) -> Result<(), Failure> {
        let Some(gate) = self.gates.get(app) else { return Ok(()) };
        let peer = extensions.get::<Peer>();
        if peer.is_some_and(|peer| peer.certificate == Certificate::Missing) {
            return Err(Failure::NoCertificate);
        }
        let address = client_address(extensions);
        if gate.allow_from.is_empty() || address.is_some_and(|address| gate.allow_from.contains(address)) {
            return Ok(());
        }
        tracing::warn!(app, client.address = %ClientAddress(address), "a request from a network that is not allowed");
        Err(Failure::ForeignNetwork)
    }

    /// A place for a request to `app` whose sender is known. What may take access away waits for one, for as long as a request
    /// may take.
    ///
    /// # Errors
    /// When all are taken and the request may come again.
    pub(super) async fn enter(&self, app: &str, method: &Method, path: &str) -> Result<Place, Failure> {
        let Some(gate) = self.gates.get(app) else { return Ok(Place { _permit: None }) };
        let places = gate.places.clone();
        let permit = if may_take_access(method, path) {
            places.acquire_owned().await.ok()
        } else {
            places.try_acquire_owned().ok()
        };
        match permit {
            Some(permit) => Ok(Place { _permit: Some(permit) }),
            None => Err(Failure::Busy { retry_after: RETRY_WHEN_BUSY }),
        }
    }

    /// A place for a request for an access token whose body is still to be received, which is waited for.
    pub(super) async fn enter_receiving(&self, app: &str, extensions: &Extensions) -> Option<ReceivingPlace> {
        let (gate, address) = (self.gates.get(app)?, counted_on(extensions)?);
        Some(gate.token_places.receive(address).await)
    }

    /// A place for a request for an access token that is here, which is waited for.
    pub(super) async fn enter_token_endpoint(&self, app: &str) -> Place {
        let permit = match self.gates.get(app) {
            Some(gate) => gate.token_places.enter().await,
            None => None,
        };
        Place { _permit: permit }
    }
}

/// Answers requests that are not let in.
pub(super) async fn admit(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let admission = &service.admission;
    let address = counted_on(request.extensions());
    // A person who logs in at the target comes from elsewhere than the identity provider, and shows the login's state instead.
    let is_for_clients = !request.uri().path().split('/').skip(2).eq(callback::SEGMENTS);
    if is_for_clients && let Err(failure) = admission.check(app_name(request.uri()), request.extensions()) {
        return failure.into_response();
    }
    if address.is_some_and(|address| admission.failures.are_too_many(address)) {
        request.extensions_mut().insert(Refusals::Silent);
    }
    let response = next.run(request).await;
    match address {
        Some(address) if is_failed_attempt(&response) => match admission.failures.record(address) {
            None => response,
            Some(retry_after) => Failure::TooManyAttempts { retry_after }.into_response(),
        },
        // Each leaves a line in the log, and the client may be right: it is to come again, as it was told.
        Some(address) if response.extensions().get::<NobodyCanTell>().is_some() => {
            let _ = admission.failures.record(address);
            response
        }
        _ => response,
    }
}

/// Whether the client did not know the secret that it needs. A target that refuses our credentials says nothing of the client's.
fn is_failed_attempt(response: &Response) -> bool {
    let is_of_target = response.extensions().get::<OfTarget>().is_some();
    (response.status() == StatusCode::UNAUTHORIZED && !is_of_target)
        || response.extensions().get::<FailedAttempt>().is_some()
}

/// Whether somebody may lose access by the request, as far as its head tells.
fn may_take_access(method: &Method, path: &str) -> bool {
    match *method {
        Method::PUT | Method::PATCH | Method::DELETE => true,
        Method::POST => path.to_ascii_lowercase().ends_with("/bulk"),
        _ => false,
    }
}

/// On whose account a failed attempt goes: the client's, or that of the proxy which does not say who it is.
fn counted_on(extensions: &Extensions) -> Option<IpAddr> {
    let peer = || extensions.get::<Peer>().map(|peer| peer.address.ip().to_canonical());
    client_address(extensions).or_else(peer)
}

/// The address of the client behind `peer`: proxies append the address that they see, so the last one that is no trusted
/// proxy's is the client's, and what stands before it anybody may have written. `None` if that cannot be read: to take the proxy
/// for the client would let everybody in where the proxy is.
fn client(peer: IpAddr, headers: &HeaderMap, trusted_proxies: &Networks) -> Option<IpAddr> {
    let mut address = peer.to_canonical();
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().map(|line| line.as_bytes()).collect();
    for told in lines.iter().flat_map(|line| line.split(|byte| *byte == b',')).rev() {
        if !trusted_proxies.contains(address) {
            break;
        }
        address = told_address(told)?.to_canonical();
    }
    Some(address)
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn told_address(told: &[u8]) -> Option<IpAddr> {
    let told = str::from_utf8(told).ok()?.trim();
    let bare = told.strip_prefix('[').and_then(|told| told.strip_suffix(']')).unwrap_or(told);
    bare.parse().ok().or_else(|| Some(told.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn networks(networks: &[&str]) -> Networks {
        networks.iter().map(|network| network.parse().unwrap()).collect()
    }

    #[rstest]
    #[case::nobody_is_trusted("198.51.100.1", &["203.0.113.9"], &[], "198.51.100.1")]
    #[case::nobody_is_trusted_and_rubbish("198.51.100.1", &["rubbish"], &[], "198.51.100.1")]
    #[case::one_proxy("10.0.0.1", &["203.0.113.9"], &["10.0.0.0/8"], "203.0.113.9")]
    #[case::what_the_client_wrote_itself("10.0.0.1", &["6.6.6.6, 203.0.113.9"], &["10.0.0.0/8"], "203.0.113.9")]
    #[case::a_chain_in_two_lines("10.0.0.1", &["6.6.6.6, 203.0.113.9", "10.0.0.2"], &["10.0.0.0/8"], "203.0.113.9")]
    #[case::all_are_proxies("10.0.0.1", &["10.0.0.3"], &["10.0.0.0/8"], "10.0.0.3")]
    #[case::rubbish("10.0.0.1", &["203.0.113.9, unknown"], &["10.0.0.0/8"], "unknown")]
    #[case::rubbish_that_somebody_wrote_before("10.0.0.1", &["unknown, 203.0.113.9"], &["10.0.0.0/8"], "203.0.113.9")]
    #[case::rubbish_behind_another_proxy("10.0.0.1", &["rubbish, 10.0.0.2"], &["10.0.0.0/8"], "unknown")]
    #[case::no_text("10.0.0.1", &["203.0.113.9", "\u{e9}"], &["10.0.0.0/8"], "unknown")]
    #[case::an_empty_line("10.0.0.1", &[""], &["10.0.0.0/8"], "unknown")]
    #[case::a_port("10.0.0.1", &["203.0.113.7:52144"], &["10.0.0.0/8"], "203.0.113.7")]
    #[case::a_port_of_ipv6("10.0.0.1", &["[2001:db8::7]:52144"], &["10.0.0.0/8"], "2001:db8::7")]
    #[case::brackets("10.0.0.1", &["[2001:db8::7]"], &["10.0.0.0/8"], "2001:db8::7")]
    #[case::no_header("10.0.0.1", &[], &["10.0.0.0/8"], "10.0.0.1")]
    #[case::an_ipv4_address_written_as_ipv6("::ffff:10.0.0.1", &["203.0.113.9"], &["10.0.0.0/8"], "203.0.113.9")]
    #[case::ipv6("fd00::1", &["2001:db8::7"], &["fd00::/8"], "2001:db8::7")]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has(
        #[case] peer: &str,
        #[case] lines: &[&str],
        #[case] trusted: &[&str],
        #[case] expected: &str,
    ) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let found = client(peer.parse().unwrap(), &headers, &networks(trusted));
        assert_eq!(found, expected.parse().ok());
    }
}
