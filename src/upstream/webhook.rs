//! Posts JSON to a webhook of the admin's own.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::redirect;

use super::client::{CONNECT_TIMEOUT, SetupError, TransportError, read};
use crate::secret::Secret;

/// How long the receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read; nothing in it counts.
const MOST_BYTES: usize = 64 * 1024;

/// Calls one webhook. Its whole URL is a secret: where Slack's stands, whoever reads it may post.
#[derive(Clone, Debug)]
pub struct Webhook {
    client: reqwest::Client,
    url: Secret,
    /// Who is called, as it may be shown.
    host: String,
}

/// A post was not received.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No complete answer came.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer is no success.
    #[error("{host} answered {}", .status.as_u16())]
    Refused {
        /// Who was asked.
        host: String,
        /// What it answered.
        status: StatusCode,
    },
}

impl Webhook {
    /// The webhook at `url`, which may be anywhere: it is the admin who wrote it down.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(url: Secret) -> Result<Self, SetupError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("scim-bridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Where a redirect leads is not what the admin has configured.
            .redirect(redirect::Policy::none())
            .build()?;
        let host = url::Url::parse(url.expose()).ok().and_then(|url| url.host_str().map(str::to_owned));
        Ok(Self { client, url, host: host.unwrap_or_default() })
    }

    /// Who is called, without what is secret of it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Posts `body`, which is JSON, with these headers.
    ///
    /// # Errors
    /// When no complete answer came in time, or it is no success.
    pub async fn post(&self, headers: HeaderMap, body: String) -> Result<(), WebhookError> {
        let request = self
            .client
            .post(self.url.expose())
            .headers(headers)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        let status = read(request, &self.host, MOST_BYTES).await?.status;
        if status.is_success() {
            return Ok(());
        }
        Err(WebhookError::Refused { host: self.host.clone(), status })
    }
}
