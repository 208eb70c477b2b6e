//! `scim-bridge notify`: try the webhook of `[notify]`, and see what it was sent.

use std::sync::Arc;

use anyhow::{Context, anyhow};

use crate::{
    clock::SystemClock,
    notify::Delivery,
    store::{
        Store,
        notifications::{self, Notification},
    },
};

use super::ConfigFile;

/// Tries the webhook, or lists what was sent.
#[derive(Debug, clap::Args)]
pub(super) struct Notify {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Send a test now. Exit code 1 if it is not received.
    Test(ConfigFile),
    /// What was to be told, what became of it, and when it is tried again; the newest last.
    List(List),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    file: ConfigFile,
    /// How many notifications, counted from the newest.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    last: u32,
}

impl Notify {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        match &self.what {
            What::Test(file) => test(file).await,
            What::List(list) => list.run().await,
        }
    }
}

async fn test(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    let notify = config.notify.as_ref().with_context(|| {
        format!("{} has no section [notify], so nobody is told anything", file.config.display())
    })?;
    let delivery = Delivery::new(notify, Arc::new(SystemClock))?;
    delivery.test().await.map_err(|error| anyhow!("the test was not received: {error}"))?;
    println!("{} received the test.", delivery.host());
    Ok(())
}

impl List {
    async fn run(&self) -> anyhow::Result<()> {
        let config = self.file.load()?;
        let store = Store::open_beside(&config.database.url).await?;
        let newest = notifications::list(&store, self.last).await;
        store.close().await;
        let newest = newest?;
        for notification in newest.iter().rev() {
            println!("{}", line(notification));
        }
        if newest.is_empty() {
            println!("There was nothing to tell.");
        }
        Ok(())
    }
}

fn line(notification: &Notification) -> String {
    let Notification { app, kind, text, raised_at, attempts, due_at, delivered_at, failure, .. } =
        notification;
    let failure = failure.as_deref().unwrap_or_default();
    let outcome = match (delivered_at, due_at) {
        (Some(at), _) => format!("delivered {at}"),
        (None, None) => format!("given up: {failure}"),
        (None, Some(_)) if *attempts == 0 => "not sent yet".to_owned(),
        (None, Some(due_at)) => {
            format!("attempt {attempts} failed: {failure}; the next one is due at {due_at}")
        }
    };
    format!("{raised_at}  {app}  {}  {text}  ({outcome})", kind.as_str())
}
