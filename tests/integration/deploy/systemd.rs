//! The unit for systemd.

use std::process::Command;

use super::{CONFIG, accepted, deploy, read, secrets_in};
use crate::harness::process::PROGRAM;

const UNIT: &str = "scim-bridge.service";
const SECRETS: &str = "/run/credentials/scim-bridge.service";

/// The exposure that `systemd-analyze security` may find at the most, of 100.
const MOST_EXPOSURE: &str = "20";

fn unit() -> String {
    read(&deploy().join("systemd").join(UNIT))
}

fn configuration() -> String {
    read(&deploy().join("systemd/scim-bridge.toml"))
}

/// All values of a key.
fn values(key: &str) -> Vec<String> {
    let unit = unit();
    let lines = unit.lines().filter_map(|line| line.strip_prefix(&format!("{key}=")));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn it_starts_the_program_with_a_configuration_that_is_right() {
    let config = accepted(&configuration(), SECRETS).await;
    assert_eq!(values("ExecStart"), [format!("/usr/local/bin/scim-bridge serve --config {CONFIG}")]);
    assert_eq!(values("DynamicUser"), ["yes"]);
    // The database is relative to the one folder that it may write to.
    assert_eq!(values("WorkingDirectory"), [format!("%S/{}", values("StateDirectory")[0])]);
    let grace = values("TimeoutStopSec")[0].trim_end_matches('s').parse::<u64>().unwrap();
    assert!(grace > config.server.shutdown_grace.as_secs() + 15);
    let files = values("LimitNOFILE")[0].parse::<usize>().unwrap();
    assert!(files > config.server.max_connections + 1000);
}

#[test]
fn every_secret_that_is_read_is_a_credential() {
    let mut names = Vec::new();
    for credential in values("LoadCredential") {
        let (name, path) = credential.split_once(':').unwrap();
        assert_eq!(path, format!("/etc/scim-bridge/{name}"));
        names.push(name.to_owned());
    }
    names.sort();
    assert_eq!(names, secrets_in(&configuration(), SECRETS));
}

#[test]
fn systemd_itself_finds_it_right_and_well_locked_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(UNIT);
    std::fs::write(&path, unit().replace("/usr/local/bin/scim-bridge", PROGRAM)).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze").args(arguments).arg(&path).output();
        output.expect("systemd-analyze judges the unit: install it (Debian: sudo apt-get install systemd)")
    };
    let verified = run(&["verify", "--man=no"]);
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains(UNIT), "{said}");
    let rated = run(&["security", "--offline=yes", "--no-pager", &format!("--threshold={MOST_EXPOSURE}")]);
    let said = String::from_utf8_lossy(&rated.stdout);
    assert!(rated.status.success(), "{said}");
}
