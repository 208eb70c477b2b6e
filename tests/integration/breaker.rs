//! An Aha! that is down is left alone, and found as soon as it works again.

use std::time::Duration;

use scim_bridge::{
    clock::{Clock, ManualClock},
    sim::aha::{Fault, Outcome},
};
use serde_json::json;

use crate::harness::{Bridge, Setup, eventually, pass_time, user};

const STEP: Duration = Duration::from_millis(250);

/// A bridge with `leavers` who have accounts.
async fn start(leavers: usize) -> (Bridge, ManualClock, Vec<String>) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup
        .app_keys("confirm_within = '0s'\nroster_every = '24h'")
        .server_keys("request_timeout = '10m'")
        .start()
        .await;
    let mut ids = Vec::new();
    for number in 0..leavers {
        ids.push(bridge.create_user(&format!("leaver{number}@example.com")).await);
    }
    bridge.wait_until_idle().await;
    bridge.aha.take_calls();
    (bridge, clock, ids)
}

async fn disable(bridge: &Bridge, id: &str) {
    let answer = bridge
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": false }]))
        .await;
    assert_eq!(answer.status, 200, "{answer}");
}

async fn pass(clock: &ManualClock, time: Duration) {
    let until = clock.now() + time;
    pass_time(clock, STEP, "the time", async || clock.now() >= until).await;
}

async fn wait_until_down(bridge: &Bridge, clock: &ManualClock) {
    pass_time(clock, STEP, "the stop", async || {
        bridge.status().await["target"]["state"] == "down; nothing is sent but a probe now and then"
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_down_gets_a_probe_a_minute_and_leavers_go_first_when_it_is_back() {
    let (bridge, clock, leavers) = start(3).await;
    bridge.aha.fault(Fault::html(503).always());
    for number in 0..40 {
        assert_eq!(bridge.post("/Users", &user(&format!("joiner{number}@example.com"))).await.status, 201);
    }
    for leaver in &leavers {
        disable(&bridge, leaver).await;
    }
    wait_until_down(&bridge, &clock).await;
    let status = bridge.status().await;
    assert!(status["target"]["reason"].as_str().unwrap().contains("503"), "{status:#}");
    assert!(status["target"]["next_probe_at"].is_string(), "{status:#}");
    assert_eq!(bridge.ready().await.status, 200);
    assert_eq!(status["queue"]["revoke"]["users"], 3, "they stay due");

    // Those that were out when it stopped have ended.
    eventually("the last answers", async || {
        bridge.aha.calls().iter().all(|call| call.outcome != Outcome::Running)
    })
    .await;
    bridge.aha.take_calls();
    pass(&clock, Duration::from_secs(30 * 60)).await;
    let calls = bridge.aha.take_calls();
    assert_eq!(calls.len(), calls.to("GET /me").len(), "{calls}");
    assert!((20..=60).contains(&calls.len()), "{} probes in half an hour", calls.len());
    for pair in calls.windows(2).skip(5) {
        assert!(pair[1].at.since(pair[0].at) >= Duration::from_secs(44), "{} and {}", pair[0].at, pair[1].at);
    }
    // New ones wait like the others, and are answered as ever.
    disable(&bridge, &leavers[0]).await;

    bridge.aha.clear_faults();
    pass_time(&clock, Duration::from_millis(25), "the last leaver", async || {
        bridge.aha.calls().to("PUT /users/:id").answered(200).len() == 3
    })
    .await;
    let calls = bridge.aha.calls();
    let lines: Vec<_> = calls.iter().map(|call| call.template()).collect();
    assert_eq!(lines[0], "GET /me", "{lines:?}");
    assert_eq!(lines[1], "PUT /users/:id", "a leaver goes first: {lines:?}");
    let last = calls.to("PUT /users/:id").last().unwrap().at;
    assert!(last.since(calls[0].at) <= Duration::from_secs(2), "{:?}", last.since(calls[0].at));
    pass_time(&clock, STEP, "the invitations", async || bridge.aha.invitations().len() == 43).await;
    bridge.wait_until_idle().await;
    assert_eq!(bridge.status().await["target"], json!({ "state": "working" }));
}

/// Its probes are answered, and nothing else is.
#[tokio::test]
async fn a_target_that_answers_probes_alone_is_not_flooded_each_time() {
    let (bridge, clock, leavers) = start(30).await;
    bridge.aha.fault(Fault::html(500).on("PUT /users/:id").always());
    for leaver in &leavers {
        disable(&bridge, leaver).await;
    }
    wait_until_down(&bridge, &clock).await;
    pass(&clock, Duration::from_secs(60)).await;
    bridge.aha.take_calls();
    pass(&clock, Duration::from_secs(30 * 60)).await;
    let calls = bridge.aha.take_calls();
    let (probes, changes) = (calls.to("GET /me").len(), calls.to("PUT /users/:id").len());
    assert!(probes <= 60 && changes <= probes + 1, "{probes} probes and {changes} changes in half an hour");
    bridge.aha.clear_faults();
    pass_time(&clock, STEP, "the last leaver", async || {
        bridge.aha.calls().to("PUT /users/:id").answered(200).len() == 30
    })
    .await;
}

#[tokio::test]
async fn work_that_fails_now_and_then_does_not_stop_the_rest() {
    let (bridge, clock, leavers) = start(12).await;
    // Four of five.
    for number in 0..leavers.len() {
        if number % 5 != 4 {
            bridge.aha.fault(Fault::html(502).on("PUT /users/:id"));
        } else {
            bridge.aha.fault(Fault::delay(Duration::ZERO).on("PUT /users/:id"));
        }
    }
    for leaver in &leavers {
        let mark = bridge.aha.mark();
        disable(&bridge, leaver).await;
        eventually("the attempt", async || !bridge.aha.calls_since(mark).to("PUT /users/:id").is_empty())
            .await;
    }
    pass_time(&clock, STEP, "the last leaver", async || {
        bridge.aha.calls().to("PUT /users/:id").answered(200).len() == leavers.len()
    })
    .await;
    assert_eq!(bridge.aha.calls().to("GET /me").len(), 0, "nothing was probed");
}
