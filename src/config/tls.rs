//! `[server.tls]`: certificates, for a bridge that is reached without a load balancer in front.

use std::path::PathBuf;

use super::{
    file::file,
    reader::{Table, Value},
    source::Read,
};

/// The largest file of certificates or of a key, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// Where the certificates are. The files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate, followed by those that lead to a public authority, in PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, in PEM.
    pub key: PathBuf,
    /// The authorities, in PEM, of the certificates that clients must present; `None`: they need none.
    pub client_authorities: Option<PathBuf>,
}

impl Tls {
    /// Reads the section. What is `made` by the bridge need not be there yet.
    pub(super) fn read(mut table: Table<'_>, made: Made) -> Read<Self> {
        let certificate =
            table.required("certificate", "the file of the certificate and its chain, in PEM", |value| {
                place(&value, made)
            });
        let key = table.required("key", "the file of the certificate's private key, in PEM", |value| {
            place(&value, made)
        });
        let client_authorities = table.optional("client_authorities", |value| readable(&value));
        table.finish()?;
        Ok(Self { certificate: certificate?, key: key?, client_authorities: client_authorities? })
    }
}

/// Who makes the certificate and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// The admin.
    ByOthers,
    /// The bridge, with ACME.
    ByUs,
}

/// Where a certificate or a key is, or will be.
fn place(value: &Value<'_>, made: Made) -> Read<PathBuf> {
    match made {
        Made::ByOthers => readable(value),
        Made::ByUs => Ok(value.source.folder.join(value.string()?)),
    }
}

/// The path of a file that can be read now.
fn readable(value: &Value<'_>) -> Read<PathBuf> {
    file(value, MOST_BYTES).map(|(path, _)| path)
}
