//! `[server.acme]`: certificates that are asked for and renewed automatically (RFC 8555).

use std::path::PathBuf;

use super::{
    file::file,
    reader::{Table, Value, quoted},
    source::Read,
};

/// The largest file of an authority's certificate, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// More domains than any bridge is reached by.
const MOST_DOMAINS: usize = 20;

/// Where Let's Encrypt tells what it offers.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How certificates are asked for. They are written to the files of [`Tls`](super::Tls).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The names that the certificate is for; at least one.
    pub domains: Vec<String>,
    /// The e-mail address that the authority may write to.
    pub contact: Option<String>,
    /// The file in which the account with the authority is kept.
    pub account: PathBuf,
    /// Where the authority tells what it offers.
    pub directory: String,
    /// A certificate, in PEM, that the authority's own server is trusted by; `None`: those of the system.
    pub authority: Option<PathBuf>,
}

impl Acme {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let domains = table.required("domains", "the names that the certificate is for", |value| {
            let domains = value.array(MOST_DOMAINS, |value| domain(&value))?;
            if domains.is_empty() {
                return Err(value.report("names no domain"));
            }
            Ok(domains)
        });
        let contact = table.optional("contact", |value| value.string().map(str::to_owned));
        let account = table.or("account", table.folder().join("acme-account.json"), |value| {
            Ok(value.source.folder.join(value.string()?))
        });
        let directory = table.or("directory", LETS_ENCRYPT.to_owned(), |value| directory(&value));
        let authority = table.optional("authority", |value| file(&value, MOST_BYTES).map(|(path, _)| path));
        table.finish()?;
        Ok(Self {
            domains: domains?,
            contact: contact?,
            account: account?,
            directory: directory?,
            authority: authority?,
        })
    }
}

/// A name of DNS, and no wildcard: that it is ours can be shown for single names alone (RFC 8737).
fn domain(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.contains('.') && text.split('.').all(is_label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(value.report(format_args!("{} is not a domain such as \"scim.example.com\"", quoted(text))))
}

fn directory(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    match url::Url::parse(text) {
        Ok(url) if url.scheme() == "https" => Ok(text.to_owned()),
        _ => Err(value.report("is not a URL that begins with https://")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::Config;

    #[test]
    fn the_account_is_kept_beside_the_configuration_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.toml");
        let text = "[server]\ntls = { certificate = 'fullchain.pem', key = 'privkey.pem' }\n\
                    acme = { domains = ['scim.example.com'] }\n[apps.lab]\nconnector = 'memory'\n\
                    tokens = [{ name = 'lab', token = '0123456789abcdef0123456789abcdef' }]";
        fs::write(&path, text).unwrap();
        let config = Config::load(&path, &|_| None).unwrap();
        assert_eq!(config.server.acme.unwrap().account, folder.path().join("acme-account.json"));
    }
}
