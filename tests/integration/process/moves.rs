//! `migrate --from … --to …`: an installation moves from SQLite to PostgreSQL with all that it has promised.

use std::path::Path;

use http::Method;
use scim_bridge::sim::aha::Fault;
use serde_json::json;
use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::{FILE, Installation, SECRETS};
use crate::harness::{
    database::TestDatabase,
    process::{Ended, Process},
    user,
};

async fn move_to(folder: &Path, from: &str, to: &str) -> Ended {
    let ended = Process::run(folder, &["migrate", "--from", from, "--to", to], &[]).await;
    ended.keeps(&SECRETS);
    ended
}

#[tokio::test]
async fn ids_links_groups_tokens_and_pending_work_move_and_the_work_goes_on() {
    let installation = Installation::promising_at_once().await;
    // What resources say of where they are must not change with the port.
    installation.edit("[server]\n", "[server]\npublic_url = 'https://scim.example.com'\n");
    let server = installation.serve().await;
    let ann = server.send(Method::POST, "/Users", Some(&user("ann@example.com"))).await;
    server.wait_until_idle().await;
    let account = installation.aha.find_user_by_email("ann@example.com").unwrap().id;
    let members = json!({ "displayName": "Staff", "members": [{ "value": ann.id() }] });
    let group = server.send(Method::POST, "/Groups", Some(&members)).await;
    assert_eq!(group.status, 201, "{group}");
    server.wait_until_idle().await;
    // What is promised from here on stays to be done.
    installation.aha.fault(Fault::html(503).times(1_000_000));
    let ben = server.send(Method::POST, "/Users", Some(&user("ben@example.com"))).await;
    assert_eq!(ben.status, 201, "{ben}");
    let leave = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                        "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    assert_eq!(server.send(Method::PATCH, &ann.path(), Some(&leave)).await.status, 200);
    let token = Process::run(
        installation.folder(),
        &["token", "create", "--config", "bridge.toml", "--app", "aha", "--name", "made"],
        &[],
    );
    let token = token.await;
    assert_eq!(token.code, Some(0), "{token:?}");
    let before = server.get("/Users?sortBy=userName").await.body;

    let database = TestDatabase::on_server();
    let refused = move_to(installation.folder(), FILE, database.url()).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.log.contains("is in use by another scim-bridge"), "{refused:?}");
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));

    let moved = move_to(installation.folder(), FILE, database.url()).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    let lines: Vec<_> = moved.output.lines().map(str::trim).collect();
    for line in ["1 group_members", "1 tokens", "3 users"] {
        assert!(lines.contains(&line), "{moved:?}");
    }
    assert!(moved.output.contains("sqlite:bridge.db was moved to postgres:"), "{moved:?}");
    let again = move_to(installation.folder(), FILE, database.url()).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.log.contains("holds rows already"), "{again:?}");

    installation.edit(FILE, database.url());
    let server = installation.serve().await;
    assert_eq!(server.get("/Users?sortBy=userName").await.body["Resources"], before["Resources"]);
    let staff = server.get(&format!("/Groups/{}", group.id())).await.body;
    assert_eq!(staff["members"][0]["value"], json!(ann.id()), "{staff}");
    let tokens = Process::run(
        installation.folder(),
        &["token", "list", "--config", "bridge.toml", "--app", "aha"],
        &[],
    );
    let tokens = tokens.await;
    assert!(tokens.output.contains("made"), "{tokens:?}");
    installation.aha.clear_faults();
    server.wait_until_idle().await;
    let left = installation.aha.find_user_by_email("ann@example.com").unwrap();
    assert_eq!((left.id, left.enabled), (account, false));
    assert!(installation.aha.find_user_by_email("ben@example.com").is_some());
    assert_eq!(installation.aha.invitations().len(), 2);
}

/// What these columns hold, as text.
async fn rows(url: &str, of: &'static str) -> Vec<String> {
    sqlx::any::install_default_drivers();
    let mut database = sqlx::AnyConnection::connect(url).await.unwrap();
    sqlx::query_scalar(of).fetch_all(&mut database).await.unwrap()
}

