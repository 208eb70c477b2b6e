//! `scim-bridge backup`: a copy of the database, beside a running server and without one.

use std::path::PathBuf;

use crate::store::backup::{self, Backup};

use super::ConfigFile;

/// Copies the database.
#[derive(Debug, clap::Args)]
pub(super) struct BackupCommand {
    #[command(flatten)]
    file: ConfigFile,
    /// The file to write, which must not be there.
    #[arg(value_name = "PATH")]
    to: PathBuf,
}

impl BackupCommand {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let config = self.file.load()?;
        let Backup { bytes, migrations } = backup::write(&config.database.url, &self.to).await?;
        println!(
            "{} is a sound copy of {}: {bytes} bytes, {migrations} migrations.",
            self.to.display(),
            config.database.url
        );
        if config.server.secret_key.is_some() {
            println!(
                "What is sealed in it can be opened with the server.secret_key of now: keep that too, elsewhere."
            );
        }
        Ok(())
    }
}
