//! The commands, one file each.

mod audit;
mod backup;
mod check;
mod demo;
mod doctor;
mod explain;
mod groups_of_app;
mod healthcheck;
mod held;
mod lift_brake;
mod login;
mod migrate;
mod notify;
mod plan;
mod release;
mod roster;
mod serve;
mod signal;
mod target_of_file;
mod token;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::config::{Config, Problems};

/// What went wrong with the configuration, as opposed to with the work.
const EXIT_CONFIGURATION: u8 = 2;

/// A SCIM 2.0 bridge: lets Okta and Microsoft Entra ID provision applications that do not speak SCIM.
#[derive(Debug, Parser)]
#[command(name = "scim-bridge", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the apps of a configuration file.
    Serve(ConfigFile),
    /// Try the bridge without anything else: a simulated Aha!, some people, a token, and lines to paste.
    Demo(demo::Demo),
    /// Say whether a configuration file is right. Exit code 0 if it is, 2 if not.
    Check(ConfigFile),
    /// Look whether the database and every app work, and say what to do where they do not. Changes nothing. Exit code 1 if
    /// something does not work.
    Doctor(doctor::Doctor),
    /// Bring the database of a configuration file up to date, which `serve` does, too, when it starts; or move everything from an
    /// SQLite file to PostgreSQL.
    Migrate(migrate::Migrate),
    /// Copy the SQLite database of a configuration file, also while a server works in it. The copy is checked.
    Backup(backup::BackupCommand),
    /// List, release or drop the revocations that the brake holds.
    Held(held::Held),
    /// Say per user what would be done at the target, and what it comes to. Sends nothing.
    Plan(plan::Plan),
    /// List the accounts of an app's target now, and print whose they are and what is not as it should be. Exit code 1 if they
    /// could not be listed.
    Roster(roster::RosterCommand),
    /// Hand users back: the bridge lets go of them, and their accounts stay as they are.
    Release(release::Release),
    /// Tell what happened to one person and how it stands: in sync, waiting or failed, and what to do. Exit code 1 if nothing is
    /// known of the person, or if several go by that name.
    Explain(explain::Explain),
    /// Print which writes were passed through, who asked for them, and what came of them; the newest last.
    Audit(audit::Audit),
    /// Let all who lose access through an app that is passed through lose it, for a while, however many.
    LiftBrake(lift_brake::LiftBrake),
    /// Log in at an app's target, for the bridge to call with: prints the URL to open, and waits until somebody has.
    Login(login::LoginCommand),
    /// Make, list and revoke the tokens that open an app. A running server notices within seconds.
    #[command(subcommand)]
    Token(token::Token),
    /// Try the webhook by which people are notified, or list what they were told.
    Notify(notify::Notify),
    /// Ask a running bridge for its health. Exit code 0 if it answers 200; for container health checks.
    Healthcheck(healthcheck::Healthcheck),
}

/// Names the configuration file.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file; `config/scim-bridge.toml` in the repository documents every key.
    #[arg(long, value_name = "FILE", env = "SCIM_BRIDGE_CONFIG")]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Problems> {
        Config::load(&self.config, &|name| std::env::var(name).ok())
    }
}

/// Runs the command of the process's arguments.
pub async fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(file) => serve::run(&file).await,
        Command::Demo(demo) => demo.run().await,
        Command::Check(file) => check::run(&file),
        Command::Doctor(doctor) => doctor.run().await,
        Command::Migrate(migrate) => migrate.run().await,
        Command::Backup(backup) => backup.run().await,
        Command::Held(held) => held.run().await,
        Command::Plan(plan) => plan.run().await,
        Command::Roster(roster) => roster.run().await,
        Command::Release(release) => release.run().await,
        Command::Explain(explain) => explain.run().await,
        Command::Audit(audit) => audit.run().await,
        Command::LiftBrake(lift_brake) => lift_brake.run().await,
        Command::Login(login) => login.run().await,
        Command::Token(token) => token.run().await,
        Command::Notify(notify) => notify.run().await,
        Command::Healthcheck(healthcheck) => healthcheck.run().await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            let is_configuration = error.is::<Problems>();
            if is_configuration { ExitCode::from(EXIT_CONFIGURATION) } else { ExitCode::FAILURE }
        }
    }
}
