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
//! | [`config`] | the configuration file | `scim` (an app's own schemas) |
//! | [`upstream`] | HTTP toward targets | |
//! | [`connector`] | what a target is: desired against observed, calls. A folder per kind | `scim`, `upstream`, `config` |
//! | [`store`] | the database, all of its SQL | `scim`, `connector` (its data) |
//! | [`converge`] | the worker, the queue's lanes, the budget, the breaker, the roster | `store`, `connector`, `scim`, `config` (an app's rules) |
//! | [`provision`] | the use cases, one a SCIM operation | `converge`, `store`, `connector`, `scim` |
//! | [`passthrough`] | the faithful proxy in front of a target's own SCIM endpoint | `upstream`, `store`, `scim` (repairs), `config` |
//! | [`login`] | the token that a person's login at a target gives | `store`, `connector`, `upstream`, `config` |
//! | [`explain`] | one person's story in plain words, and how it stands. Pure | `store`, `connector`, `config` |
//! | [`auth`] | who is calling | `store`, `upstream`, `config`, `scim` (the names of schemes) |
//! | [`notify`] | the webhook that tells people what needs them | `store`, `converge` (health), `passthrough` (refused tokens), `auth` (tokens), `upstream`, `config` |
//! | [`telemetry`] | the log, what is counted and timed | `config` |
//! | [`http`] | routes, layers, statuses, meters | `provision`, `passthrough`, `auth`, `login`, and what they know; `config`, `telemetry` |
//! | [`app`] | how it is all put together | everything above |
//! | [`sim`] | simulated targets, for the demo and for tests | `scim` |
//! | [`cli`] | the commands | everything above |
//!
//! All of them but [`scim`] may also ask [`clock`] (time as an argument), [`secret`] (text that is never shown) and [`cause`]
//! (the request that work is done for). A test
//! reads this table and holds the imports to it.

pub mod scim;

pub mod connector;
pub mod upstream;

pub mod store;

pub mod converge;
pub mod provision;

pub mod login;

pub mod explain;

pub mod passthrough;

pub mod auth;
pub mod http;

pub mod notify;

pub mod app;
pub mod cli;

pub mod cause;
pub mod clock;
pub mod config;
pub mod secret;
pub mod sim;
pub mod telemetry;
