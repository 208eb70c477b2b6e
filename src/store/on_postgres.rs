//! The store's tests on PostgreSQL, and what only PostgreSQL can get wrong: others who write at the same time.

use std::{
    env,
    io::{self, Write},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use sqlx::{AnyConnection, Connection, Executor, Row};
use tokio::sync::{Barrier, Notify};

use super::{
    Store, StoreError,
    fixture::{Database, group, postgres::server, user, write},
    groups, members,
    passed_revocations::{self, Counted},
    users::{self, Claim, Lease},
};
use crate::{clock::Time, connector::Lane};

#[test]
fn the_tests_of_the_store_pass_on_postgres_too() {
    const VARIABLE: &str = "SCIM_BRIDGE_TEST_DATABASE";
    if env::var(VARIABLE).is_ok() {
        // This is the run that is made here, or one that was asked for.
        return;
    }
    let ended = Command::new(env::current_exe().unwrap())
        .args(["store::", "converge::budget::tests::", "converge::replica::tests::", "--skip", "on_postgres"])
        .env(VARIABLE, "postgres")
        .env("TEST_POSTGRES_URL", server().url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    let summary = said.lines().find(|line| line.starts_with("test result: ok.")).unwrap();
    let statements = server().statements();
    assert!(
        statements.is_empty()
            || statements.iter().any(|statement| statement.starts_with("INSERT INTO users")),
        "the tests ran elsewhere"
    );
    // Past the capture of tests' output.
    let _ = writeln!(io::stderr(), "tests of the store, on {}: {summary}", server().version());
}

/// Where two pieces of work meet, each the first time that it is run.
#[derive(Clone)]
struct Meeting(Arc<(Barrier, AtomicUsize)>);

impl Meeting {
    fn new() -> Self {
        Self(Arc::new((Barrier::new(2), AtomicUsize::new(0))))
    }

    async fn meet(&self) {
        if self.0.1.fetch_add(1, Ordering::SeqCst) < 2 {
            self.0.0.wait().await;
        }
    }
}

/// Waits until a transaction waits for another one.
async fn until_somebody_waits(url: &str) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut connection).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

async fn open_two(database: &Database) -> (Store, Store) {
    let (one, other) = tokio::join!(database.open(), database.open());
    (one, other)
}

#[tokio::test]
async fn two_that_start_at_once_migrate_once_and_every_text_sorts_as_bytes() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    one.check().await.unwrap();
    let migrations: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(other.reader()).await.unwrap();
    assert_eq!(usize::try_from(migrations).unwrap(), super::MIGRATOR.iter().count());
    let others: Vec<String> = sqlx::query_scalar(
        "SELECT table_name || '.' || column_name || ': ' || data_type || ' ' || COALESCE(collation_name, '') \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' \
         AND NOT (data_type = 'bigint' OR (data_type = 'text' AND COALESCE(collation_name, '') = 'C'))",
    )
    .fetch_all(one.reader())
    .await
    .unwrap();
    assert_eq!(others, Vec::<String>::new());
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn of_a_database_that_nobody_migrated_commands_say_so() {
    let database = Database::on_server();
    let opened = Store::open_beside(database.url.as_str()).await;
    assert!(matches!(opened, Err(StoreError::NotMigrated { applied: 0, .. })), "{opened:?}");
}

#[tokio::test]
async fn a_newer_schema_does_not_stop_an_older_version() {
    let database = Database::on_server();
    let store = database.open().await;
    let mut newer = AnyConnection::connect(&database.url).await.unwrap();
    newer
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (999999, 'of a newer version', TRUE, '', 1); ALTER TABLE users ADD COLUMN newer TEXT",
        )
        .await
        .unwrap();
    store.check().await.unwrap();
    write(&store, |transaction| {
        Box::pin(async move { users::insert(transaction, &user("u1", json!({ "userName": "bob" }))).await })
    })
    .await;
    store.close().await;
    let again = database.open().await;
    assert!(users::find_shown(&again, "a", &"u1".into()).await.unwrap().is_some());
    again.close().await;
}

/// Adds users that are due, `u00` and so on.
async fn add_due(store: &Store, count: usize) {
    write(store, move |transaction| {
        Box::pin(async move {
            for number in 0..count {
                let id = format!("u{number:02}");
                let mut user = user(&id, json!({ "userName": id }));
                (user.version, user.due_at) = (2, Some(Time::from_micros(1)));
                users::insert(transaction, &user).await?;
            }
            Ok(())
        })
    })
    .await;
}

