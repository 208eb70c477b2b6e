//! The built program is killed again and again, at any moment, while several clients write and Aha! misbehaves. What was
//! answered must stand in the end: here, and at Aha!.
//!
//! `SCIM_BRIDGE_CRASH_SEED` repeats the choices of a run, as far as timing lets it; `SCIM_BRIDGE_CRASH_ROUNDS` makes it
//! longer, and `SCIM_BRIDGE_CRASH_SECONDS` lets it take longer.

pub(crate) mod client;
mod person;
pub(crate) mod verdict;
mod weather;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use scim_bridge::clock::{Clock, SystemClock, Time};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    harness::{
        Answer, TOKEN,
        process::Process,
        random::{self, Random},
    },
    process::{API_KEY, Installation},
};

use self::{client::Client, verdict::Verdict};

const CLIENTS: usize = 8;
/// How many people each client has.
pub(crate) const PEOPLE_OF_A_CLIENT: usize = 5;

/// How often the program is killed, and for how long, unless the environment says otherwise.
const ROUNDS: u64 = 60;
const SECONDS: u64 = 50;

/// How many rounds' logs are kept for who has to understand a failure.
const LOGS: usize = 100;

/// Writes wait for Aha! for a moment, so that some are answered as done and others as accepted. A call that hangs is given up
/// soon. Nothing else holds work back: neither the limits nor the brake.
const APP_KEYS: &str = "confirm_within = '300ms'\nrequest_timeout = '1s'\n\
                        rate = { per_second = 1000, per_minute = 60000 }\n\
                        brake = { max_revocations = 1000000 }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kill_9_at_any_moment_and_nobody_is_invited_twice() {
    let seed = random::from_environment("SCIM_BRIDGE_CRASH_SEED").unwrap_or_else(random::new_seed);
    println!("SCIM_BRIDGE_CRASH_SEED={seed}");
    let mut random = Random::of(seed);
    let site = Arc::new(Site::new(seed).await);
    let mut process = site.start().await;
    site.wait_until_ready().await;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(Client::new(number, site.clone(), random.fork()).run()))
        .collect();
    let weather = tokio::spawn(weather::change(site.installation.aha.clone(), random.fork()));

    let rounds = random::from_environment("SCIM_BRIDGE_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seconds = random::from_environment("SCIM_BRIDGE_CRASH_SECONDS").unwrap_or(SECONDS);
    let end = site.started_at + Duration::from_secs(seconds);
    let mut kills = 0;
    while kills < rounds
        && SystemClock.now() < end
        && !clients.iter().any(tokio::task::JoinHandle::is_finished)
    {
        let lives_for = match random.below(10) {
            // Just enough to answer somebody.
            0..3 => random.milliseconds(0..50),
            _ => random.milliseconds(50..1200),
        };
        tokio::time::sleep(lives_for).await;
        if random.percent(10) {
            // Also while it stops in order.
            process.signal("TERM");
            tokio::time::sleep(random.milliseconds(0..100)).await;
        }
        site.kill(process);
        kills += 1;
        while random.percent(15) {
            // In the middle of its start.
            let starting = site.process();
            tokio::time::sleep(random.milliseconds(0..150)).await;
            site.kill(starting);
            kills += 1;
        }
        process = site.start().await;
    }

    weather.abort();
    site.installation.aha.clear_faults();
    site.is_over.store(true, Ordering::Relaxed);
    let mut verdict = Verdict::default();
    for client in clients {
        verdict.hear(client.await.unwrap_or_else(|_| panic!("SCIM_BRIDGE_CRASH_SEED={seed}")));
    }
    site.wait_until_idle().await;
    verdict.give(&site).await;
    // Once more with a process that has seen nothing of all that.
    process.signal("TERM");
    let ended = process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let _process = site.start().await;
    site.wait_until_idle().await;
    verdict.give(&site).await;
    println!(
        "{kills} kills, {} answers, {} requests without an answer, {} calls to Aha!, {} invitations",
        site.answers.load(Ordering::Relaxed),
        site.unanswered.load(Ordering::Relaxed),
        site.installation.aha.calls().len(),
        site.installation.aha.invitations().len(),
    );
}

