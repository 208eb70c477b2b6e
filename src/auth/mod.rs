//! Who is calling.
//!
//! Each app has an [`Authenticator`] of its own, so that what opens one app opens no other. It reads the `Authorization`
//! header, and looks first among the app's opaque tokens, then, if what is presented is a JWT and the app accepts any, for
//! whoever issued it:
//!
//! ```text
//! Authorization -> opaque token?  SHA-256, compared with those that are configured or were made    credentials
//!               -> JWT by iss?    ours: HMAC under a key of the app                                oauth::access_token
//!                                 another's: its published keys, then the app's rules              jwt
//! POST /{app}/oauth/token -> client secret or assertion -> an access token                         oauth
//! ```
//!
//! Whatever a request needs is in memory; [`background`] keeps it fresh, so that tokens that are made or revoked beside the
//! running server count within seconds, on every replica. No password hash is on the way: the tokens are random and long, so
//! a plain SHA-256 is as good as a slow hash, and costs a request next to nothing.

mod authenticator;
mod authorization;
pub mod background;
mod credential;
mod credentials;
mod expiry;
mod hook;
pub mod jwt;
pub mod oauth;
mod own_keys;
mod refused;

pub use self::{
    authenticator::{Authenticator, Refusals, WaysIn},
    credential::{Credential, Digest, Kind},
    credentials::{Client, Credentials},
    expiry::{Nearing, nearing, nearing_end},
    hook::HookSecret,
    own_keys::{OwnKeyError, OwnKeys},
    refused::Refused,
};
