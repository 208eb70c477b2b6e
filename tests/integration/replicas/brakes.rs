//! Replicas brake together: what one lets through counts for all, and what a person decides holds for all.

use std::time::Duration;

use futures_util::future::join_all;
use scim_bridge::{
    clock::{Clock, ManualClock},
    converge::held::{Decision, decide},
    sim::aha::Fault,
    store::{UserId, users},
};
use serde_json::{Value, json};

use crate::harness::{Another, Answer, Bridge, Setup, as_time_passes, pass_time};

const UPDATE: &str = "PUT /users/:id";
const STEP: Duration = Duration::from_millis(100);

/// Longer than a replica takes to look for what another one has left.
const A_WHILE: Duration = Duration::from_secs(10);

struct Pair {
    bridge: Bridge,
    other: Another,
    clock: ManualClock,
}

impl Pair {
    /// Two replicas that disable three in an hour, with so many users, who have accounts: their paths.
    async fn start(users: usize) -> (Self, Vec<String>) {
        let (setup, clock) = Setup::aha_with_manual_clock();
        let setup = setup.on_server().brake("brake = { max_revocations = 3 }");
        let bridge = setup.app_keys("roster_every = '24h'").start().await;
        let other = bridge.another().await;
        let pair = Self { bridge, other, clock };
        let paths = pair.create(users).await;
        (pair, paths)
    }

    async fn create(&self, users: usize) -> Vec<String> {
        let mut paths = Vec::new();
        for number in 0..users {
            let email = email(number);
            let created = as_time_passes(&self.clock, STEP, self.bridge.create_user(&email)).await;
            paths.push(format!("/Users/{created}"));
        }
        self.bridge.aha.take_calls();
        paths
    }

    async fn deactivate(&self, path: &str) {
        assert_inactive(&as_time_passes(&self.clock, STEP, self.bridge.patch(path, inactive())).await);
    }

    async fn deactivate_at_other(&self, path: &str) {
        assert_inactive(&as_time_passes(&self.clock, STEP, self.other.patch(path, inactive())).await);
    }

    /// How many are held, of which both say the same.
    async fn held(&self) -> u64 {
        let held = self.bridge.status().await["held"]["users"].as_u64().unwrap_or(0);
        assert_eq!(self.other.status().await["held"]["users"].as_u64().unwrap_or(0), held);
        held
    }

    async fn decide(&self, path: &str, decision: Decision) {
        assert_eq!(decide_about(&self.bridge, path, decision).await, 1);
    }