/// What outlives the processes: the database, Aha!, and what the clients know.
pub(crate) struct Site {
    pub(crate) seed: u64,
    pub(crate) installation: Installation,
    /// The database, as sqlx names it.
    pub(crate) database: String,
    pub(crate) started_at: Time,
    /// Where the program listens, while it runs.
    pub(crate) root: watch::Sender<Option<String>>,
    pub(crate) http: reqwest::Client,
    /// The clients are to come to an end.
    pub(crate) is_over: AtomicBool,
    pub(crate) answers: AtomicUsize,
    pub(crate) unanswered: AtomicUsize,
    /// Whether an answer of 5xx leaves open what was done, as none does. Where nothing befalls the database there is none.
    pub(crate) may_fail: bool,
    pub(crate) logs: std::sync::Mutex<VecDeque<String>>,
}

impl Site {
    async fn new(seed: u64) -> Self {
        let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), APP_KEYS).await;
        let config = installation.folder().join("bridge.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(config, text.replace("level = 'trace'", "level = 'info'")).unwrap();
        let database = installation.database_url();
        Self::of(seed, installation, database)
    }

    /// A site where nothing runs yet.
    pub(crate) fn of(seed: u64, installation: Installation, database: String) -> Self {
        Self {
            seed,
            installation,
            database,
            may_fail: false,
            started_at: SystemClock.now(),
            root: watch::Sender::new(None),
            http: reqwest::Client::new(),
            is_over: AtomicBool::new(false),
            answers: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            logs: std::sync::Mutex::default(),
        }
    }

    fn process(&self) -> Process {
        Process::serve(self.installation.folder(), "bridge.toml", &[])
    }

    /// Starts the program, for all clients.
    async fn start(&self) -> Process {
        let mut process = self.process();
        self.root.send_replace(Some(process.root().await));
        process
    }

    fn kill(&self, process: Process) {
        self.root.send_replace(None);
        let ended = process.kill();
        let mut logs = self.logs.lock().unwrap();
        logs.push_back(ended.log);
        if logs.len() > LOGS {
            logs.pop_front();
        }
    }

    /// Where the program listens, once it runs.
    async fn root(&self) -> String {
        let mut root = self.root.subscribe();
        let root = root.wait_for(Option::is_some).await.unwrap();
        root.clone().unwrap()
    }

    pub(crate) async fn wait_until_ready(&self) {
        let root = self.root().await;
        let ready = async {
            while self.http.get(format!("{root}/readyz")).send().await.unwrap().status() != 200 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.expect("the program becomes ready");
    }

    /// Waits until nothing is queued: attempts that failed are waited out.
    pub(crate) async fn wait_until_idle(&self) {
        let root = self.root().await;
        let mut status = Value::Null;
        let idle = async {
            while status["queue"] != json!({}) {
                let answer = Answer::of(self.http.get(format!("{root}/status")).bearer_auth(TOKEN)).await;
                status = answer.body["apps"]["aha"].clone();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let is_idle = tokio::time::timeout(Duration::from_secs(180), idle).await.is_ok();
        assert!(is_idle, "SCIM_BRIDGE_CRASH_SEED={}: work is left over: {status:#}", self.seed);
    }

    /// How long it has been going on, for the histories.
    fn elapsed(&self) -> Duration {
        SystemClock.now().since(self.started_at)
    }

    /// The lines of the last logs that have one of these words.
    fn log_of(&self, words: &[String]) -> String {
        let logs = self.logs.lock().unwrap();
        let lines = logs.iter().flat_map(|log| log.lines());
        lines
            .filter(|line| words.iter().any(|word| line.contains(word.as_str())))
            .map(|line| format!("  {line}\n"))
            .collect()
    }
}
