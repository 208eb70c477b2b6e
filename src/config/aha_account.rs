//! One Aha! account: the keys of every connector that calls it.

use std::{num::NonZeroU32, time::Duration};

use super::{
    base_url::BaseUrl,
    convergence::Convergence,
    credentials::TargetCredentials,
    duration::duration,
    reader::{Table, Value, quoted},
    secret::secret,
    server::base_url,
    source::Read,
};
use crate::secret::Secret;

/// The least that a hook's secret has, in bytes: it is all that keeps others out.
const SHORTEST_HOOK_SECRET: usize = 24;

/// How to reach an Aha! account, and how to treat the people in it.
#[derive(Clone, Debug)]
pub struct AhaAccount {
    /// The account's address, `https://acme.aha.io`; the connector adds `/api/v1`.
    pub base_url: BaseUrl,
    /// An API key of an administrator, or the login of one.
    pub credentials: TargetCredentials,
    /// How often the full list of accounts is read.
    pub roster_every: Duration,
    /// How much of Aha!'s limits is ours.
    pub rate: Rate,
    /// The e-mail addresses of accounts that are never disabled or demoted; they compare without case.
    pub protected: Vec<String>,
    /// What may be done there, and how fast.
    pub convergence: Convergence,
    /// The longest that one call may take.
    pub request_timeout: Duration,
    /// The last segment of the path at which Aha! tells that something was changed there; `None`: nobody listens.
    pub hook_secret: Option<Secret>,
    /// Whom Aha! may write to about our calls: `User-Agent: scim-bridge/<version> (<contact>)`.
    pub contact: Option<String>,
}

/// The most calls that we make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In any second.
    pub per_second: NonZeroU32,
    /// In any minute.
    pub per_minute: NonZeroU32,
}

/// Aha!'s limits for the whole account, all integrations together.
impl Default for Rate {
    fn default() -> Self {
        const PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");
        const PER_MINUTE: NonZeroU32 = NonZeroU32::new(300).expect("300 is not zero");
        Self { per_second: PER_SECOND, per_minute: PER_MINUTE }
    }
}

impl AhaAccount {
    /// Reads the keys of `table`, which is the app's.
    pub(super) fn read(table: &mut Table<'_>) -> Read<Self> {
        let allow_http = table.or("allow_http", false, |value| value.boolean());
        // If that is unclear it is a problem of its own, and no reason for another.
        let base_url = table.required(
            "base_url",
            "the address of the account, as in \"https://acme.aha.io\"",
            |value| account_url(&value, allow_http.unwrap_or(true)),
        );
        let credentials =
            TargetCredentials::read(table, "an API key of an Aha! administrator, or login instead");
        let roster_every = table.or("roster_every", Duration::from_mins(15), |value| {
            duration(&value, Duration::from_secs(1)..=Duration::from_hours(24))
        });
        let rate = table.section("rate", Rate::read);
        let protected = table.or("protected", Vec::new(), |value| value.array(1000, |value| email(&value)));
        let convergence = Convergence::read(table);
        let request_timeout = table.or("request_timeout", Duration::from_secs(30), |value| {
            duration(&value, Duration::from_millis(100)..=Duration::from_mins(5))
        });
        let hook_secret = table.optional("hook_secret", |value| hook_secret(&value));
        let contact = table.optional("contact", |value| contact(&value));
        allow_http?;
        Ok(Self {
            base_url: base_url?,
            credentials: credentials?,
            roster_every: roster_every?,
            rate: rate?,
            protected: protected?,
            convergence: convergence?,
            request_timeout: request_timeout?,
            hook_secret: hook_secret?,
            contact: contact?,
        })
    }
}

impl Rate {
    /// Reads the table. More than Aha!'s published limits is not a problem: an account may have been given more.
    fn read(mut table: Table<'_>) -> Read<Self> {
        let default = Self::default();
        let per_second = table.or("per_second", default.per_second, |value| calls(&value, 1000));
        let per_minute = table.or("per_minute", default.per_minute, |value| calls(&value, 60_000));
        table.finish()?;
        Ok(Self { per_second: per_second?, per_minute: per_minute? })
    }
}

fn calls(value: &Value<'_>, most: u32) -> Read<NonZeroU32> {
    let calls = value.integer(1..=u64::from(most))?;
    Ok(u32::try_from(calls).ok().and_then(NonZeroU32::new).expect("it is from 1 to `most`, which is a u32"))
}

fn account_url(value: &Value<'_>, allow_http: bool) -> Read<BaseUrl> {
    let url = base_url(value)?;
    if url.as_str().ends_with("/api/v1") {
        return Err(value.report("must end before /api/v1, which is added"));
    }
    if !url.is_encrypted() && !url.is_loopback() && !allow_http {
        return Err(value.report(
            "http:// would send the bridge's credentials unencrypted; write https://, or set allow_http = true if nobody can listen",
        ));
    }
    Ok(url)
}

/// Reads what one segment of a path names a record by. `what` follows "is not".
pub(super) fn id_or_key(value: &Value<'_>, what: &str) -> Read<String> {
    let text = value.string()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(value.report(format_args!(
        "{} is not {what}: from 1 to 64 letters, digits, \"-\" and \"_\"",
        quoted(text)
    )))
}

fn email(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    let has_two_parts =
        text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if has_two_parts && text.len() <= 254 && !text.contains(char::is_whitespace) {
        return Ok(text.to_owned());
    }
    Err(value.report(format_args!("{} is not an e-mail address", quoted(text))))
}

/// It is one segment of a URL's path, so it has only what stands there as it is (RFC 3986 §2.3).
fn hook_secret(value: &Value<'_>) -> Read<Secret> {
    let secret = secret(value)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if secret.expose().len() < SHORTEST_HOOK_SECRET || !secret.expose().bytes().all(is_plain) {
        return Err(value.report(format_args!(
            "must have at least {SHORTEST_HOOK_SECRET} characters, and only letters, digits, \"-\", \".\", \"_\" and \"~\", since it \
             stands in a URL; make one with: openssl rand -hex 32"
        )));
    }
    Ok(secret)
}

fn contact(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    // It stands within a comment of an HTTP header, which parentheses would end (RFC 9110 §5.6.5).
    let is_allowed = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !b"()\\".contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(is_allowed) {
        return Ok(text.to_owned());
    }
    Err(value.report("must have from 1 to 128 ASCII characters, none of them \"(\", \")\" or \"\\\""))
}
