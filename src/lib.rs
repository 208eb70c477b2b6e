//! scim-bridge: a SCIM 2.0 service provider in front of applications that have none.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connector;
pub mod converge;
pub mod http;
pub mod provision;
pub mod scim;
pub mod secret;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod upstream;
