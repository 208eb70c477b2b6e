//! `scim-bridge doctor`: does everything that the bridge needs work, and what is to be done where it does not?

mod calls;
mod certificate;
mod clock_skew;
mod credentials;
mod database;
mod public_url;
mod tokens;
mod workspaces;

use std::sync::Arc;

use anyhow::bail;
use serde_json::{Value, json};

use crate::{
    clock::{Clock, SystemClock},
    config::{self, Config, Connector},
    passthrough::probe::{Finding, Level, Probe},
    store::{Store, clock_of},
};

use self::clock_skew::Whose;
pub(super) use self::credentials::of_credentials;
use super::{ConfigFile, groups_of_app};

/// The command.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// The database is there and answers.
    Database,
    /// It is of this version.
    Migrations,
    /// Identity providers can reach the URL that the bridge tells them.
    PublicUrl,
    /// The certificate that the bridge shows is good, for long enough and for that URL.
    Certificate,
    /// What opens an app does so, and goes on to.
    Tokens,
    /// The clock is that of the target.
    Clock,
    /// The target answers, takes our credentials, and lets them manage users.
    Target,
    /// What the configuration names at the target is there.
    Workspaces,
    /// Groups give what they should.
    Groups,
}

impl Check {
    /// As it is named in JSON.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Migrations => "migrations",
            Self::PublicUrl => "public_url",
            Self::Certificate => "certificate",
            Self::Tokens => "tokens",
            Self::Clock => "clock",
            Self::Target => "target",
            Self::Workspaces => "workspaces",
            Self::Groups => "groups",
        }
    }
}

/// What one check found.
struct Checked {
    check: Check,
    /// The app that it is about; `None`: the whole bridge.
    app: Option<String>,
    finding: Finding,
}

/// All that was found, in the order in which it is told.
#[derive(Default)]
struct Examination(Vec<Checked>);

impl Examination {
    fn add(&mut self, check: Check, app: Option<&str>, findings: impl IntoIterator<Item = Finding>) {
        let of = |finding| Checked { check, app: app.map(str::to_owned), finding };
        self.0.extend(findings.into_iter().map(of));
    }

    fn worst(&self) -> Level {
        self.0.iter().map(|checked| checked.finding.level).max().unwrap_or(Level::Ok)
    }

    fn print(&self) {
        for Checked { check, app, finding } in &self.0 {
            let subject = app.as_ref().map_or_else(|| check.as_str().to_owned(), |app| format!("app {app}"));
            print_line(&subject, finding);
        }
    }

    fn to_json(&self) -> Value {
        let checks: Vec<_> = self
            .0
            .iter()
            .map(|Checked { check, app, finding }| {
                json!({ "check": check.as_str(), "app": app, "level": word(finding.level), "text": finding.text })
            })
            .collect();
        json!({ "worst": word(self.worst()), "checks": checks })
    }
}

impl Doctor {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let config = self.file.load()?;
        let examination = examine(&config).await;
        if self.json {
            println!("{:#}", examination.to_json());
        } else {
            examination.print();
        }
        if examination.worst() == Level::Problem {
            bail!("something does not work; each line that begins with \"problem\" says what to do");
        }
        Ok(())
    }
}

async fn examine(config: &Config) -> Examination {
    let mut examination = Examination::default();
    let (store, database) = database::open(&config.database.url).await;
    let (clock, whose) = clock(config, store.as_ref()).await;
    let (clock, now) = (&clock, clock.now());
    examination.add(Check::Database, None, [database.found]);
    examination.add(Check::Migrations, None, database.migrations);
    examination.add(Check::PublicUrl, None, public_url::findings(&config.server));
    examination.add(Check::Certificate, None, certificate::findings(&config.server, now));
    examination.add(Check::Tokens, None, tokens::of_metrics(&config.metrics, now));
    for app in config.apps.values() {
        let name = Some(app.name.as_str());
        let of_target = of_target(app, store.as_ref(), clock).await;
        let is_usable = of_target.iter().all(|finding| finding.level != Level::Problem);
        examination.add(Check::Target, name, of_target);
        examination.add(Check::Clock, name, clock_skew::findings(app, clock, whose).await);
        if is_usable {
            examination.add(Check::Workspaces, name, workspaces::findings(app, store.as_ref(), clock).await);
        }
        examination.add(Check::Tokens, name, tokens::of_app(app, store.as_ref(), now).await);
        examination.add(Check::Groups, name, groups_of_app::findings(config, app, clock).await);
    }
    if let Some(store) = store {
        store.close().await;
    }
    examination
}

/// The clock that the bridge goes by. Where its database cannot be asked, that of this machine is what there is.
async fn clock(config: &Config, store: Option<&Store>) -> (Arc<dyn Clock>, Whose) {
    if store.is_some_and(Store::is_shared)
        && let Ok(clock) = clock_of(&config.database.url).await
    {
        return (clock, Whose::Database);
    }
    (Arc::new(SystemClock), Whose::Machine)
}

async fn of_target(app: &config::App, store: Option<&Store>, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    match &app.connector {
        Connector::Scim(scim) => match Probe::new(scim, clock.clone()) {
            Ok(probe) => probe.run().await,
            Err(error) => vec![Finding::problem(error.to_string())],
        },
        other if other.credentials().is_some() => of_credentials(app, store, clock).await,
        _ => vec![Finding::ok("its target is in memory; there is nothing to ask")],
    }
}

/// Prints what was found about `subject`.
pub(super) fn print(subject: &str, findings: Vec<Finding>) {
    for finding in findings {
        print_line(subject, &finding);
    }
}

fn print_line(subject: &str, Finding { level, text }: &Finding) {
    println!("{:<8} {subject}: {text}", word(*level));
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Problem => "problem",
    }
}
