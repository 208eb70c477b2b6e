//! `scim-bridge doctor`: each check, and what it says to do.

use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::Installation;
use crate::harness::{
    database::TestDatabase,
    process::{Ended, Process},
};

/// Runs it, and finds what it says of one check of the app `aha`, or of the bridge.
async fn examined(folder: &Path) -> (Ended, Value) {
    let ended = Process::run(folder, &["doctor", "--config", "bridge.toml", "--json"], &[]).await;
    let said = serde_json::from_str(&ended.output).unwrap_or_else(|_| panic!("{ended:?}"));
    (ended, said)
}

/// The levels and texts of a check.
fn of<'s>(said: &'s Value, check: &str) -> Vec<(&'s str, &'s str)> {
    let checks = said["checks"].as_array().unwrap().iter().filter(|line| line["check"] == check);
    checks.map(|line| (line["level"].as_str().unwrap(), line["text"].as_str().unwrap())).collect()
}

/// The first of them, which has that level and that text in it.
#[track_caller]
fn assert_said(said: &Value, check: &str, level: &str, text: &str) {
    let all = of(said, check);
    assert!(all.iter().any(|(found, told)| *found == level && told.contains(text)), "{check}: {all:?}");
}

#[tokio::test]
async fn all_is_well_and_each_check_says_so() {
    let installation = Installation::new().await;
    installation
        .edit("listen = '127.0.0.1:0'", "listen = '127.0.0.1:0'\npublic_url = 'https://scim.example.com'");
    let server = installation.serve().await;
    let (ended, said) = examined(installation.folder()).await;
    assert_eq!((ended.code, &said["worst"]), (Some(0), &json!("ok")), "{said:#}");
    for (check, text) in [
        ("database", "is there"),
        ("migrations", "are applied"),
        ("public_url", "https://scim.example.com/APP/scim/v2"),
        ("target", "an administrator"),
        ("clock", " is that of"),
        ("workspaces", "new users are invited to the workspace PRJ1 (Project 1)"),
        ("tokens", "one token opens it"),
    ] {
        assert_said(&said, check, "ok", text);
    }
    // The same, for people.
    let ended = Process::run(installation.folder(), &["doctor", "--config", "bridge.toml"], &[]).await;
    assert!(ended.output.lines().count() >= 7 && ended.output.lines().all(|line| line.starts_with("ok ")));
    drop(server);
}

#[tokio::test]
async fn its_calls_are_counted_with_those_of_the_server() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let database = format!("sqlite:{}", installation.folder().join("bridge.db").display());
    let counted = async || {
        let mut database = sqlx::AnyConnection::connect(&database).await.unwrap();
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM budget_calls");
        count.fetch_one(&mut database).await.unwrap()
    };
    installation.aha.take_calls();
    let before: i64 = counted().await;
    examined(installation.folder()).await;
    // What only asks for the time carries no key, and is none of Aha!'s API.
    let calls = installation.aha.take_calls().lines();
    let calls = calls.iter().filter(|line| !line.starts_with("HEAD ")).count();
    let counted: i64 = counted().await;
    assert!(calls > 3);
    assert_eq!(usize::try_from(counted - before).unwrap(), calls);
    drop(server);
}

#[tokio::test]
async fn the_clock_that_it_judges_is_the_one_that_the_server_goes_by() {
    let installation = Installation::new().await;
    let database = TestDatabase::on_server();
    installation.edit("sqlite:bridge.db", database.url());
    let server = installation.serve().await;
    let (_, said) = examined(installation.folder()).await;
    assert_said(
        &said,
        "clock",
        "ok",
        "the clock of the database's server, by which all replicas go, is that of",
    );
    drop(server);
}

#[rstest]
#[case::a_workspace_that_is_not_there(
    "default_workspace = 'PRJ1'",
    "default_workspace = 'PRJ9'",
    "workspaces",
    "problem",
    "has no workspace \"PRJ9\""
)]
#[case::a_rule_for_one_that_is_not_there(
    "default_workspace = 'PRJ1'",
    "default_workspace = 'PRJ1'\ngroups = [{ name = 'Lost', grants = [{ workspace = 'PRJ8', role = 'viewer' }] }]",
    "workspaces",
    "warning",
    "\"Lost\" gives a role in the workspace \"PRJ8\""
)]
#[case::a_token_that_has_expired(
    "name = 'idp',",
    "name = 'idp', expires = '2020-01-01',",
    "tokens",
    "problem",
    "all of its tokens have expired"
)]
#[case::a_url_in_clear(
    "listen = '127.0.0.1:0'",
    "listen = '127.0.0.1:0'\npublic_url = 'http://scim.example.com'",
    "public_url",
    "warning",
    "not encrypted"
)]
#[case::no_url("", "", "public_url", "warning", "public_url is not set")]
#[tokio::test]
async fn what_is_wrong_in_the_configuration_is_told(
    #[case] before: &str,
    #[case] after: &str,
    #[case] check: &str,
    #[case] level: &str,
    #[case] text: &str,
) {
    let installation = Installation::new().await;
    installation.edit(before, after);
    let (ended, said) = examined(installation.folder()).await;
    assert_said(&said, check, level, text);
    assert_eq!(ended.code, Some(i32::from(level == "problem")), "{said:#}");
}

#[tokio::test]
async fn a_token_that_was_made_and_ends_soon_is_told() {
    let installation = Installation::new().await;
    installation.serve().await;
    let arguments =
        ["token", "create", "--config", "bridge.toml", "--app", "aha", "--name", "next", "--expires", "10d"];
    assert_eq!(Process::run(installation.folder(), &arguments, &[]).await.code, Some(0));
    let (ended, said) = examined(installation.folder()).await;
    assert_said(&said, "tokens", "warning", "the token \"next\" ends in 10 days");
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn a_database_that_is_behind_is_told() {
    let installation = Installation::new().await;
    let (_, said) = examined(installation.folder()).await;
    assert_said(&said, "database", "warning", "if the bridge has not run yet");
    let server = installation.serve().await;
    server.process.signal("TERM");
    server.process.ended().await;
    let url = installation.database_url();
    sqlx::any::install_default_drivers();
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    let newest = "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
    sqlx::query(newest).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let (_, said) = examined(installation.folder()).await;
    assert_said(&said, "migrations", "warning", "`serve` or `migrate` brings it up to date");
}

#[tokio::test]
async fn a_clock_that_differs_from_the_targets_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let answer = "HTTP/1.1 404 Not Found\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\
                          connection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[database]\nurl = 'sqlite:bridge.db'\n[apps.aha]\nconnector = 'scim'\nbase_url = 'http://{address}'\n\
         token = 'target-token-0123456789abcdef'\n"
    );
    std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
    let (ended, said) = examined(folder.path()).await;
    assert_said(&said, "clock", "problem", "s ahead of that of http://");
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_told() {
    let installation = Installation::new().await;
    let mut params = rcgen::CertificateParams::new(vec!["scim.example.com".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(installation.folder().join("certificate.pem"), certificate.pem()).unwrap();
    std::fs::write(installation.folder().join("key.pem"), key.serialize_pem()).unwrap();
    installation.edit(
        "listen = '127.0.0.1:0'",
        "listen = '127.0.0.1:0'\npublic_url = 'https://other.example.com'\n\
         tls = { certificate = 'certificate.pem', key = 'key.pem' }",
    );
    let (ended, said) = examined(installation.folder()).await;
    assert_said(&said, "certificate", "problem", "has ended at 2021-01-01T00:00:00.000Z");
    assert_said(&said, "certificate", "problem", "is not for other.example.com");
    assert_eq!(ended.code, Some(1));
}
