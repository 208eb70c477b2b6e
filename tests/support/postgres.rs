//! A PostgreSQL server for tests: the one that `TEST_POSTGRES_URL` names, or a private one that is started for this process from
//! the machine's programs and ends with it, however that ends. Each test gets a database of its own.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use url::Url;

/// A server, by the URL of a database in it whose owner may make others.
pub struct Server {
    maintenance: Url,
    /// While it is open, the private server runs.
    _alive: Option<ChildStdin>,
}

/// A database of its own, gone when dropped.
pub struct Database {
    name: String,
    url: String,
}

/// The server of this process's tests.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        sqlx::any::install_default_drivers();
        let server = match env::var("TEST_POSTGRES_URL") {
            Ok(url) => {
                Server { maintenance: Url::parse(&url).expect("TEST_POSTGRES_URL is a URL"), _alive: None }
            }
            Err(_) => start(),
        };
        // Past the capture of tests' output.
        let _ = writeln!(io::stderr(), "these tests run on {}", server.version());
        server
    })
}

impl Server {
    /// An empty database.
    pub fn database(&self) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("scim_bridge_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.execute(format!("CREATE DATABASE {name} TEMPLATE template0"));
        let mut url = self.maintenance.clone();
        url.set_path(&name);
        Database { name, url: url.into() }
    }

    /// The database that it is asked to make others in.
    pub fn url(&self) -> &str {
        self.maintenance.as_str()
    }

    /// Its name and version, for people.
    pub fn version(&self) -> String {
        let url = self.maintenance.to_string();
        wait_for(async move {
            let mut connection =
                AnyConnection::connect(&url).await.expect("the server of TEST_POSTGRES_URL answers");
            let version: String =
                sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await.unwrap();
            format!("PostgreSQL {version}")
        })
    }

    /// The texts of all statements that were executed in any of its databases, with signs in the place of values; none if it does
    /// not keep them.
    pub fn statements(&self) -> Vec<String> {
        let url = self.maintenance.to_string();
        wait_for(async move {
            let mut connection = AnyConnection::connect(&url).await.unwrap();
            if connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await.is_err() {
                return Vec::new();
            }
            let statements = sqlx::query_scalar("SELECT DISTINCT query FROM pg_stat_statements");
            statements.fetch_all(&mut connection).await.unwrap_or_default()
        })
    }

    fn execute(&self, statement: String) {
        let url = self.maintenance.to_string();
        wait_for(async move {
            let mut connection = AnyConnection::connect(&url).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
            connection.close().await.unwrap();
        });
    }
}

impl Database {
    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        server().execute(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Waits for `work` where the caller may be inside a runtime, which must not be blocked by another one.
fn wait_for<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    thread::spawn(move || runtime().block_on(work)).join().unwrap()
}

/// Starts a server in a folder of its own, reached through a socket there.
fn start() -> Server {
    let programs = programs();
    let folder = tempfile::Builder::new().prefix("scim-bridge-postgres-").tempdir().unwrap().keep();
    let user = user();
    if let Some((uid, gid)) = user {
        chown(&folder, Some(uid), Some(gid)).unwrap();
    }
    let data = folder.join("data");
    // A locale that sorts otherwise than bytes, where the programs know one: a test could not tell the difference otherwise.
    let made = initdb(&programs, &data, &["--locale-provider=icu", "--icu-locale=en-US"], user)
        || initdb(&programs, &data, &[], user);
    assert!(made, "initdb in {} made no cluster in {}", programs.display(), data.display());
    let alive = keeper(&programs, &folder, user).stdin.take();
    let maintenance = format!("postgres:///postgres?user=postgres&host={}", folder.display());
    let url = maintenance.clone();
    let log = folder.join("log");
    wait_for(async move {
        let answers = async {
            while AnyConnection::connect(&url).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), answers).await.is_err() {
            panic!("the private server does not answer: {}", fs::read_to_string(log).unwrap_or_default());
        }
    });
    Server { maintenance: Url::parse(&maintenance).unwrap(), _alive: alive }
}

pub fn initdb(programs: &Path, data: &Path, locale: &[&str], user: Option<(u32, u32)>) -> bool {
    let _ = fs::remove_dir_all(data);
    let mut initdb = Command::new(programs.join("initdb"));
    initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
    initdb.args(locale).arg("--pgdata").arg(data).current_dir("/").stdin(Stdio::null());
    initdb.stdout(Stdio::null()).stderr(Stdio::null());
    as_user(&mut initdb, user).status().is_ok_and(|status| status.success())
}

/// A shell that keeps the server running until its own input ends, which it does when this process does, and cleans up.
fn keeper(programs: &Path, folder: &Path, user: Option<(u32, u32)>) -> Child {
    const SCRIPT: &str = "\"$1/postgres\" -D \"$2/data\" -k \"$2\" -c listen_addresses= -c fsync=off -c full_page_writes=off \
                          -c max_connections=300 -c shared_buffers=64MB $3 >\"$2/log\" 2>&1 </dev/null & \
                          (read -r _; kill -QUIT $!) ; wait $!; rm -rf \"$2\"";
    // Debian's programs have it, which counts statements for each database.
    let has_statements = programs.join("../lib/pg_stat_statements.so").is_file();
    let statements = "-c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.max=60000";
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).arg(programs).arg(folder).arg(if has_statements {
        statements
    } else {
        ""
    });
    shell.current_dir("/").stdin(Stdio::piped());
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own: Ctrl-C is for the tests, whose end then ends the server in order.
    as_user(&mut shell, user).process_group(0).spawn().unwrap()
}

pub fn as_user(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Whom to be instead of root, which PostgreSQL refuses to run as.
pub fn user() -> Option<(u32, u32)> {
    let own = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = own.lines().any(|line| line.starts_with("Uid:\t0\t"));
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = |name: &str| {
        let fields: Vec<&str> = accounts.lines().find(|line| line.starts_with(name))?.split(':').collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    is_root.then(|| account("postgres:").or_else(|| account("nobody:"))).flatten()
}

/// The folder of `postgres` and `initdb`.
pub fn programs() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    let in_path = env::var_os("PATH").unwrap_or_default();
    let found = versions
        .into_iter()
        .rev()
        .chain(env::split_paths(&in_path))
        .find(|folder| ["postgres", "initdb"].iter().all(|program| folder.join(program).is_file()));
    found.expect(
        "tests run on PostgreSQL, too: set TEST_POSTGRES_URL, or install its programs (Debian: sudo apt-get install postgresql)",
    )
}
