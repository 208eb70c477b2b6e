//! Certificates that are asked for and renewed automatically: ACME (RFC 8555) with the challenge TLS-ALPN-01 (RFC 8737), which
//! needs nothing but the port that the bridge listens on.
//!
//! The certificate and its key are written to the files that [`Certificates`] looks at, as if an admin had renewed them.

use std::{collections::BTreeSet, fs, io, io::Write as _, path::Path, sync::Arc, time::Duration};

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair, date_time_ymd};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::aws_lc_rs::{default_provider, sign::any_supported_type},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};

use x509_parser::extensions::GeneralName;

use super::{Certificates, TlsError, tls::check_pair};
use crate::{
    clock::{Clock, Time, until},
    config::{Acme, Tls},
};

/// The protocol by which an authority asks for the answer to a challenge (RFC 8737 §6.2).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// How often it is looked whether the certificate is to be renewed.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// The first wait after a failure; doubled each time up to the longest. Let's Encrypt allows five failures an hour.
const FIRST_WAIT: Duration = Duration::from_mins(15);
const LONGEST_WAIT: Duration = Duration::from_hours(6);

/// How long the authority may take for each of its steps.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));

/// How long all of them may take together, which the authority's client does not bound where it waits for an answer.
const ALL_WITHIN: Duration = Duration::from_mins(10);

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The authority says no, or cannot be reached.
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    /// It wants to see another proof than we can give.
    #[error("the authority offers no challenge tls-alpn-01 for {domain}")]
    NoChallenge {
        /// The domain.
        domain: String,
    },
    /// It was not convinced.
    #[error(
        "the authority could not see that {domains} lead here ({status:?}); port 443 of all of them must lead to the bridge"
    )]
    NotReady {
        /// The domains.
        domains: String,
        /// What became of the order.
        status: OrderStatus,
    },
    /// It took too long.
    #[error("the authority did not answer in time")]
    TooSlow,
    /// A certificate could not be made or read.
    #[error("a certificate could not be made: {0}")]
    Certificate(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<rcgen::Error> for AcmeError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}

/// Puts a certificate that nobody trusts where there is none that can be used, so that the bridge can listen, which it must to
/// get one.
///
/// # Errors
/// When the files cannot be written.
pub fn prepare(acme: &Acme, files: &Tls) -> Result<(), AcmeError> {
    // What is there and cannot be read may be good: whoever reads it next says why.
    if can_be_used(files).unwrap_or(true) {
        return Ok(());
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(acme.domains.clone())?;
    // It has ended, so it is renewed at once.
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2000, 1, 2));
    let certificate = params.self_signed(&key)?;
    keep(files, &certificate.pem(), &key.serialize_pem())
}

