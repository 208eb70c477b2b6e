//! One opaque secret that somebody may present: a bearer token, or the secret of an OAuth client.

use std::fmt;

use aws_lc_rs::{constant_time, digest, rand};

use crate::{clock::Time, config, secret::Secret, store::tokens::MadeToken};

/// A bearer token or a client's secret, by its digest.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Of the row in the database, or the place in the configuration: the same after a restart.
    pub id: String,
    /// What it is called in the log and in lists.
    pub name: String,
    /// What it is good for.
    pub kind: Kind,
    /// What it is recognised by.
    pub digest: Digest,
    /// From when on it is refused.
    pub expires_at: Option<Time>,
}

/// What a credential is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It opens the app.
    BearerToken,
    /// It gets this client an access token.
    ClientSecret {
        /// The client's id.
        client: String,
    },
}

/// SHA-256 of a secret.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Credential {
    /// All that stand in the configuration of `app`.
    pub fn all_configured(app: &config::App) -> Vec<Self> {
        let tokens = app.tokens.iter().map(Self::of_token);
        let clients = app.auth.oauth.iter().flat_map(|oauth| &oauth.clients);
        let of_client = |client: &config::Client| -> Vec<Self> {
            client.secrets.iter().map(|secret| Self::of_secret(&client.id, secret)).collect()
        };
        tokens.chain(clients.flat_map(of_client)).collect()
    }

    /// The token of the configuration.
    pub fn of_token(token: &config::Token) -> Self {
        Self {
            id: format!("config/token/{}", token.name),
            name: token.name.clone(),
            kind: Kind::BearerToken,
            digest: Digest::of(token.token.expose()),
            expires_at: token.expires,
        }
    }

    /// The client's secret of the configuration.
    pub fn of_secret(client: &str, secret: &config::ClientSecret) -> Self {
        Self {
            // The quotes keep the two names apart, whatever stands in them.
            id: format!("config/secret/{client:?}/{}", secret.name),
            name: secret.name.clone(),
            kind: Kind::ClientSecret { client: client.to_owned() },
            digest: Digest::of(secret.secret.expose()),
            expires_at: secret.expires,
        }
    }

    /// The token that was made; `None` if it was revoked.
    pub fn of_made(token: MadeToken) -> Option<Self> {
        if token.revoked_at.is_some() {
            return None;
        }
        Some(Self {
            id: token.id,
            name: token.name,
            kind: match token.client {
                Some(client) => Kind::ClientSecret { client },
                None => Kind::BearerToken,
            },
            // A row that somebody spoiled opens nothing.
            digest: Digest::from_hex(&token.digest)?,
            expires_at: token.expires_at,
        })
    }
}

impl Kind {
    /// A new secret of this kind: 256 random bits behind a prefix by which people, and programs that look for secrets in the
    /// wrong places, know what it is.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn fresh(&self) -> Result<Secret, aws_lc_rs::error::Unspecified> {
        let prefix = match self {
            Self::BearerToken => "scimb_",
            Self::ClientSecret { .. } => "scimbcs_",
        };
        let mut bits = [0; 32];
        rand::fill(&mut bits)?;
        Ok(Secret::new(format!("{prefix}{}", hex(&bits))))
    }
}

impl Digest {
    /// The digest of a secret.
    pub fn of(secret: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Hexadecimal digits, as the database keeps it.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// What [`to_hex`](Self::to_hex) wrote.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The digest itself.
    pub(super) fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Compares in a time that does not depend on where they differ.
    pub(super) fn is(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

/// Nothing: whoever guesses tokens could try them against it.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_secret_has_its_prefix_and_256_bits_and_never_comes_twice() {
        let secret = || Kind::ClientSecret { client: "okta".to_owned() };
        for (kind, prefix) in [(Kind::BearerToken, "scimb_"), (secret(), "scimbcs_")] {
            let (one, other) = (kind.fresh().unwrap(), kind.fresh().unwrap());
            let bits = one.expose().strip_prefix(prefix).unwrap();
            assert!(bits.len() == 64 && bits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bits}");
            assert_ne!(one.expose(), other.expose());
        }
    }

    #[test]
    fn a_digest_survives_the_database_and_what_is_none_is_not_read() {
        let digest = Digest::of("hunter2");
        assert!(Digest::from_hex(&digest.to_hex()).unwrap().is(&digest));
        assert!(!Digest::of("hunter3").is(&digest));
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert!(Digest::from_hex(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_output_shows_names_and_no_digests() {
        let token = config::Token { name: "okta".into(), token: Secret::new("hunter2"), expires: None };
        let shown = format!("{:?}", Credential::of_token(&token));
        assert!(shown.contains("okta") && !shown.contains(&Digest::of("hunter2").to_hex()), "{shown}");
    }
}
