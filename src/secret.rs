//! Text that must not be seen: tokens, API keys and passwords.

mod database_url;
mod seal;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

pub use self::{
    database_url::DatabaseUrl,
    seal::{NotOpened, Sealer},
};

/// A token or an API key. It is wiped from memory when dropped, and there is one way to its text, [`expose`](Self::expose),
/// so that a search for that word finds every place where a secret leaves.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes `text` in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself: to send it, hash it or compare it, never to log it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_secret_does_not_show_it() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(redacted) Some(Secret(redacted))");
        assert_eq!(secret.expose(), "hunter2");
    }
}
