//! The secret in the path of an app's hook.

use super::Digest;
use crate::secret::Secret;

/// What opens an app's hook, by its digest.
#[derive(Clone, Copy, Debug)]
pub struct HookSecret(Digest);

impl HookSecret {
    /// The one of the configuration.
    pub fn of(secret: &Secret) -> Self {
        Self(Digest::of(secret.expose()))
    }

    /// Whether it was presented. Takes the same time wherever the two differ.
    pub fn is(&self, presented: &Secret) -> bool {
        self.0.is(&Digest::of(presented.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_opened_by_its_whole_secret_alone() {
        let hook = HookSecret::of(&Secret::new("s3cret"));
        assert!(hook.is(&Secret::new("s3cret")));
        for wrong in ["", "s3cre", "s3cret ", "S3CRET"] {
            assert!(!hook.is(&Secret::new(wrong)), "{wrong:?}");
        }
    }
}
