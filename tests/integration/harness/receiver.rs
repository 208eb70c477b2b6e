//! Somebody who takes webhooks, and answers as the test says.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    routing::{any, post},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use scim_bridge::sim::aha::DEMO_API_KEY;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// What came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The headers.
    pub headers: HeaderMap,
    /// The body to the letter.
    pub text: String,
    /// The body.
    pub body: Value,
}

/// A receiver. Stops when dropped.
pub struct Receiver {
    /// Where it is.
    pub url: String,
    state: Shared,
    server: JoinHandle<()>,
}

type Shared = Arc<Mutex<Inner>>;

struct Inner {
    received: Vec<Received>,
    answer: StatusCode,
    /// How long it takes to answer.
    delay: Duration,
    /// How many followed a redirect.
    misled: usize,
}

impl Receiver {
    /// Starts one that takes everything.
    pub async fn start() -> Self {
        let state = Shared::new(Mutex::new(Inner {
            received: Vec::new(),
            answer: StatusCode::OK,
            delay: Duration::ZERO,
            misled: 0,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/planted-url", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/planted-url", post(receive))
            .route("/elsewhere", any(mislead))
            .with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, state, server }
    }

    /// Answers like this from now on.
    pub fn answer(&self, status: u16) {
        self.state.lock().unwrap().answer = StatusCode::from_u16(status).unwrap();
    }

    /// Takes so long to answer from now on.
    pub fn delay(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    /// All that came, whatever it was answered.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// How many requests came to where a redirect leads.
    pub fn misled(&self) -> usize {
        self.state.lock().unwrap().misled
    }

    /// The kinds of all that came, in order.
    pub fn kinds(&self) -> Vec<String> {
        let kind = |received: &Received| received.body["kind"].as_str().unwrap().to_owned();
        self.received().iter().map(kind).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Received {
    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn mislead(State(state): State<Shared>) {
    state.lock().unwrap().misled += 1;
}

async fn receive(
    State(state): State<Shared>,
    headers: HeaderMap,
    text: String,
) -> (StatusCode, [(HeaderName, &'static str); 1]) {
    super::secrets::assert_none("a notification", &text);
    assert!(!text.contains(DEMO_API_KEY), "{text}");
    let (answer, delay) = {
        let mut state = state.lock().unwrap();
        let body = serde_json::from_str(&text).unwrap();
        state.received.push(Received { headers, text, body });
        (state.answer, state.delay)
    };
    tokio::time::sleep(delay).await;
    (answer, [(header::LOCATION, "/elsewhere")])
}