/// Whether there are a certificate and its key that can be used together.
fn can_be_used(files: &Tls) -> Result<bool, AcmeError> {
    match check_pair(files) {
        Ok(()) => Ok(true),
        Err(TlsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(TlsError::File { path, source }) => {
            Err(AcmeError::File { path: path.display().to_string(), source })
        }
        Err(error) => {
            // As when the bridge was killed between the two.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the certificate and its key cannot be used; new ones are asked for");
            Ok(false)
        }
    }
}

/// Renews the certificate when a third of its time is left, for ever.
pub(super) async fn run(acme: Acme, files: Tls, certificates: Arc<Certificates>, clock: Arc<dyn Clock>) {
    let mut wait = FIRST_WAIT;
    loop {
        let rest = match renew_in_time(&acme, &files, &certificates, &*clock).await {
            Ok(()) => {
                wait = FIRST_WAIT;
                LOOK_EVERY
            }
            Err(error) => {
                tracing::error!(%error, "no new certificate could be had; it is tried again");
                let rest = wait;
                wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                rest
            }
        };
        clock.sleep_until(clock.now() + rest).await;
    }
}

async fn renew_in_time(
    acme: &Acme,
    files: &Tls,
    certificates: &Certificates,
    clock: &dyn Clock,
) -> Result<(), AcmeError> {
    let now = clock.now();
    let renewed = until(clock, now + ALL_WITHIN, renew(acme, files, certificates, now)).await;
    renewed.unwrap_or_else(|| {
        certificates.clear_challenges();
        Err(AcmeError::TooSlow)
    })
}

async fn renew(acme: &Acme, files: &Tls, certificates: &Certificates, now: Time) -> Result<(), AcmeError> {
    if !is_due(acme, files, now)? {
        return Ok(());
    }
    tracing::info!(domains = acme.domains.join(", "), "a certificate is asked for");
    let (certificate, key) = order(acme, certificates).await?;
    keep(files, &certificate, &key)?;
    certificates.look();
    match KeptAccount::find(acme)? {
        Some(kept) if kept.awaits_certificate => KeptAccount { awaits_certificate: false, ..kept }.keep(acme),
        _ => Ok(()),
    }
}

/// Whether another certificate is to be asked for now.
fn is_due(acme: &Acme, files: &Tls, now: Time) -> Result<bool, AcmeError> {
    if KeptAccount::find(acme)?.is_some_and(|kept| kept.is_elsewhere(acme) || kept.awaits_certificate) {
        tracing::info!(directory = acme.directory, "the certificate is another authority's");
        return Ok(true);
    }
    Ok(!can_be_used(files)? || renewal_due(&files.certificate, &acme.domains)? <= now)
}

/// When two thirds of the time of the certificate in this file are over; at once if it is for others than these domains.
fn renewal_due(path: &Path, domains: &[String]) -> Result<Time, AcmeError> {
    let unreadable =
        |error: &dyn std::fmt::Display| AcmeError::Certificate(format!("{}: {error}", path.display()));
    let certificate = CertificateDer::from_pem_file(path).map_err(|error| unreadable(&error))?;
    let (_, certificate) =
        x509_parser::parse_x509_certificate(&certificate).map_err(|error| unreadable(&error))?;
    let names = certificate.subject_alternative_name().map_err(|error| unreadable(&error))?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let certified: BTreeSet<_> = names.iter().filter_map(domain).collect();
    if certified != domains.iter().cloned().collect() {
        return Ok(Time::from_micros(0));
    }
    let validity = certificate.validity();
    let (start, end) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    Ok(Time::from_micros(end.saturating_sub((end - start) / 3).saturating_mul(1_000_000)))
}

fn domain(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}

/// Asks for a certificate: it and its key, in PEM.
async fn order(acme: &Acme, certificates: &Certificates) -> Result<(String, String), AcmeError> {
    // 1. Who asks, and for which names?
    let account = account(acme).await?;
    let identifiers: Vec<_> = acme.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    // 2. That each of them leads here is shown to whoever asks for it over TLS.
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let domain = authorization.identifier().to_string();
        let mut challenge = authorization
            .challenge(ChallengeType::TlsAlpn01)
            .ok_or_else(|| AcmeError::NoChallenge { domain: domain.clone() })?;
        let answer = answer(&domain, challenge.key_authorization().digest().as_ref())?;
        certificates.set_challenge(&domain, Arc::new(answer));
        challenge.set_ready().await?;
    }
    let status = order.poll_ready(&PATIENCE).await;
    certificates.clear_challenges();
    match status? {
        OrderStatus::Ready => {}
        status => return Err(AcmeError::NotReady { domains: acme.domains.join(", "), status }),
    }
    // 3. The certificate, for a key that nobody else ever sees.
    let key = order.finalize().await?;
    let certificate = order.poll_certificate(&PATIENCE).await?;
    Ok((certificate, key))
}

/// The account with the authority, made when it is first needed.
async fn account(acme: &Acme) -> Result<Account, AcmeError> {
    let builder = match &acme.authority {
        Some(authority) => Account::builder_with_root(authority)?,
        None => Account::builder()?,
    };
    let kept = KeptAccount::find(acme)?;
    let is_another = kept.is_some();
    if let Some(kept) = kept.filter(|kept| !kept.is_elsewhere(acme)) {
        let credentials = serde_json::from_value(Value::Object(kept.credentials));
        return Ok(builder.from_credentials(credentials.map_err(|error| unusable(acme, error))?).await?);
    }
    let contact = acme.contact.as_ref().map(|contact| format!("mailto:{contact}"));
    let contact: Vec<_> = contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&new, acme.directory.clone(), None).await?;
    let Ok(Value::Object(credentials)) = serde_json::to_value(&credentials) else {
        return Err(AcmeError::Certificate("the account cannot be written as JSON".to_owned()));
    };
    KeptAccount { credentials, awaits_certificate: is_another }.keep(acme)?;
    Ok(account)
}

