//! How it is delivered: again until it is received, once by however many processes, and never to where nobody sent it.

use std::{sync::Arc, time::Duration};

use rstest::rstest;
use scim_bridge::{
    clock::{Clock, ManualClock, Time},
    config::Config,
    notify::Delivery,
    store::{
        Store, StoreError,
        notifications::{self, Attempt, Notice, Notification, NotificationKind},
    },
};
use sqlx::Connection as _;
use tokio_util::sync::CancellationToken;

use super::{STEP, kept, received, section};
use crate::harness::{Setup, eventually, pass_time, process::Process, receiver::Receiver};

/// Raises a notice as whatever happens does.
async fn raise(store: &Store, clock: &ManualClock, occurrence: &str) -> bool {
    let (now, occurrence) = (clock.now(), occurrence.to_owned());
    let raised = store.write(move |transaction| {
        Box::pin(async move {
            let notice = Notice {
                app: "test",
                kind: NotificationKind::Held,
                occurrence: Some(&occurrence),
                quiet: Duration::ZERO,
                text: "something is held".into(),
                at: now,
                due_at: now,
            };
            notifications::raise(transaction, notice).await
        })
    });
    raised.await.map_err(|error: StoreError| error).unwrap()
}

/// A bridge with a receiver, one notice that waits, and a clock by hand.
async fn with_a_notice(answer: u16) -> (crate::harness::Bridge, ManualClock, Receiver) {
    let receiver = Receiver::start().await;
    receiver.answer(answer);
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let setup = Setup::memory_with_clock(Arc::new(clock.clone())).killable();
    let bridge = setup.config(&section(&receiver)).start().await;
    let store = bridge.store().await;
    assert!(raise(&store, &clock, "one").await);
    assert!(!raise(&store, &clock, "one").await, "it stands");
    store.close().await;
    (bridge, clock, receiver)
}

/// Of several processes, the others need not wait until it has been silent for long.
#[tokio::test]
async fn a_receiver_that_hangs_does_not_keep_the_bridge_from_ending_in_order() {
    let receiver = Receiver::start().await;
    receiver.delay(Duration::from_secs(60));
    let mut bridge = Setup::memory().on_server().config(&section(&receiver)).start().await;
    let store = bridge.store().await;
    let clock = ManualClock::new(scim_bridge::clock::SystemClock.now());
    assert!(raise(&store, &clock, "one").await);
    store.close().await;
    eventually("it is being posted", async || {
        kept(&bridge).await.iter().any(|notification| notification.attempts > 0)
    })
    .await;
    bridge.stop().await;
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM replicas").fetch_one(&mut database).await.unwrap();
    assert_eq!(left, 0);
}

