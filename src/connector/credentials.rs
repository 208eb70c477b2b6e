//! What calls to a target are authenticated with. It may change while we run: a key is rotated, a token is renewed, a person
//! logs in again.

use std::fmt;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::{clock::Time, secret::Secret};

use super::TargetError;

/// Gives the token that calls to one target carry (`Authorization: Bearer …`).
pub trait Credentials: Send + Sync + fmt::Debug {
    /// The token to call with.
    ///
    /// # Errors
    /// [`TargetError::CredentialsRefused`] when there is none until a person acts, [`TargetError::Unavailable`] when there is
    /// none for now.
    fn token(&self) -> BoxFuture<'_, Result<Secret, TargetError>>;

    /// The token to call with instead of `refused`, which the target refused.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    fn instead_of<'a>(&'a self, refused: &'a Secret) -> BoxFuture<'a, Result<Secret, TargetError>>;

    /// Looks whether there are others by now.
    fn look(&self) -> BoxFuture<'_, ()>;

    /// Waits until nothing is under way that must not be lost when the bridge ends.
    fn settle(&self) -> BoxFuture<'_, ()>;

    /// Counts how often they were replaced by others, which may be another person's.
    fn changes(&self) -> watch::Receiver<u64>;

    /// When they end unless a person acts before, if that is known.
    fn ends_at(&self) -> Option<Time>;

    /// What they are and how long they are good, as far as is known: a fragment, such as "an API key".
    fn standing(&self) -> String;
}
