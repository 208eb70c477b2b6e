//! Opaque bearer tokens (RFC 6750), as admins paste them into their IdP.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};

use crate::secret::Secret;

/// The tokens that open one app. Only their SHA-256 is kept: the tokens are random and long, so that a plain hash is as
/// good as a slow one, and costs a request next to nothing.
#[derive(Default)]
pub struct Tokens {
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    digest: digest::Digest,
}

impl Tokens {
    /// No tokens: nobody gets in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token.
    #[must_use]
    pub fn with(mut self, name: &str, token: &Secret) -> Self {
        self.entries.push(Entry { name: name.to_owned(), digest: hash(token.expose()) });
        self
    }

    /// A key for `purpose` that follows from all the tokens: the same wherever the same tokens are configured, and another
    /// one as soon as a token is added or taken away.
    pub fn derive_key(&self, purpose: &str) -> hmac::Key {
        let mut digests: Vec<&[u8]> = self.entries.iter().map(|entry| entry.digest.as_ref()).collect();
        digests.sort_unstable();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &digests.concat());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, purpose.as_bytes()).as_ref())
    }

    /// The name of the token that was presented. Takes the same time whatever is presented: every entry is compared, in
    /// constant time.
    pub fn find(&self, presented: &str) -> Option<&str> {
        let presented = hash(presented);
        let mut found = None;
        for entry in &self.entries {
            let same =
                constant_time::verify_slices_are_equal(entry.digest.as_ref(), presented.as_ref()).is_ok();
            found = if same { Some(entry.name.as_str()) } else { found };
        }
        found
    }
}

/// Names only.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.name)).finish()
    }
}

fn hash(token: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_whole_text_alone() {
        let tokens =
            Tokens::new().with("okta", &Secret::new("s3cret-one")).with("entra", &Secret::new("s3cret-two"));
        assert_eq!(tokens.find("s3cret-one"), Some("okta"));
        assert_eq!(tokens.find("s3cret-two"), Some("entra"));
        for wrong in ["", "s3cret", "s3cret-one ", "S3CRET-ONE", "s3cret-three"] {
            assert_eq!(tokens.find(wrong), None, "{wrong:?}");
        }
        assert_eq!(Tokens::new().find(""), None);
    }

    #[test]
    fn debug_output_names_tokens_and_shows_neither_them_nor_their_hashes() {
        let tokens = Tokens::new().with("okta", &Secret::new("s3cret-one"));
        assert_eq!(format!("{tokens:?}"), r#"["okta"]"#);
    }
}