fn claim(owner: usize) -> Claim {
    Claim {
        app: "a".into(),
        lease: Lease { owner: format!("worker-{owner}"), until: Time::from_micros(1_000) },
        now: Time::from_micros(10),
        most_urgent: Lane::Revoke,
        least_urgent: Lane::Grant,
        limit: 3,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_claim_at_a_time_each_gets_others() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    add_due(&one, 60).await;
    let claims = (0..30).map(|number| {
        let store = if number % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move {
            let claim = claim(number);
            write(&store, move |transaction| Box::pin(async move { users::claim(transaction, &claim).await }))
                .await
        })
    });
    let mut claimed = Vec::new();
    for claims in futures_util::future::join_all(claims).await {
        claimed.extend(claims.unwrap().into_iter().map(|claimed| claimed.user.id.to_string()));
    }
    claimed.sort();
    let expected: Vec<_> = (0..60).map(|number| format!("u{number:02}")).collect();
    assert_eq!(claimed, expected);
    one.close().await;
    other.close().await;
}

/// Holds the row of `u00` in a transaction, until told to go on.
async fn hold_a_row(store: &Store) -> (tokio::task::JoinHandle<()>, Arc<Notify>) {
    let (held, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let holding = tokio::spawn({
        let (store, held, go_on) = (store.clone(), held.clone(), go_on.clone());
        async move {
            write(&store, move |transaction| {
                Box::pin(async move {
                    let user = users::get(transaction, "a", &"u00".into()).await?.unwrap();
                    users::save(transaction, &user).await?;
                    held.notify_one();
                    go_on.notified().await;
                    Ok(())
                })
            })
            .await;
        }
    });
    held.notified().await;
    (holding, go_on)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_claims_does_not_wait_for_rows_that_others_are_writing() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    add_due(&one, 2).await;
    let (holding, go_on) = hold_a_row(&one).await;
    let claim_once = async |number| {
        let claim = claim(number);
        let claimed = write(&other, move |transaction| {
            Box::pin(async move {
                let claimed = users::claim(transaction, &claim).await?;
                Ok((claimed, users::has_left_some(transaction, &claim).await?))
            })
        });
        let (claimed, has_left_some) = claimed.await;
        (claimed.iter().map(|claimed| claimed.user.id.to_string()).collect::<Vec<_>>(), has_left_some)
    };
    assert_eq!(claim_once(1).await, (vec!["u01".to_owned()], true));
    go_on.notify_one();
    holding.await.unwrap();
    assert_eq!(claim_once(2).await, (vec!["u00".to_owned()], false));
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_the_leases_of_the_gone_does_not_wait_for_rows_that_others_are_writing() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    add_due(&one, 2).await;
    // There is no such process.
    write(&one, move |transaction| Box::pin(async move { users::claim(transaction, &claim(1)).await })).await;
    let (holding, go_on) = hold_a_row(&one).await;
    let end = || {
        let now = Time::from_micros(20);
        write(&other, move |transaction| {
            Box::pin(async move { users::end_leases_of_the_gone(transaction, now).await })
        })
    };
    assert_eq!(end().await, 1);
    go_on.notify_one();
    holding.await.unwrap();
    assert_eq!(end().await, 1, "what was left is ended the next time");
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn revocations_are_counted_by_ids_of_any_length() {
    let database = Database::on_server();
    let store = database.open().await;
    // What no index takes, and no compression makes short.
    let mut state = 1_u32;
    let long: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_u32(u32::from('!') + (state >> 16) % 90).unwrap()
    })
    .take(3_000)
    .collect();
    let other = format!("{long}x");
    let at = Time::from_micros(5);
    let passed = write(&store, move |transaction| {
        let (long, other) = (long.clone(), other.clone());
        Box::pin(async move {
            passed_revocations::save(transaction, "a", &long, at, Counted::Yes).await?;
            let since = Time::from_micros(1);
            Ok([
                passed_revocations::has_passed(transaction, "a", &long, since).await?,
                passed_revocations::has_passed(transaction, "a", &other, since).await?,
            ])
        })
    });
    assert_eq!(passed.await, [true, false]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_stay_counted_and_in_order_while_two_processes_add_and_remove() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    let steps = (0..80).map(|number| {
        let store = if number % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move {
            // Not in their order, so that marks are split before and behind.
            let id = format!("u{:02}", number * 37 % 80);
            let user = user(&id, json!({ "userName": id }));
            write(&store, move |transaction| {
                Box::pin(async move {
                    users::insert(transaction, &user).await?;
                    groups::insert(transaction, &group(&id.replace('u', "g"), &id)).await?;
                    if number % 4 == 0 {
                        users::delete_row(transaction, &user, Time::default()).await
                    } else {
                        Ok(())
                    }
                })
            })
            .await;
        })
    });
    futures_util::future::join_all(steps).await.into_iter().for_each(|step| step.unwrap());
    assert_eq!(users::count(&one, "a").await.unwrap(), 60);
    let range = |offset| super::listing::Range { after: "", offset, limit: 100 };
    let all = users::page(&one, "a", &users::Narrowing::All, range(0)).await.unwrap();
    let ids: Vec<_> = all.iter().map(|user| user.id.as_str()).collect();
    assert!(ids.is_sorted() && ids.len() == 60, "{ids:?}");
    for offset in [10, 33, 59] {
        let page = users::page(&other, "a", &users::Narrowing::All, range(offset)).await.unwrap();
        let page: Vec<_> = page.iter().map(|user| user.id.as_str()).collect();
        assert_eq!(page, ids[usize::try_from(offset).unwrap()..], "from {offset}");
    }
    assert_eq!(groups::count_matching(&other, "a", &groups::Narrowing::All).await.unwrap(), 80);
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_add_the_same_name_the_second_is_run_again_and_sees_the_first() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    let meeting = Meeting::new();
    let add = |store: Store, id: &'static str| {
        let meeting = meeting.clone();
        async move {
            store
                .write(move |transaction| {
                    Box::pin(async move {
                        if let Some(first) = users::find_live_by_user_name(transaction, "a", "bob").await? {
                            return Ok(Some(first.id.to_string()));
                        }
                        meeting.meet().await;
                        users::insert(transaction, &user(id, json!({ "userName": "bob" }))).await?;
                        Ok::<_, StoreError>(None)
                    })
                })
                .await
                .unwrap()
        }
    };
    let found = tokio::join!(add(one.clone(), "u1"), add(other.clone(), "u2"));
    assert!(
        matches!(&found, (None, Some(id)) if id == "u1") || matches!(&found, (Some(id), None) if id == "u2"),
        "{found:?}"
    );
    assert_eq!(users::count(&one, "a").await.unwrap(), 1);
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_wait_for_each_other_both_get_through() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    add_due(&one, 2).await;
    let meeting = Meeting::new();
    let touch = |store: Store, ids: [&'static str; 2]| {
        let meeting = meeting.clone();
        async move {
            write(&store, move |transaction| {
                Box::pin(async move {
                    for id in ids {
                        let mut user = users::get(transaction, "a", &id.into()).await?.unwrap();
                        user.version += 1;
                        users::save(transaction, &user).await?;
                        meeting.meet().await;
                    }
                    Ok(())
                })
            })
            .await;
        }
    };
    tokio::join!(touch(one.clone(), ["u00", "u01"]), touch(other.clone(), ["u01", "u00"]));
    for id in ["u00", "u01"] {
        assert_eq!(users::find_any(&one, "a", &id.into()).await.unwrap().unwrap().version, 4, "{id}");
    }
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_being_deleted_does_not_become_a_member_meanwhile() {
    let database = Database::on_server();
    let (one, other) = open_two(&database).await;
    add_due(&one, 1).await;
    let (meeting, url) = (Meeting::new(), database.url.clone());
    let deleted = meeting.clone();
    let deleting = tokio::spawn(async move {
        write(&one, move |transaction| {
            Box::pin(async move {
                let mut user = users::get(transaction, "a", &"u00".into()).await?.unwrap();
                user.deleted_at = Some(Time::from_micros(5));
                users::save(transaction, &user).await?;
                deleted.meet().await;
                until_somebody_waits(&url).await;
                Ok(())
            })
        })
        .await;
        one.close().await;
    });
    meeting.meet().await;
    let kinds = write(&other, |transaction| {
        Box::pin(async move { members::kinds(transaction, "a", &["u00"]).await })
    })
    .await;
    assert!(kinds.is_empty(), "{kinds:?}");
    deleting.await.unwrap();
    other.close().await;
}

