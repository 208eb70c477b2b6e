//! A bridge with everything around it: a real socket, a real database file, a simulated Aha!.

mod assertions;
pub mod database;
pub mod issuer;
pub mod process;
pub mod random;
pub mod raw;
pub mod receiver;
pub mod secrets;

use std::{
    cell::{Cell, RefCell},
    fmt,
    path::Path,
    sync::{Arc, Weak},
    time::Duration,
};

use http::{HeaderMap, Method, StatusCode, header};
use scim_bridge::{
    app::{App, StartError},
    clock::{Clock, ManualClock, SystemClock, Time},
    config::Config,
    converge::Target,
    login::Login,
    sim::{
        RunningSimulator,
        aha::{DEMO_API_KEY, Person, SimulatedAha, Switches, switches::RateRules},
    },
    store::{Activity, Store, StoreError},
};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    runtime::{Handle, Runtime},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub use self::assertions::asserted;
use self::database::{TestDatabase, is_postgres};

/// The token of all tests.
pub const TOKEN: &str = "test-token-0123456789abcdef0123456789abcdef";

/// The e-mail of the administrator whose API key the bridge uses.
pub const ADMINISTRATOR: &str = "key.owner@example.com";

/// The key of the ideas portal of [`Setup::portal`].
pub const PORTAL: &str = "PRTL";

/// How the bridge of a test is made.
pub struct Setup {
    aha: SimulatedAha,
    clock: Arc<dyn Clock>,
    app_keys: String,
    server_keys: String,
    database_keys: String,
    more: String,
    connector: &'static str,
    rate: (u32, u32),
    killable: bool,
    files: Vec<(&'static str, String)>,
    workspace: &'static str,
    brake: &'static str,
    credentials: String,
    catalogue: &'static str,
    on_server: bool,
}

impl Setup {
    /// An Aha! account without rate limits, with a workspace `PRJ1` and one administrator, who owns the API key.
    pub fn aha() -> Self {
        Self::aha_with_clock(Arc::new(SystemClock))
    }

    /// The same with a clock that the test moves.
    pub fn aha_with_clock(clock: Arc<dyn Clock>) -> Self {
        let switches = Switches { rate: RateRules::unlimited(), ..Switches::default() };
        let aha = SimulatedAha::new(switches, clock.clone());
        aha.add_workspace("PRJ1", "Project 1");
        let owner = aha.seed(Person::new("Key", "Owner", ADMINISTRATOR).administrator());
        aha.add_api_key(DEMO_API_KEY, owner);
        Self {
            aha,
            clock,
            app_keys: String::new(),
            server_keys: String::new(),
            database_keys: String::new(),
            more: String::new(),
            connector: "aha",
            rate: (1000, 60_000),
            killable: false,
            files: Vec::new(),
            workspace: "PRJ1",
            brake: "brake = { max_revocations = 1_000_000 }",
            credentials: format!("api_key = '{DEMO_API_KEY}'"),
            catalogue: "catalogue = false",
            on_server: false,
        }
    }

    /// The same with a clock that the test moves; it begins on a full second.
    pub fn aha_with_manual_clock() -> (Self, ManualClock) {
        let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
        (Self::aha_with_clock(Arc::new(clock.clone())), clock)
    }

    /// The same account with an ideas portal, whose users are provisioned.
    pub fn portal() -> Self {
        let setup = Self { connector: "aha-portal", ..Self::aha() };
        setup.aha.add_portal(PORTAL);
        setup
    }

    /// A target that accepts everything.
    pub fn memory() -> Self {
        Self::memory_with_clock(Arc::new(SystemClock))
    }

    /// The same with a clock that the test moves.
    pub fn memory_with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { connector: "memory", ..Self::aha_with_clock(clock) }
    }

    /// Adds lines to the section of the app.
    #[must_use]
    pub fn app_keys(mut self, lines: &str) -> Self {
        self.app_keys.push_str(lines);
        self.app_keys.push('\n');
        self
    }

    /// Invites new users to another workspace than `PRJ1`.
    #[must_use]
    pub fn default_workspace(self, workspace: &'static str) -> Self {
        Self { workspace, ..self }
    }

