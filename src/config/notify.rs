//! `[notify]`: the webhook by which people are told what needs them.

use url::Url;

use super::{
    base_url::BaseUrl,
    reader::{Table, Value},
    secret::secret,
    source::Read,
};
use crate::secret::Secret;

/// The least that a signing secret has, in bytes.
const SHORTEST_SECRET: usize = 24;

/// The webhook by which people are told what needs them.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Where it is posted to. With Slack and others the URL itself is what opens the channel.
    pub url: Secret,
    /// What it is signed with; `None`: it is not.
    pub secret: Option<Secret>,
}

impl Notify {
    /// Reads the section.
    pub(super) fn read(value: &Value<'_>) -> Read<Self> {
        let mut table = value.table()?;
        let allow_http = table.or("allow_http", false, |value| value.boolean());
        // If that is unclear it is a problem of its own, and no reason for another.
        let url = required_url(&mut table, allow_http.unwrap_or(true));
        let secret = table.optional("secret", |value| signing_secret(&value));
        table.finish()?;
        allow_http?;
        Ok(Self { url: url?, secret: secret? })
    }
}

fn required_url(table: &mut Table<'_>, allow_http: bool) -> Read<Secret> {
    table.required("url", "where notifications are posted to", |value| webhook_url(&value, allow_http))
}

/// Nothing of the URL is shown.
fn webhook_url(value: &Value<'_>, allow_http: bool) -> Read<Secret> {
    let text = secret(value)?;
    let url = Url::parse(text.expose()).map_err(|error| {
        value.report(format_args!("is not a URL such as \"https://example.com/hook\" ({error})"))
    })?;
    let origin: BaseUrl =
        url.origin().ascii_serialization().parse().map_err(|_| value.report("must begin with https://"))?;
    if !origin.is_encrypted() && !origin.is_loopback() && !allow_http {
        return Err(value.report(
            "http:// would send notifications unencrypted; write https://, or set allow_http = true if nobody can listen",
        ));
    }
    Ok(text)
}

fn signing_secret(value: &Value<'_>) -> Read<Secret> {
    let secret = secret(value)?;
    if secret.expose().len() < SHORTEST_SECRET {
        return Err(value.report(format_args!(
            "is shorter than {SHORTEST_SECRET} characters; make one with: openssl rand -hex 32"
        )));
    }
    Ok(secret)
}
