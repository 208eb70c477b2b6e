//! Apps that are passed through.

mod brake;
mod conversations;
mod doctor;
mod encrypted;
mod exchanges;
mod failures;
mod guards;
mod many;
mod streams;
mod urls;
mod wire;

use std::sync::Arc;

use scim_bridge::{
    clock::{Clock, SystemClock},
    sim::{
        RunningSimulator,
        scim::{SimulatedScim, Switches},
    },
};

use self::wire::{Client, Message, Target};
use crate::harness::{Bridge, Setup};

/// What identity providers send to the app `passed`.
const IDP_TOKEN: &str = "planted-idp-token-89abcdef0123456789abcdef01234567";

/// What the target takes.
const TARGET_TOKEN: &str = "planted-target-token-0123456789abcdef0123456789ab";

/// The section of the app `passed`, with these lines beside those that it must have.
fn app(base_url: &str, keys: &str) -> String {
    format!(
        "[apps.passed]\nconnector = 'scim'\nbase_url = '{base_url}'\ntoken = '{TARGET_TOKEN}'\n\
         tokens = [{{ name = 'idp', token = '{IDP_TOKEN}' }}]\n{keys}\n"
    )
}

/// A bridge in front of a target that does what it is told.
struct Passed {
    bridge: Bridge,
    target: Target,
}

impl Passed {
    async fn start() -> Self {
        Self::with("").await
    }

    async fn with(keys: &str) -> Self {
        Self::with_clock(keys, Arc::new(SystemClock)).await
    }

    async fn with_clock(keys: &str, clock: Arc<dyn Clock>) -> Self {
        let target = Target::start().await;
        let setup = Setup::memory_with_clock(clock).config(&app(&target.base_url(), keys));
        Self { bridge: setup.start().await, target }
    }

    /// The app's base URL for clients.
    fn base_url(&self) -> String {
        format!("{}/passed/scim/v2", self.bridge.root())
    }

    async fn connect(&self) -> Client {
        Client::connect(self.bridge.root()).await
    }

    /// Sends a request with the token; `rest` is what follows the request line and the token, from further headers on.
    async fn send(&self, method: &str, below: &str, rest: &[u8]) -> Message {
        let mut client = self.connect().await;
        client.send(head(method, below)).await;
        client.send(rest).await;
        client.reader.answer(method == "HEAD").await.expect("an answer before the connection ends")
    }

    async fn get(&self, below: &str) -> Message {
        self.send("GET", below, b"\r\n").await
    }

    async fn send_json(&self, method: &str, below: &str, body: &str) -> Message {
        let rest =
            format!("content-type: application/scim+json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.send(method, below, rest.as_bytes()).await
    }
}

/// The head of a request, without the empty line that ends it.
fn head(method: &str, below: &str) -> String {
    format!(
        "{method} /passed/scim/v2{below} HTTP/1.1\r\nhost: bridge.example\r\nauthorization: Bearer {IDP_TOKEN}\r\n"
    )
}

/// The app's part of `/status`.
async fn status(passed: &Passed) -> serde_json::Value {
    let url = format!("{}/status", passed.bridge.root());
    let answer = reqwest::Client::new().get(url).bearer_auth(IDP_TOKEN).send().await.unwrap();
    let mut body: serde_json::Value = answer.json().await.unwrap();
    assert!(!body.to_string().contains(TARGET_TOKEN));
    body["apps"]["passed"].take()
}

/// A bridge in front of a simulated target.
async fn simulated(switches: Switches, keys: &str) -> (Bridge, SimulatedScim, RunningSimulator) {
    let target = SimulatedScim::new(switches, TARGET_TOKEN, Arc::new(SystemClock));
    let running = target.start().await.unwrap();
    let bridge = Setup::memory().config(&app(running.base_url(), keys)).start().await;
    (bridge, target, running)
}
