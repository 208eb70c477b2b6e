//! `invites_per_hour`: joiners wait for their turn, and nobody waits behind them.

use std::time::Duration;

use futures_util::future::join_all;
use scim_bridge::{
    clock::{Clock, ManualClock, Time},
    sim::aha::{Fault, SimulatedAha},
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Bridge, Setup, eventually, pass_time, user};

const CREATE: &str = "POST /products/:id/users";
const FIND: &str = "GET /users?email";
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// How far time moves at once: the work goes on meanwhile.
const STEP: Duration = Duration::from_secs(5);

/// A bridge that invites two an hour and never waits with an answer, and a clock by hand.
async fn start() -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let keys = "invites_per_hour = 2\nmax_queue_wait = '24h'\nconfirm_within = '0s'\nroster_every = '24h'";
    (setup.app_keys(keys).start().await, clock)
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn active(value: bool) -> Value {
    json!([{ "op": "replace", "path": "active", "value": value }])
}

fn invitations(aha: &SimulatedAha) -> usize {
    aha.calls().to(CREATE).len()
}

/// Lets so much time pass, with time for work.
async fn pass(clock: &ManualClock, time: Duration) {
    let end = clock.now() + time;
    pass_time(clock, STEP, "the time", async || clock.now() >= end).await;
}

/// Waits until so many were invited.
async fn invited(bridge: &Bridge, count: usize) {
    eventually("the invitations", async || invitations(&bridge.aha) >= count).await;
}

#[tokio::test]
async fn no_more_are_invited_in_any_hour_and_nobody_is_looked_up_before_the_turn() {
    let (bridge, clock) = start().await;
    for number in 0..7 {
        let created = bridge.post("/Users", &user(&email(number))).await;
        assert_eq!(created.status, 201, "{created}");
    }
    let found = bridge.filter("/Users", &format!("userName eq \"{ADMINISTRATOR}\"")).await;
    let administrator = format!("/Users/{}", found.only()["id"].as_str().unwrap());
    for (round, sent) in [2, 4, 6].into_iter().enumerate() {
        let waiting = async || bridge.status().await["queue"]["grant"]["users"] == 7 - sent;
        invited(&bridge, sent).await;
        eventually("the others wait", waiting).await;
        clock.advance(HOUR - Duration::from_micros(1));
        // Whoever could be invited is before this.
        let rename = json!([{ "op": "replace", "path": "name.familyName", "value": format!("Name{round}") }]);
        bridge.patch(&administrator, rename).await;
        eventually("the change", async || bridge.aha.calls().to("PUT /users/:id").len() == round + 1).await;
        eventually("the others wait", waiting).await;
        assert_eq!(invitations(&bridge.aha), sent);
        clock.advance(Duration::from_micros(1));
    }
    invited(&bridge, 7).await;
    let calls = bridge.aha.calls();
    assert_eq!(calls.to(FIND).len(), 7);
    bridge.wait_until_idle().await;
}

#[tokio::test]
async fn who_waits_for_the_turn_reads_as_promised_and_is_told_why() {
    let (bridge, _) = start().await;
    let answers =
        join_all((0..3).map(async |number| bridge.post("/Users", &user(&email(number))).await)).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.body["active"] == true));
    invited(&bridge, 2).await;
    eventually("the others are done", async || bridge.status().await["queue"]["grant"]["users"] == 1).await;
    let status = bridge.status().await;
    assert_eq!(status["queue"]["grant"]["oldest_due_at"], "2023-11-14T23:13:20.000Z", "{status:#}");
    assert_eq!(status["queue"]["grant"]["failing"], 0);
    assert_eq!(status["held"], Value::Null);
    let target = bridge.beside().await;
    let waiting = scim_bridge::store::users::list_unsettled(
        &target.store,
        "test",
        scim_bridge::store::users::Settled::LeftOut,
        "",
        10,
    );
    let waiting = waiting.await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        waiting[0].failure.as_deref(),
        Some(
            "the invitation waits for its turn at 2023-11-14T23:13:20.000Z: no more than 2 are sent in an hour (`invites_per_hour`)"
        )
    );
}

#[tokio::test]
async fn leavers_and_changes_do_not_wait_behind_forty_joiners() {
    let (bridge, _) = start().await;
    let paths =
        join_all((0..2).map(async |number| format!("/Users/{}", bridge.create_user(&email(number)).await)))
            .await;
    invited(&bridge, 2).await;
    bridge.wait_until_idle().await;
    for number in 2..42 {
        bridge.create_user(&email(number)).await;
    }
    bridge.aha.take_calls();
    // Time stands still.
    bridge.patch(&paths[0], active(false)).await;
    let rename = json!([{ "op": "replace", "path": "name.familyName", "value": "Smith" }]);
    bridge.patch(&paths[1], rename).await;
    eventually("both", async || bridge.aha.calls().len() == 2).await;
    eventually("the others wait", async || {
        let queue = bridge.status().await["queue"].clone();
        queue["grant"]["users"] == 40 && queue.as_object().unwrap().len() == 1
    })
    .await;
    assert_eq!(bridge.aha.calls().writes().len(), 2, "{}", bridge.aha.calls());
}

