//! An app's keys with `connector = "scim"`.

use std::time::Duration;

use http::HeaderName;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    base_url::BaseUrl,
    convergence::Brake,
    duration::{duration, written},
    file::file,
    reader::{Table, Value, quoted},
    secret::secret,
    server,
    source::Read,
};
use crate::secret::Secret;

/// The largest file of certificates, in bytes.
const MOST_CERTIFICATE_BYTES: u64 = 1024 * 1024;

/// Where Ahrefs tells how much of its limits is used.
const USAGE_URL: &str = "https://api.ahrefs.com/v3/subscription-info/limits-and-usage";

/// How to reach an app's own SCIM endpoint, and how much to let through.
#[derive(Clone, Debug)]
pub struct ScimConfig {
    /// The target's SCIM base URL, as its support handed it over.
    pub base_url: BaseUrl,
    /// What the target takes as bearer token.
    pub token: Secret,
    /// Whether the host's name may lead to addresses of private networks.
    pub allow_private: bool,
    /// Certificate authorities beside those of the system.
    pub authorities: Vec<CertificateDer<'static>>,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// How long it may take until an answer begins.
    pub request_timeout: Duration,
    /// How long nothing may come in the middle of an answer.
    pub idle_timeout: Duration,
    /// How long an exchange may take as a whole.
    pub total_timeout: Duration,
    /// The largest body of an answer, in bytes.
    pub max_answer_bytes: u64,
    /// Headers that pass although they are dropped otherwise: cookies, and those that name networks.
    pub forward: Vec<HeaderName>,
    /// What is mended in requests.
    pub repairs: Vec<Repair>,
    /// When revocations are too many to be meant.
    pub brake: Brake,
    /// A key for the target's other API, which tells limits and when the key ends.
    pub api_key: Option<Secret>,
    /// Where that API tells them.
    pub usage_url: BaseUrl,
}

/// Whose deviations from SCIM are mended before a request is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Microsoft Entra ID's.
    Entra,
}

impl ScimConfig {
    /// Reads the keys of `table`, which is the app's. `server_timeout` is how long a request may take at the server.
    pub(super) fn read(table: &mut Table<'_>, server_timeout: Duration) -> Read<Self> {
        let allow_http = table.or("allow_http", false, |value| value.boolean());
        // If that is unclear it is a problem of its own, and no reason for another.
        let base_url =
            table.required("base_url", "the SCIM base URL that the target's support issued", |value| {
                target_url(&value, allow_http.unwrap_or(true))
            });
        let token = table
            .required("token", "the bearer token that the target's support issued", |value| secret(&value));
        let allow_private = table.or("allow_private", false, |value| value.boolean());
        let authorities = table.or("ca_file", Vec::new(), |value| authorities(&value));
        let connect_timeout = table.or("connect_timeout", Duration::from_secs(5), |value| {
            duration(&value, Duration::from_millis(100)..=Duration::from_mins(1))
        });
        let default = Duration::from_secs(25).min(server_timeout / 6 * 5);
        let request_timeout = table.or("request_timeout", default, |value| within(&value, server_timeout));
        let idle_timeout = table.or("idle_timeout", Duration::from_secs(30), |value| {
            duration(&value, Duration::from_millis(100)..=Duration::from_mins(10))
        });
        let total_timeout = table.or("total_timeout", Duration::from_mins(10), |value| {
            duration(&value, Duration::from_millis(100)..=Duration::from_hours(24))
        });
        let max_answer_bytes =
            table.or("max_answer_bytes", 64 * 1024 * 1024, |value| value.integer(1024..=1 << 40));
        let forward = table.or("forward", Vec::new(), |value| value.array(100, |value| header_name(&value)));
        let repairs = table.or("repairs", Vec::new(), |value| {
            value.array(1, |value| value.one_of(&[("entra", Repair::Entra)]))
        });
        let brake = table.section("brake", Brake::read);
        let api_key = table.optional("api_key", |value| secret(&value));
        let usage_url = table.optional("usage_url", |value| target_url(&value, allow_http.unwrap_or(true)));
        allow_http?;
        Ok(Self {
            base_url: base_url?,
            token: token?,
            allow_private: allow_private?,
            authorities: authorities?,
            connect_timeout: connect_timeout?,
            request_timeout: request_timeout?,
            idle_timeout: idle_timeout?,
            total_timeout: total_timeout?,
            max_answer_bytes: max_answer_bytes?,
            forward: forward?,
            repairs: repairs?,
            brake: brake?,
            api_key: api_key?,
            usage_url: usage_url?.unwrap_or_else(|| USAGE_URL.parse().expect("it is a URL")),
        })
    }
}

fn target_url(value: &Value<'_>, allow_http: bool) -> Read<BaseUrl> {
    let url = server::base_url(value)?;
    if !url.is_encrypted() && !url.is_loopback() && !allow_http {
        return Err(value.report(
            "http:// would send the token unencrypted; write https://, or set allow_http = true if nobody can listen",
        ));
    }
    Ok(url)
}

fn authorities(value: &Value<'_>) -> Read<Vec<CertificateDer<'static>>> {
    let (path, text) = file(value, MOST_CERTIFICATE_BYTES)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(value.report(format_args!("{} holds no certificates in the form of PEM", path.display()))),
    }
}

fn within(value: &Value<'_>, server_timeout: Duration) -> Read<Duration> {
    let timeout = duration(value, Duration::from_millis(100)..=Duration::from_mins(10))?;
    if timeout < server_timeout {
        return Ok(timeout);
    }
    let limit = written(server_timeout);
    Err(value.report(format_args!("must be shorter than server.request_timeout, which is {limit}")))
}

/// A header that may be let through. Those that make or break a connection, and the credentials, never are.
fn header_name(value: &Value<'_>) -> Read<HeaderName> {
    const NEVER: [&str; 12] = [
        "authorization",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let text = value.string()?;
    match text.parse::<HeaderName>() {
        Ok(name) if NEVER.contains(&name.as_str()) => {
            Err(value.report(format_args!("{} is never passed through", quoted(text))))
        }
        Ok(name) => Ok(name),
        Err(_) => Err(value.report(format_args!("{} is not the name of a header", quoted(text)))),
    }
}
