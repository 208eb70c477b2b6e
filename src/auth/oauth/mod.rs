//! The token endpoint that an app may have: `POST /{app}/oauth/token` (RFC 6749 §4.4).
//!
//! A client that is configured shows its secret (`AUTH-1…5`), or an assertion of its identity provider (RFC 7523;
//! `AUTH-6…7`), and gets an access token: a JWT under a key that nobody has but the bridge.

mod access_token;
mod endpoint;
mod error;
mod request;
mod signing_keys;

pub(super) use self::access_token::ISSUER;
pub use self::{
    access_token::AccessTokens,
    endpoint::{AccessToken, FederatedClient, TokenEndpoint},
    error::{GrantError, Shown},
    signing_keys::SigningKeys,
};
