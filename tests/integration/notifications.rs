//! Notifications: what is told, once each, signed, and delivered in the end whatever happens on the way.

mod delivery;
mod occasions;

use std::time::Duration;

use aws_lc_rs::hmac;
use scim_bridge::{
    clock::{Clock, ManualClock},
    store::notifications::{self, Notification},
};

use crate::harness::{
    Bridge, Setup, pass_time,
    receiver::{Received, Receiver},
};

/// The harness looks for it in all logs and bodies.
const SECRET: &str = "planted-notify-secret-0123456789";

/// Far longer than most tests take, so that accounts are listed when the test says so.
const SELDOM: &str = "roster_every = '24h'";

const STEP: Duration = Duration::from_secs(5);

/// The sections that send notifications to `receiver`.
fn section(receiver: &Receiver) -> String {
    format!("[notify]\nurl = '{}'\nsecret = '{SECRET}'", receiver.url)
}

/// A bridge that notifies a receiver, with a clock by hand.
async fn start(prepare: impl FnOnce(Setup) -> Setup) -> (Bridge, ManualClock, Receiver) {
    let receiver = Receiver::start().await;
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = prepare(setup).config(&section(&receiver)).start().await;
    (bridge, clock, receiver)
}

/// Lets time pass until so many posts came, and answers them.
async fn received(receiver: &Receiver, clock: &ManualClock, number: usize) -> Vec<Received> {
    let what = format!("{number} notifications, and not {:?}", receiver.kinds());
    pass_time(clock, STEP, &what, async || receiver.received().len() >= number).await;
    receiver.received()
}

/// Lets so much time pass that whatever is to be told would be by then.
async fn wait(clock: &ManualClock, duration: Duration) {
    let end = clock.now() + duration;
    pass_time(clock, STEP, "the end of it", async || clock.now() >= end).await;
}

/// What is kept, the newest first.
async fn kept(bridge: &Bridge) -> Vec<Notification> {
    let store = bridge.store().await;
    let kept = notifications::list(&store, 100).await.unwrap();
    store.close().await;
    kept
}

/// Verifies as the README says it.
fn assert_signed(received: &Received) {
    let signed = format!("{}.{}", received.header("x-scim-bridge-timestamp"), received.text);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let digits = received.header("x-scim-bridge-signature").strip_prefix("v1=").unwrap();
    let signature: Vec<u8> = (0..digits.len() / 2)
        .map(|index| u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).unwrap())
        .collect();
    hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
    assert_eq!(received.header("x-scim-bridge-id"), received.body["id"].as_str().unwrap());
    assert_eq!(received.header("content-type"), "application/json");
}
