//! Certificates: served, renewed, and asked of clients.

use std::{path::Path, sync::Arc, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};
use rstest::rstest;
use scim_bridge::{
    app::App,
    clock::{Clock, ManualClock, Time},
    config::Config,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        CipherSuite, ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
        version,
    },
};
use tokio_util::sync::CancellationToken;

use crate::harness::{TOKEN, eventually, pass_time};

/// Who makes certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for `name` and its key.
    pub fn certify(&self, name: &str) -> (String, String) {
        self.certify_key(name, KeyPair::generate().unwrap())
    }

    fn certify_key(&self, name: &str, key: KeyPair) -> (String, String) {
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn install(&self, folder: &Path, name: &str) {
        let (certificate, key) = self.certify(name);
        std::fs::write(folder.join("fullchain.pem"), certificate).unwrap();
        std::fs::write(folder.join("privkey.pem"), key).unwrap();
    }

    /// Its own certificate, in PEM.
    #[cfg(feature = "acme")]
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    fn root(&self) -> reqwest::Certificate {
        reqwest::Certificate::from_pem(self.certificate.as_bytes()).unwrap()
    }

    /// A client that trusts this authority alone, and opens a new connection for each request.
    pub fn client(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder().tls_certs_only([self.root()]).pool_max_idle_per_host(0)
    }
}

/// A bridge with certificates. Stops when dropped.
struct Encrypted {
    url: String,
    /// What SIGHUP does.
    reload: Box<dyn Fn()>,
    stopping: CancellationToken,
    _task: JoinHandle<std::io::Result<()>>,
}

