//! `scim-bridge lift-brake`: a person has looked, and all who lose access through an app that is passed through are meant to.

use std::time::Duration;

use anyhow::{Context, bail};

use crate::{
    clock::{Clock, SystemClock},
    config::{Connector, written_duration},
    store::{Store, StoreError, passed_revocations},
};

use super::ConfigFile;

/// Lifts the brake.
#[derive(Debug, clap::Args)]
pub(super) struct LiftBrake {
    #[command(flatten)]
    file: ConfigFile,
    /// The app, as in [apps.NAME]; one with connector = "scim".
    #[arg(long, value_name = "APP")]
    app: String,
    /// For how many minutes; 0 ends it at once.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=7 * 24 * 60))]
    minutes: u64,
}

impl LiftBrake {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let config = self.file.load()?;
        let app = config.apps.get(self.app.as_str());
        let app = app.with_context(|| format!("{} has no app {:?}", self.file.config.display(), self.app))?;
        let Connector::Scim(_) = &app.connector else {
            bail!("app {} is not passed through, so its revocations are held one by one", app.name);
        };
        let store = Store::open_beside(&config.database.url).await?;
        let time = Duration::from_secs(self.minutes * 60);
        let (name, until) = (self.app.clone(), SystemClock.now() + time);
        store
            .write(move |transaction| {
                Box::pin(async move {
                    passed_revocations::lift(transaction, &name, until).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        store.close().await;
        match self.minutes {
            0 => println!("The brake of app {} holds again.", app.name),
            _ => println!(
                "The brake of app {} is lifted for {}, until {until}: all who lose access do. Identity providers repeat what was \
                 held; in Entra ID, \"Provision on demand\" or a restart of the cycle does it at once.",
                app.name,
                written_duration(time)
            ),
        }
        Ok(())
    }
}
