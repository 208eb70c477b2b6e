//! Secrets that must be kept in the database, sealed with a key that is not in it.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf,
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::Secret;

/// Tells the keys that are derived here from those that other uses of the same secret would derive.
const PURPOSE: &[u8] = b"scim-bridge: secrets in the database, AES-256-GCM";

/// Seals and opens: AES-256-GCM (NIST SP 800-38D) under a key that is derived from the configured one by HKDF-SHA-256
/// (RFC 5869), with a random nonce for each secret. That is safe for some billions of secrets; there will be dozens.
pub struct Sealer(RandomizedNonceKey);

/// What was sealed cannot be opened: the key is another one, or somebody changed it or put it in another's place.
#[derive(Debug, thiserror::Error)]
#[error("a secret in the database cannot be opened; was server.secret_key changed?")]
pub struct NotOpened;

impl Sealer {
    /// A sealer under a key that has at least 128 bits of randomness, in whatever form.
    pub fn new(secret_key: &Secret) -> Self {
        let mut key = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
            .extract(secret_key.expose().as_bytes())
            .expand(&[PURPOSE], hkdf::HKDF_SHA256)
            .and_then(|derived| derived.fill(&mut key))
            .expect("32 bytes are what HKDF-SHA-256 gives at once");
        Self(RandomizedNonceKey::new(&AES_256_GCM, &key).expect("32 bytes are a key of AES-256"))
    }

    /// Seals `secret`. It can be opened under the same `label` only, so that nobody can put it in another's place.
    pub fn seal(&self, label: &str, secret: &[u8]) -> String {
        let mut sealed = secret.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(label.as_bytes()), &mut sealed)
            .expect("a short text is sealed as long as the system has random numbers");
        STANDARD.encode([nonce.as_ref(), sealed.as_slice()].concat())
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// When it was not sealed under this key and `label`.
    pub fn open(&self, label: &str, sealed: &str) -> Result<Vec<u8>, NotOpened> {
        let bytes = STANDARD.decode(sealed).map_err(|_| NotOpened)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(NotOpened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let mut opened = sealed.to_vec();
        let length = self
            .0
            .open_in_place(nonce, Aad::from(label.as_bytes()), &mut opened)
            .map_err(|_| NotOpened)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(key: &str) -> Sealer {
        Sealer::new(&Secret::new(key))
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_in_the_same_place_alone() {
        let sealed = sealer("key-1").seal("a", b"hunter2");
        assert!(!sealed.contains("hunter2"));
        assert_eq!(sealer("key-1").open("a", &sealed).unwrap(), b"hunter2");
        assert!(sealer("key-2").open("a", &sealed).is_err());
        assert!(sealer("key-1").open("b", &sealed).is_err());
        assert_ne!(sealer("key-1").seal("a", b"hunter2"), sealed, "no nonce is used twice");
    }

    #[test]
    fn what_was_changed_or_never_sealed_is_not_opened() {
        let sealer = sealer("key");
        let sealed = STANDARD.decode(sealer.seal("a", b"hunter2")).unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(sealer.open("a", &STANDARD.encode(changed)).is_err(), "byte {place}");
        }
        for rubbish in ["", "AAAA", "not base64!", &STANDARD.encode([0; 12]), &STANDARD.encode([0; 64])] {
            assert!(sealer.open("a", rubbish).is_err(), "{rubbish:?}");
        }
    }
}
