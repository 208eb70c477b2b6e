//! A PostgreSQL server of its own, which a test may stop and start.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::harness::database::postgres::{as_user, initdb, programs, user};

/// The server. Stops when dropped, and also when the tests end without dropping anything.
pub(super) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    /// Stops the server when its standard input closes.
    keeper: Child,
}

/// How the server stops.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// In order: whoever is connected is cut off.
    Fast,
    /// As in a crash: it recovers at the next start.
    Crash,
}

impl Cluster {
    /// A server that runs, with an empty database.
    pub(super) fn start() -> Self {
        sqlx::any::install_default_drivers();
        let folder = tempfile::Builder::new().prefix("scim-bridge-replicas-").tempdir().unwrap().keep();
        if let Some((uid, gid)) = user() {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let programs = programs();
        assert!(initdb(&programs, &folder.join("data"), &[], user()), "initdb makes a cluster");
        const KEEPER: &str = "read -r _; \"$1/pg_ctl\" -D \"$2/data\" -m immediate stop; rm -rf \"$2\"";
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&programs).arg(&folder).current_dir("/");
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let keeper = as_user(&mut keeper, user()).spawn().unwrap();
        let cluster = Self { programs, folder, keeper };
        cluster.go_on();
        cluster
    }

    /// Starts again after [`stop`](Self::stop), and waits until it answers.
    pub(super) fn go_on(&self) {
        let options = format!(
            "-k {} -c listen_addresses= -c fsync=off -c max_connections=200 -c shared_buffers=64MB",
            self.folder.display()
        );
        let log = self.folder.join("log");
        self.control(&["-w", "-o", &options, "-l", &log.display().to_string(), "start"]);
    }

    /// Stops, and waits until it has.
    pub(super) fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Crash => "immediate",
        };
        self.control(&["-w", "-m", mode, "stop"]);
    }

    /// The database, for the program and for sqlx.
    pub(super) fn url(&self) -> String {
        format!("postgres:///postgres?user=postgres&host={}", self.folder.display())
    }

    fn control(&self, arguments: &[&str]) {
        let mut control = Command::new(self.programs.join("pg_ctl"));
        control.arg("-D").arg(data(&self.folder)).args(arguments).current_dir("/");
        control.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let done = as_user(&mut control, user()).status().unwrap();
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(done.success(), "pg_ctl {arguments:?}: {log}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}
