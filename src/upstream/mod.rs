//! HTTP toward targets: a client for calls, with its limits and one log line each, and one that passes requests through as they
//! are. Neither has an opinion about any API.

mod call_path;
mod client;
mod connect;
mod documents;
mod egress;
mod meter;
mod relay;
mod token_endpoint;
mod told_time;
mod webhook;

pub use self::{
    call_path::CallPath,
    client::{Response, SetupError, TransportError, UpstreamClient, UpstreamSettings},
    connect::ConnectError,
    documents::{DocumentError, Documents},
    egress::{PrivateNetworks, ResolveError},
    meter::{Begun, CallMeter, Called, Calls, Outcome, StatusOfTarget},
    relay::{Relay, RelayError, RelaySettings, RequestBody},
    token_endpoint::{Grant, Granted, NotGranted, TokenEndpoint},
    told_time::{NoAnswer, told_time},
    webhook::{Webhook, WebhookError},
};