    /// Sets when revocations are held, as the value of `brake`; without this, never.
    #[must_use]
    pub fn brake(self, brake: &'static str) -> Self {
        Self { brake, ..self }
    }

    /// Calls Aha! with something else than the API key of its administrator: the line that says with what.
    #[must_use]
    pub fn credentials(self, line: &str) -> Self {
        Self { credentials: line.to_owned(), ..self }
    }

    /// Sets whether roles are offered as groups, as the value of `catalogue`; without this, they are not.
    #[must_use]
    pub fn catalogue(self, catalogue: &'static str) -> Self {
        Self { catalogue, ..self }
    }

    /// Adds lines to the section of the server.
    #[must_use]
    pub fn server_keys(mut self, lines: &str) -> Self {
        self.server_keys.push_str(lines);
        self.server_keys.push('\n');
        self
    }

    /// Adds lines to the section of the database.
    #[must_use]
    pub fn database_keys(mut self, lines: &str) -> Self {
        self.database_keys.push_str(lines);
        self.database_keys.push('\n');
        self
    }

    /// How many calls a second and a minute the bridge may make; more than any test needs if this is not said.
    #[must_use]
    pub fn rate(mut self, per_second: u32, per_minute: u32) -> Self {
        self.rate = (per_second, per_minute);
        self
    }

    /// Runs the bridge so that [`Bridge::crash`] can end it.
    #[must_use]
    pub fn killable(mut self) -> Self {
        self.killable = true;
        self
    }

    /// Keeps the state on a server, where there may be [others](Bridge::another), wherever the other tests do.
    #[must_use]
    pub fn on_server(self) -> Self {
        Self { on_server: true, ..self }
    }

    /// Puts a file beside the configuration.
    #[must_use]
    pub fn file(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.files.push((name, text.into()));
        self
    }

    /// Adds sections, such as a second app. `{aha}` in them stands for the address of the simulated Aha!.
    #[must_use]
    pub fn config(mut self, sections: &str) -> Self {
        self.more.push_str(sections);
        self.more.push('\n');
        self
    }

    /// Does something to the simulated Aha! before the bridge starts.
    #[must_use]
    pub fn with(self, prepare: impl FnOnce(&SimulatedAha)) -> Self {
        prepare(&self.aha);
        self
    }

    /// Starts everything and waits until the accounts of the target are known.
    pub async fn start(self) -> Bridge {
        let bridge = self.start_unready().await;
        bridge.wait_until_ready().await;
        bridge.aha.take_calls();
        bridge
    }

    /// Starts everything.
    pub async fn start_unready(self) -> Bridge {
        secrets::watch_the_log();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &self.files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let running_aha = self.aha.start().await.unwrap();
        let target_keys = match self.connector {
            "aha" => format!(
                "base_url = '{}'\n{}\ndefault_workspace = '{}'\n\
                 rate = {{ per_second = {}, per_minute = {} }}\n{}\n{}\n",
                running_aha.base_url(),
                self.credentials,
                self.workspace,
                self.rate.0,
                self.rate.1,
                self.brake,
                self.catalogue
            ),
            "aha-portal" => format!(
                "base_url = '{}'\n{}\nportal_id = '{PORTAL}'\n\
                 rate = {{ per_second = {}, per_minute = {} }}\n{}\n",
                running_aha.base_url(),
                self.credentials,
                self.rate.0,
                self.rate.1,
                self.brake
            ),
            _ => String::new(),
        };
        let database =
            if self.on_server { TestDatabase::on_server() } else { TestDatabase::new(folder.path()) };
        let toml = format!(
            "[database]\nurl = '{}'\n{}\n[server]\n{}\n[apps.test]\nconnector = '{}'\n{target_keys}\
             tokens = [{{ name = 'idp', token = '{TOKEN}' }}]\n{}\n{}\n",
            database.url(),
            self.database_keys,
            self.server_keys,
            self.connector,
            self.app_keys,
            self.more.replace("{aha}", running_aha.base_url())
        );
        let config = configuration(&toml, folder.path(), self.killable);
        let running = Running::start(&config, self.clock.clone(), self.killable).await;
        Bridge {
            aha: self.aha,
            // A clock that the test moves would close connections that are kept.
            http: reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap(),
            toml,
            config,
            clock: self.clock,
            running: Some(running),
            killable: self.killable,
            aha_address: running_aha.base_url().trim_start_matches("http://").to_owned(),
            running_aha: Some(running_aha),
            _database: database,
            _folder: folder,
        }
    }
}

