//! Certificates that are asked for automatically, from an authority of this machine: Pebble, Let's Encrypt's own for tests. It is
//! the program `pebble` of the package of that name, or the one that `PEBBLE` names; `pebble-challtestsrv` stands beside it.

use std::{
    net::TcpListener as Probe,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use scim_bridge::{
    app::App,
    clock::{Clock, ManualClock, SystemClock},
    config::Config,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::tls::Authority;
use crate::harness::{TOKEN, eventually};

const DOMAIN: &str = "bridge.example.com";

/// An authority, and a DNS server by which every name leads to this machine. Both end when it is dropped.
struct Pebble {
    directory: String,
    management: String,
    _processes: [Running; 2],
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    Probe::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(program: &Path, arguments: &[&str]) -> Running {
    let child = Command::new(program)
        .args(arguments)
        .env("PEBBLE_VA_NOSLEEP", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{}: {error}; install the package pebble, or set PEBBLE", program.display())
        });
    Running(child)
}

impl Pebble {
    /// It finds those who ask for certificates at `port`.
    async fn start(folder: &Path, authority: &Authority, port: u16) -> Self {
        let (certificate, key) = authority.certify("localhost");
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (listen, management, dns) = (free_port(), free_port(), free_port());
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{listen}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": file("pebble.pem", &certificate),
            "privateKey": file("pebble-key.pem", &key),
            "httpPort": free_port(), "tlsPort": port,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        let config = file("pebble.json", &config.to_string());
        let program = std::env::var_os("PEBBLE").map_or_else(|| PathBuf::from("pebble"), PathBuf::from);
        let names = program.with_file_name("pebble-challtestsrv");
        let (dns, management_of_names) = (format!("127.0.0.1:{dns}"), format!("127.0.0.1:{}", free_port()));
        let names = start(
            &names,
            &[
                "-dns01",
                &dns,
                "-management",
                &management_of_names,
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-defaultIPv6",
                "",
                "-defaultIPv4",
                "127.0.0.1",
            ],
        );
        let pebble = start(&program, &["-config", &config, "-dnsserver", &dns]);
        let this = Self {
            directory: format!("https://localhost:{listen}/dir"),
            management: format!("https://localhost:{management}"),
            _processes: [names, pebble],
        };
        let client = authority.client().build().unwrap();
        eventually("the authority answers", async || client.get(&this.directory).send().await.is_ok()).await;
        this
    }

    /// Its own certificate, which no other test of it has.
    async fn root(&self, authority: &Authority) -> reqwest::Certificate {
        let client = authority.client().build().unwrap();
        let pem =
            client.get(format!("{}/roots/0", self.management)).send().await.unwrap().bytes().await.unwrap();
        reqwest::Certificate::from_pem(&pem).unwrap()
    }
}

struct Bridge {
    port: u16,
    stopping: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl Bridge {
    async fn start(folder: &Path, directory: &str, listener: TcpListener) -> Self {
        Self::start_by(Arc::new(SystemClock), folder, directory, listener).await
    }

    async fn start_by(clock: Arc<dyn Clock>, folder: &Path, directory: &str, listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let config = format!(
            "[server]\ntls = {{ certificate = 'fullchain.pem', key = 'privkey.pem' }}\n\
             acme = {{ domains = ['{DOMAIN}'], contact = 'it@example.com', directory = '{directory}', authority = 'ca.pem' }}\n\
             [database]\nurl = 'sqlite:{}'\n\
             [apps.test]\nconnector = 'memory'\ntokens = [{{ name = 'idp', token = '{TOKEN}' }}]\n",
            folder.join("bridge.db").display()
        );
        let config = Config::parse(&config, "test.toml", folder, &|_| None).unwrap();
        let url = format!("https://{DOMAIN}:{port}");
        let app = App::open(&config, &url, clock).await.unwrap();
        let stopping = CancellationToken::new();
        let task = tokio::spawn(app.run(listener, stopping.clone()));
        Self { port, stopping, task }
    }

    /// Returns when its database is free.
    async fn stop(mut self) {
        self.stopping.cancel();
        (&mut self.task).await.unwrap().unwrap();
    }

    /// The certificate that it shows now; `None` while it does not listen.
    async fn shown(&self) -> Option<Vec<u8>> {
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).tls_info(true);
        let answer = client.build().unwrap().get(format!("https://127.0.0.1:{}/healthz", self.port)).send();
        let answer = answer.await.ok()?;
        Some(answer.extensions().get::<reqwest::tls::TlsInfo>()?.peer_certificate()?.to_vec())
    }

    /// Whether somebody who trusts `root` alone is answered under the domain.
    async fn is_reached(&self, root: &reqwest::Certificate) -> bool {
        let client = reqwest::Client::builder()
            .tls_certs_only([root.clone()])
            .resolve(DOMAIN, ([127, 0, 0, 1], self.port).into())
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        let request =
            client.get(format!("https://{DOMAIN}:{}/test/scim/v2/Users", self.port)).bearer_auth(TOKEN);
        request.send().await.is_ok_and(|answer| answer.status() == 200)
    }
}

#[tokio::test]
async fn a_certificate_is_asked_for_used_kept_and_not_asked_for_again() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pebble = Pebble::start(folder.path(), &authority, listener.local_addr().unwrap().port()).await;
    let root = pebble.root(&authority).await;
    let bridge = Bridge::start(folder.path(), &pebble.directory, listener).await;
    eventually("the certificate is in use", async || bridge.is_reached(&root).await).await;

    for name in ["privkey.pem", "acme-account.json"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is readable for others");
    }
    let kept = std::fs::read(folder.path().join("fullchain.pem")).unwrap();
    bridge.stop().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let again = Bridge::start(folder.path(), &pebble.directory, listener).await;
    eventually("it is reached", async || again.is_reached(&root).await).await;
    assert_eq!(std::fs::read(folder.path().join("fullchain.pem")).unwrap(), kept);
}

#[tokio::test]
async fn where_no_certificate_can_be_had_the_bridge_listens_and_is_trusted_by_nobody() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    // The authority looks for the domain at another port than that of the bridge.
    let pebble = Pebble::start(folder.path(), &authority, free_port()).await;
    let root = pebble.root(&authority).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bridge = Bridge::start(folder.path(), &pebble.directory, listener).await;
    let unchecked = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    eventually("it listens", async || {
        unchecked.get(format!("https://127.0.0.1:{}/healthz", bridge.port)).send().await.is_ok()
    })
    .await;
    assert!(!bridge.is_reached(&root).await);
}

