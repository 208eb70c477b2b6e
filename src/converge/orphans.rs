//! Claims that belong to nobody.
//!
//! The answer to a commit may be lost, and then nobody knows whether a claim was recorded; or what came of work cannot be recorded,
//! since the database is not there. The rows stay under a lease of a process that lives on, so nobody takes them over until it ends,
//! minutes later, and a leaver may be among them. So the worker notes whose leases these are, and ends them as soon as the database
//! takes it. Who claims such a user next takes it over: a call may have been sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::{
    StoreError, User, UserId,
    users::{self, Lease},
};

use super::{Target, backoff};

/// What is to be let go of.
#[derive(Debug, Default)]
pub struct Orphans(Mutex<Vec<Orphan>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Orphan {
    /// All that was claimed under this name.
    Claim { owner: String },
    /// One user, who is not tried again before the lease ends.
    Work { id: UserId, lease: Lease },
}

impl Orphans {
    /// Nobody works on what was claimed by `owner`, if anything was.
    pub(super) fn add_claim(&self, owner: &str) {
        self.lock().push(Orphan::Claim { owner: owner.to_owned() });
    }

    /// Nobody works on `user` any more. It waits as after an attempt that failed.
    pub(super) fn add_work(&self, target: &Target, user: &User) {
        let Some(lease) = user.lease.clone() else { return };
        let until = target.clock.now() + backoff::after(user.attempts + 1, &user.id);
        self.lock().push(Orphan::Work { id: user.id.clone(), lease: Lease { until, ..lease } });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Orphan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the leases of claims of `target` that belong to nobody. While the database does not take it, they are kept.
///
/// # Errors
/// When the database fails.
pub(super) async fn let_go(target: &Target) -> Result<(), StoreError> {
    let orphans = target.orphans.lock().clone();
    if orphans.is_empty() {
        return Ok(());
    }
    let (app, now, ended) = (target.app.clone(), target.clock.now(), orphans.clone());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                for orphan in ended {
                    match orphan {
                        Orphan::Claim { owner } => {
                            users::end_leases_of(transaction, &app, &owner, now).await?;
                        }
                        Orphan::Work { id, lease } => users::renew(transaction, &id, &lease).await?,
                    }
                }
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    target.orphans.lock().retain(|orphan| !orphans.contains(orphan));
    Ok(())
}