fn configuration(toml: &str, folder: &Path, killable: bool) -> Config {
    let mut config = Config::parse(toml, "test.toml", folder, &|_| None).unwrap();
    // A clock that a test moves jumps by hours, which must not look like a process that was paused. Whoever is killed is missed.
    if is_postgres() && !killable {
        config.database.lease = Duration::from_hours(24 * 1000);
    }
    config
}

/// A bridge that serves. Stops when dropped.
pub struct Bridge {
    /// The simulated Aha! behind it.
    pub aha: SimulatedAha,
    http: reqwest::Client,
    toml: String,
    config: Config,
    clock: Arc<dyn Clock>,
    running: Option<Running>,
    killable: bool,
    aha_address: String,
    running_aha: Option<RunningSimulator>,
    _database: TestDatabase,
    _folder: TempDir,
}

/// A replica beside a [`Bridge`]. Stops when dropped.
pub struct Another {
    running: Running,
    http: reqwest::Client,
}

impl Another {
    /// `http://127.0.0.1:<port>`.
    pub fn root(&self) -> &str {
        &self.running.root
    }

    /// A request to this replica, without a token.
    pub fn anonymous(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.root()))
    }

    /// A request below the base URL with the token, to be changed by the test before it is sent.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        http.request(method, format!("{}/test/scim/v2{path}", self.root())).bearer_auth(TOKEN)
    }

    /// PATCH below the base URL.
    pub async fn patch(&self, path: &str, operations: Value) -> Answer {
        Answer::of(patch(self.request(Method::PATCH, path), operations)).await
    }

    /// GET below the base URL.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// The app's part of `/status`.
    pub async fn status(&self) -> Value {
        let url = format!("{}/status", self.root());
        Answer::of(reqwest::Client::new().get(url).bearer_auth(TOKEN)).await.body["apps"]["test"].clone()
    }
}

/// Puts operations into a request as its PatchOp.
fn patch(request: reqwest::RequestBuilder, operations: Value) -> reqwest::RequestBuilder {
    let body =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    request.header(header::CONTENT_TYPE, "application/scim+json; charset=utf-8").body(body.to_string())
}

struct Running {
    root: String,
    stopping: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    /// Its own, if it is to be killed.
    runtime: Option<Runtime>,
    /// Looked at while it runs.
    _database: Arc<Activity>,
}

