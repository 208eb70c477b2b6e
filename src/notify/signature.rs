//! Signs what is posted, so that the receiver knows from whom it is, and that it is new.

use aws_lc_rs::hmac;

use crate::{clock::Time, secret::Secret};

/// The key of signatures.
#[derive(Clone, Debug)]
pub(super) struct Signer(hmac::Key);

impl Signer {
    /// Signs with `secret`.
    pub(super) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// `v1=` and the HMAC-SHA256 of the timestamp, a full stop and the body, in hexadecimal digits.
    pub(super) fn sign(&self, timestamp: &str, body: &str) -> String {
        let signature = hmac::sign(&self.0, format!("{timestamp}.{body}").as_bytes());
        let digits: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("v1={digits}")
    }
}

/// Seconds since the Unix epoch.
pub(super) fn timestamp(now: Time) -> String {
    (now.as_micros() / 1_000_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf '1700000000.{"text":"hi"}' | openssl dgst -sha256 -hmac s3cret`.
    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        let signer = Signer::new(&Secret::new("s3cret"));
        let signed = signer.sign(&timestamp(Time::from_micros(1_700_000_000_999_999)), "{\"text\":\"hi\"}");
        assert_eq!(signed, "v1=a4abab2c9ec335a751cf8c3848e413a84a4e0eef17a9660d993911fafacadb66");
    }
}
