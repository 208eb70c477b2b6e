//! Groups over HTTP: each request that Entra ID, Okta and others send, and what RFC 7643 and RFC 7644 say of it.

pub mod fixture;
mod kept_up;
mod large;
mod members;
mod requests;
mod together;
