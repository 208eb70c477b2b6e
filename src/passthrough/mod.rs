//! Passed-through apps: a faithful reverse proxy in front of a target's own SCIM endpoint.
//!
//! Little is known about such endpoints but that they are SCIM, so nothing is assumed: what comes goes on byte for byte, in both
//! directions, except that
//!
//! - `Authorization` is the target's token instead of the identity provider's, which never leaves the bridge;
//! - headers that end at a proxy, that tell of networks in between, and cookies are dropped: see `head` for the lists;
//! - URLs that point below the target's base point below ours, in `Location`, `Content-Location`, `Link`, and in JSON at the keys
//!   `location`, `$ref` and `endpoint`; and back in requests, there also in what a PATCH sets by a path that ends in `$ref`. A JSON
//!   answer that is compressed goes on without compression, since it has to be read; other bodies are left as they are;
//! - what is not SCIM becomes a SCIM Error: a target that is down, a web page, a redirect to elsewhere.
//!
//! In reading order: `forward` is the use case as a numbered list; `path` and `head` say what is asked and with which headers;
//! `request` and `answer` pass the bodies, by means of `body`, `beginning`, `coding`, `rewrite`, `tokens` and `base`, and `handover` gives them to the client; `brake` (which asks
//! `revocation`), `breaker`, `audit` and `call` (what is counted and logged) stand around them; [`probe`] looks whether a target
//! is what it should be, and `key_usage` after the key of its other API; `error` says in words what went wrong.

mod answer;
mod app;
mod audit;
mod base;
mod beginning;
mod body;
mod brake;
mod breaker;
mod call;
mod coding;
mod error;
mod forward;
mod handover;
mod head;
mod key_usage;
mod path;
pub mod probe;
mod refused;
mod request;
mod revocation;
mod rewrite;
mod tokens;
mod written;

pub use self::{
    app::{PassedThrough, Settings},
    body::BodyError,
    brake::BrakeState,
    breaker::Condition,
    error::{Failure, Lasting},
    forward::forward,
    handover::AnswerBody,
    key_usage::{KeyUsage, watch_key},
    path::{Below, Unsafe},
};
