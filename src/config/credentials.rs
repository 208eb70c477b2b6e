//! What calls to a target are authenticated with: `api_key`, or a person's login (`login`).

use std::path::PathBuf;

use super::{
    reader::{Table, Value},
    secret::{NoSecret, located, read_secret},
    source::Read,
};
use crate::secret::Secret;

/// What calls to a target are authenticated with.
#[derive(Clone, Debug)]
pub enum TargetCredentials {
    /// A key that a person made at the target.
    ApiKey(ApiKey),
    /// A token that the target gives when a person logs in there.
    Login(Login),
}

/// A key that a person made at the target.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The key, as it was when the configuration was read.
    pub key: Secret,
    /// The file that it stands in; `None`: it cannot be read again.
    pub file: Option<PathBuf>,
}

/// The bridge as an OAuth 2.0 client of the target (RFC 6749 §4.1).
#[derive(Clone, Debug)]
pub struct Login {
    /// The id that the target gave it.
    pub client_id: String,
    /// The secret that the target gave it.
    pub client_secret: Secret,
    /// What the tokens are sealed with in the database: `server.secret_key`.
    pub secret_key: Secret,
}

impl TargetCredentials {
    /// Reads `api_key` or `login` of the app's `table`; `hint` says what the key is, as in `an API key of …`.
    pub(super) fn read(table: &mut Table<'_>, hint: &str) -> Read<Self> {
        let login = table.optional("login", |value| Login::read(&value));
        match login? {
            Some(login) => {
                table.refuse("api_key", "and login are two ways to authenticate; keep one of the two")?;
                // So that it is known where unknown keys are told.
                table.optional("api_key", |_| Ok(()))?;
                Ok(Self::Login(login))
            }
            None => table
                .required("api_key", hint, |value| {
                    let (key, file) = located(&value)?;
                    Ok(ApiKey { key, file })
                })
                .map(Self::ApiKey),
        }
    }
}

impl ApiKey {
    /// The key as it stands in its file now; `None` if it is in none.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no key.
    pub fn read_again(&self) -> Result<Option<Secret>, NoSecret> {
        self.file.as_deref().map(read_secret).transpose()
    }
}

impl Login {
    fn read(value: &Value<'_>) -> Read<Self> {
        let mut table = value.table()?;
        let client_id =
            table.required("client_id", "the id of the OAuth application at the target", |value| {
                client_id(&value)
            });
        let client_secret =
            table.required("client_secret", "the secret of the OAuth application at the target", |value| {
                super::secret::secret(&value)
            });
        table.finish()?;
        let secret_key = value.source.sealing_key()?.ok_or_else(|| {
            value.report(
                "needs server.secret_key, which the tokens are sealed with in the database; make one with: openssl rand -hex 32",
            )
        });
        Ok(Self { client_id: client_id?, client_secret: client_secret?, secret_key: secret_key? })
    }
}

/// RFC 6749 appendix A.1 allows any visible characters.
fn client_id(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    if (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(value.report("must have from 1 to 256 visible ASCII characters"))
}
