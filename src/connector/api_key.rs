//! An API key. One that stands in a file is replaced by writing another one there.

use std::{
    mem,
    sync::{PoisonError, RwLock},
};

use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::watch;

use super::{TargetError, credentials::Credentials};
use crate::{clock::Time, config, secret::Secret};

/// The key that is good now.
#[derive(Debug)]
pub struct KeptApiKey {
    app: String,
    /// What the target is called.
    target: &'static str,
    configured: config::ApiKey,
    current: RwLock<Current>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Current {
    key: Secret,
    /// The key before it, until one of the two is refused: what stands in the file may be half of the new one.
    before: Option<Secret>,
    /// What stands in the file and was refused, while the key before it is in use.
    refused: Option<Secret>,
    /// Why the file could not be read when it was looked at last, which is logged once.
    problem: Option<String>,
}

impl KeptApiKey {
    /// The key of the configuration, for the `target` of `app`.
    pub fn new(app: &str, target: &'static str, configured: config::ApiKey) -> Self {
        let current =
            RwLock::new(Current { key: configured.key.clone(), before: None, refused: None, problem: None });
        Self { app: app.to_owned(), target, configured, current, changes: watch::Sender::new(0) }
    }

    fn current(&self) -> Secret {
        self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone()
    }

    /// Reads the file again. What is there while it is being replaced is no key, so the one before stays in use.
    fn read_again(&self) {
        let read = self.configured.read_again();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(None) => {}
            Ok(Some(key)) => {
                current.problem = None;
                let is_known = |known: &Secret| known.expose() == key.expose();
                if !is_known(&current.key) && !current.refused.as_ref().is_some_and(is_known) {
                    current.before = Some(mem::replace(&mut current.key, key));
                    current.refused = None;
                    self.changes.send_modify(|changes| *changes += 1);
                    tracing::info!(app = self.app, path = self.path(), "a new API key is in use");
                }
            }
            Err(problem) => {
                let problem = problem.to_string();
                if current.problem.as_ref() != Some(&problem) {
                    tracing::warn!(
                        app = self.app,
                        path = self.path(),
                        problem,
                        "the file of the API key cannot be used; the key before stays in use"
                    );
                    current.problem = Some(problem);
                }
            }
        }
    }

    /// Another key than `refused`, if there is one that may be good.
    fn other_than(&self, refused: &Secret) -> Option<Secret> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.key.expose() == refused.expose() {
            // Once each: the key before, and then that of the file again.
            let other = match current.before.take() {
                Some(before) => {
                    current.refused = Some(current.key.clone());
                    tracing::warn!(
                        app = self.app,
                        path = self.path(),
                        "the new API key is refused; the one before is tried"
                    );
                    before
                }
                None => current.refused.take()?,
            };
            current.key = other;
            self.changes.send_modify(|changes| *changes += 1);
        }
        Some(current.key.clone())
    }

    fn path(&self) -> String {
        self.configured.file.as_deref().map(|path| path.display().to_string()).unwrap_or_default()
    }

    fn refused(&self) -> TargetError {
        let Self { target, .. } = self;
        let place = match &self.configured.file {
            Some(path) => format!("write it to {}, where it is seen within seconds", path.display()),
            None => "set it as api_key, and restart".to_owned(),
        };
        TargetError::CredentialsRefused {
            reason: format!(
                "{target} does not accept the API key (401). Make a new key for the integration's {target} user, {place}"
            ),
        }
    }
}

impl Credentials for KeptApiKey {
    fn token(&self) -> BoxFuture<'_, Result<Secret, TargetError>> {
        ready(Ok(self.current())).boxed()
    }

    fn instead_of<'a>(&'a self, refused: &'a Secret) -> BoxFuture<'a, Result<Secret, TargetError>> {
        self.read_again();
        ready(self.other_than(refused).ok_or_else(|| self.refused())).boxed()
    }

    fn look(&self) -> BoxFuture<'_, ()> {
        self.read_again();
        ready(()).boxed()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn ends_at(&self) -> Option<Time> {
        None
    }

    fn standing(&self) -> String {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        match (&self.configured.file, &current.problem) {
            (None, _) => "an API key".to_owned(),
            (Some(path), None) => format!("the API key in {}, which may be replaced there", path.display()),
            (Some(path), Some(problem)) => format!(
                "the API key that was in {}; the file {problem}, so the key cannot be replaced there",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_key_that_is_written_to_its_file_is_used_and_what_is_no_key_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let configured = config::ApiKey { key: Secret::new("first"), file: Some(file.clone()) };
        let key = KeptApiKey::new("aha", "Aha!", configured);
        let token = async || key.token().await.unwrap().expose().to_owned();
        for (content, expected, changes) in
            [("first\n", "first", 0), ("second\n", "second", 1), ("", "second", 1), ("a b", "second", 1)]
        {
            fs::write(&file, content).unwrap();
            key.look().await;
            assert_eq!((token().await.as_str(), *key.changes().borrow()), (expected, changes), "{content:?}");
        }
        fs::remove_file(&file).unwrap();
        key.look().await;
        assert_eq!(token().await, "second");
        fs::write(&file, "third").unwrap();
        assert_eq!(key.instead_of(&Secret::new("second")).await.unwrap().expose(), "third");
        // Each of the two is tried once more.
        for (refused, other) in [("third", "second"), ("second", "third")] {
            assert_eq!(key.instead_of(&Secret::new(refused)).await.unwrap().expose(), other);
        }
        let refused = key.instead_of(&Secret::new("third")).await.unwrap_err().to_string();
        assert!(refused.contains("write it to") && !refused.contains("third"), "{refused}");
    }

    #[tokio::test]
    async fn the_key_before_serves_while_half_of_the_new_one_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let configured = config::ApiKey { key: Secret::new("old"), file: Some(file.clone()) };
        let key = KeptApiKey::new("aha", "Aha!", configured);
        fs::write(&file, "ne").unwrap();
        key.look().await;
        assert_eq!(key.instead_of(&Secret::new("ne")).await.unwrap().expose(), "old");
        key.look().await;
        assert_eq!(key.token().await.unwrap().expose(), "old");
        // Who called with the half at the same time hears the same.
        assert_eq!(key.instead_of(&Secret::new("ne")).await.unwrap().expose(), "old");
        fs::write(&file, "new").unwrap();
        key.look().await;
        assert_eq!(key.token().await.unwrap().expose(), "new");
    }

    #[tokio::test]
    async fn a_key_that_stands_in_no_file_is_refused_for_good() {
        let key = KeptApiKey::new("aha", "Aha!", config::ApiKey { key: Secret::new("only"), file: None });
        key.look().await;
        let refused = key.instead_of(&Secret::new("only")).await.unwrap_err().to_string();
        assert!(refused.ends_with("set it as api_key, and restart"), "{refused}");
    }
}
