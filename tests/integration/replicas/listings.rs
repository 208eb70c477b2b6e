//! Replicas list accounts together: as often as one of them would, whoever asks and whatever fails.

use std::time::Duration;

use http::Method;
use scim_bridge::{
    clock::{Clock, ManualClock},
    sim::aha::{Fault, SimulatedAha},
};
use serde_json::json;

use crate::harness::{Another, Answer, Bridge, Setup, eventually, pass_time};

const SECRET: &str = "planted-hook-secret-0123456789";

/// The least between the beginnings of passes that hooks ask for.
const APART: Duration = Duration::from_mins(2);

async fn start(setup: Setup) -> (Bridge, Another) {
    let keys = format!("hook_secret = '{SECRET}'\nroster_every = '24h'");
    let bridge = setup.on_server().app_keys(&keys).start_unready().await;
    let other = bridge.another().await;
    (bridge, other)
}

fn setup() -> (Setup, ManualClock) {
    Setup::aha_with_manual_clock()
}

/// How often the list of accounts was asked for, from its first page.
fn listings(aha: &SimulatedAha) -> usize {
    let calls = aha.calls().lines();
    calls.iter().filter(|line| line.starts_with("GET /users?") && line.contains("page=1&")).count()
}

/// Lets so much time pass, in steps.
async fn pass(clock: &ManualClock, duration: Duration) {
    let end = clock.now() + duration;
    pass_time(clock, Duration::from_secs(1), "the end of it", async || clock.now() >= end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_listing_that_fails_is_tried_again_after_waits_that_double() {
    let (setup, clock) = setup();
    let no = json!({ "error": "Forbidden" });
    let setup = setup.with(|aha| aha.fault(Fault::json(403, &no).on("GET /users").always()));
    let (bridge, _other) = start(setup).await;
    eventually("the first is tried", async || listings(&bridge.aha) > 0).await;
    pass(&clock, Duration::from_mins(5)).await;
    // After 5, 10, 20, 40, 80 and 160 s, by whichever of the two; one that begins tries after 5 s.
    let tried = listings(&bridge.aha);
    assert!((2..=9).contains(&tried), "{tried} times");
    // It works, and is not asked for again.
    bridge.aha.clear_faults();
    pass_time(&clock, Duration::from_secs(5), "the accounts are listed", async || {
        bridge.ready().await.body["apps"]["test"]["roster"] == "known"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_listed_regularly_is_listed_by_one() {
    let (setup, clock) = setup();
    let bridge = setup.on_server().app_keys("roster_every = '15m'").start().await;
    let _other = bridge.another().await;
    let _third = bridge.another().await;
    let before = listings(&bridge.aha);
    pass(&clock, Duration::from_mins(2 * 60 + 5)).await;
    assert_eq!(listings(&bridge.aha) - before, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_is_told_while_another_lists_is_listed_again() {
    let (setup, clock) = setup();
    let (bridge, other) = start(setup).await;
    bridge.wait_until_ready().await;
    let hook = async |root: &str| {
        let url = format!("{root}/hooks/test/{SECRET}");
        assert_eq!(Answer::of(reqwest::Client::new().request(Method::POST, url)).await.status, 200);
    };
    for told in [bridge.root(), other.root(), other.root()] {
        // Long after the last listing, one is made at once: and meanwhile something is changed that it may not have seen.
        clock.advance(2 * APART);
        let before = listings(&bridge.aha);
        bridge.aha.fault(Fault::delay(Duration::from_secs(20)).on("GET /users"));
        hook(bridge.root()).await;
        pass_time(&clock, Duration::from_secs(1), "a listing is under way", async || {
            !bridge.aha.has_faults()
        })
        .await;
        hook(told).await;
        pass_time(&clock, Duration::from_secs(1), "another listing", async || {
            listings(&bridge.aha) >= before + 2
        })
        .await;
        // No more than these: both were told, and one lists.
        pass(&clock, 10 * APART).await;
        assert_eq!(listings(&bridge.aha), before + 2);
    }
}
