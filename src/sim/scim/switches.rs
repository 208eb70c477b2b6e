//! How the target deviates from what the RFCs would have it do.

use std::time::Duration;

/// The behaviour of a [`SimulatedScim`](super::SimulatedScim). The default is that of the RFCs.
#[derive(Clone, Debug)]
pub struct Switches {
    /// What is refused in requests.
    pub strictness: Strictness,
    /// The media type of its answers.
    pub media_type: &'static str,
    /// Whether its answers name their `schemas`.
    pub names_schemas: bool,
    /// Whether its answers are compressed with gzip, whatever the client accepts.
    pub compresses: bool,
    /// How it writes the URLs of its resources.
    pub locations: Locations,
    /// Whether support has switched it on.
    pub enabled: Enabled,
    /// A page that it answers everything with.
    pub page: Option<Page>,
    /// How long it takes to answer.
    pub delay: Duration,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            strictness: Strictness::Rfc,
            media_type: "application/scim+json",
            names_schemas: true,
            compresses: false,
            locations: Locations::Absolute,
            enabled: Enabled::Yes,
            page: None,
            delay: Duration::ZERO,
        }
    }
}

/// What is refused in requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// All that the RFCs do not have: names of operations in capitals, `"False"`, a manager that is a text.
    Rfc,
    /// What no server could understand.
    Lenient,
}

/// How URLs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locations {
    /// `https://host/path`
    Absolute,
    /// The same in JSON as `https:\/\/host\/path`.
    EscapedSlashes,
    /// `/path` in `Location`.
    PathOnly,
}

/// Whether the target's support has switched SCIM on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enabled {
    /// It has.
    Yes,
    /// It has not: nothing is there.
    NotYet,
    /// SAML must be configured first.
    SamlFirst,
}

/// A page for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its status.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}
