//! `scim-bridge doctor`: does everything that the bridge needs work, and what is to be done where it does not?

mod credentials;

use std::sync::Arc;

use anyhow::bail;

use crate::{
    clock::{Clock, SystemClock},
    config::{self, Config, Connector},
    passthrough::probe::{Finding, Level, Probe},
    store::{Store, StoreError},
};

pub(super) use self::credentials::of_credentials;
use super::{ConfigFile, groups_of_app};

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut worst = print("database", vec![of_database(&config).await]);
    let store = Store::open_beside(&config.database.url).await.ok();
    for app in config.apps.values() {
        let subject = format!("app {}", app.name);
        worst = worst.max(print(&subject, of_app(app, store.as_ref(), &clock).await));
        worst = worst.max(print(&subject, groups_of_app::findings(&config, app, &clock).await));
    }
    if let Some(store) = store {
        store.close().await;
    }
    if worst == Level::Problem {
        bail!("something does not work; each line that begins with \"problem\" says what to do");
    }
    Ok(())
}

/// Prints what was found about `subject`, and answers how bad the worst of it is.
pub(super) fn print(subject: &str, findings: Vec<Finding>) -> Level {
    let mut worst = Level::Ok;
    for Finding { level, text } in findings {
        worst = worst.max(level);
        println!("{:<8} {subject}: {text}", word(level));
    }
    worst
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Problem => "problem",
    }
}

async fn of_database(config: &Config) -> Finding {
    let url = &config.database.url;
    let store = match Store::open_beside(url).await {
        Ok(store) => store,
        Err(StoreError::NotMigrated { .. }) => {
            return Finding::warning(format!(
                "{url} is of an older version; `serve` or `migrate` brings it up to date"
            ));
        }
        Err(StoreError::Open { .. }) => {
            return Finding::warning(format!(
                "{url} cannot be opened; if the bridge has not run yet, `serve` makes it, else see that the file is there and readable"
            ));
        }
        Err(error) => return Finding::problem(format!("{url}: {error}")),
    };
    store.close().await;
    Finding::ok(format!("{url} is there and up to date"))
}

async fn of_app(app: &config::App, store: Option<&Store>, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if app.has_no_way_in() {
        findings.push(Finding::warning(
            "it has no tokens, so nobody gets in unless one was made; make one with `scim-bridge token create`",
        ));
    }
    match &app.connector {
        Connector::Scim(scim) => match Probe::new(scim, clock.clone()) {
            Ok(probe) => findings.extend(probe.run().await),
            Err(error) => findings.push(Finding::problem(error.to_string())),
        },
        other if other.credentials().is_some() => findings.extend(of_credentials(app, store, clock).await),
        _ => findings.push(Finding::ok("its target is in memory; there is nothing to ask")),
    }
    findings
}
