//! The SCIM 2.0 protocol core (RFC 7643, RFC 7644): pure functions over JSON, no async, no IO, no HTTP types.

pub mod attribute;
pub mod bulk;
mod canonical;
pub mod dialect;
pub mod difference;
pub mod discovery;
pub mod document;
mod element;
pub mod error;
pub mod extension;
pub mod filter;
#[cfg(test)]
mod fixture;
pub mod fold;
pub mod json;
pub mod limits;
pub mod list;
pub mod meta;
pub mod normalize;
pub mod patch;
pub mod path;
pub mod precondition;
pub mod project;
pub mod query;
pub mod registry;
pub mod resource;
pub mod resource_type;
pub mod schema;
pub mod sort;
pub mod urn;
mod value;