impl Running {
    async fn start(config: &Config, clock: Arc<dyn Clock>, killable: bool) -> Self {
        let runtime = killable.then(|| Runtime::new().unwrap());
        let handle = runtime.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone());
        let config = config.clone();
        let opening = handle.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let root = format!("http://{}", listener.local_addr().unwrap());
            let app = loop {
                match App::open(&config, &root, clock.clone()).await {
                    // One that was killed a moment ago still lets go of it.
                    Err(StartError::Store(StoreError::InUse { .. })) => tokio::task::yield_now().await,
                    opened => break opened.unwrap(),
                }
            };
            (listener, root, app)
        });
        let (listener, root, app) = opening.await.unwrap();
        let stopping = CancellationToken::new();
        let database = Arc::new(app.database_activity());
        DATABASES.with_borrow_mut(|databases| databases.push(Arc::downgrade(&database)));
        let task = handle.spawn(app.run(listener, stopping.clone()));
        Self { root, stopping, task, runtime, _database: database }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopping.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bridge {
    /// `http://127.0.0.1:<port>`.
    pub fn root(&self) -> &str {
        &self.running.as_ref().unwrap().root
    }

    /// Another replica on the same database, which goes by the same clock. Needs [`Setup::on_server`].
    pub async fn another(&self) -> Another {
        let running = Running::start(&self.config, self.clock.clone(), false).await;
        Another { running, http: self.http.clone() }
    }

    /// What is pasted into an IdP.
    pub fn base_url(&self) -> String {
        format!("{}/test/scim/v2", self.root())
    }

    /// The database, as sqlx names it.
    pub fn database_url(&self) -> &str {
        self.config.database.url.expose()
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &Path {
        self._folder.path()
    }

    /// What logs in at the target of the app of that name, as the command beside the server has it.
    pub async fn login_of(&self, app: &str) -> Login {
        let app = self.config.apps.values().find(|one| one.name.as_str() == app).unwrap();
        scim_bridge::app::login(app, &self.store().await, &self.clock).unwrap().unwrap()
    }

    /// Opens a URL as a person's browser does, which follows redirects: the status and the page.
    pub async fn browse(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The database, opened beside the bridge.
    pub async fn store(&self) -> Store {
        Store::open_beside(self.database_url()).await.unwrap()
    }

    /// The app's target with the database open beside the server, as commands have it.
    pub async fn beside(&self) -> Arc<Target> {
        let store = Store::open_beside(self.database_url()).await.unwrap();
        let app = self.config.apps.values().find(|app| app.name.as_str() == "test").unwrap();
        scim_bridge::app::target(app, &store, &self.clock).unwrap()
    }

    /// The details of all events of that kind, oldest first.
    pub async fn events(&self, kind: &str) -> Vec<String> {
        let mut database = sqlx::AnyConnection::connect(self.database_url()).await.unwrap();
        sqlx::query_scalar("SELECT detail FROM events WHERE kind = $1 ORDER BY id")
            .bind(kind.to_owned())
            .fetch_all(&mut database)
            .await
            .unwrap()
    }

    /// Starts with another configuration of the app on the same database: `from`, which stands in it once, becomes `to`.
    pub async fn reconfigure(&mut self, from: &str, to: &str) {
        assert_eq!(self.toml.matches(from).count(), 1, "{from} in {}", self.toml);
        self.toml = self.toml.replace(from, to);
        self.config = configuration(&self.toml, self._folder.path(), self.killable);
        self.restart().await;
    }

    /// Waits until `/readyz` answers 200.
    pub async fn wait_until_ready(&self) {
        let url = format!("{}/readyz", self.root());
        let ready = async {
            while self.http.get(&url).send().await.unwrap().status() != StatusCode::OK {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ready).await.expect("the bridge becomes ready");
    }

    /// How many tasks there are. Needs [`Setup::killable`].
    pub fn alive_tasks(&self) -> usize {
        let runtime = self.running.as_ref().and_then(|running| running.runtime.as_ref());
        runtime.expect("a bridge with a runtime of its own").metrics().num_alive_tasks()
    }

    /// Stops in order, as on SIGTERM, and starts again on the same database.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
        self.wait_until_ready().await;
    }

    /// Stops in order, and starts again on the same database with another configuration.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.restart().await;
    }

    /// Stops in order and starts again with another clock, as where it was set meanwhile.
    pub async fn restart_by(&mut self, clock: &ManualClock) {
        self.stop().await;
        self.clock = Arc::new(clock.clone());
        self.start_again().await;
        self.wait_until_ready().await;
    }

    /// Starts again after [`stop`](Bridge::stop) or [`crash`](Bridge::crash), on the same database.
    pub async fn start_again(&mut self) {
        self.running = Some(Running::start(&self.config, self.clock.clone(), self.killable).await);
    }

    /// Ends at once, in the middle of whatever goes on: nothing more is recorded. Needs [`Setup::killable`].
    pub fn crash(&mut self) {
        let mut running = self.running.take().unwrap();
        // Without this, to be dropped would be to stop in order.
        running.runtime.take().expect("a bridge that was set up as killable").shutdown_background();
    }

    /// Stops in order.
    pub async fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.stopping.cancel();
            (&mut running.task).await.unwrap().unwrap();
        }
    }

    /// Connections to Aha! are refused from now on.
    pub async fn unplug_aha(&mut self) {
        self.running_aha.take().expect("it is plugged in").stop().await.unwrap();
    }

    /// Aha! listens again where it did before [`unplug_aha`](Bridge::unplug_aha).
    pub async fn plug_aha_in(&self) {
        let listener = TcpListener::bind(&self.aha_address).await.unwrap();
        tokio::spawn(self.aha.clone().serve(listener, std::future::pending()));
    }

    /// Why the last attempt for the user of this id failed, as its row says; `None` if it did not.
    pub async fn failure_of(&self, id: &str) -> Option<String> {
        let mut database = sqlx::AnyConnection::connect(self.database_url()).await.unwrap();
        let failure = sqlx::query_scalar("SELECT failure FROM users WHERE id = $1").bind(id.to_owned());
        failure.fetch_one(&mut database).await.unwrap()
    }

    /// A request as an IdP sends it: with the token, and SCIM's media type if there is a body. `path` starts below the
    /// base URL and may have a query that is encoded already.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/scim+json; charset=utf-8")
                .body(body.to_string());
        }
        Answer::of(request).await
    }

    /// A request with the token, to be changed by the test before it is sent.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base_url())).bearer_auth(TOKEN)
    }

    /// A request to another path of the same server, without a token.
    pub fn anonymous(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.root()))
    }

    /// GET below the base URL.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// GET of a list with a filter.
    pub async fn filter(&self, resources: &str, filter: &str) -> Answer {
        Answer::of(self.request(Method::GET, resources).query(&[("filter", filter)])).await
    }

    /// POST below the base URL.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// PUT below the base URL.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// PATCH below the base URL.
    pub async fn patch(&self, path: &str, operations: Value) -> Answer {
        Answer::of(patch(self.request(Method::PATCH, path), operations)).await
    }

    /// DELETE below the base URL.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Creates a user with that e-mail as `userName` and answers its id.
    pub async fn create_user(&self, email: &str) -> String {
        let answer = self.post("/Users", &user(email)).await;
        assert_eq!(answer.status, 201, "{answer}");
        answer.id()
    }

    /// `/readyz`.
    pub async fn ready(&self) -> Answer {
        Answer::of(self.anonymous(Method::GET, "/readyz")).await
    }

    /// The app's part of `/status`.
    pub async fn status(&self) -> Value {
        let answer = Answer::of(self.anonymous(Method::GET, "/status").bearer_auth(TOKEN)).await;
        answer.body["apps"]["test"].clone()
    }

    /// Moves `clock` by `every` until a roster pass is complete.
    pub async fn next_roster(&self, clock: &ManualClock, every: Duration) {
        let before = self.status().await["roster"]["completed_at"].clone();
        for _ in 0..10 {
            clock.advance(every);
            let complete = async {
                while self.status().await["roster"]["completed_at"] == before {
                    tokio::time::sleep(POLL).await;
                }
            };
            if tokio::time::timeout(Duration::from_secs(3), complete).await.is_ok() {
                return;
            }
        }
        panic!("no roster pass was completed: {:#}", self.status().await);
    }

    /// The calls that Aha! got since this was last asked, a line each, as in `PUT /users/<ann@example.com> {…}`: an
    /// account's id is shown as its e-mail.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.aha.take_calls().lines();
        let show = |line: String| {
            self.aha.users().iter().fold(line, |line, user| {
                line.replace(&format!("/users/{}", user.id), &format!("/users/<{}>", user.email))
            })
        };
        calls.into_iter().map(show).collect()
    }

    /// When the target's accounts were last listed, as `/status` says it.
    pub async fn roster_completed_at(&self) -> Value {
        let status = Answer::of(self.anonymous(Method::GET, "/status").bearer_auth(TOKEN)).await;
        status.body["apps"]["test"]["roster"]["completed_at"].clone()
    }

    /// Waits until they were listed at another time than `before`.
    pub async fn wait_for_roster_after(&self, before: &Value) {
        let listed = async {
            while self.roster_completed_at().await == *before {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), listed).await.expect("the accounts are listed again");
    }

    /// Waits until the worker has nothing left to do.
    pub async fn wait_until_idle(&self) {
        let url = format!("{}/status", self.root());
        let idle = async {
            loop {
                let answer = Answer::of(self.http.get(&url).bearer_auth(TOKEN)).await;
                if answer.body["apps"]["test"]["queue"] == json!({}) {
                    return;
                }
                // The work itself, which may be on ten thousand users, must come to its turn.
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), idle).await.expect("the queue becomes empty");
    }
}

