//! `[server]`: where we listen, and what a request may take.

#[cfg(not(feature = "acme"))]
use std::convert::Infallible;
use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

#[cfg(feature = "acme")]
use super::acme::Acme;
use super::{
    base_url::BaseUrl,
    convergence::count,
    duration::duration,
    network::{Networks, networks},
    reader::{Table, Value, quoted},
    secret::secret,
    source::Read,
    tls::{Made, Tls},
};
use crate::secret::Secret;

/// The least that a secret key has, in bytes: as hexadecimal digits these are 128 bits.
const SHORTEST_SECRET_KEY: usize = 32;

/// An identity provider that has a wrong token sends it some thousand times an hour.
const FAILED_AUTHENTICATIONS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(300).expect("300 is not zero");

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address to listen on. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// How clients reach us, for the URLs in answers; `None` stands for `http://`, or `https://` with certificates,
    /// and the address that we listen on.
    pub public_url: Option<BaseUrl>,
    /// How long requests in flight may go on after the signal to stop.
    pub shutdown_grace: Duration,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// The longest that a request may take, from its first byte to its answer.
    pub request_timeout: Duration,
    /// How many connections may be open.
    pub max_connections: usize,
    /// The largest head of a request, in bytes.
    pub max_header_bytes: usize,
    /// Proxies whose `X-Forwarded-For` is taken at its word.
    pub trusted_proxies: Networks,
    /// How many attempts of one client to authenticate may fail in a minute.
    pub failed_authentications_per_minute: NonZeroU32,
    /// Certificates; `None`: connections are not encrypted.
    pub tls: Option<Tls>,
    /// How the certificates are asked for; `None`: whoever wrote the files does.
    #[cfg(feature = "acme")]
    pub acme: Option<Acme>,
    /// What secrets in the database are sealed with.
    pub secret_key: Option<Secret>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            // Kubernetes kills after 30 s.
            shutdown_grace: Duration::from_secs(25),
            // A group of ten thousand members, sent back as it was read, is 2.2 MB.
            max_body_bytes: 4 * 1024 * 1024,
            // Okta gives up after 60 s; Entra does not say.
            request_timeout: Duration::from_secs(30),
            max_connections: 10_000,
            max_header_bytes: 64 * 1024,
            trusted_proxies: Networks::default(),
            failed_authentications_per_minute: FAILED_AUTHENTICATIONS_PER_MINUTE,
            tls: None,
            #[cfg(feature = "acme")]
            acme: None,
            secret_key: None,
        }
    }
}

impl Server {
    /// How clients reach us if we listen on `address`, without a slash at the end.
    pub fn public_url_at(&self, address: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().to_owned(),
            None if self.tls.is_some() => format!("https://{address}"),
            None => format!("http://{address}"),
        }
    }

    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let default = Self::default();
        let listen = table.or("listen", default.listen, |value| address(&value));
        let public_url = table.optional("public_url", |value| base_url(&value));
        let shutdown_grace = table.or("shutdown_grace", default.shutdown_grace, |value| {
            duration(&value, Duration::ZERO..=Duration::from_mins(10))
        });
        let max_body_bytes = table.or("max_body_bytes", default.max_body_bytes, |value| {
            value.integer(1024..=64 * 1024 * 1024).map(|bytes| bytes as usize)
        });
        let request_timeout = table.or("request_timeout", default.request_timeout, |value| {
            duration(&value, Duration::from_secs(1)..=Duration::from_mins(10))
        });
        let max_connections = table.or("max_connections", default.max_connections, |value| {
            value.integer(10..=1_000_000).map(|connections| connections as usize)
        });
        let max_header_bytes = table.or("max_header_bytes", default.max_header_bytes, |value| {
            value.integer(8 * 1024..=1024 * 1024).map(|bytes| bytes as usize)
        });
        let trusted_proxies = table.or("trusted_proxies", default.trusted_proxies, |value| networks(&value));
        let failed_authentications_per_minute = table.or(
            "failed_authentications_per_minute",
            default.failed_authentications_per_minute,
            |value| count(&value),
        );
        let acme = acme(&mut table);
        let made = if matches!(acme, Ok(None)) { Made::ByOthers } else { Made::ByUs };
        let tls = table.optional("tls", |value| Tls::read(value.table()?, made));
        if let (Ok(Some(_)), Ok(None)) = (&acme, &tls) {
            return Err(table.report(
                "acme needs tls, which names the files that the certificate and its key are written to",
            ));
        }
        let secret_key = table.optional("secret_key", |value| secret_key(&value));
        table.finish()?;
        let acme = acme?;
        #[cfg(not(feature = "acme"))]
        let None = acme;
        Ok(Self {
            listen: listen?,
            public_url: public_url?,
            shutdown_grace: shutdown_grace?,
            max_body_bytes: max_body_bytes?,
            request_timeout: request_timeout?,
            max_connections: max_connections?,
            max_header_bytes: max_header_bytes?,
            trusted_proxies: trusted_proxies?,
            failed_authentications_per_minute: failed_authentications_per_minute?,
            tls: tls?,
            #[cfg(feature = "acme")]
            acme,
            secret_key: secret_key?,
        })
    }
}

#[cfg(feature = "acme")]
fn acme(table: &mut Table<'_>) -> Read<Option<Acme>> {
    table.optional("acme", |value| Acme::read(value.table()?))
}

#[cfg(not(feature = "acme"))]
fn acme(table: &mut Table<'_>) -> Read<Option<Infallible>> {
    table.refuse(
        "acme",
        "this program was built without ACME; build it with: cargo build --release --features acme",
    )?;
    Ok(None)
}

fn address(value: &Value<'_>) -> Read<SocketAddr> {
    let text = value.string()?;
    text.parse().map_err(|_| {
        value.report(format_args!(
            "{} is not an IP address with a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"",
            quoted(text)
        ))
    })
}

fn secret_key(value: &Value<'_>) -> Read<Secret> {
    let key = secret(value)?;
    if key.expose().len() < SHORTEST_SECRET_KEY {
        return Err(value.report(format_args!(
            "is shorter than {SHORTEST_SECRET_KEY} characters; make one with: openssl rand -hex 32"
        )));
    }
    Ok(key)
}

/// Reads a [`BaseUrl`].
pub(super) fn base_url(value: &Value<'_>) -> Read<BaseUrl> {
    value.string()?.parse().map_err(|error| value.report(error))
}
