//! `scim-bridge login`: a person logs in at an app's target, for the bridge to call with.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};

use crate::{
    app,
    clock::{Clock, Time},
    config,
    login::{Begun, Login},
    store::{Store, clock_of, logins::Stage},
};

use super::{doctor, target_of_file::TargetOfFile};

/// How often it is looked whether the person has logged in.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The command.
#[derive(Debug, clap::Args)]
pub(super) struct LoginCommand {
    #[command(flatten)]
    app: TargetOfFile,
}

impl LoginCommand {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let (config, app, store) = self.app.open_with_config().await?;
        let clock = clock_of(&config.database.url).await?;
        let login = app::login(&app, &store, &clock)?.with_context(|| {
            format!(
                "apps.{} has no login: write login = {{ client_id = …, client_secret = … }} in the place of api_key, as the \
                 annotated configuration file shows",
                app.name
            )
        })?;
        let server = &config.server;
        ensure!(
            server.public_url.is_some() || server.listen.port() != 0,
            "server.public_url is missing: it is where the target sends the person's browser back to"
        );
        let redirect_uri = format!("{}/{}/oauth/callback", server.public_url_at(server.listen), app.name);
        let begun = login.begin(&redirect_uri).await?;
        eprintln!(
            "Open this, within 10 minutes, in the browser of the person whom the bridge is to act as, an administrator. The \
             bridge must be running, and its OAuth application must have this redirect URL: {redirect_uri}\n"
        );
        println!("{}", begun.url.expose());
        wait(&login, &begun, &*clock).await?;
        eprintln!("\nLogged in.");
        let findings = tell(&app, &store, &clock).await;
        store.close().await;
        findings
    }
}

/// Waits until the person has logged in.
async fn wait(login: &Login, begun: &Begun, clock: &dyn Clock) -> anyhow::Result<()> {
    let too_late = |now: Time| now >= begun.expires_at;
    loop {
        match login.stage(&begun.id).await? {
            Some(Stage::Done) => return Ok(()),
            Some(Stage::Failed(reason)) => bail!("{reason}"),
            Some(Stage::Open | Stage::UnderWay) if !too_late(clock.now()) => {}
            _ => bail!("nobody logged in within 10 minutes, or another login was begun; try again"),
        }
        clock.sleep_until(clock.now() + LOOK_EVERY).await;
    }
}

/// Says whose login it is, and what is wrong with it.
async fn tell(app: &config::App, store: &Store, clock: &Arc<dyn Clock>) -> anyhow::Result<()> {
    let findings = doctor::of_credentials(app, Some(store), clock).await;
    doctor::print(&format!("app {}", app.name), findings);
    Ok(())
}