impl Encrypted {
    async fn start(folder: &Path, more: &str, clock: &ManualClock) -> Self {
        let config = format!(
            "[server]\ntls = {{ certificate = 'fullchain.pem', key = 'privkey.pem'{more} }}\n\
             [database]\nurl = 'sqlite:{}'\n\
             [apps.test]\nconnector = 'memory'\ntokens = [{{ name = 'idp', token = '{TOKEN}' }}]\n\
             [apps.passed]\nconnector = 'scim'\nbase_url = 'http://127.0.0.1:9/scim'\ntoken = 'target-token'\n\
             tokens = [{{ name = 'idp', token = '{TOKEN}-passed' }}]\n",
            folder.join("bridge.db").display()
        );
        let config = Config::parse(&config, "test.toml", folder, &|_| None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let app = App::open(&config, &url, Arc::new(clock.clone())).await.unwrap();
        let (stopping, reload) = (CancellationToken::new(), Box::new(app.reload()));
        let task = tokio::spawn(app.run(listener, stopping.clone()));
        Self { url, reload, stopping, _task: task }
    }

    async fn status(&self, client: &reqwest::Client, path: &str) -> reqwest::Result<u16> {
        let request = client.get(format!("{}{path}", self.url)).bearer_auth(TOKEN);
        Ok(request.send().await?.status().as_u16())
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

fn clock() -> ManualClock {
    ManualClock::new(Time::from_micros(1_700_000_000_000_000))
}

#[rstest]
#[case::tls_1_2(reqwest::tls::Version::TLS_1_2)]
#[case::tls_1_3(reqwest::tls::Version::TLS_1_3)]
#[tokio::test]
async fn it_is_reached_over_tls_1_2_and_1_3(#[case] version: reqwest::tls::Version) {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.install(folder.path(), "localhost");
    let bridge = Encrypted::start(folder.path(), "", &clock()).await;
    let client = authority.client().tls_version_min(version).tls_version_max(version).build().unwrap();
    assert_eq!(bridge.status(&client, "/test/scim/v2/Users").await.unwrap(), 200);
    // Who speaks plain HTTP is not answered, and who is not trusted is not believed.
    assert!(reqwest::get(bridge.url.replace("https", "http")).await.is_err());
    let stranger = Authority::new().client().build().unwrap();
    assert!(bridge.status(&stranger, "/healthz").await.is_err());
}

/// Entra ID offers eight suites with TLS 1.2, those with GCM first (E1, E11); the others are CBC, which nobody offers any more.
#[rstest]
#[case::ecdsa_256(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, &PKCS_ECDSA_P256_SHA256)]
#[case::ecdsa_128(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &PKCS_ECDSA_P256_SHA256)]
#[case::rsa_256(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, &PKCS_RSA_SHA256)]
#[case::rsa_128(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &PKCS_RSA_SHA256)]
#[tokio::test]
async fn tls_1_2_is_spoken_with_each_suite_of_gcm_that_entra_asks_for(
    #[case] suite: CipherSuite,
    #[case] algorithm: &'static SignatureAlgorithm,
) {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let (certificate, key) = authority.certify_key("localhost", KeyPair::generate_for(algorithm).unwrap());
    std::fs::write(folder.path().join("fullchain.pem"), certificate).unwrap();
    std::fs::write(folder.path().join("privkey.pem"), key).unwrap();
    let bridge = Encrypted::start(folder.path(), "", &clock()).await;

    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|offered| offered.suite() == suite);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = bridge.url.trim_start_matches("https://");
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.negotiated_cipher_suite().unwrap().suite(), suite);
}

#[rstest]
#[case::nothing("")]
#[case::a_part_of_the_preface("PRI * HTTP/2.0\r\n")]
#[tokio::test]
async fn a_client_that_agrees_on_encryption_and_says_no_more_is_cut_off(#[case] beginning: &str) {
    let (folder, authority, clock) = (tempfile::tempdir().unwrap(), Authority::new(), clock());
    authority.install(folder.path(), "localhost");
    let bridge = Encrypted::start(folder.path(), "", &clock).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(bridge.url.trim_start_matches("https://")).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let started = clock.now();
    let closed = tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
    pass_time(&clock, Duration::from_secs(5), "the connection is closed", async || closed.is_finished())
        .await;
    assert!(clock.now().since(started) <= Duration::from_secs(90));
}

/// Until then nothing of HTTP bounds it.
#[rstest]
#[case::nothing(b"")]
#[case::a_part_of_the_first_message(b"\x16\x03\x01\x02\x00\x01")]
#[tokio::test]
async fn a_client_that_never_agrees_on_encryption_is_cut_off(#[case] beginning: &[u8]) {
    let (folder, authority, clock) = (tempfile::tempdir().unwrap(), Authority::new(), clock());
    authority.install(folder.path(), "localhost");
    let bridge = Encrypted::start(folder.path(), "", &clock).await;
    let mut stream = TcpStream::connect(bridge.url.trim_start_matches("https://")).await.unwrap();
    stream.write_all(beginning).await.unwrap();
    let started = clock.now();
    let closed = tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
    pass_time(&clock, Duration::from_secs(1), "the connection is closed", async || closed.is_finished())
        .await;
    assert!(clock.now().since(started) <= Duration::from_secs(15));
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_open_connections_go_on() {
    let (folder, before, after) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    before.install(folder.path(), "localhost");
    let clock = clock();
    let bridge = Encrypted::start(folder.path(), "", &clock).await;
    let staying = before.client().pool_max_idle_per_host(1).build().unwrap();
    assert_eq!(bridge.status(&staying, "/healthz").await.unwrap(), 200);
    // A key that does not fit, as between the writing of two files, changes nothing.
    std::fs::write(folder.path().join("privkey.pem"), after.certify("localhost").1).unwrap();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(bridge.status(&before.client().build().unwrap(), "/healthz").await.unwrap(), 200);
    after.install(folder.path(), "localhost");
    let newcomer = after.client().build().unwrap();
    pass_time(&clock, Duration::from_secs(1), "the new certificate is in use", async || {
        bridge.status(&newcomer, "/healthz").await.is_ok_and(|status| status == 200)
    })
    .await;
    assert_eq!(bridge.status(&staying, "/healthz").await.unwrap(), 200);
    assert!(bridge.status(&before.client().build().unwrap(), "/healthz").await.is_err());
}

/// The clock stands still, so nothing is looked at by itself.
#[tokio::test]
async fn a_new_certificate_is_used_at_once_when_that_is_asked_for() {
    let (folder, before, after) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    before.install(folder.path(), "localhost");
    let bridge = Encrypted::start(folder.path(), "", &clock()).await;
    let newcomer = after.client().build().unwrap();
    after.install(folder.path(), "localhost");
    for _ in 0..3 {
        assert!(bridge.status(&newcomer, "/healthz").await.is_err());
    }
    (bridge.reload)();
    eventually("the new certificate is in use", async || {
        bridge.status(&newcomer, "/healthz").await.is_ok_and(|status| status == 200)
    })
    .await;
    assert!(bridge.status(&before.client().build().unwrap(), "/healthz").await.is_err());
}

#[tokio::test]
async fn with_client_authorities_apps_need_a_certificate_of_theirs_and_health_needs_none() {
    let (folder, authority, clients) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    authority.install(folder.path(), "localhost");
    std::fs::write(folder.path().join("clients.pem"), &clients.certificate).unwrap();
    let bridge = Encrypted::start(folder.path(), ", client_authorities = 'clients.pem'", &clock()).await;
    let presenting = |authority: &Authority, from: &Authority| {
        let (certificate, key) = from.certify("idp");
        let identity = reqwest::Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap();
        authority.client().identity(identity).build().unwrap()
    };
    let without = authority.client().build().unwrap();
    assert_eq!(bridge.status(&without, "/healthz").await.unwrap(), 200);
    for (app, encoded) in [("test", "%74est"), ("passed", "passe%64")] {
        assert_eq!(bridge.status(&without, &format!("/{app}/scim/v2/Users")).await.unwrap(), 403);
        assert_eq!(bridge.status(&without, &format!("/{encoded}/scim/v2/Users")).await.unwrap(), 404);
    }
    assert_eq!(bridge.status(&presenting(&authority, &clients), "/test/scim/v2/Users").await.unwrap(), 200);
    for path in ["/status", "/metrics"] {
        assert_eq!(bridge.status(&without, path).await.unwrap(), 403, "{path}");
        assert_eq!(bridge.status(&presenting(&authority, &clients), path).await.unwrap(), 200, "{path}");
    }
    let stranger = presenting(&authority, &Authority::new());
    assert!(bridge.status(&stranger, "/healthz").await.is_err());
}

/// A client's certificate is looked at when a session begins: one that went on would outlive it.
#[rstest]
#[case::tls_1_2(&version::TLS12, ", client_authorities = 'clients.pem'", HandshakeKind::Full)]
#[case::tls_1_3(&version::TLS13, ", client_authorities = 'clients.pem'", HandshakeKind::Full)]
#[case::tls_1_3_without_certificates_of_clients(&version::TLS13, "", HandshakeKind::Resumed)]
#[tokio::test]
async fn no_session_goes_on_where_clients_have_certificates(
    #[case] version: &'static SupportedProtocolVersion,
    #[case] more: &str,
    #[case] second: HandshakeKind,
) {
    let (folder, authority, clients) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    authority.install(folder.path(), "localhost");
    std::fs::write(folder.path().join("clients.pem"), &clients.certificate).unwrap();
    let bridge = Encrypted::start(folder.path(), more, &clock()).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let (certificate, key) = clients.certify("idp");
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let stream = TcpStream::connect(bridge.url.trim_start_matches("https://")).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    assert_eq!(kinds, [HandshakeKind::Full, second]);
}

/// A session that was agreed on before is no way past that.
#[tokio::test]
async fn other_client_authorities_count_without_a_restart_and_those_that_are_gone_no_more() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.install(folder.path(), "localhost");
    let (before, after) = (Authority::new(), Authority::new());
    let authorities = folder.path().join("clients.pem");
    std::fs::write(&authorities, &before.certificate).unwrap();
    let bridge = Encrypted::start(folder.path(), ", client_authorities = 'clients.pem'", &clock()).await;
    let [of_before, of_after] = [&before, &after].map(|clients| {
        let (certificate, key) = clients.certify("idp");
        let identity = reqwest::Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap();
        authority.client().identity(identity).build().unwrap()
    });
    let users = "/test/scim/v2/Users";
    assert_eq!(bridge.status(&of_before, users).await.unwrap(), 200);
    assert!(bridge.status(&of_after, users).await.is_err());
    std::fs::write(&authorities, &after.certificate).unwrap();
    (bridge.reload)();
    eventually("the new authority counts", async || {
        bridge.status(&of_after, users).await.is_ok_and(|status| status == 200)
    })
    .await;
    assert!(bridge.status(&of_before, users).await.is_err());
}

#[tokio::test]
async fn files_that_cannot_be_used_keep_it_from_starting_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (certificate, key, said) in [
        ("", "", "has no certificate in PEM"),
        (Authority::new().certify("localhost").0.as_str(), "rubbish", "has no private key in PEM"),
        (
            &Authority::new().certify("localhost").0,
            &Authority::new().certify("localhost").1,
            "cannot be used together",
        ),
    ] {
        std::fs::write(folder.path().join("fullchain.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("privkey.pem"), key).unwrap();
        let config = format!(
            "[server]\ntls = {{ certificate = 'fullchain.pem', key = 'privkey.pem' }}\n\
             [database]\nurl = 'sqlite:{}'\n[apps.test]\nconnector = 'memory'\n",
            folder.path().join("bridge.db").display()
        );
        let config = Config::parse(&config, "test.toml", folder.path(), &|_| None).unwrap();
        let refused = App::open(&config, "https://localhost", Arc::new(clock())).await.unwrap_err();
        assert!(refused.to_string().contains(said), "{refused}");
    }
}
