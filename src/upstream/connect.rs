//! Connections to targets, made step by step so that a failure says which step it was: the name, the address, the port, the
//! certificate, the time.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection as HyperConnection},
    rt::TokioIo,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::{BuilderVerifierExt, Verifier};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tower::Service;

use crate::clock::{Clock, until};

use super::egress::{self, PrivateNetworks, ResolveError};

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) private_networks: PrivateNetworks,
    pub(super) tls: Arc<rustls::ClientConfig>,
    /// How long all steps together may take.
    pub(super) timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

/// Why there is no connection. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name leads nowhere.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Nobody listens there.
    #[error("no connection could be made to {host}: {source}")]
    Tcp {
        /// Whom to.
        host: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The certificate is not right, or the other side speaks no TLS.
    #[error("no encrypted connection could be made to {host}: {source}")]
    Tls {
        /// Whom to.
        host: String,
        /// What TLS says.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("no connection could be made to {host} in time")]
    TimedOut {
        /// Whom to.
        host: String,
    },
}

/// TLS for clients: the system's certificate authorities and `authorities`; HTTP/2 if the other side speaks it.
///
/// # Errors
/// When the system has no authorities, or one of `authorities` is no certificate.
pub(super) fn tls(authorities: Vec<CertificateDer<'static>>) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let mut config = if authorities.is_empty() {
        builder.with_platform_verifier()?.with_no_client_auth()
    } else {
        let verifier = Verifier::new_with_extra_roots(authorities, provider)?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Connection, ConnectError> {
        let host = uri.host().unwrap_or_default().to_owned();
        let deadline = self.clock.now() + self.timeout;
        match until(&*self.clock, deadline, self.steps(&uri, &host)).await {
            Some(result) => result,
            None => Err(ConnectError::TimedOut { host }),
        }
    }

    async fn steps(&self, uri: &Uri, host: &str) -> Result<Connection, ConnectError> {
        let is_encrypted = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        let addresses = egress::addresses(host, port, self.private_networks).await?;
        let tcp = self.first_that_answers(host, &addresses).await?;
        // Small requests go out at once.
        let _ = tcp.set_nodelay(true);
        if !is_encrypted {
            return Ok(Connection { stream: TokioIo::new(Box::new(tcp)), protocol: Protocol::Http1 });
        }
        let failed = |source| ConnectError::Tls { host: host.to_owned(), source };
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|error| failed(io::Error::other(error)))?;
        let tls = TlsConnector::from(self.tls.clone()).connect(name, tcp).await.map_err(failed)?;
        let protocol = match tls.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok(Connection { stream: TokioIo::new(Box::new(tls)), protocol })
    }

    /// Tries one address after the other. Each gets its share of the time, so that one that swallows everything leaves some
    /// for the next.
    async fn first_that_answers(
        &self,
        host: &str,
        addresses: &[std::net::SocketAddr],
    ) -> Result<TcpStream, ConnectError> {
        let share = self.timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
        let mut last = ConnectError::TimedOut { host: host.to_owned() };
        for address in addresses {
            let deadline = self.clock.now() + share;
            match until(&*self.clock, deadline, TcpStream::connect(address)).await {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(source)) => last = ConnectError::Tcp { host: host.to_owned(), source },
                None => {}
            }
        }
        Err(last)
    }
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Connection, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// Bytes both ways.
trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A connection, encrypted or not.
pub(super) struct Connection {
    stream: TokioIo<Box<dyn ByteStream>>,
    protocol: Protocol,
}

/// What was agreed on.
#[derive(Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

impl HyperConnection for Connection {
    fn connected(&self) -> Connected {
        match self.protocol {
            Protocol::Http1 => Connected::new(),
            Protocol::Http2 => Connected::new().negotiated_h2(),
        }
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}