    /// Both have had time to do whatever they believe is to be done.
    async fn wait(&self) {
        let end = self.clock.now() + A_WHILE;
        pass_time(&self.clock, STEP, "the end of it", async || self.clock.now() >= end).await;
    }
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn inactive() -> Value {
    json!([{ "op": "replace", "path": "active", "value": false }])
}

fn assert_inactive(answer: &Answer) {
    assert_eq!((answer.status, &answer.body["active"]), (200, &json!(false)), "{answer}");
}

fn disabled(bridge: &Bridge) -> usize {
    bridge.aha.users().iter().filter(|user| !user.enabled).count()
}

async fn decide_about(bridge: &Bridge, path: &str, decision: Decision) -> usize {
    let id = UserId::from(path.strip_prefix("/Users/").unwrap());
    decide(&*bridge.beside().await, vec![id], decision).await.unwrap()
}

#[tokio::test]
async fn what_both_were_asked_counts_together() {
    let (pair, paths) = Pair::start(6).await;
    for pairs in paths.chunks(2) {
        pair.deactivate(&pairs[0]).await;
        pair.deactivate_at_other(&pairs[1]).await;
    }
    assert_eq!((disabled(&pair.bridge), pair.held().await), (3, 3));
    assert_eq!(pair.bridge.aha.take_calls().to(UPDATE).len(), 3);
    for path in &paths {
        assert_eq!(pair.other.get(path).await.body["active"], false);
    }
}

#[tokio::test]
async fn of_many_that_both_are_asked_at_once_not_one_too_many_is_let_through() {
    let setup = Setup::aha().on_server().brake("brake = { max_revocations = 7 }");
    let bridge = setup.start().await;
    let other = bridge.another().await;
    let people = join_all((0..40).map(async |number| bridge.create_user(&email(number)).await)).await;
    bridge.aha.take_calls();
    let ways = people.iter().enumerate().map(async |(number, id)| {
        let path = format!("/Users/{id}");
        assert_inactive(&match number % 2 {
            0 => bridge.patch(&path, inactive()).await,
            _ => other.patch(&path, inactive()).await,
        });
    });
    join_all(ways).await;
    assert_eq!(bridge.aha.take_calls().writes().len(), 7);
    assert_eq!((disabled(&bridge), &other.status().await["held"]["users"]), (7, &json!(33)));
}

#[tokio::test]
async fn who_is_released_goes_out_once_and_who_is_dropped_never_whichever_was_asked() {
    let (pair, paths) = Pair::start(7).await;
    for path in &paths[..5] {
        pair.deactivate(path).await;
    }
    pair.deactivate_at_other(&paths[5]).await;
    pair.deactivate_at_other(&paths[6]).await;
    assert_eq!((disabled(&pair.bridge), pair.held().await), (3, 4));
    pair.bridge.aha.take_calls();
    for path in [&paths[3], &paths[5]] {
        pair.decide(path, Decision::Release).await;
    }
    pair.decide(&paths[4], Decision::Drop).await;
    pass_time(&pair.clock, STEP, "the deactivations", async || disabled(&pair.bridge) == 5).await;
    pair.wait().await;
    let mut calls = pair.bridge.calls();
    calls.sort_unstable();
    let disable = |number| format!("PUT /users/<{}> {{\"user\":{{\"enabled\":false}}}}", email(number));
    assert_eq!(calls, [disable(3), disable(5)]);
    assert_eq!(pair.held().await, 1);
    assert_eq!(pair.other.get(&paths[4]).await.body["active"], true);
    // Who was released is not counted, so there is no more room than before, and no less.
    assert_eq!(pair.other.status().await["brake"], pair.bridge.status().await["brake"]);
    assert_eq!(pair.bridge.status().await["brake"]["revocations"], 3);
}

#[tokio::test]
async fn what_one_held_another_sends_when_it_is_released_after_the_first_has_gone() {
    let (mut pair, paths) = Pair::start(4).await;
    for path in &paths {
        pair.deactivate(path).await;
    }
    assert_eq!(pair.held().await, 1);
    let clock = pair.clock.clone();
    as_time_passes(&clock, STEP, pair.bridge.stop()).await;
    pair.decide(&paths[3], Decision::Release).await;
    pass_time(&pair.clock, STEP, "the deactivation", async || disabled(&pair.bridge) == 4).await;
    assert_eq!(pair.bridge.events("held").await.len(), 1);
}

#[tokio::test]
async fn who_was_released_is_not_held_again_by_who_takes_over() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.on_server().brake("brake = { max_revocations = 3 }").killable();
    let mut bridge = setup.app_keys("roster_every = '24h'").start().await;
    let mut paths = Vec::new();
    for number in 0..4 {
        paths.push(format!("/Users/{}", bridge.create_user(&email(number)).await));
    }
    for path in &paths {
        assert_inactive(&bridge.patch(path, inactive()).await);
    }
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::delay(Duration::from_hours(24)).on(UPDATE));
    decide_about(&bridge, &paths[3], Decision::Release).await;
    pass_time(&clock, STEP, "the call", async || bridge.aha.calls().to(UPDATE).len() == 1).await;
    // It is in the middle of it, and ends there.
    let other = bridge.another().await;
    bridge.crash();
    // Longer than the window of the brake, so that it goes by what the person said alone.
    clock.advance(Duration::from_hours(1));
    pass_time(&clock, STEP, "the deactivation", async || disabled(&bridge) == 4).await;
    pass_time(&clock, STEP, "the end of it", async || other.status().await["queue"] == json!({})).await;
    assert_eq!(bridge.events("held").await.len(), 1);
    assert_eq!(bridge.events("taken over").await.len(), 1);
    assert!(users::list_held(&bridge.beside().await.store, "test", "", 10).await.unwrap().is_empty());
}