#[tokio::test]
async fn what_went_wrong_unnoticed_in_a_transaction_is_not_answered_as_done() {
    let database = Database::on_server();
    let store = database.open().await;
    let written: Result<(), StoreError> = store
        .write(|transaction| {
            Box::pin(async move {
                users::insert(transaction, &user("u1", json!({ "userName": "bob" }))).await?;
                let _ = sqlx::query("SELECT 1 / 0").execute(transaction).await;
                Ok(())
            })
        })
        .await;
    assert!(matches!(written, Err(StoreError::Commit(_))), "{written:?}");
    assert_eq!(users::count(&store, "a").await.unwrap(), 0);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_whose_connection_ends_is_run_again_and_reads_go_on() {
    let database = Database::on_server();
    let store = database.open().await;
    let url = database.url.clone();
    let runs = Arc::new(AtomicUsize::new(0));
    store
        .write(move |transaction| {
            Box::pin(async move {
                users::insert(transaction, &user("u1", json!({ "userName": "bob" }))).await?;
                if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                    let mut administrator = AnyConnection::connect(&url).await?;
                    administrator
                        .execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                             WHERE datname = current_database() AND pid <> pg_backend_pid()",
                        )
                        .await?;
                }
                let row = sqlx::query("SELECT 1 AS one").fetch_one(transaction).await?;
                assert_eq!(row.try_get::<i64, _>("one")?, 1);
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
    // Connections that were in use a moment ago are not looked at; each that ended fails once.
    let mut failures = 0;
    let users = loop {
        match users::count(&store, "a").await {
            Ok(users) => break users,
            Err(_) => failures += 1,
        }
        assert!(failures <= 8, "there were no more connections");
    };
    assert_eq!(users, 1);
    store.close().await;
}