/// How long to wait before a condition is looked at again.
const POLL: Duration = Duration::from_millis(1);

thread_local! {
    /// What the bridges of this test, which has the thread for itself, work in.
    static DATABASES: RefCell<Vec<Weak<Activity>>> = const { RefCell::new(Vec::new()) };
    /// How long these may be at work.
    static PATIENCE: Cell<Duration> = const { Cell::new(Duration::from_secs(1)) };
}

/// How often everything that is ready has its turn before time passes. A request goes through several tasks and sockets.
const TURNS: usize = 25;

/// Waits until nothing can go on without time passing: nothing is ready, and no database is at work. How busy the machine is
/// must not decide what is in time.
pub async fn at_rest() {
    let is_working = || {
        DATABASES.with_borrow(|databases| {
            databases.iter().filter_map(Weak::upgrade).any(|database| !database.is_none())
        })
    };
    let rests = async {
        let mut has_worked = false;
        loop {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            if !is_working() {
                return has_worked;
            }
            has_worked = true;
            // It has the processor. The runtime's own sleep takes at least a millisecond.
            std::thread::sleep(Duration::from_micros(100));
        }
    };
    match tokio::time::timeout(PATIENCE.get(), rests).await {
        Ok(true) => {}
        Ok(false) => tokio::time::sleep(POLL).await,
        // One that hangs, as it does in some tests, is waited for once.
        Err(_) => PATIENCE.set(5 * POLL),
    }
}

