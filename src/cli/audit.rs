//! `scim-bridge audit`: the record of writes that were passed through.

use anyhow::{Context, bail};

use crate::{
    config::Connector,
    store::{
        Store,
        events::{self, EventKind},
    },
};

use super::ConfigFile;

/// Prints the record.
#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(flatten)]
    file: ConfigFile,
    /// The app, as in [apps.NAME]; one with connector = "scim".
    #[arg(long, value_name = "APP")]
    app: String,
    /// How many writes, counted from the newest.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    last: u32,
}

impl Audit {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let config = self.file.load()?;
        let app = config.apps.get(self.app.as_str());
        let app = app.with_context(|| format!("{} has no app {:?}", self.file.config.display(), self.app))?;
        let Connector::Scim(_) = &app.connector else {
            bail!(
                "app {} is not passed through; `scim-bridge explain` tells what happened to a person",
                app.name
            );
        };
        let store = Store::open_beside(&config.database.url).await?;
        let newest = events::list_of_kind(&store, &self.app, EventKind::PassedThrough, self.last).await?;
        store.close().await;
        for event in newest.iter().rev() {
            println!("{}  {}  {}", event.at, event.actor, event.detail);
        }
        if newest.is_empty() {
            println!("No write was passed through for app {}.", app.name);
        }
        Ok(())
    }
}
