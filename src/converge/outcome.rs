//! Tells waiting requests how their work ended: those of this process at once, and those of others through the database, where
//! there may be others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use crate::{
    clock::Time,
    connector::error::RejectionKind,
    store::{
        StoreError, Transaction, UserId,
        outcomes::{self, Kept},
    },
};

/// How the work on a version of a user ended, or why it stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The target agrees.
    Applied,
    /// The target said no for good; the desired state was put back.
    Rejected(Rejection),
    /// The brake stopped it: it is promised, and waits for a person.
    Held,
    /// The target does not accept our credentials; the work waits until a person has acted.
    Blocked(String),
}

/// A no for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// What kind of no.
    pub kind: RejectionKind,
    /// The reason, for an admin.
    pub reason: String,
}

/// An outcome and the version that it is about (and all before it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The newest version that it is about.
    pub version: i64,
    /// How it ended.
    pub outcome: Outcome,
}

impl Settled {
    /// What was [kept](Outcomes::keep).
    ///
    /// # Errors
    /// When it is of a kind that this version of the program does not know.
    pub(super) fn read(kept: &Kept) -> Result<Self, serde_json::Error> {
        Ok(Self { version: kept.version, outcome: serde_json::from_str(&kept.outcome)? })
    }
}

/// Where requests may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// In this process.
    #[default]
    Here,
    /// In all that work in the same database.
    Everywhere,
}

type Waiting = HashMap<UserId, Vec<mpsc::UnboundedSender<Settled>>>;

/// Where requests wait and the worker reports. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    waiting: Arc<Mutex<Waiting>>,
    begun: Arc<Notify>,
    reach: Reach,
}

/// Receives the outcomes of one user, from before the write on, so that none is missed. Forgotten when dropped.
#[derive(Debug)]
pub struct Watch {
    outcomes: Outcomes,
    id: UserId,
    receiver: mpsc::UnboundedReceiver<Settled>,
}

impl Outcomes {
    /// Reports for those who wait in `reach`.
    pub fn new(reach: Reach) -> Self {
        Self { reach, ..Self::default() }
    }

    /// Starts to watch a user.
    pub fn watch(&self, id: &UserId) -> Watch {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().entry(id.clone()).or_default().push(sender);
        self.begun.notify_one();
        Watch { outcomes: self.clone(), id: id.clone(), receiver }
    }

    /// Tells all who watch the user.
    pub fn report(&self, id: &UserId, settled: &Settled) {
        for sender in self.lock().get(id).into_iter().flatten() {
            // A watch that is just being dropped needs no report.
            let _ = sender.send(settled.clone());
        }
    }

    /// Keeps for those who wait elsewhere what [`report`](Self::report) tells here once the transaction is durable. In the same
    /// transaction as what it is about: if the process ended in between, a write that was undone would be answered as done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(
        &self,
        transaction: &mut Transaction,
        id: &UserId,
        settled: &Settled,
        now: Time,
    ) -> Result<(), StoreError> {
        if self.reach == Reach::Here {
            return Ok(());
        }
        let outcome = serde_json::to_string(&settled.outcome).expect("an enum of texts is JSON");
        outcomes::save(transaction, &Kept { id: id.clone(), version: settled.version, outcome }, now).await
    }

    /// Waits until somebody waits.
    pub(super) async fn until_waited_for(&self) {
        while self.lock().is_empty() {
            self.begun.notified().await;
        }
    }

    /// Those who are waited for.
    pub(super) fn waited_for(&self) -> Vec<UserId> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The next outcome that covers `version`.
    pub async fn settled(&mut self, version: i64) -> Outcome {
        loop {
            match self.receiver.recv().await {
                Some(settled) if settled.version >= version => return settled.outcome,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.receiver.close();
        let mut waiting = self.outcomes.lock();
        if let Some(senders) = waiting.get_mut(&self.id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_watch_hears_of_its_version_and_newer_ones_and_is_forgotten_when_dropped() {
        let outcomes = Outcomes::default();
        let id = UserId::from("a");
        let mut watch = outcomes.watch(&id);
        outcomes.report(&id, &Settled { version: 1, outcome: Outcome::Blocked("old".into()) });
        assert!(watch.settled(2).now_or_never().is_none());
        outcomes.report(&id, &Settled { version: 3, outcome: Outcome::Applied });
        assert_eq!(watch.settled(2).now_or_never(), Some(Outcome::Applied));
        drop(watch);
        assert!(outcomes.lock().is_empty());
    }
}
