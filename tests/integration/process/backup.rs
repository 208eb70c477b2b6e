//! `backup`: a copy of the database while it is worked in.

use std::{os::unix::fs::PermissionsExt, path::Path};

use futures_util::future::join_all;
use http::Method;

use super::{FILE, Installation, SECRETS, Server};
use crate::harness::{
    database::is_postgres,
    process::{Ended, Process},
    user,
};

async fn back_up(folder: &Path, to: &str) -> Ended {
    let ended = Process::run(folder, &["backup", "--config", "bridge.toml", to], &[]).await;
    ended.keeps(&SECRETS);
    ended
}

/// Creates people without end, and answers the paths of those that were answered.
async fn join(server: &Server, client: usize, number: usize) -> String {
    let body = user(&format!("joiner{client}.{number}@example.com"));
    let created = server.send(Method::POST, "/Users", Some(&body)).await;
    assert_eq!(created.status, 201, "{created}");
    created.path()
}

fn leftovers(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.contains("backup")).collect()
}

#[tokio::test]
async fn a_copy_that_is_made_under_load_has_everything_that_was_answered_before() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    let mut answered = Vec::new();
    for number in 0..20 {
        answered.push(join(&server, 0, number).await);
    }
    let load = join_all((1..=4).map(|client| {
        let server = &server;
        async move {
            for number in 0..25 {
                join(server, client, number).await;
            }
        }
    }));
    let (ended, _) = tokio::join!(back_up(installation.folder(), "copy.db"), load);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.output.starts_with("copy.db is a sound copy of sqlite:bridge.db: "), "{ended:?}");
    let copy = installation.folder().join("copy.db");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(leftovers(installation.folder()), [""; 0]);
    drop(server);

    // Restored as the README says it: nothing but the one file.
    installation.edit("sqlite:bridge.db", "sqlite:copy.db");
    let server = installation.serve().await;
    for path in &answered {
        let read = server.get(path).await;
        assert_eq!((read.status, read.path()), (200, path.clone()), "{read}");
    }
    server.wait_until_idle().await;
    assert_eq!(server.get("/Users?count=0").await.status, 200);
    join(&server, 9, 9).await;
}

#[tokio::test]
async fn nothing_is_overwritten_and_a_folder_that_is_not_there_is_told() {
    let installation = Installation::new().await;
    let folder = installation.folder();
    let migrated = Process::run(folder, &["migrate", "--config", "bridge.toml"], &[]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    std::fs::write(folder.join("mine"), "mine").unwrap();
    for there in ["mine", "bridge.db", "bridge.toml"] {
        let before = std::fs::read(folder.join(there)).unwrap();
        let ended = back_up(folder, there).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.log, format!("{there} is there already; name a file that is not\n"));
        assert_eq!(std::fs::read(folder.join(there)).unwrap(), before);
    }
    let ended = back_up(folder, "nowhere/copy.db").await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.starts_with("nowhere/copy.db cannot be written: "), "{ended:?}");
    assert_eq!(leftovers(folder), [""; 0]);
}

#[tokio::test]
async fn what_is_no_database_of_ours_or_damaged_is_not_taken_for_a_copy() {
    let installation = Installation::new().await;
    let folder = installation.folder();
    let ended = back_up(folder, "copy.db").await;
    assert_eq!(ended.code, Some(1), "there is no database: {ended:?}");
    let migrated = Process::run(folder, &["migrate", "--config", "bridge.toml"], &[]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    // All behind the first page is overwritten, as a bad disk does it.
    let mut bytes = std::fs::read(folder.join("bridge.db")).unwrap();
    bytes[4096..].fill(0xA5);
    std::fs::write(folder.join("bridge.db"), bytes).unwrap();
    let ended = back_up(folder, "copy.db").await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!folder.join("copy.db").exists());
    assert_eq!(leftovers(folder), [""; 0]);
}

#[tokio::test]
async fn for_postgresql_it_says_what_makes_a_dump() {
    let installation = Installation::new().await;
    if !is_postgres() {
        installation.edit(FILE, "postgres://bridge@db.example.com/bridge");
    }
    let ended = back_up(installation.folder(), "copy.dump").await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("pg_dump --format=custom --file="), "{ended:?}");
    assert!(!installation.folder().join("copy.dump").exists());
}
