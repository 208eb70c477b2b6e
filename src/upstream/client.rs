//! The client that all connectors call their targets with.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::redirect;

use crate::{cause::TRACE_PARENT, clock::Clock, secret::Secret};

use super::{Begun, CallMeter, CallPath, Called};

/// The largest answer that is read. A page of 200 Aha! users with many roles is well below a megabyte.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// How long it may take to reach a target at all.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client is made of.
pub struct UpstreamSettings {
    /// Whose calls they are.
    pub meter: CallMeter,
    /// All paths are appended to it; no slash at the end.
    pub base_url: String,
    /// How long one call may take.
    pub timeout: Duration,
    /// Whom the target's operator may write to; part of the User-Agent.
    pub contact: Option<String>,
    /// For durations.
    pub clock: Arc<dyn Clock>,
}

/// No client can be made from the settings.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A header value has characters that HTTP does not allow.
    #[error("the {what} has characters that an HTTP header cannot hold")]
    Header {
        /// Which value.
        what: &'static str,
    },
    /// TLS or the resolver could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
    /// The certificates that are trusted could not be loaded.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Nobody has said what the target is called with.
    #[error("there are no credentials to call the target with")]
    NoCredentials,
    /// The app is passed through, and has no accounts here.
    #[error("it is passed through to the target's own SCIM endpoint, so the bridge keeps nothing of it")]
    PassedThrough,
}

/// A call got no usable HTTP answer. The request may have reached the target all the same.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Could not connect, timed out, or the connection broke.
    #[error("{host}: {}", describe(.error))]
    Http {
        /// Who was called.
        host: String,
        /// What the client says.
        #[source]
        error: reqwest::Error,
    },
    /// The answer is larger than the bound on answers.
    #[error("the answer is larger than {}", in_words(*most_bytes))]
    TooLarge {
        /// The bound.
        most_bytes: usize,
    },
}

/// A bound on answers, as people say it.
fn in_words(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if bytes.is_multiple_of(MIB) { format!("{} MiB", bytes / MIB) } else { format!("{} KiB", bytes / 1024) }
}

/// What happened, in words that lead to the cause: a wrong name, a closed port and a certificate are mended differently.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() && !error.is_connect() {
        return "no answer in time".into();
    }
    if !error.is_connect() {
        return "the connection broke before the answer was complete".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_timeout() {
        "no connection could be made in time".into()
    } else {
        format!("no connection could be made: {cause}")
    }
}

/// A complete answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the body says of itself that it is JSON.
    pub fn is_json(&self) -> bool {
        self.headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains("json"))
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Calls one target.
pub struct UpstreamClient {
    http: reqwest::Client,
    meter: CallMeter,
    base_url: String,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for UpstreamClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamClient")
            .field("app", &self.meter.app())
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl UpstreamClient {
    /// A client for the target of `settings`.
    ///
    /// # Errors
    /// When the contact cannot be a header value, or TLS cannot be set up.
    pub fn new(settings: UpstreamSettings) -> Result<Self, SetupError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let version = env!("CARGO_PKG_VERSION");
        let user_agent = match &settings.contact {
            Some(contact) => format!("scim-bridge/{version} ({contact})"),
            None => format!("scim-bridge/{version}"),
        };
        let user_agent =
            HeaderValue::from_str(&user_agent).map_err(|_| SetupError::Header { what: "contact" })?;
        headers.insert(header::USER_AGENT, user_agent);
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(settings.timeout)
            // A redirect would carry the token elsewhere, and turn a POST into a GET.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, meter: settings.meter, base_url: settings.base_url, clock: settings.clock })
    }

    /// Makes one call, with `token` as `Authorization: Bearer …`, and reads the whole answer. Never retries: whether a call may
    /// be repeated is its caller's to know.
    ///
    /// # Errors
    /// When there is no complete answer in time.
    pub async fn send(
        &self,
        token: &Secret,
        method: Method,
        path: &CallPath,
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Response, TransportError> {
        let begun = Begun::at(self.clock.now());
        let mut request = self.http.request(method.clone(), format!("{}{}", self.base_url, path.as_str()));
        request = request.bearer_auth(token.expose());
        if let Some(parent) = begun.trace_parent {
            request = request.header(TRACE_PARENT, parent.to_string());
        }
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let result = read(request, &self.base_url, MAX_BODY_BYTES).await;
        let called = Called { method: &method, route: path.template(), path: path.as_str() };
        let told = result.as_ref().map(|response| response.status).map_err(|error| error as _);
        self.meter.tell(begun, called, self.clock.now(), told);
        result
    }
}

/// Sends the request and reads the whole answer, which has at most `most_bytes`.
pub(super) async fn read(
    request: reqwest::RequestBuilder,
    host: &str,
    most_bytes: usize,
) -> Result<Response, TransportError> {
    let failed =
        |error: reqwest::Error| TransportError::Http { host: host.to_owned(), error: error.without_url() };
    let mut response = request.send().await.map_err(failed)?;
    let mut body = Vec::new();
    // Nothing of what says itself that it is too large is waited for.
    if response.content_length().is_some_and(|length| length > most_bytes as u64) {
        return Err(TransportError::TooLarge { most_bytes });
    }
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > most_bytes {
            return Err(TransportError::TooLarge { most_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status: response.status(), headers: response.headers().clone(), body })
}
