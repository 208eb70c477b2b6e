//! Encryption with certificates from files, which may change while connections are open.
//!
//! TLS 1.2 and 1.3, with the suites of the library: those of TLS 1.2 are all ECDHE with AES-GCM or ChaCha20, which Entra ID
//! asks for. Certificates of clients are asked for and checked here; who may go without one is decided where requests are
//! admitted, since load balancers that ask for health have none.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use tokio::net::TcpStream;
#[cfg(feature = "acme")]
use tokio_rustls::LazyConfigAcceptor;
#[cfg(not(feature = "acme"))]
use tokio_rustls::TlsAcceptor;
use tokio_rustls::{
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
        server::{NoClientAuth, NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier},
    },
    server::TlsStream,
};

use crate::{clock::Clock, config::Tls};

use super::Certificate;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What connections are encrypted with now.
#[derive(Debug)]
pub struct Certificates {
    files: Tls,
    current: RwLock<Loaded>,
    /// The files that could not be used when they were looked at last, or why they could not be read.
    refused: Mutex<Option<Result<Fingerprint, String>>>,
    /// What is shown to an authority that looks whether a domain leads here.
    #[cfg(feature = "acme")]
    challenges: Mutex<std::collections::HashMap<String, Arc<ServerConfig>>>,
}

#[derive(Clone, Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    /// Of the files that it was made from.
    fingerprint: Fingerprint,
}

type Fingerprint = [u8; 32];

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} has no {what} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The certificate and the key cannot be used together.
    #[error("the certificate in {} and the key in {} cannot be used together", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The authorities of clients cannot be used.
    #[error("the authorities in {} cannot be used", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: VerifierBuilderError,
    },
}

impl Certificates {
    /// Reads `files`.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn load(files: Tls) -> Result<Self, TlsError> {
        let current = RwLock::new(read(&files)?);
        Ok(Self {
            files,
            current,
            refused: Mutex::default(),
            #[cfg(feature = "acme")]
            challenges: Mutex::default(),
        })
    }

    /// Looks at the files now and then, for ever, and uses what is new in them for new connections. What cannot be used is
    /// logged once, and what was there before stays in use.
    pub(super) async fn keep_up(&self, clock: &dyn Clock) {
        loop {
            clock.sleep_until(clock.now() + LOOK_EVERY).await;
            self.look();
        }
    }

    /// Looks at the files once.
    pub fn look(&self) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = fingerprint_of(&self.files).map_err(|error| error.to_string());
        if fingerprint == Ok(self.current().fingerprint) || refused.as_ref() == Some(&fingerprint) {
            return;
        }
        match read(&self.files) {
            Ok(loaded) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                *refused = None;
                tracing::info!(path = %self.files.certificate.display(), "the new certificate is in use");
            }
            Err(error) => {
                // While one of two files is new, they do not fit; that is looked at again.
                // A file that could be read a moment ago may be readable again as it is.
                let is_unread = matches!(error, TlsError::File { .. });
                *refused = Some(if is_unread { Err(error.to_string()) } else { fingerprint });
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    "the certificate changed and cannot be used; the one before stays in use"
                );
            }
        }
    }

    /// Agrees with a client on encryption.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Certificate)> {
        #[cfg(not(feature = "acme"))]
        let stream = TlsAcceptor::from(self.current().config).accept(stream).await?;
        #[cfg(feature = "acme")]
        let stream = self.accept_or_answer(stream).await?;
        let certificate = match (&self.files.client_authorities, stream.get_ref().1.peer_certificates()) {
            (None, _) => Certificate::NotAsked,
            (Some(_), None) => Certificate::Missing,
            (Some(_), Some(_)) => Certificate::Shown,
        };
        Ok((stream, certificate))
    }

    /// The same, where an authority may be the client, which wants to see one certificate and then nothing more.
    #[cfg(feature = "acme")]
    async fn accept_or_answer(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let is_challenge = hello
            .alpn()
            .is_some_and(|mut protocols| protocols.any(|protocol| protocol == super::acme::PROTOCOL));
        if !is_challenge {
            return start.into_stream(self.current().config).await;
        }
        let domain = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let answer = self.challenges.lock().unwrap_or_else(PoisonError::into_inner).get(&domain).cloned();
        let answer =
            answer.ok_or_else(|| io::Error::other(format!("nobody asked for a certificate for {domain}")))?;
        start.into_stream(answer).await?;
        Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "an authority has seen that the domain leads here",
        ))
    }

    /// What is shown to an authority that looks whether `domain` leads here.
    #[cfg(feature = "acme")]
    pub(super) fn set_challenge(&self, domain: &str, answer: Arc<ServerConfig>) {
        self.challenges.lock().unwrap_or_else(PoisonError::into_inner).insert(domain.to_owned(), answer);
    }

    /// No authority looks any more.
    #[cfg(feature = "acme")]
    pub(super) fn clear_challenges(&self) {
        self.challenges.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn current(&self) -> Loaded {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether the certificate and its key can be used together, whoever the clients' authorities are.
#[cfg(feature = "acme")]
pub(super) fn check_pair(files: &Tls) -> Result<(), TlsError> {
    read(&Tls { client_authorities: None, ..files.clone() }).map(drop)
}

fn read(files: &Tls) -> Result<Loaded, TlsError> {
    // Before the content: what changes in between is seen at the next look.
    let fingerprint = fingerprint_of(files)?;
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&content(&files.key)?).map_err(|source| TlsError::Pem {
        path: files.key.clone(),
        what: "private key",
        source,
    })?;
    let provider = Arc::new(default_provider());
    let verifier = match &files.client_authorities {
        None => Arc::new(NoClientAuth),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(path)?);
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()
                .map_err(|source| TlsError::Authorities { path: path.clone(), source })?
        }
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has suites for both versions")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|source| TlsError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if files.client_authorities.is_some() {
        // A session that goes on brings the client's certificate with it, which is not looked at again and may have ended.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Loaded { config: Arc::new(config), fingerprint })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let not_pem = |source| TlsError::Pem { path: path.to_owned(), what: "certificate", source };
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&content(path)?).collect::<Result<_, _>>().map_err(not_pem)?;
    if certificates.is_empty() {
        return Err(not_pem(pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn content(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// The digest of all files, one after the other.
fn fingerprint_of(files: &Tls) -> Result<Fingerprint, TlsError> {
    let mut all = Vec::new();
    for path in
        [Some(&files.certificate), Some(&files.key), files.client_authorities.as_ref()].into_iter().flatten()
    {
        all.extend_from_slice(digest(&SHA256, &content(path)?).as_ref());
    }
    let digest = digest(&SHA256, &all);
    Ok(digest.as_ref().try_into().expect("a SHA-256 digest has 32 bytes"))
}
