//! One app of a configuration file, for commands that look at it or leave word beside the process that serves it.

use std::sync::Arc;

use anyhow::Context;

use crate::{
    app,
    config::{self, Config},
    converge::{Target, roster::recall},
    store::{Store, clock_of},
};

use super::ConfigFile;

/// Names the app.
#[derive(Debug, clap::Args)]
pub(super) struct TargetOfFile {
    #[command(flatten)]
    file: ConfigFile,
    /// The app, as in [apps.NAME].
    #[arg(long, value_name = "APP")]
    app: String,
}

impl TargetOfFile {
    /// The app's target, with the database open.
    pub(super) async fn open(&self) -> anyhow::Result<Arc<Target>> {
        let config = self.file.load()?;
        let app = self.find(&config)?;
        let store = Store::open_beside(&config.database.url).await?;
        let target = app::target(app, &store, &clock_of(&config.database.url).await?)?;
        recall(&target).await?;
        Ok(target)
    }

    /// The app's configuration in the whole one, with the database open.
    pub(super) async fn open_with_config(&self) -> anyhow::Result<(Config, config::App, Store)> {
        let config = self.file.load()?;
        let app = self.find(&config)?.clone();
        let store = Store::open_beside(&config.database.url).await.with_context(|| {
            let file = self.file.config.display();
            format!("if this database was never used, make it with: scim-bridge migrate --config {file}")
        })?;
        Ok((config, app, store))
    }

    /// The arguments that name the same app to another command.
    pub(super) fn arguments(&self) -> String {
        format!("--config {} --app {}", self.file.config.display(), self.app)
    }

    fn find<'a>(&self, config: &'a Config) -> anyhow::Result<&'a config::App> {
        let names = || config.apps.keys().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        config.apps.get(self.app.as_str()).with_context(|| {
            format!("{} has no app {:?}; it has: {}", self.file.config.display(), self.app, names())
        })
    }
}
