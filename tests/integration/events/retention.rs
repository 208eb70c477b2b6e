//! Events are kept for as long as the configuration says, and while they say what is still to be done.

use std::time::Duration;

use scim_bridge::{config::Config, sim::aha::Fault};

use super::record::{of_name, of_user};
use crate::harness::{Setup, pass_time, user};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn old_events_are_forgotten_but_not_those_of_a_user_whose_work_is_not_done() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    // The database is the first section of the file.
    let bridge = setup.app_keys("confirm_within = '0s'").database_keys("keep_events = '30h'").start().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(bridge.create_user(&format!("p{number}@example.com")).await);
    }
    bridge.wait_until_idle().await;
    bridge.post("/Users", &user("p0@example.com")).await.error(409, "uniqueness");
    bridge.aha.fault(Fault::html(503).always());
    let waiting = bridge.create_user("late@example.com").await;
    for _ in 0..29 {
        clock.advance(HOUR);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for id in &ids {
        assert_eq!(of_user(&bridge, id).await.len(), 5, "they are not too old yet");
    }
    let forgotten = async || {
        let mut left = of_name(&bridge, "p0@example.com").await.len();
        for id in &ids {
            left += of_user(&bridge, id).await.len();
        }
        left == 0
    };
    pass_time(&clock, HOUR, "old events are forgotten", forgotten).await;
    let kept = of_user(&bridge, &waiting).await;
    assert!(kept[0].starts_with("created idp 1: "), "{kept:?}");
}

#[test]
fn how_long_events_are_kept_is_400_days_unless_it_is_said() {
    let read = |text: &str| Config::parse(text, "test.toml", std::path::Path::new("."), &|_| None);
    let app = "[apps.lab]\nconnector = 'memory'\ntokens = [{ name = 'idp', token = '0123456789abcdef0123456789abcdef' }]\n";
    assert_eq!(read(app).unwrap().database.keep_events, 400 * 24 * HOUR);
    let two_weeks = read(&format!("[database]\nkeep_events = '14d'\n{app}")).unwrap();
    assert_eq!(two_weeks.database.keep_events, 14 * 24 * HOUR);
    let problems = read(&format!("[database]\nkeep_events = '1h'\n{app}")).unwrap_err().to_string();
    assert!(problems.contains("keep_events: must be from 24h to 3650d"), "{problems}");
}