/// Pebble's certificates are good for 90 days, or for five years where it is older.
#[tokio::test]
async fn a_certificate_that_nears_its_end_is_renewed_and_the_new_one_is_shown() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pebble = Pebble::start(folder.path(), &authority, port).await;
    let root = pebble.root(&authority).await;
    let bridge = Bridge::start(folder.path(), &pebble.directory, listener).await;
    eventually("the certificate is in use", async || bridge.is_reached(&root).await).await;
    let before = bridge.shown().await.unwrap();
    bridge.stop().await;

    let years = Duration::from_hours(4 * 365 * 24);
    let late = Arc::new(ManualClock::new(SystemClock.now() + years));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let bridge = Bridge::start_by(late, folder.path(), &pebble.directory, listener).await;
    eventually("another certificate is shown", async || {
        bridge.shown().await.is_some_and(|shown| shown != before)
    })
    .await;
    assert!(bridge.is_reached(&root).await);
}

#[tokio::test]
async fn whoever_goes_over_to_another_authority_gets_a_certificate_of_it() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let staging = Pebble::start(folder.path(), &authority, port).await;
    let root = staging.root(&authority).await;
    let bridge = Bridge::start(folder.path(), &staging.directory, listener).await;
    eventually("the certificate for tests is in use", async || bridge.is_reached(&root).await).await;
    bridge.stop().await;

    let production = Pebble::start(folder.path(), &authority, port).await;
    let root = production.root(&authority).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let bridge = Bridge::start(folder.path(), &production.directory, listener).await;
    eventually("the certificate of the other is in use", async || bridge.is_reached(&root).await).await;
}
