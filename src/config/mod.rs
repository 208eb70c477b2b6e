//! Configuration: a TOML file, resolved into a [`Config`] that cannot be wrong.
//!
//! An admin who edits the file wants to hear about all mistakes at once, each with its line. Deserialisation with serde
//! stops at the first, so the file goes the longer way: text -> tree with positions (`toml`) -> sections, each read by
//! hand through a `reader` that collects every [`Problem`] on its way. A section's file holds its type, what its keys
//! mean, their defaults and their bounds; the reader learns the known keys from what the section asks for, so the check
//! for unknown keys cannot fall behind.
//!
//! `config/scim-bridge.toml` in the repository documents every key; tests hold the two together.

#[cfg(feature = "acme")]
mod acme;
mod aha;
mod aha_account;
mod aha_portal;
mod app;
mod auth;
mod base_url;
mod connector;
mod convergence;
mod credentials;
mod database;
mod duration;
mod file;
mod groups;
mod load;
mod log;
mod metrics;
pub mod moment;
mod network;
mod notify;
mod problem;
mod reader;
mod scim;
mod secret;
mod server;
mod source;
mod tls;
mod token;
#[cfg(feature = "otlp")]
mod traces;

#[cfg(test)]
mod annotated_file;
#[cfg(test)]
mod tests;

#[cfg(feature = "acme")]
pub use self::acme::Acme;
#[cfg(feature = "otlp")]
pub use self::traces::Traces;
pub use self::{
    aha::{AhaConfig, Role},
    aha_account::{AhaAccount, Rate},
    aha_portal::{AhaPortalConfig, OnDelete, PortalPermission},
    app::{App, AppName, ExtensionSchema, InvalidAppName, LEAST_STRONG, PatchAnswer, UnknownMembers},
    auth::{
        AssertionIssuer, Auth, Basic, ClaimRule, Client, ClientSecret, Entra, Federated, JwtRule, OAuth,
        Replay,
    },
    base_url::{BaseUrl, InvalidBaseUrl},
    connector::Connector,
    convergence::{Brake, Convergence, Drift, Mode},
    credentials::{ApiKey, Login, TargetCredentials},
    database::{Database, LONGEST_LEASE},
    duration::written as written_duration,
    groups::{Administration, Grant, GroupRule, GroupRules, OnDeactivate, OtherRoles, Pattern},
    load::Config,
    log::{Log, LogFormat},
    metrics::Metrics,
    network::Networks,
    notify::Notify,
    problem::{Problem, Problems},
    scim::{Repair, ScimConfig},
    secret::NoSecret,
    server::Server,
    tls::Tls,
    token::{Token, is_label},
};
