//! The built program as its users meet it: commands, signals, exit codes, and what it says.

mod backup;
mod commands;
mod credentials;
mod demo;
mod doctor;
mod explain;
mod groups;
mod held;
mod large_groups;
mod log_fields;
mod logs;
mod moves;
mod plan;
mod release;
mod roster;
mod secrets;
mod serve;
mod tokens;
#[cfg(feature = "otlp")]
mod traces;

use std::{path::Path, sync::Arc, time::Duration};

use http::Method;
use scim_bridge::{
    clock::SystemClock,
    sim::{
        RunningSimulator,
        aha::{Person, SimulatedAha, Switches, switches::RateRules},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{
    ADMINISTRATOR, Answer, TOKEN,
    database::{TestDatabase, is_postgres},
    process::Process,
};

/// A key that nothing but the configuration knows.
pub(super) const API_KEY: &str = "api-key-5f0d1c7be2a84d9c93e1";

/// What must never be printed.
const SECRETS: [&str; 2] = [API_KEY, TOKEN];

/// The database, unless the tests run on PostgreSQL, as it is named in the folder.
const FILE: &str = "sqlite:bridge.db";

/// A folder with a configuration, and the simulated Aha! that it names. The program is a process of its own; Aha! is not.
pub(super) struct Installation {
    folder: TempDir,
    database: Option<TestDatabase>,
    pub(super) aha: SimulatedAha,
    _running_aha: RunningSimulator,
}

impl Installation {
    /// With the secrets in the file.
    async fn new() -> Self {
        Self::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), "").await
    }

    /// Writes are answered before Aha! is asked, and a call may take no longer than a second.
    async fn promising_at_once() -> Self {
        let app_keys = "confirm_within = '0s'\nrequest_timeout = '1s'";
        Self::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), app_keys).await
    }

    /// With further lines in the section of the app.
    async fn with_keys(app_keys: &str) -> Self {
        Self::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), app_keys).await
    }

    /// With these secrets, as the file spells them, and further lines in the section of the app.
    pub(super) async fn with(api_key: &str, token: &str, app_keys: &str) -> Self {
        let switches = Switches { rate: RateRules::unlimited(), ..Switches::default() };
        let aha = SimulatedAha::new(switches, Arc::new(SystemClock));
        aha.add_workspace("PRJ1", "Project 1");
        aha.add_api_key(API_KEY, aha.seed(Person::new("Key", "Owner", ADMINISTRATOR).administrator()));
        let running_aha = aha.start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let database = is_postgres().then(TestDatabase::on_server);
        let config = format!(
            "[server]\nlisten = '127.0.0.1:0'\nfailed_authentications_per_minute = 1000000\n[log]\nformat = 'json'\nlevel = 'trace'\n\
             [database]\nurl = '{}'\n\
             [apps.aha]\nconnector = 'aha'\nbase_url = '{}'\napi_key = {api_key}\ndefault_workspace = 'PRJ1'\n\
             tokens = [{{ name = 'idp', token = {token} }}]\n{app_keys}\n",
            database.as_ref().map_or(FILE, TestDatabase::url),
            running_aha.base_url()
        );
        std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
        Self { folder, database, aha, _running_aha: running_aha }
    }

    /// Replaces a text of the configuration file.
    fn edit(&self, text: &str, by: &str) {
        let file = self.folder().join("bridge.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        assert!(config.contains(text), "{config}");
        std::fs::write(file, config.replace(text, by)).unwrap();
    }

    /// The database, as it is named from anywhere.
    pub(super) fn database_url(&self) -> String {
        let file = || format!("sqlite:{}", self.folder().join("bridge.db").display());
        self.database.as_ref().map_or_else(file, |database| database.url().to_owned())
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program and waits until it is ready.
    pub(super) async fn serve(&self) -> Server {
        self.serve_with(&[]).await
    }

    async fn serve_with(&self, environment: &[(&str, &str)]) -> Server {
        let mut process = Process::serve(self.folder(), "bridge.toml", environment);
        let root = process.root().await;
        let server = Server { process, root, http: reqwest::Client::new() };
        server.wait_until_ready().await;
        server
    }
}

/// A `serve` that listens.
pub(super) struct Server {
    pub(super) process: Process,
    pub(super) root: String,
    http: reqwest::Client,
}

impl Server {
    async fn wait_until_ready(&self) {
        let url = format!("{}/readyz", self.root);
        let ready = async {
            while self.http.get(&url).send().await.unwrap().status() != 200 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.unwrap();
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::RequestBuilder {
        let request =
            self.http.request(method, format!("{}/aha/scim/v2{path}", self.root)).bearer_auth(TOKEN);
        match body {
            Some(body) => request.header("content-type", "application/scim+json").body(body.to_string()),
            None => request,
        }
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        Answer::of(self.request(method, path, body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Waits until nothing is queued.
    pub(super) async fn wait_until_idle(&self) {
        let url = format!("{}/status", self.root);
        let idle = async {
            loop {
                let answer = Answer::of(self.http.get(&url).bearer_auth(TOKEN)).await;
                if answer.body["apps"]["aha"]["queue"] == json!({}) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), idle).await.unwrap();
    }
}