/// The file of the account.
#[derive(Deserialize, Serialize)]
struct KeptAccount {
    /// As the authority's client writes them; where the authority is is among them.
    #[serde(flatten)]
    credentials: Map<String, Value>,
    /// Whether the certificate is still that of another authority, where there was an account before.
    #[serde(default)]
    awaits_certificate: bool,
}

impl KeptAccount {
    fn find(acme: &Acme) -> Result<Option<Self>, AcmeError> {
        match fs::read_to_string(&acme.account) {
            Ok(kept) => serde_json::from_str(&kept).map(Some).map_err(|error| unusable(acme, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AcmeError::File { path: acme.account.display().to_string(), source }),
        }
    }

    /// Whether it is with another authority than the one that is configured now.
    fn is_elsewhere(&self, acme: &Acme) -> bool {
        let directory = self.credentials.get("directory").and_then(Value::as_str);
        directory.is_some_and(|directory| directory != acme.directory)
    }

    fn keep(&self, acme: &Acme) -> Result<(), AcmeError> {
        let text = serde_json::to_string(self).map_err(|error| AcmeError::Certificate(error.to_string()))?;
        Written::new(&acme.account, &text)?.put()
    }
}

fn unusable(acme: &Acme, error: serde_json::Error) -> AcmeError {
    AcmeError::File {
        path: acme.account.display().to_string(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

/// What is shown to an authority that looks whether `domain` leads here (RFC 8737 §3).
fn answer(domain: &str, digest: &[u8]) -> Result<ServerConfig, AcmeError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([domain.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = any_supported_type(&key).map_err(|error| AcmeError::Certificate(error.to_string()))?;
    let certified = CertifiedKey::new(vec![certificate.der().clone()], key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has suites for both versions")
        .with_no_client_auth()
        // Not as a certificate that is to be good: its critical extension is one that only the authority understands.
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Writes both before it puts the first in its place. While one of them is new, they do not fit, and whoever looks then looks
/// again.
fn keep(files: &Tls, certificate: &str, key: &str) -> Result<(), AcmeError> {
    let key = Written::new(&files.key, key)?;
    let certificate = Written::new(&files.certificate, certificate)?;
    key.put()?;
    certificate.put()
}

/// What is to replace a file as a whole, readable for nobody else.
struct Written<'p> {
    path: &'p Path,
    file: tempfile::NamedTempFile,
}

impl<'p> Written<'p> {
    fn new(path: &'p Path, text: &str) -> Result<Self, AcmeError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        Ok(Self { path, file: write().map_err(|source| unwritable(path, source))? })
    }

    fn put(self) -> Result<(), AcmeError> {
        self.file.persist(self.path).map(drop).map_err(|error| unwritable(self.path, error.error))
    }
}

fn unwritable(path: &Path, source: io::Error) -> AcmeError {
    AcmeError::File { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::clock::ManualClock;

    fn setup(folder: &Path, directory: &str) -> (Acme, Tls) {
        let acme = Acme {
            domains: vec!["one.example.com".to_owned(), "two.example.com".to_owned()],
            contact: None,
            account: folder.join("account.json"),
            directory: directory.to_owned(),
            authority: None,
        };
        let tls = Tls {
            certificate: folder.join("fullchain.pem"),
            key: folder.join("privkey.pem"),
            client_authorities: None,
        };
        (acme, tls)
    }

    fn certify(domains: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let domains: Vec<_> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let certificate = CertificateParams::new(domains).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[rstest]
    #[case::the_key_of_another(Some(certify(&["one.example.com"]).0), Some(certify(&["one.example.com"]).1))]
    #[case::no_key(Some(certify(&["one.example.com"]).0), None)]
    #[case::half_a_certificate(Some("-----BEGIN CERT".to_owned()), Some(certify(&["one.example.com"]).1))]
    fn what_cannot_be_used_is_replaced_and_the_bridge_starts(
        #[case] certificate: Option<String>,
        #[case] key: Option<String>,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (acme, files) = setup(folder.path(), "https://authority.example.com");
        for (path, text) in [(&files.certificate, certificate), (&files.key, key)] {
            if let Some(text) = text {
                fs::write(path, text).unwrap();
            }
        }
        assert!(Certificates::load(files.clone()).is_err());
        prepare(&acme, &files).unwrap();
        Certificates::load(files.clone()).unwrap();
        assert_eq!(renewal_due(&files.certificate, &acme.domains).unwrap().to_string()[..4], *"2000");
    }

    #[test]
    fn what_can_be_used_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (acme, files) = setup(folder.path(), "https://authority.example.com");
        let (certificate, key) = certify(&["one.example.com"]);
        keep(&files, &certificate, &key).unwrap();
        prepare(&acme, &files).unwrap();
        assert_eq!(fs::read_to_string(&files.certificate).unwrap(), certificate);
    }

    #[test]
    fn a_certificate_for_other_domains_is_renewed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (acme, files) = setup(folder.path(), "https://authority.example.com");
        for (domains, is_due) in [
            (&["two.example.com", "ONE.example.com"][..], false),
            (&["one.example.com"], true),
            (&["one.example.com", "two.example.com", "three.example.com"], true),
        ] {
            let (certificate, key) = certify(domains);
            keep(&files, &certificate, &key).unwrap();
            let due = renewal_due(&files.certificate, &acme.domains).unwrap();
            assert_eq!(due == Time::from_micros(0), is_due, "{domains:?}");
        }
    }

    #[rstest]
    #[case::no_account_yet(None, false)]
    #[case::an_account_here(Some(r#"{"id":"1","directory":"https://here.example.com"}"#), false)]
    #[case::an_account_elsewhere(Some(r#"{"id":"1","directory":"https://elsewhere.example.com"}"#), true)]
    #[case::a_new_account_whose_order_failed(
        Some(r#"{"id":"1","directory":"https://here.example.com","awaits_certificate":true}"#),
        true
    )]
    fn a_certificate_of_another_authority_is_due(#[case] account: Option<&str>, #[case] expected: bool) {
        let folder = tempfile::tempdir().unwrap();
        let (acme, files) = setup(folder.path(), "https://here.example.com");
        let (certificate, key) = certify(&["one.example.com", "two.example.com"]);
        keep(&files, &certificate, &key).unwrap();
        if let Some(account) = account {
            fs::write(&acme.account, account).unwrap();
        }
        assert_eq!(is_due(&acme, &files, Time::from_micros(1)).unwrap(), expected);
    }

    #[rstest]
    #[case::gone(None)]
    #[case::empty(Some(""))]
    #[case::half_of_it(Some("-----BEGIN CERT"))]
    fn a_certificate_that_cannot_be_used_any_more_is_due(#[case] text: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let (acme, files) = setup(folder.path(), "https://here.example.com");
        let (certificate, key) = certify(&["one.example.com", "two.example.com"]);
        keep(&files, &certificate, &key).unwrap();
        assert!(!is_due(&acme, &files, Time::from_micros(1)).unwrap());
        match text {
            Some(text) => fs::write(&files.certificate, text).unwrap(),
            None => fs::remove_file(&files.certificate).unwrap(),
        }
        assert!(is_due(&acme, &files, Time::from_micros(1)).unwrap());
    }

    #[tokio::test]
    async fn an_authority_that_never_answers_is_given_up() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let directory = format!("https://{}/directory", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let (acme, files) = setup(folder.path(), &directory);
        prepare(&acme, &files).unwrap();
        let certificates = Certificates::load(files.clone()).unwrap();
        let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
        let by = clock.clone();
        let renewing = tokio::spawn(async move { renew_in_time(&acme, &files, &certificates, &by).await });
        let (asking, _) = tokio::task::spawn_blocking(move || listener.accept()).await.unwrap().unwrap();
        clock.advance(ALL_WITHIN);
        assert!(matches!(renewing.await.unwrap(), Err(AcmeError::TooSlow)));
        drop(asking);
    }
}
