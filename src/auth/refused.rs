//! Why somebody is not let in.

use crate::clock::Time;

/// Why a request is refused, in words for whoever set up the caller. What is wrong with a JWT is for the log alone: it would
/// help those who try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing was presented.
    #[error("A token is needed: send the header Authorization: Bearer <token>.")]
    Missing,
    /// What was presented does not open this app.
    #[error("The token is not valid for this app. Check the token that the identity provider sends.")]
    Invalid,
    /// It opened this app once. Only who has the token hears of it.
    #[error("The token expired at {0}. Make a new one, and give it to the identity provider.")]
    Expired(Time),
    /// The issuer of the JWT publishes its keys where they cannot be had now.
    #[error("The token cannot be checked now, since the keys of its issuer cannot be had. Try again.")]
    KeysUnavailable,
}
