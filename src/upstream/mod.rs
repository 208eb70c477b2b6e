//! HTTP toward targets: a client for calls, with its limits and one log line each, and one that passes requests through as they
//! are. Neither has an opinion about any API.

mod client;
mod connect;
mod documents;
mod egress;
mod relay;
mod token_endpoint;

pub use self::{
    client::{Response, SetupError, TransportError, UpstreamClient, UpstreamSettings},
    connect::ConnectError,
    documents::{DocumentError, Documents},
    egress::{PrivateNetworks, ResolveError},
    relay::{Relay, RelayError, RelaySettings, RequestBody},
    token_endpoint::{Grant, Granted, NotGranted, TokenEndpoint},
};