#[rstest]
#[case::it_fails(500)]
#[case::it_wants_less(429)]
#[case::it_is_gone(404)]
#[case::it_leads_elsewhere(302)]
#[tokio::test]
async fn what_is_not_received_is_sent_again_under_the_same_id_until_it_is(#[case] answer: u16) {
    let (bridge, clock, receiver) = with_a_notice(answer).await;
    let attempts = received(&receiver, &clock, 4).await;
    receiver.answer(204);
    pass_time(&clock, STEP, "it is delivered", async || kept(&bridge).await[0].delivered_at.is_some()).await;
    let attempts = attempts.len();
    let all = receiver.received();
    let ids: Vec<_> = all.iter().map(|received| received.header("x-scim-bridge-id").to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for (number, received) in (1..).zip(&all) {
        super::assert_signed(received);
        assert_eq!(received.body["attempt"], number);
    }
    assert!(all.len() > attempts);
    assert_eq!(receiver.misled(), 0, "a redirect is not followed");
    let [row] = kept(&bridge).await.try_into().unwrap();
    assert_eq!((row.attempts as usize, row.failure), (all.len(), None));
}

#[tokio::test]
async fn a_receiver_that_is_down_for_days_is_given_up_and_what_comes_after_it_arrives() {
    let (bridge, clock, receiver) = with_a_notice(503).await;
    pass_time(&clock, Duration::from_mins(10), "it is given up", async || {
        kept(&bridge).await[0].due_at.is_none()
    })
    .await;
    let [row] = kept(&bridge).await.try_into().unwrap();
    assert_eq!((row.delivered_at, row.failure.as_deref()), (None, Some("127.0.0.1 answered 503")));
    assert!(clock.now().since(row.raised_at) > Duration::from_hours(70));
    // Once an hour at the most in the end: it is not asked without end.
    assert!((20..=90).contains(&row.attempts), "{}", row.attempts);
    receiver.answer(200);
    let before = receiver.received().len();
    let store = bridge.store().await;
    assert!(raise(&store, &clock, "two").await);
    store.close().await;
    received(&receiver, &clock, before + 1).await;
    eventually("it is recorded", async || kept(&bridge).await[0].delivered_at.is_some()).await;
}

#[tokio::test]
async fn what_was_raised_survives_a_kill_and_is_received_once() {
    let (mut bridge, clock, receiver) = with_a_notice(503).await;
    received(&receiver, &clock, 1).await;
    bridge.crash();
    receiver.answer(200);
    let before = receiver.received().len();
    bridge.start_again().await;
    let all = received(&receiver, &clock, before + 1).await;
    assert_eq!(all.last().unwrap().body["id"], all[0].body["id"]);
    eventually("it is recorded", async || kept(&bridge).await[0].delivered_at.is_some()).await;
    super::wait(&clock, Duration::from_mins(3)).await;
    assert_eq!(receiver.received().len(), before + 1);
}

#[tokio::test]
async fn what_is_being_posted_when_the_bridge_stops_is_received_once() {
    let (mut bridge, clock, receiver) = with_a_notice(200).await;
    receiver.delay(Duration::from_millis(300));
    received(&receiver, &clock, 1).await;
    bridge.stop().await;
    assert!(kept(&bridge).await[0].delivered_at.is_some(), "it was recorded");
    bridge.start_again().await;
    super::wait(&clock, Duration::from_mins(3)).await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn whoever_took_too_long_records_nothing_of_what_another_one_has_taken() {
    let (mut bridge, clock, receiver) = with_a_notice(500).await;
    received(&receiver, &clock, 1).await;
    // Nobody else is there.
    bridge.stop().await;
    let store = bridge.store().await;
    let claim = async |now: Time| {
        let claimed = store.write(move |transaction| {
            let until = now + Duration::from_secs(60);
            Box::pin(async move { notifications::claim(transaction, now, until).await })
        });
        claimed.await.map_err(|error: StoreError| error).unwrap()
    };
    let record = async |claimed: Notification, attempt: Attempt| {
        let recorded = store.write(move |transaction| {
            Box::pin(async move { notifications::record(transaction, &claimed, &attempt).await })
        });
        recorded.await.map_err(|error: StoreError| error).unwrap()
    };
    let now = clock.now() + Duration::from_hours(1);
    let slow = claim(now).await.expect("it is due");
    let later = now + Duration::from_secs(60);
    let quick = claim(later).await.expect("it is due again");
    assert!(!record(slow, Attempt::Failed { reason: "late".into(), due_at: later }).await);
    assert!(record(quick, Attempt::Delivered { at: later }).await);
    let [row] = notifications::list(&store, 10).await.unwrap().try_into().unwrap();
    assert_eq!((row.delivered_at, row.due_at), (Some(later), None));
    store.close().await;
}

#[tokio::test]
async fn several_processes_deliver_each_notification_once() {
    let receiver = Receiver::start().await;
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let toml = format!("{}\n[apps.lab]\nconnector = 'memory'", section(&receiver));
    let config = Config::parse(&toml, "test.toml", bridge.folder(), &|_| None).unwrap();
    let stopping = CancellationToken::new();
    let mut running = Vec::new();
    for _ in 0..4 {
        let delivery = Delivery::new(config.notify.as_ref().unwrap(), Arc::new(clock.clone())).unwrap();
        running.push(tokio::spawn(delivery.run(bridge.store().await, stopping.clone())));
    }
    let store = bridge.store().await;
    for number in 0..40 {
        assert!(raise(&store, &clock, &format!("number {number}")).await);
    }
    // Once, since leases run out by this clock, and posts take their time by another.
    clock.advance(STEP);
    eventually("all is recorded", async || kept(&bridge).await.iter().all(|one| one.delivered_at.is_some()))
        .await;
    super::wait(&clock, Duration::from_mins(2)).await;
    assert_eq!(receiver.received().len(), 40);
    stopping.cancel();
    for process in running {
        process.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_old_when_a_webhook_is_configured_is_not_told_any_more() {
    let receiver = Receiver::start().await;
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let mut bridge = Setup::memory_with_clock(Arc::new(clock.clone())).config("# here").start().await;
    let store = bridge.store().await;
    raise(&store, &clock, "old").await;
    clock.advance(Duration::from_hours(73));
    raise(&store, &clock, "new").await;
    store.close().await;
    bridge.reconfigure("# here", &section(&receiver)).await;
    pass_time(&clock, STEP, "nothing is left to do", async || {
        kept(&bridge).await.iter().all(|notification| notification.due_at.is_none())
    })
    .await;
    let [new, old] = kept(&bridge).await.try_into().unwrap();
    assert!(new.delivered_at.is_some() && old.delivered_at.is_none());
    assert_eq!(old.failure.as_deref(), Some("nobody was there to be told"));
    assert_eq!(receiver.received().len(), 1);
}

/// A folder with a configuration that notifies `receiver`.
fn installation(receiver: &Receiver) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let toml = "[database]\nurl = 'sqlite:bridge.db'\n[apps.lab]\nconnector = 'memory'\n".to_owned();
    std::fs::write(folder.path().join("bridge.toml"), toml + &section(receiver)).unwrap();
    folder
}

#[tokio::test]
async fn the_command_sends_a_test_and_says_what_came_of_it() {
    let receiver = Receiver::start().await;
    let folder = installation(&receiver);
    let test = ["notify", "test", "--config", "bridge.toml"];
    let ended = Process::run(folder.path(), &test, &[]).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "127.0.0.1 received the test.\n"), "{ended:?}");
    let [told] = receiver.received().try_into().unwrap();
    super::assert_signed(&told);
    assert_eq!(told.body["kind"], "test");
    receiver.answer(403);
    let ended = Process::run(folder.path(), &test, &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.log, "the test was not received: 127.0.0.1 answered 403\n");
    drop(receiver);
    let ended = Process::run(folder.path(), &test, &[]).await;
    assert!(ended.code == Some(1) && ended.log.contains("no connection could be made"), "{ended:?}");
}

#[tokio::test]
async fn the_command_lists_what_was_told_and_what_became_of_it() {
    let (bridge, clock, receiver) = with_a_notice(503).await;
    received(&receiver, &clock, 1).await;
    eventually("it is recorded", async || kept(&bridge).await[0].failure.is_some()).await;
    let toml = format!("[database]\nurl = '{}'\n[apps.lab]\nconnector = 'memory'\n", bridge.database_url());
    std::fs::write(bridge.folder().join("list.toml"), toml).unwrap();
    let list = ["notify", "list", "--config", "list.toml"];
    let ended = Process::run(bridge.folder(), &list, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = ended.output.trim_end();
    assert!(line.contains("test  held  something is held  (attempt "), "{line}");
    assert!(line.contains(" failed: 127.0.0.1 answered 503; the next one is due at "), "{line}");
}
