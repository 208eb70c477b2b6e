//! The simulator over a socket, as its clients see it.

mod calls;
mod endpoints;
mod faults;
mod limits;
mod portals;
mod switches;

use std::sync::Arc;

use reqwest::{Client, Response};
use serde_json::Value;

use super::{DEMO_API_KEY, SimulatedAha, Switches, User};
use crate::clock::{ManualClock, Time};

/// 2023-11-14T22:13:20Z.
const START: Time = Time::from_micros(1_700_000_000_000_000);

/// The demonstration's account behind a socket, on a clock that stands still.
struct Lab {
    aha: SimulatedAha,
    clock: ManualClock,
    running: crate::sim::RunningSimulator,
    http: Client,
}

impl Lab {
    async fn new() -> Self {
        let clock = ManualClock::new(START);
        let aha = SimulatedAha::demo(Arc::new(clock.clone()));
        let running = aha.start().await.unwrap();
        Self { aha, clock, running, http: Client::new() }
    }

    async fn with(change: impl FnOnce(&mut Switches)) -> Self {
        let lab = Self::new().await;
        lab.aha.change(change);
        lab
    }

    /// The user of the demonstration with this first name.
    fn user(&self, first_name: &str) -> User {
        self.aha.users().into_iter().find(|user| user.first_name == first_name).unwrap()
    }

    /// The path of that user.
    fn path(&self, first_name: &str) -> String {
        format!("/users/{}", self.user(first_name).id)
    }

    /// Sends a call: `"PUT /users/1"`.
    async fn send(&self, call: &str, body: Option<Value>) -> reqwest::Result<Response> {
        self.send_as(DEMO_API_KEY, call, body).await
    }

    async fn send_as(&self, api_key: &str, call: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let (method, path) = call.split_once(' ').unwrap();
        let url = format!("{}/api/v1{path}", self.running.base_url());
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(api_key);
        match body {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    /// Status and JSON of the answer; null where the answer is not JSON.
    async fn json(&self, call: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.send(call, body).await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }

    async fn status(&self, call: &str, body: Option<Value>) -> u16 {
        self.json(call, body).await.0
    }
}

/// Status and content type of an answer.
fn kind(response: &Response) -> (u16, &str) {
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap());
    (response.status().as_u16(), content_type.unwrap_or_default())
}
