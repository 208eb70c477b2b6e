//! `scim-bridge doctor`: does everything that the bridge needs work, and what is to be done where it does not?

use std::sync::Arc;

use anyhow::bail;

use crate::{
    clock::{Clock, SystemClock},
    config::{self, Config, Connector},
    connector::{CredentialsOwner, TargetError, allowance::Unlimited, registry::connect},
    passthrough::probe::{Finding, Level, Probe},
    store::{Store, StoreError},
};

use super::{ConfigFile, groups_of_app};

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut worst = Level::Ok;
    let mut print = |subject: &str, findings: Vec<Finding>| {
        for Finding { level, text } in findings {
            worst = worst.max(level);
            println!("{:<8} {subject}: {text}", word(level));
        }
    };
    print("database", vec![of_database(&config).await]);
    for app in config.apps.values() {
        print(&format!("app {}", app.name), of_app(app, &clock).await);
        print(&format!("app {}", app.name), groups_of_app::findings(&config, app, &clock).await);
    }
    if worst == Level::Problem {
        bail!("something does not work; each line that begins with \"problem\" says what to do");
    }
    Ok(())
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

async fn of_app(app: &config::App, clock: &Arc<dyn Clock>) -> Vec<Finding> {
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
        Connector::Aha(_) | Connector::AhaPortal(_) => findings.push(of_credentials(app, clock).await),
        Connector::Memory => findings.push(Finding::ok("its target is in memory; there is nothing to ask")),
    }
    findings
}

/// Whether a target that is called takes our credentials, and they are good for its accounts.
async fn of_credentials(app: &config::App, clock: &Arc<dyn Clock>) -> Finding {
    let connector = match connect(app, clock.clone()) {
        Ok(connector) => connector,
        Err(error) => return Finding::problem(error.to_string()),
    };
    let target = connector.target();
    let Some(directory) = connector.directory() else {
        return Finding::ok(format!("{target} needs no credentials"));
    };
    // Two calls beside the budget, which is in a database that may be what is wrong.
    let owner = match directory.credentials_owner(&mut Unlimited).await {
        Ok(owner) => directory.accounts(1, &mut Unlimited).await.map(|_| owner),
        Err(error) => Err(error),
    };
    match owner {
        Ok(CredentialsOwner { account_id: Some(account_id), .. }) => Finding::ok(format!(
            "{target} lists its accounts to the API key, which is that of the account {account_id}; the bridge never disables it"
        )),
        Ok(CredentialsOwner { email, .. }) => {
            Finding::ok(format!("{target} lists its accounts to the API key, which is that of {email}"))
        }
        Err(TargetError::RateLimited { .. }) => Finding::warning(format!(
            "{target} takes no more calls for now (rate limit); try again in a minute"
        )),
        Err(error) => Finding::problem(format!("{target} cannot be used: {error}")),
    }
}
