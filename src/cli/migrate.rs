//! `scim-bridge migrate`: bring the database up to date, or move it.

use std::path::PathBuf;

use anyhow::Context;

use crate::{
    secret::DatabaseUrl,
    store::{Store, transfer::transfer},
};

use super::ConfigFile;

/// What to migrate.
#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// The configuration file, whose database is brought up to date, or moved to.
    #[arg(long, value_name = "FILE", env = "SCIM_BRIDGE_CONFIG", required_unless_present = "to")]
    config: Option<PathBuf>,
    /// Move everything from this database, sqlite:PATH. Nothing may be running on it.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The database to move to, postgres://USER@HOST/NAME, which must be empty; without this, that of the configuration file.
    #[arg(long, value_name = "URL", requires = "from")]
    to: Option<String>,
}

impl Migrate {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let to = match &self.to {
            Some(url) => DatabaseUrl::new(url),
            None => self.configured()?,
        };
        match &self.from {
            Some(from) => move_over(&DatabaseUrl::new(from), &to).await,
            None => bring_up_to_date(&to).await,
        }
    }

    fn configured(&self) -> anyhow::Result<DatabaseUrl> {
        let config = self.config.clone().context("name the configuration file with --config FILE")?;
        Ok(ConfigFile { config }.load()?.database.url)
    }
}

async fn bring_up_to_date(url: &DatabaseUrl) -> anyhow::Result<()> {
    let store = Store::open(url).await?;
    store.check().await?;
    store.close().await;
    println!("{url} is up to date.");
    Ok(())
}

async fn move_over(from: &DatabaseUrl, to: &DatabaseUrl) -> anyhow::Result<()> {
    let moved = transfer(from, to).await?;
    for (table, rows) in moved.iter().filter(|(_, rows)| *rows > 0) {
        println!("{rows:>9} {table}");
    }
    println!(
        "{from} was moved to {to}. Serve only the new one from now on: what the old one promises, nobody keeps."
    );
    Ok(())
}
