//! Replicas are replaced one by one: the older version goes on while the newer one has migrated.

use std::{fs, path::Path};

use http::Method;
use sqlx::{Connection as _, Executor as _};

use crate::harness::{Answer, TOKEN, user};

use super::{fleet::Fleet, judge::assert_ready_when_it_was};

async fn create(fleet: &Fleet, email: &str) -> Answer {
    let url = format!("{}/aha/scim/v2/Users", fleet.front.root);
    let request = fleet.site.http.request(Method::POST, url).bearer_auth(TOKEN);
    Answer::of(request.header("content-type", "application/scim+json").body(user(email).to_string())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_version_goes_on_and_starts_again_on_the_schema_of_a_newer_one() {
    let mut fleet = Fleet::new(0, "").await;
    // At once, on an empty database.
    fleet.start(2).await;
    let mut database = sqlx::AnyConnection::connect(&fleet.site.database).await.unwrap();
    let migrations: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&mut database).await.unwrap();
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).unwrap().count();
    assert_eq!(usize::try_from(migrations).unwrap(), files, "each migration was made, and once");
    assert_eq!(create(&fleet, "ann.old@example.com").await.status, 201);

    // What a newer version does: it adds.
    for statement in [
        "ALTER TABLE users ADD COLUMN of_tomorrow TEXT",
        "ALTER TABLE user_groups ADD COLUMN of_tomorrow BIGINT NOT NULL DEFAULT 0",
        "CREATE TABLE of_tomorrow (id TEXT NOT NULL PRIMARY KEY)",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of tomorrow', TRUE, '\\x00', 0)",
    ] {
        database.execute(statement).await.unwrap();
    }
    assert_eq!(create(&fleet, "ben.still@example.com").await.status, 201);
    // Also one that starts now.
    fleet.end(0).await;
    fleet.start(1).await;
    assert_eq!(create(&fleet, "cas.again@example.com").await.status, 201);
    fleet.site.wait_until_idle().await;
    assert_eq!(fleet.site.installation.aha.invitations().len(), 3);
    assert_ready_when_it_was(&fleet.expected(), &fleet.front.looks());
}

/// The first migration that replicas of another version may have to live with.
const FIRST_WITH_REPLICAS: &str = "0020";

/// A migration adds. What is not used any more goes in a later version, when no replica is left that uses it.
#[test]
fn migrations_take_nothing_away_that_an_older_version_uses() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if &name[..4] < FIRST_WITH_REPLICAS {
            continue;
        }
        let sql = fs::read_to_string(&path).unwrap();
        let without_comments: String = sql
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default().to_uppercase() + "\n")
            .collect();
        for statement in without_comments.split(';') {
            let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
            for taken in ["DROP TABLE", "DROP COLUMN", "RENAME", "ALTER COLUMN", "DELETE FROM"] {
                assert!(!words.contains(taken), "{name} takes something away: {words}");
            }
            let adds_unknown = words.contains("ADD COLUMN") && words.contains("NOT NULL");
            assert!(
                !adds_unknown || words.contains("DEFAULT"),
                "{name}: an older version leaves it empty: {words}"
            );
        }
    }
}
