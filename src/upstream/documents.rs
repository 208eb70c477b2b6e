//! Public documents, such as an issuer's keys: small, JSON, and fetched without any credentials.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use reqwest::redirect;
use serde_json::Value;

use super::client::{CONNECT_TIMEOUT, SetupError, TransportError, read};

/// The largest document. The keys of a large issuer are some 20 KiB.
const MOST_BYTES: usize = 512 * 1024;

/// How long one may take. A request may be waiting for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fetches documents. Clones share connections.
#[derive(Clone, Debug)]
pub struct Documents(reqwest::Client);

/// A document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// There was no complete answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer was no success.
    #[error("{url} answered {}", .status.as_u16())]
    Status {
        /// What was asked.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// What came is not JSON.
    #[error("{url} did not answer with JSON")]
    NotJson {
        /// What was asked.
        url: String,
    },
}

impl Documents {
    /// Somebody who fetches.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, SetupError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("scim-bridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Where a redirect leads is not what the admin has configured.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self(client))
    }

    /// The document at `url`.
    ///
    /// # Errors
    /// When it cannot be had in time, or is no JSON.
    pub async fn fetch(&self, url: &str) -> Result<Value, DocumentError> {
        let request = self.0.get(url).header(header::ACCEPT, HeaderValue::from_static("application/json"));
        let response = read(request, url, MOST_BYTES).await?;
        if !response.status.is_success() {
            return Err(DocumentError::Status { url: url.to_owned(), status: response.status });
        }
        serde_json::from_slice(&response.body).map_err(|_| DocumentError::NotJson { url: url.to_owned() })
    }
}
