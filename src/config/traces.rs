//! `log.traces`: where traces are told.

use super::{base_url::BaseUrl, reader::Table, secret::secret, server, source::Read};
use crate::secret::Secret;

/// A collector of traces.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Where it is; `/v1/traces` is appended.
    pub endpoint: BaseUrl,
    /// What it is sent as bearer token, if it asks for one.
    pub token: Option<Secret>,
}

impl Traces {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let endpoint = table.required(
            "endpoint",
            "where the collector takes OTLP over HTTP, such as \"http://localhost:4318\"",
            |value| server::base_url(&value),
        );
        let token = table.optional("token", |value| secret(&value));
        table.finish()?;
        Ok(Self { endpoint: endpoint?, token: token? })
    }
}
