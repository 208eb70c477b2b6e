//! `scim-bridge serve`.

use anyhow::Context;

use crate::{app::App, http, store::clock_of, telemetry};

use super::{
    ConfigFile,
    signal::{self, Hangup},
};

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    telemetry::logs::start(&config.log)?;
    #[cfg(feature = "otlp")]
    let traces = config
        .log
        .traces
        .as_ref()
        .map(|traces| telemetry::traces::start(traces, std::sync::Arc::new(crate::clock::SystemClock)))
        .transpose()?;
    allow_connections(config.server.max_connections);
    let stopping = signal::stopping(Hangup::IsForOthers, || {})?;
    let listen = config.server.listen;
    let listener = http::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let public_url = config.server.public_url_at(address);
    let app = App::open(&config, &public_url, clock_of(&config.database.url).await?).await?;
    signal::on_hangup(app.reload())?;
    for name in config.apps.keys() {
        tracing::info!(app = name.as_str(), url = format!("{public_url}/{name}/scim/v2"), "app");
    }
    tracing::info!(server.address = %address, version = env!("CARGO_PKG_VERSION"), "listening");
    let served = app.run(listener, stopping).await;
    #[cfg(feature = "otlp")]
    if let Some(traces) = traces {
        traces.end().await;
    }
    served?;
    tracing::info!("stopped");
    Ok(())
}

/// Lets the process have so many connections as it is to have, and says where the system does not.
fn allow_connections(most: usize) {
    match http::allow_open_files() {
        Ok(allowed) if allowed < most => tracing::warn!(
            allowed,
            server.max_connections = most,
            "the process may have fewer files open than connections are allowed; raise the limit (ulimit -n, LimitNOFILE), or \
             lower max_connections"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
}
