//! HTTP toward targets: one client with its limits, one log line per call, and no opinion about any API.

mod client;
mod documents;

pub use self::{
    client::{Response, SetupError, TransportError, UpstreamClient, UpstreamSettings},
    documents::{DocumentError, Documents},
};
