//! What a process takes to start and in memory, on a database without users and on one with many, for both kinds of database.
//!
//! ```text
//! cargo bench --bench scale              100,000 users, about a minute
//! cargo bench --bench scale -- 1000      this many users
//! ```
//!
//! PostgreSQL is the server of `TEST_POSTGRES_URL`, or a private one that is started from the machine's programs.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

#[path = "support/fill.rs"]
mod fill;
#[path = "support/people.rs"]
mod people;
#[path = "../tests/support/postgres.rs"]
#[expect(dead_code, reason = "what tests ask of a server beyond a database")]
mod postgres;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use scim_bridge::store::Store;
use serde_json::Value;

const TOKEN: &str = "a-token-for-measurements-0123456789abcdef";

/// How often the program is started; the middle of it counts.
const STARTS: usize = 5;

#[tokio::main]
async fn main() {
    let users = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let server = postgres::server();
    for size in [0, users] {
        let file = format!("sqlite:{}", folder.path().join(format!("{size}.db")).display());
        let database = server.database();
        for (name, url) in [("SQLite", file.as_str()), (server.version().as_str(), database.url())] {
            // Also of none, so that what is measured is not the making of a schema.
            let store = Store::open(url).await.unwrap();
            fill::people(&store, "bench", size).await;
            store.close().await;
            drop(store);
            println!("{name}, {size} users: {}", measure(folder.path(), url, size).await);
        }
    }
}

async fn measure(folder: &Path, url: &str, users: u64) -> String {
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 1..STARTS {
        starts.push(Service::start(folder, url).await.ready_after);
    }
    let service = Service::start(folder, url).await;
    starts.push(service.ready_after);
    starts.sort_unstable();
    let started = service.memory("VmRSS");
    assert_eq!(service.read_all().await, users);
    format!(
        "ready after {:.0} ms (at most {:.0}), {started:.1} MB then, {:.1} MB once every user was read, {:.1} MB at the most",
        starts[STARTS / 2].as_secs_f64() * 1e3,
        starts[STARTS - 1].as_secs_f64() * 1e3,
        service.memory("VmRSS"),
        service.memory("VmHWM"),
    )
}

/// The built program, which serves.
struct Service {
    process: Child,
    root: String,
    /// From its start to the first 200 of `/readyz`.
    ready_after: Duration,
}

impl Service {
    async fn start(folder: &Path, url: &str) -> Self {
        // Free a moment ago, so that nobody has to read in a log where it listens.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "[server]\nlisten = '{address}'\n[database]\nurl = '{url}'\n[apps.bench]\nconnector = 'memory'\n\
             tokens = [{{ name = 'bench', token = '{TOKEN}' }}]\n"
        );
        fs::write(folder.join("bench.toml"), config).unwrap();
        let http = reqwest::Client::new();
        let root = format!("http://{address}");
        let ready = format!("{root}/readyz");
        #[expect(clippy::disallowed_methods, reason = "what is measured is the time of the machine")]
        let from = Instant::now();
        let process = Command::new(env!("CARGO_BIN_EXE_scim-bridge"))
            .args(["serve", "--config", "bench.toml"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !http.get(&ready).send().await.is_ok_and(|answer| answer.status() == 200) {
            assert!(from.elapsed() < Duration::from_secs(60), "it does not become ready");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self { process, root, ready_after: from.elapsed() }
    }

    /// A figure of the process's memory, in MB.
    fn memory(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kilobytes = line.trim_matches(|character: char| !character.is_ascii_digit());
        kilobytes.parse::<f64>().unwrap() * 1024.0 / 1e6
    }

    /// Reads all users page by page, as an import does, and answers how many there are.
    async fn read_all(&self) -> u64 {
        let http = reqwest::Client::new();
        let (mut cursor, mut users) = (String::new(), 0);
        loop {
            let url = format!("{}/bench/scim/v2/Users?count=100&cursor={cursor}", self.root);
            let answer = http.get(url).bearer_auth(TOKEN).send().await.unwrap();
            let list: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            users += list["Resources"].as_array().unwrap().len() as u64;
            match list["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return users,
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