#[tokio::test]
async fn who_leaves_before_the_turn_is_never_invited_and_gives_it_back() {
    let (bridge, clock) = start().await;
    let mut paths = Vec::new();
    for number in 0..4 {
        paths.push(format!("/Users/{}", bridge.create_user(&email(number)).await));
        // One after the other, so that the turns are known.
        eventually("its turn", async || {
            invitations(&bridge.aha) == (number + 1).min(2)
                && bridge.status().await["queue"]["grant"]["users"].as_u64().unwrap_or(0)
                    == number.saturating_sub(1) as u64
        })
        .await;
    }
    bridge.patch(&paths[2], active(false)).await;
    assert_eq!(bridge.delete(&paths[3]).await.status, 204);
    bridge.wait_until_idle().await;
    assert_eq!(invitations(&bridge.aha), 2);
    bridge.create_user(&email(4)).await;
    bridge.create_user(&email(5)).await;
    pass(&clock, HOUR + MINUTE).await;
    invited(&bridge, 4).await;
    bridge.wait_until_idle().await;
    let invited: Vec<_> =
        bridge.aha.invitations().iter().map(|invitation| invitation.email.clone()).collect();
    assert_eq!(invited[2..], [email(4), email(5)]);
}

#[tokio::test]
async fn a_change_of_who_waits_keeps_the_turn_and_a_create_that_fails_needs_no_other() {
    let (bridge, clock) = start().await;
    bridge.create_user(&email(0)).await;
    bridge.create_user(&email(1)).await;
    invited(&bridge, 2).await;
    bridge.wait_until_idle().await;
    let path = format!("/Users/{}", bridge.create_user(&email(2)).await);
    for number in 0..3 {
        let title = json!([{ "op": "replace", "path": "title", "value": format!("Clerk {number}") }]);
        assert_eq!(bridge.patch(&path, title).await.status, 200);
    }
    assert_eq!(invitations(&bridge.aha), 2);
    bridge.aha.fault(Fault::html(502).on(CREATE).times(3));
    pass(&clock, HOUR).await;
    let third = async || bridge.aha.find_user_by_email(&email(2)).is_some();
    pass_time(&clock, Duration::from_secs(1), "the third", third).await;
    bridge.create_user(&email(3)).await;
    invited(&bridge, 2 + 4 + 1).await;
    bridge.wait_until_idle().await;
}

#[tokio::test]
async fn a_restart_with_another_pace_gives_new_turns() {
    let (mut bridge, _) = start().await;
    for number in 0..12 {
        bridge.create_user(&email(number)).await;
    }
    invited(&bridge, 2).await;
    eventually("all wait", async || bridge.status().await["queue"]["grant"]["users"] == 10).await;
    bridge.reconfigure("invites_per_hour = 2", "invites_per_hour = 8").await;
    invited(&bridge, 8).await;
    eventually("the others wait", async || bridge.status().await["queue"]["grant"]["users"] == 4).await;
    assert_eq!(invitations(&bridge.aha), 8);
    bridge.reconfigure("invites_per_hour = 8", "").await;
    invited(&bridge, 12).await;
    bridge.wait_until_idle().await;
    assert_eq!(invitations(&bridge.aha), 12);
}

#[tokio::test]
async fn who_has_an_account_is_adopted_without_waiting() {
    let (bridge, _) = start().await;
    for number in 0..3 {
        bridge.create_user(&email(number)).await;
    }
    invited(&bridge, 2).await;
    eventually("the third waits", async || bridge.status().await["queue"]["grant"]["users"] == 1).await;
    let found = bridge.filter("/Users", &format!("userName eq \"{}\"", ADMINISTRATOR)).await;
    let path = format!("/Users/{}", found.only()["id"].as_str().unwrap());
    bridge.patch(&path, json!([{ "op": "replace", "path": "name.familyName", "value": "Smith" }])).await;
    eventually("the change", async || bridge.aha.calls().to("PUT /users/:id").len() == 1).await;
    assert_eq!(invitations(&bridge.aha), 2);
}

#[tokio::test]
async fn turns_that_could_not_be_used_in_time_are_not_used_together_later() {
    let (bridge, clock) = start().await;
    for number in 0..8 {
        bridge.create_user(&email(number)).await;
    }
    invited(&bridge, 2).await;
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::html(503).always());
    pass(&clock, 3 * HOUR).await;
    bridge.aha.clear_faults();
    pass_time(&clock, STEP, "the others", async || bridge.aha.invitations().len() == 8).await;
    let times: Vec<Time> = bridge.aha.calls().to(CREATE).answered(200).iter().map(|call| call.at).collect();
    for three in times.windows(3) {
        assert!(three[2].since(three[0]) >= HOUR / 2, "{times:?}");
    }
}

#[tokio::test]
async fn a_joiner_whose_turn_would_come_too_late_is_told_when_to_come_again() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys("invites_per_hour = 2\nconfirm_within = '0s'").start().await;
    for number in 0..2 {
        assert_eq!(bridge.post("/Users", &user(&email(number))).await.status, 201);
    }
    let refused = bridge.post("/Users", &user(&email(2))).await;
    refused.error(429, "");
    // An hour, less the quarter of one that it may wait.
    assert_eq!(refused.header("retry-after"), "2700");
    clock.advance(3 * HOUR / 4);
    assert_eq!(bridge.post("/Users", &user(&email(2))).await.status, 201);
}
