//! scim-bridge: a SCIM 2.0 service provider in front of applications that have none.
//!
//! An identity provider (Okta, Entra ID) writes users over SCIM; the bridge keeps what it asserted, and makes the target
//! agree. There are two straight paths:
//!
//! ```text
//! request    http -> auth -> provision::<operation> -> scim (pure) -> store      answered when the target agrees,
//!                                                        |                        says no, or the time is over
//! converge   store -> converge::worker -> connector::plan (pure) -> connector::perform -> target
//!            target -> converge::roster -> store
//! ```
//!
//! The modules, in the order in which they are best read:
//!
//! | module | what it knows | whom it may ask |
//! |---|---|---|
//! | [`scim`] | the protocol: schemas, filters, PATCH, messages. Pure | `clock` (for printing a time) |
//! | [`connector`] | what a target is: desired against observed, calls. A folder per kind | `scim`, `upstream`, `config` |
//! | [`upstream`] | HTTP toward targets | |
//! | [`store`] | the database, all of its SQL | `scim`, `connector` (its data) |
//! | [`converge`] | the worker, the queue's lanes, the budget, the roster | `store`, `connector`, `scim` |
//! | [`provision`] | the use cases, one a SCIM operation | `converge`, `store`, `connector`, `scim` |
//! | [`auth`] | who is calling | |
//! | [`http`] | routes, layers, statuses | `provision`, `auth`, and what they know |
//! | [`app`] | how it is all put together | everything above |
//! | [`cli`] | the commands | `app`, `sim` |
//!
//! Beside them stand [`config`], [`telemetry`], [`clock`] (time as an argument), [`secret`] (text that is never shown) and
//! [`sim`] (simulated targets, for the demo and for tests). A test holds the imports to this table.

pub mod scim;

pub mod connector;
pub mod upstream;

pub mod store;

pub mod converge;
pub mod provision;

pub mod auth;
pub mod http;

pub mod app;
pub mod cli;

pub mod clock;
pub mod config;
pub mod secret;
pub mod sim;
pub mod telemetry;
