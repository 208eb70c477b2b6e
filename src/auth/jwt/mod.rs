//! JSON Web Tokens (RFC 7519), as others issue them.
//!
//! A token is taken apart once (`unverified`), and nothing of it is believed before its signature was verified with a
//! key that the issuer publishes (`key_set`), now or
//! with an earlier request (`verified`). Which issuer that is, which algorithms it may use and what its tokens must say
//! follows from the configuration alone (`trusted`): a token can name its issuer and its key, never bring them along.
//! Every claim is checked here, and none by the library that verifies signatures, since it reads the machine's clock.

mod claims;
mod key_set;
mod problem;
#[cfg(test)]
mod tests;
mod trusted;
mod unverified;
mod verified;

pub(super) use self::{claims::Claims, unverified::Unverified};
pub use self::{
    key_set::{KeySet, KeySource},
    problem::{Problem, Shown},
    trusted::TrustedIssuer,
};
