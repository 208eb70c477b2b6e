//! The SCIM 2.0 protocol core (RFC 7643, RFC 7644): pure functions over JSON, no async, no IO, no HTTP types.

pub mod attribute;
pub mod error;
pub mod filter;
#[cfg(test)]
mod fixture;
pub mod json;
pub mod list;
pub mod path;
pub mod project;
pub mod resource_type;
pub mod schema;
pub mod urn;
