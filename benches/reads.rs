//! What the service answers in a second: reads over real sockets from a real database, beside a bare handler that answers
//! one user from memory, which is the most that this machine can do. Client and server share its cores.
//!
//! ```text
//! cargo bench --bench reads              1,000 and 100,000 users, about a minute
//! cargo bench --bench reads -- 1000      this many users alone
//! ```

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod support;

use std::{fmt, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use scim_bridge::{app::App, clock::SystemClock, config::Config, store::Store};
use support::{fill, load::load, people};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "a-token-for-measurements-0123456789abcdef";

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(2);

/// How many clients ask at a time, each on a connection of its own.
const CLIENTS: usize = 16;

#[tokio::main]
async fn main() {
    let sizes: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 100_000] } else { sizes };
    let bare = measure(&bare_handler().await, |_| "/".to_owned()).await;
    println!("{:<60} {bare}", "a bare handler that answers one user");
    for size in sizes {
        println!("\n{size} users");
        let service = Service::start(size).await;
        let id = |n: u64| people::id(n % size);
        let last_page = (size / 100).min(1_000);
        let cursor = service.cursor_of_page(last_page).await;
        for (what, path) in [
            ("GET one", Box::new(|n| format!("/Users/{}", id(n))) as Box<dyn Fn(u64) -> String>),
            (
                "userName eq",
                Box::new(|n| format!("/Users?filter=userName%20eq%20%22{}%22", people::email(n % size))),
            ),
            (
                "emails.value eq",
                Box::new(|n| format!("/Users?filter=emails%20eq%20%22{}%22", people::email(n % size))),
            ),
            ("page 1 of 100", Box::new(|_| "/Users?count=100".to_owned())),
            ("some page of 100", Box::new(|n| format!("/Users?startIndex={}&count=100", n * 100 % size + 1))),
            (
                "last page of 100",
                Box::new(|_| format!("/Users?startIndex={}&count=100", (last_page - 1) * 100 + 1)),
            ),
            ("page 1 of 100 by cursor", Box::new(|_| "/Users?cursor&count=100".to_owned())),
            ("last page of 100 by cursor", Box::new(move |_| format!("/Users?cursor={cursor}&count=100"))),
            (
                "page 1 of 100, two attributes",
                Box::new(|_| "/Users?count=100&attributes=userName,active".to_owned()),
            ),
            ("page 1 of 100 by userName", Box::new(|_| "/Users?count=100&sortBy=userName".to_owned())),
            (
                "last page of 100 by meta.lastModified",
                Box::new(|_| {
                    let start = (last_page - 1) * 100 + 1;
                    format!("/Users?startIndex={start}&count=100&sortBy=meta.lastModified")
                }),
            ),
            (
                "page 1 of 100 by name.familyName",
                Box::new(|_| "/Users?count=100&sortBy=name.familyName".to_owned()),
            ),
            (
                "title co, tried on all",
                Box::new(|_| "/Users?count=100&filter=title%20co%20%229%22".to_owned()),
            ),
        ] {
            let figure = measure(&service.base, path).await;
            let share = 100.0 * figure.per_second / bare.per_second;
            println!("  {what:<58} {figure}  {share:5.1} % of the bare handler");
        }
        for (what, path) in [
            ("page 1 of 100, one client", "/Users?count=100"),
            ("title co, tried on all, one client", "/Users?count=100&filter=title%20co%20%229%22"),
        ] {
            println!("  {what:<58} {}", measure_with(1, &service.base, |_| path.to_owned()).await);
        }
        service.stop().await;
    }
}

/// Answers per second, and how long the middle one took.
struct Figure {
    per_second: f64,
    median: Duration,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.0} /s  {:>9.3} ms", self.per_second, self.median.as_secs_f64() * 1e3)
    }
}

async fn measure(base: &Base, path: impl Fn(u64) -> String) -> Figure {
    measure_with(CLIENTS, base, path).await
}

async fn measure_with(clients: usize, base: &Base, path: impl Fn(u64) -> String) -> Figure {
    let requests: Vec<String> = (0..1_000_u64).map(|n| base.request(&path(n.wrapping_mul(7_919)))).collect();
    let mut latencies = load(&base.address, requests, clients, SPAN).await;
    latencies.sort_unstable();
    let median = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
    Figure { per_second: latencies.len() as f64 / SPAN.as_secs_f64(), median }
}

/// Where to ask.
struct Base {
    address: String,
    path: &'static str,
}

impl Base {
    fn request(&self, path: &str) -> String {
        let (address, base) = (&self.address, self.path);
        format!("GET {base}{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\r\n")
    }
}

async fn bare_handler() -> Base {
    let user = people::body(7).to_string();
    let routes = Router::new().route("/", get(move || std::future::ready(user.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    Base { address, path: "" }
}

/// A bridge with that many users.
struct Service {
    base: Base,
    stopping: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

impl Service {
    async fn start(users: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("bridge.db").display());
        let store = Store::open(&url).await.unwrap();
        fill::people(&store, "bench", users).await;
        store.close().await;
        // The service works in the database alone.
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
        Self { base: Base { address, path: "/bench/scim/v2" }, stopping, task, _folder: folder }
    }

    /// The cursor that leads to that page of 100 users.
    async fn cursor_of_page(&self, page: u64) -> String {
        let mut cursor = String::new();
        let http = reqwest::Client::new();
        for _ in 1..page {
            let url = format!(
                "http://{}{}/Users?cursor={cursor}&count=100&attributes=id",
                self.base.address, self.base.path
            );
            let answer = http.get(url).bearer_auth(TOKEN).send().await.unwrap();
            let list: serde_json::Value = answer.json().await.unwrap();
            list["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
        }
        cursor
    }

    async fn stop(self) {
        self.stopping.cancel();
        self.task.await.unwrap().unwrap();
    }
}
