//! The tokens whose signature a key has verified, so that it is not verified again with each request: that costs ten times
//! what all else about a token does.
//!
//! Nothing is remembered but that the signature of exactly this text is right. What the token says is read and held to the
//! clock and to the rules each time. A memory belongs to one key of one issuer of one app, and ends with it: when the keys are
//! fetched again, and with the process, as the rules do. Only a token that obeyed all rules is put into it, so that nobody
//! fills it with good signatures of others: Entra ID signs the tokens of all tenants with the same keys.

use std::{
    collections::{HashSet, VecDeque},
    sync::{PoisonError, RwLock},
};

use super::super::credential::Digest;

/// So many are remembered; then the oldest is forgotten for a new one. An identity provider shows one token at a time.
pub(super) const MOST_TOKENS: usize = 256;

/// What one key has verified.
#[derive(Debug, Default)]
pub(super) struct VerifiedTokens {
    remembered: RwLock<Remembered>,
}

/// Plain digests may be compared in any time: who would learn one by that still lacks the token.
#[derive(Default)]
struct Remembered {
    digests: HashSet<[u8; 32]>,
    /// The oldest first.
    in_order: VecDeque<[u8; 32]>,
}

impl VerifiedTokens {
    /// Whether the token with that digest was verified.
    pub(super) fn contains(&self, token: Digest) -> bool {
        self.remembered.read().unwrap_or_else(PoisonError::into_inner).digests.contains(&token.to_bytes())
    }

    /// Remembers it.
    pub(super) fn insert(&self, token: Digest) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if !remembered.digests.insert(token.to_bytes()) {
            return;
        }
        remembered.in_order.push_back(token.to_bytes());
        if remembered.in_order.len() > MOST_TOKENS
            && let Some(oldest) = remembered.in_order.pop_front()
        {
            remembered.digests.remove(&oldest);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(remembered.digests.len(), remembered.in_order.len());
        remembered.digests.len()
    }
}

/// How many there are.
impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remembered").field("tokens", &self.digests.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let verified = VerifiedTokens::default();
        let token = |number: usize| Digest::of(&number.to_string());
        for number in 0..2 * MOST_TOKENS {
            verified.insert(token(number));
            verified.insert(token(number));
            assert!(verified.contains(token(number)));
            assert_eq!(verified.len(), MOST_TOKENS.min(number + 1));
        }
        let kept: Vec<usize> =
            (0..2 * MOST_TOKENS).filter(|number| verified.contains(token(*number))).collect();
        assert_eq!(kept, (MOST_TOKENS..2 * MOST_TOKENS).collect::<Vec<_>>());
    }
}
