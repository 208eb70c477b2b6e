//! Why no access token is given (RFC 6749 §5.2).

use crate::{clock::Time, store::StoreError};

/// Why no access token is given. The text is for the client, in the characters that the RFC allows; why a secret or an
/// assertion is not accepted is for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The request is not one that can be understood.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The client is not known, or does not prove who it is.
    #[error("The client is not known here, or its secret or assertion is not valid.")]
    InvalidClient(Shown),
    /// Its secret was good once.
    #[error(
        "The client's secret expired at {expired_at}. Make a new one, and give it to the identity provider."
    )]
    ExpiredSecret {
        /// When.
        expired_at: Time,
        /// How it was shown.
        shown: Shown,
    },
    /// There is one grant.
    #[error("The grant_type must be client_credentials.")]
    UnsupportedGrantType,
    /// A scope has characters that no scope has.
    #[error("The scope has characters that no scope has.")]
    InvalidScope,
    /// The issuer of the assertion cannot be asked for its keys, or no key of ours is there.
    #[error("The assertion cannot be checked now. Try again.")]
    Unavailable,
    /// Too many others ask.
    #[error("Too many ask for tokens now. Try again.")]
    Busy,
    /// The database failed.
    #[error("The bridge failed. Its log says why.")]
    Store(#[from] StoreError),
}

/// How a client shows who it is: an answer of 401 names the scheme if it was by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In the `Authorization` header.
    InHeader,
    /// In the body, or not at all.
    InBody,
}

impl GrantError {
    /// The keyword.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient(_) | Self::ExpiredSecret { .. } => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            // RFC 6749 has these two for another endpoint; clients show what they get.
            Self::Unavailable | Self::Busy => "temporarily_unavailable",
            Self::Store(_) => "server_error",
        }
    }
}
