//! Traces: what is done for a request, part by part, told to a collector of OpenTelemetry (OTLP over HTTP).
//!
//! The bridge makes its spans itself (see [`cause`](crate::cause)) and needs no more of OpenTelemetry than one message, which
//! `message` spells. Spans wait in memory for the next batch, and never hold up what they tell of: when the collector is
//! down or slow, spans are dropped, and the log says how many.

mod message;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::header;
use prost::Message as _;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    cause::span::{self, Span},
    clock::{Clock, until},
    config,
};

/// How many spans wait for the collector. Further ones are dropped.
const MOST_WAITING: usize = 8192;

/// How many are sent at a time, …
const BATCH: usize = 512;

/// … and how long the first of them waits for the others.
const EVERY: Duration = Duration::from_secs(2);

/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often a batch is sent that the collector cannot take for now, and how long is waited before it is sent again.
const ATTEMPTS: u32 = 3;
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The export of traces. To be [ended](Traces::end) last of all.
#[derive(Debug)]
pub struct Traces {
    stopping: CancellationToken,
    exporting: JoinHandle<()>,
}

struct Exporter {
    http: reqwest::Client,
    url: String,
    authorization: Option<header::HeaderValue>,
    clock: Arc<dyn Clock>,
    dropped: Arc<AtomicU64>,
}

/// Exports from now on.
///
/// # Errors
/// When no HTTP client can be made.
pub fn start(traces: &config::Traces, clock: Arc<dyn Clock>) -> anyhow::Result<Traces> {
    let http = reqwest::Client::builder()
        .user_agent(concat!("scim-bridge/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let authorization = traces.token.as_ref().map(|token| {
        let mut value = header::HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
        value.set_sensitive(true);
        anyhow::Ok(value)
    });
    let dropped = Arc::new(AtomicU64::new(0));
    let (sender, spans) = mpsc::channel(MOST_WAITING);
    let exporter = Exporter {
        http,
        url: format!("{}/v1/traces", traces.endpoint.as_str()),
        authorization: authorization.transpose()?,
        clock,
        dropped: dropped.clone(),
    };
    span::record_with(move |span| {
        if sender.try_send(span).is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    });
    let stopping = CancellationToken::new();
    let exporting = tokio::spawn(exporter.run(spans, stopping.clone()));
    Ok(Traces { stopping, exporting })
}

impl Traces {
    /// Sends what still waits.
    pub async fn end(self) {
        self.stopping.cancel();
        // A collector that takes nothing is waited for as long as for any batch.
        let _ = self.exporting.await;
    }
}

impl Exporter {
    async fn run(self, mut spans: mpsc::Receiver<Span>, stopping: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            let is_over = tokio::select! {
                biased;
                () = stopping.cancelled() => true,
                _ = spans.recv_many(&mut batch, BATCH) => false,
            };
            if is_over {
                spans.close();
            }
            let deadline = self.clock.now() + EVERY;
            let fill = async {
                loop {
                    let room = BATCH - batch.len();
                    if room == 0 || spans.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            tokio::select! {
                _ = until(&*self.clock, deadline, fill) => {}
                () = stopping.cancelled(), if !is_over => {}
            }
            if !batch.is_empty() {
                self.send(std::mem::take(&mut batch), &stopping).await;
            }
            if is_over && spans.is_empty() {
                return;
            }
        }
    }

    /// Sends a batch, a few times if the collector cannot take it for now.
    async fn send(&self, spans: Vec<Span>, stopping: &CancellationToken) {
        let count = spans.len() as u64;
        let body = message::export(spans).encode_to_vec();
        let mut problem = String::new();
        for attempt in 1..=ATTEMPTS {
            match self.post(body.clone()).await {
                Ok(200..300) => {
                    self.tell_dropped();
                    return;
                }
                Ok(status) => {
                    problem = format!("it answered {status}");
                    if !is_for_now(status) {
                        break;
                    }
                }
                Err(error) => problem = error.without_url().to_string(),
            }
            if attempt < ATTEMPTS && !stopping.is_cancelled() {
                self.clock.sleep_until(self.clock.now() + AFTER_FAILURE * attempt).await;
            }
        }
        tracing::warn!(
            url = self.url,
            problem,
            spans = count,
            "spans could not be told to the collector of traces"
        );
    }

    async fn post(&self, body: Vec<u8>) -> Result<u16, reqwest::Error> {
        let mut request =
            self.http.post(&self.url).header(header::CONTENT_TYPE, "application/x-protobuf").body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        Ok(request.send().await?.status().as_u16())
    }

    fn tell_dropped(&self) {
        let spans = self.dropped.swap(0, Ordering::Relaxed);
        if spans > 0 {
            tracing::warn!(spans, "spans were dropped, because the collector of traces did not keep up");
        }
    }
}

/// Whether a collector that answers so may take the same a little later (OTLP 1.x, "Retryable Response Codes").
fn is_for_now(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}
