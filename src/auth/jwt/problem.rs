//! What is wrong with a JWT. For the log: whoever sent it is told only that it is not valid.

use std::fmt;

use crate::upstream::DocumentError;

/// Why a JWT is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is longer than any that we are meant to get.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It has not the form of a signed JWT.
    #[error("it is no signed JWT: {0}")]
    Malformed(&'static str),
    /// Its algorithm is not one that its issuer may use.
    #[error("its algorithm is {0}, which is not accepted from its issuer")]
    Algorithm(Shown),
    /// It has header parameters that must be understood, and are not (RFC 7515 §4.1.11).
    #[error("its header says that something must be understood which is not")]
    Critical,
    /// Nobody is configured who issued it.
    #[error("its issuer is {0}, which is not configured for this app")]
    Issuer(Shown),
    /// The issuer has no such key.
    #[error("its issuer has no key {0} for this algorithm")]
    UnknownKey(Shown),
    /// The signature is not of that key.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is not there.
    #[error("it has no {0}")]
    Missing(Shown),
    /// A claim says something else than it must.
    #[error("its {claim} is {found}; it must be {expected}")]
    Claim {
        /// The claim.
        claim: String,
        /// What it says.
        found: Shown,
        /// What it must say.
        expected: Shown,
    },
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is not valid yet; is the clock of this machine right?")]
    NotYetValid,
    /// It is valid for longer than it may be.
    #[error("it is valid for longer than {0} hours")]
    TooLongLived(u64),
    /// It was shown before.
    #[error("it was shown before, and is accepted once")]
    Replayed,
    /// What it was issued for is no longer there.
    #[error("the client or the secret that it was given for is no longer there")]
    Withdrawn,
    /// The issuer's keys cannot be had.
    #[error("the keys of its issuer cannot be had: {0}")]
    KeysUnavailable(Shown),
}

/// Why the keys of an issuer cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    /// A document could not be fetched.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The metadata are not the issuer's, or have no keys.
    #[error("the metadata at {url} {reason}")]
    Metadata {
        /// Where they are.
        url: String,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// There is no key that can be used.
    #[error("there are no keys for signatures at {0}")]
    NoKeys(String),
}

/// A text of somebody else's: quoted, escaped and cut.
#[derive(Debug)]
pub struct Shown(String);

impl Shown {
    /// Takes it in.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARACTERS: usize = 120;
        match self.0.char_indices().nth(CHARACTERS) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}
