//! `check`, `migrate`, `healthcheck`, `--help`, and what is none of them.

use std::path::Path;

use rstest::rstest;

use super::{Installation, SECRETS};
use crate::harness::process::{Ended, Process};

async fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let ended = Process::run(folder, arguments, &[]).await;
    ended.keeps(&SECRETS);
    ended
}

#[tokio::test]
async fn check_of_a_right_file_names_its_apps_and_exits_with_0_and_touches_nothing() {
    let installation = Installation::new().await;
    let ended = run(installation.folder(), &["check", "--config", "bridge.toml"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.output, "bridge.toml is right. Apps: aha.\n");
    assert_eq!(ended.log, "");
    assert!(installation.aha.calls().is_empty());
    assert!(!installation.folder().join("bridge.db").exists());
}

/// Entra ID wants no 429 for 25 requests a second (`C-19`).
#[tokio::test]
async fn check_says_where_an_app_works_on_too_few_requests_at_a_time() {
    for (requests, is_told) in [(749, true), (750, false)] {
        let installation = Installation::with_keys(&format!("max_concurrent_requests = {requests}")).await;
        let ended = run(installation.folder(), &["check", "--config", "bridge.toml"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let told = "[apps.aha]: max_concurrent_requests is 749, too few for the 25 requests a second that Entra ID may send if \
                    each takes request_timeout (30s): further ones are answered 429; 750 would be enough\n";
        let told = if is_told { told } else { "" };
        assert_eq!(ended.output, format!("bridge.toml is right. Apps: aha.\n{told}"));
    }
}

#[tokio::test]
async fn the_configuration_may_be_named_by_the_environment() {
    let installation = Installation::new().await;
    let environment = [("SCIM_BRIDGE_CONFIG", "bridge.toml")];
    let ended = Process::run(installation.folder(), &["check"], &environment).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[rstest]
#[case::check("check")]
#[case::serve("serve")]
#[case::migrate("migrate")]
#[tokio::test]
async fn all_that_is_wrong_with_a_file_is_printed_at_once_and_no_secret(#[case] command: &str) {
    let folder = tempfile::tempdir().unwrap();
    let [api_key, token] = SECRETS;
    let config = format!(
        "[server]\nlisten = 'here'\n[log]\nformat = 'loud'\n[apps.aha]\nconnector = 'aha'\nbase_url = 'acme'\n\
         api_key = '{api_key}'\ndefault_role = 'boss'\ntokens = [{{ name = 'a', token = '{token}' }}, \
         {{ name = 'b', token = '{token}' }}]\nroster_evry = '1m'\n[apps.lab]\nconnector = 'memory'\n\
         tokens = [{{ name = 'lab', token = {{ env = 'NOWHERE' }} }}]\n"
    );
    std::fs::write(folder.path().join("bad.toml"), config).unwrap();
    let ended = run(folder.path(), &[command, "--config", "bad.toml"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.output, "");
    let lines: Vec<_> = ended.log.lines().collect();
    for (line, key) in [
        ("bad.toml:2", "server.listen"),
        ("bad.toml:4", "log.format"),
        ("bad.toml:7", "apps.aha.base_url"),
        ("bad.toml:9", "apps.aha.default_role"),
        ("bad.toml:10", "apps.aha.tokens"),
        ("bad.toml:11", "apps.aha.roster_evry"),
        ("bad.toml", "apps.aha.default_workspace"),
        ("bad.toml:14", "apps.lab.tokens"),
    ] {
        let is_said = lines.iter().any(|said| said.starts_with(line) && said.contains(key));
        assert!(is_said, "{line} {key}: {}", ended.log);
    }
    assert!(ended.log.contains("NOWHERE"), "{}", ended.log);
}

#[tokio::test]
async fn files_that_cannot_be_read_or_are_no_toml_exit_with_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("no.toml"), "[server\nlisten = ").unwrap();
    std::fs::write(folder.path().join("bytes.toml"), b"\xff\xfe").unwrap();
    std::fs::write(folder.path().join("empty.toml"), "").unwrap();
    for name in ["nothing.toml", "no.toml", "bytes.toml", "empty.toml", "."] {
        let ended = run(folder.path(), &["check", "--config", name]).await;
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert!(ended.log.starts_with(name), "{name}: {ended:?}");
        assert!(!ended.log.contains("panicked"), "{name}: {ended:?}");
    }
}

#[tokio::test]
async fn migrate_makes_the_database_and_may_be_repeated() {
    let installation = Installation::new().await;
    for _ in 0..2 {
        let ended = run(installation.folder(), &["migrate", "--config", "bridge.toml"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.output, "sqlite:bridge.db is up to date.\n");
    }
    assert!(installation.folder().join("bridge.db").exists());
    assert!(installation.aha.calls().is_empty());
}

#[tokio::test]
async fn healthcheck_exits_with_0_where_a_bridge_answers_and_1_where_none_does() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    for path in ["/healthz", "/readyz"] {
        let ended =
            run(installation.folder(), &["healthcheck", "--url", &format!("{}{path}", server.root)]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let ended =
        run(installation.folder(), &["healthcheck", "--url", &format!("{}/status", server.root)]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("answered 401"), "{ended:?}");
    let url = format!("{}/healthz", server.root);
    server.process.kill();
    let ended = run(installation.folder(), &["healthcheck", "--url", &url]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains(&format!("{url} does not answer")), "{ended:?}");
}

#[tokio::test]
async fn help_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["--help"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for command in [
        "serve",
        "demo",
        "check",
        "migrate",
        "roster",
        "release",
        "held",
        "plan",
        "explain",
        "backup",
        "notify",
        "healthcheck",
    ] {
        assert!(ended.output.contains(&format!("\n  {command} ")), "{command}: {}", ended.output);
        let ended = run(folder.path(), &[command, "--help"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.output.contains("Usage: scim-bridge "), "{}", ended.output);
    }
    let ended = run(folder.path(), &["--version"]).await;
    assert_eq!(
        (ended.code, ended.output.as_str()),
        (Some(0), concat!("scim-bridge ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}

#[rstest]
#[case::nothing(&[])]
#[case::an_unknown_command(&["explode"])]
#[case::an_unknown_option(&["serve", "--explode"])]
#[case::no_configuration(&["serve"])]
#[case::no_address(&["demo", "--listen", "nowhere"])]
#[tokio::test]
async fn what_is_no_command_exits_with_2_and_says_how_to_ask(#[case] arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), arguments).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.output, "");
    assert!(ended.log.contains("--help"), "{ended:?}");
}
