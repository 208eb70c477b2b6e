//! `scim-bridge healthcheck`: for images that have no other program to ask with.

use std::time::Duration;

use anyhow::{Context, bail};

/// Asks a running bridge.
#[derive(Debug, clap::Args)]
pub(super) struct Healthcheck {
    /// What to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/healthz")]
    url: String,
    /// Do not check the certificate: it names the public address, and what is asked is this machine.
    #[arg(long)]
    insecure: bool,
}

impl Healthcheck {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(3))
            .tls_danger_accept_invalid_certs(self.insecure)
            .build()?;
        let response =
            client.get(&self.url).send().await.with_context(|| format!("{} does not answer", self.url))?;
        let status = response.status();
        if !status.is_success() {
            bail!("{} answered {}", self.url, status.as_u16());
        }
        Ok(())
    }
}