#[tokio::test]
async fn logins_who_is_held_since_when_work_waits_and_what_is_to_be_told_move_as_they_are() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    installation.aha.fault(Fault::html(503).times(1_000_000));
    assert_eq!(server.send(Method::POST, "/Users", Some(&user("ann@example.com"))).await.status, 201);
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));
    let file = format!("sqlite:{}", installation.folder().join("bridge.db").display());
    let mut database = sqlx::AnyConnection::connect(&file).await.unwrap();
    for row in [
        "UPDATE users SET held_at = 17, asked_at = 16 WHERE user_name_key = 'ann@example.com'",
        "INSERT INTO target_tokens VALUES ('aha', 3, 11, 'sealed access', 'sealed refresh', 12, 0)",
        "INSERT INTO logins VALUES ('l1', 'aha', 'abc', 'https://scim.example.com', 13, 14, NULL, 'refused')",
        "INSERT INTO notifications VALUES ('n1', 'aha', 'held', 'since 17', 'Look', 18, 19, 2, 20, NULL, 'no answer')",
    ] {
        assert_eq!(sqlx::query(row).execute(&mut database).await.unwrap().rows_affected(), 1, "{row}");
    }
    database.close().await.unwrap();

    let to = TestDatabase::on_server();
    let moved = move_to(installation.folder(), FILE, to.url()).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    for (of, expected) in [
        (
            "SELECT user_name_key || ' ' || held_at || ' ' || asked_at FROM users WHERE held_at IS NOT NULL",
            "ann@example.com 17 16",
        ),
        (
            "SELECT app || ' ' || version || ' ' || logged_in_at || ' ' || access_token || ' ' || refresh_token || ' ' \
             || expires_at || ' ' || renewing_until FROM target_tokens",
            "aha 3 11 sealed access sealed refresh 12 0",
        ),
        (
            "SELECT id || ' ' || app || ' ' || state_digest || ' ' || redirect_uri || ' ' || expires_at || ' ' || used_at \
             || ' ' || COALESCE(done_at, -1) || ' ' || failure FROM logins",
            "l1 aha abc https://scim.example.com 13 14 -1 refused",
        ),
        (
            "SELECT id || ' ' || kind || ' ' || occurrence || ' ' || text || ' ' || raised_at || ' ' || first_try_at || ' ' \
             || attempts || ' ' || due_at || ' ' || COALESCE(delivered_at, -1) || ' ' || failure \
             FROM notifications WHERE id = 'n1'",
            "n1 held since 17 Look 18 19 2 20 -1 no answer",
        ),
    ] {
        assert_eq!(rows(&file, of).await, [expected]);
        assert_eq!(rows(to.url(), of).await, [expected]);
    }
}

#[tokio::test]
async fn the_file_of_an_older_version_moves_and_is_not_touched_while_the_target_cannot_be_used() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    server.send(Method::POST, "/Users", Some(&user("ann@example.com"))).await;
    server.wait_until_idle().await;
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));
    // As the version before the last migration left it.
    let file = installation.folder().join("bridge.db");
    sqlx::any::install_default_drivers();
    let mut older = AnyConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let back = "DROP TABLE settled_versions; DELETE FROM _sqlx_migrations WHERE version = 32";
    older.execute(back).await.unwrap();
    older.close().await.unwrap();
    let before = std::fs::read(&file).unwrap();

    let database = TestDatabase::on_server();
    let nowhere = format!("{}_that_is_not_there", database.url());
    let refused = move_to(installation.folder(), FILE, &nowhere).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(std::fs::read(&file).unwrap() == before, "it was touched: {refused:?}");
    let moved = move_to(installation.folder(), FILE, database.url()).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    let users = rows(database.url(), "SELECT resource FROM users").await;
    assert!(users.iter().any(|user| user.contains("ann@example.com")), "{users:?}");
}

#[tokio::test]
async fn a_database_moves_one_way_and_only_one_that_is_there() {
    let installation = Installation::new().await;
    let database = TestDatabase::on_server();
    let folder = installation.folder();
    let missing = move_to(folder, FILE, database.url()).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.log.contains("the database sqlite:bridge.db could not be opened"), "{missing:?}");
    assert!(!folder.join("bridge.db").exists(), "nothing is made");
    for (from, to) in [(database.url(), FILE), (FILE, "sqlite:other.db"), (database.url(), database.url())] {
        let refused = move_to(folder, from, to).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert_eq!(refused.log, "a database moves from sqlite:PATH to postgres://USER@HOST/NAME\n");
    }
}
