//! The client that passes requests through: it sends one as it is, byte for byte, and follows, decodes and repeats
//! nothing. (reqwest, with which the connectors call, takes a URL and normalises it: `'` in a query becomes `%27`, and
//! `/a/../b` becomes `/b`. What a proxy passes on must be what came.)

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::pki_types::CertificateDer;

use crate::clock::Clock;

use super::{
    PrivateNetworks, SetupError,
    connect::{self, ConnectError, Connector},
};

/// How long a connection is kept that nobody uses: less than the 5 s after which the first servers hang up (Node.js), since
/// a write that meets a connection just closed can neither be repeated nor be known to have failed.
const KEPT_IDLE: Duration = Duration::from_secs(4);

/// How much is read ahead of a client that takes its time; also the largest head of an answer.
const BUFFER_BYTES: usize = 64 * 1024;

/// How much a target may send on one stream of HTTP/2 that nobody takes yet: enough for a fast answer over a long way, and all
/// that a client which stops reading costs.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The same for a whole connection: so much that streams which stand still never take it away from the others.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// How often a connection with HTTP/2 is asked whether it is still there, while requests wait on it; and for how long.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// The body of a request that is passed on.
pub type RequestBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What a [`Relay`] is made of.
#[derive(Debug)]
pub struct RelaySettings {
    /// Whether the target's name may lead to private addresses.
    pub private_networks: PrivateNetworks,
    /// Certificate authorities beside those of the system.
    pub authorities: Vec<CertificateDer<'static>>,
    /// How long it may take to connect, name and TLS included.
    pub connect_timeout: Duration,
    /// For that time.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// There was no connection, for the reason in [`RelayError::connect_error`]. Nothing was sent.
    #[error("{}", self.connect_error().map_or_else(|| cause(.0), ToString::to_string))]
    Connect(#[source] Error),
    /// There was one, and the request did not leave on it.
    #[error("the connection was closed before the request was sent, or taken on")]
    Unsent(#[source] Error),
    /// The connection broke, or brought no HTTP. The request may have been carried out.
    #[error("the connection broke before the answer came: {}", cause(.0))]
    Broken(#[source] Error),
}

impl RelayError {
    /// The step at which connecting failed.
    pub fn connect_error(&self) -> Option<&ConnectError> {
        find(self)
    }
}

/// Sends requests to one target.
pub struct Relay {
    client: Client<Connector, RequestBody>,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

impl Relay {
    /// A client without connections.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: RelaySettings) -> Result<Self, SetupError> {
        let connector = Connector {
            private_networks: settings.private_networks,
            tls: Arc::new(connect::tls(settings.authorities)?),
            timeout: settings.connect_timeout,
            clock: settings.clock,
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_IDLE)
            .http1_max_buf_size(BUFFER_BYTES)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends one request and waits for the head of its answer; as long as that takes. Dropped, the exchange is abandoned. A
    /// request that a kept connection did not take any more goes out on another one.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, RelayError> {
        // That of our own connection; which it is shows when it is made.
        *request.version_mut() = Version::HTTP_11;
        self.client.request(request).await.map_err(classify)
    }
}

fn classify(error: Error) -> RelayError {
    if error.is_connect() {
        return RelayError::Connect(error);
    }
    let is_canceled = find::<hyper::Error>(&error).is_some_and(hyper::Error::is_canceled);
    if is_canceled || find::<h2::Error>(&error).is_some_and(was_not_begun) {
        return RelayError::Unsent(error);
    }
    RelayError::Broken(error)
}

/// Whether a target that speaks HTTP/2 says that it has not begun with the request: by refusing its stream, or with the last
/// stream that it will work on when it closes the connection (RFC 9113 §8.7).
fn was_not_begun(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (is_refused || error.is_go_away())
}

/// The first cause of that type.
fn find<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    std::iter::successors(error.source(), |cause| cause.source()).find_map(|cause| cause.downcast_ref())
}

/// The innermost cause in words.
fn cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
