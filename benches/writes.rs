//! What the service takes in a second: durable writes over real sockets into a real database, with the connector `memory`.
//! Client and server share the machine's cores, so beside the rate stands the processor time that a write takes of both.
//!
//! ```text
//! cargo bench --bench writes
//! ```

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod support;

use std::{sync::Arc, time::Duration};

use scim_bridge::{
    app::App,
    clock::{Clock, SystemClock},
    config::Config,
    store::Store,
};
use serde_json::{Value, json};
use support::{fill, load::load, people};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "a-token-for-measurements-0123456789abcdef";

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(4);

/// How many clients write at a time, each on a connection of its own.
const CLIENTS: usize = 16;

/// How many users there are before.
const USERS: u64 = 1_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("bridge.db").display());
    let store = Store::open(&url).await.unwrap();
    fill::people(&store, "bench", USERS).await;
    store.close().await;
    drop(store);
    let config = format!(
        "[database]\nurl = '{url}'\n[apps.bench]\nconnector = 'memory'\n\
         tokens = [{{ name = 'bench', token = '{TOKEN}' }}]\n"
    );
    let config = Config::parse(&config, "bench.toml", folder.path(), &|_| None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = App::open(&config, &format!("http://{address}"), Arc::new(SystemClock)).await.unwrap();
    let stopping = CancellationToken::new();
    let task = tokio::spawn(app.run(listener, stopping.clone()));
    let request = |method: &str, path: &str, body: &Value| {
        let body = body.to_string();
        format!(
            "{method} /bench/scim/v2{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/scim+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let posts = (USERS..USERS + 40_000).map(|n| request("POST", "/Users", &people::body(n))).collect();
    report("POST of a new user", &address, posts).await;
    // Each time round a person has another title.
    let patches = (0..40_000).map(|n| {
        let value = format!("Title {}", n / USERS);
        let operations = json!([{ "op": "replace", "path": "title", "value": value }]);
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let body = json!({ "schemas": schemas, "Operations": operations });
        request("PATCH", &format!("/Users/{}", people::id(n % USERS)), &body)
    });
    report("PATCH of a title", &address, patches.collect()).await;
    let puts = (0..40_000).map(|n| {
        let mut body = people::body(n % USERS);
        body["title"] = format!("Another title {}", n / USERS).into();
        request("PUT", &format!("/Users/{}", people::id(n % USERS)), &body)
    });
    report("PUT with another title", &address, puts.collect()).await;
    stopping.cancel();
    task.await.unwrap().unwrap();
}

async fn report(what: &str, address: &str, requests: Vec<String>) {
    let (processor, started) = (processor_time(), SystemClock.now());
    let mut latencies = load(address, requests, CLIENTS, SPAN).await;
    let (processor, took) = (processor_time() - processor, SystemClock.now().since(started));
    latencies.sort_unstable();
    let writes = latencies.len() as f64;
    let quantile = |share: f64| latencies[(writes * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{what:<30} {:>7.0} /s   median {:>7.2} ms   99 of 100 within {:>7.2} ms   processor {:>6.3} ms each",
        writes / took.as_secs_f64(),
        quantile(0.5),
        quantile(0.99),
        processor.as_secs_f64() * 1e3 / writes
    );
}

/// What this process has used of the processors, as Linux counts it.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // Linux tells hundredths of a second.
    Duration::from_millis(ticks * 10)
}