/// Waits until `condition` holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(POLL).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), holds).await.is_ok(), "{what} does not come about");
}

/// Moves `clock` in steps, with a moment for work in between, until `condition` holds.
pub async fn pass_time<F: Future<Output = bool>>(
    clock: &ManualClock,
    step: Duration,
    what: &str,
    mut condition: impl FnMut() -> F,
) {
    for _ in 0..20_000 {
        if condition().await {
            return;
        }
        clock.advance(step);
        at_rest().await;
    }
    panic!("{what} does not come about");
}

/// Moves `clock` in steps until `future` is done.
pub async fn as_time_passes<F: Future>(clock: &ManualClock, step: Duration, future: F) -> F::Output {
    tokio::pin!(future);
    loop {
        tokio::select! {
            biased;
            output = &mut future => return output,
            () = at_rest() => clock.advance(step),
        }
    }
}

/// A complete answer.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; `null` if there is none.
    pub body: Value,
}

impl Answer {
    /// Sends the request. Every body must be JSON, and of the media type that its endpoint has.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        Self::try_of(request).await.unwrap()
    }

    /// The same where there may be nobody who answers.
    ///
    /// # Errors
    /// When no complete answer came.
    pub async fn try_of(request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        secrets::assert_none("an answer", &format!("{headers:?} {}", String::from_utf8_lossy(&bytes)));
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Ok(Self { status, headers, body })
    }

    /// The path of the user that this is, below the base URL.
    pub fn path(&self) -> String {
        format!("/Users/{}", self.id())
    }

    /// The id of the resource.
    pub fn id(&self) -> String {
        self.body["id"].as_str().expect("a resource with an id").to_owned()
    }

    /// A header as text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is a SCIM Error of that status and keyword (`""` for none), and answers its detail.
    #[track_caller]
    pub fn error(&self, status: u16, scim_type: &str) -> &str {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.header("content-type"), "application/scim+json", "{self}");
        assert_eq!(self.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{self}");
        assert_eq!(self.body["status"], status.to_string(), "{self}");
        assert_eq!(self.body["scimType"].as_str().unwrap_or_default(), scim_type, "{self}");
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty(), "{self}");
        detail
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#}", self.status, self.body)
    }
}

/// The body of a create for a person with that e-mail, as Entra sends it.
pub fn user(email: &str) -> Value {
    let local_part = email.split('@').next().unwrap();
    let (given, family) = local_part.split_once('.').unwrap_or((local_part, "Test"));
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": email,
        "externalId": format!("ext-{local_part}"),
        "name": { "givenName": given, "familyName": family },
        "emails": [{ "primary": true, "type": "work", "value": email }],
        "active": true,
    })
}
