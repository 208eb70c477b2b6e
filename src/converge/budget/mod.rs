//! How many calls a target's account allows, shared through the database by all who call it: replicas, apps, commands, and
//! the process that comes after one that was killed.
//!
//! **Windows.** Aha! allows 20 calls a second and 300 a minute for the whole account and does not say where its windows
//! begin. So a call counts against ours from the moment it is sent until a full window after its *answer* came: the target
//! saw it somewhere in between, and wherever it draws its windows, no more than the limit falls into one. A call that was
//! never answered counts as if it had taken as long as a call may.
//!
//! **Lanes and pace.** Revocations take whatever the windows leave. All others leave them 2 of the 20 and 5 of the 300, and
//! are spread over the minute once 20 calls were made in it: one every 203 ms, 295 a minute, and up to 5 at once where some
//! are late. So room in the minute comes up all the time, and a revocation never finds the minute used up for long: 5 may go
//! at once, and about 5 every second after that. A call is in the window for a minute and for as long as it takes, so a
//! backlog uses 295 calls in a minute where they take no time (98 %), in 61 seconds where they take one (97 %), and 95 % of
//! the limit where they take two.
//!
//! **Who is first.** Within a process more urgent lanes go first, and one waiter at a time asks the database, when there is
//! a chance. A revocation that must wait says so in the database, and the others of all processes hold back.
//!
//! **Others.** Other integrations use the account as well. What the target says about its limits with each answer is
//! compared with our own calls; what those do not explain is taken off the room that is left (`ledger`).

mod ledger;
mod line;
mod permit;
#[cfg(test)]
mod tests;
mod usage;
mod window;

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    clock::{Clock, Time},
    connector::Lane,
    store::{
        Store, StoreError, Transaction,
        budgets::{self, Call, CallId},
    },
};

use self::{
    ledger::{Availability, KEPT, Ledger},
    line::{Line, Turn},
    permit::LONGEST_STOP,
};
pub use self::{permit::Permit, usage::Usage};

/// How much longer others hold back than until a revocation's turn: so long its process may take to notice that it has come.
const URGENCY: Duration = Duration::from_millis(250);

/// How long to wait when the database fails.
const AFTER_STORE_FAILURE: Duration = Duration::from_secs(1);

/// How many calls are ours to make in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls per second.
    pub per_second: u32,
    /// Calls per minute.
    pub per_minute: u32,
}

/// The limits of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What the target counts calls for, such as `https://acme.aha.io`. Those who name the same share its limits.
    pub account: String,
    /// How many are ours.
    pub rate: Rate,
    /// The longest that a call takes: so long one may be out whose process is gone.
    pub call_timeout: Duration,
}

/// The allowance of one target. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    /// `None` for a target without limits.
    limited: Option<Arc<Limited>>,
}

#[derive(Debug)]
struct Limited {
    limits: Limits,
    store: Store,
    clock: Arc<dyn Clock>,
    line: Line,
}

/// What the database says to one who asks for a call.
struct Answer {
    /// The call, if it may be made.
    granted: Option<CallId>,
    /// When the lane may make another one.
    next: Availability,
    /// The target refused a call for its limits: none until then.
    stopped_until: Option<Time>,
    /// How far apart the calls of a backlog are sent.
    interval: Duration,
}

impl Budget {
    /// The allowance of an account, which is kept in `store`; or one without limits, which asks nobody.
    pub fn new(limits: Option<Limits>, store: &Store, clock: &Arc<dyn Clock>) -> Self {
        let limited = |limits: Limits| {
            let line = Line::new(limits.rate);
            Arc::new(Limited { limits, store: store.clone(), clock: clock.clone(), line })
        };
        Self { limited: limits.map(limited) }
    }

    /// Waits until `lane` may make a call. While the database fails, nobody may.
    pub async fn permit(&self, lane: Lane) -> Permit {
        match &self.limited {
            None => Permit::without_limits(),
            Some(limited) => Permit::new(limited.clone(), lane, limited.wait(lane).await),
        }
    }

    /// Takes over what was called before a start. Whether the clock was set back since the last call; without limits nobody
    /// knows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start_anew(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Some(limited) = &self.limited else { return Ok(false) };
        let (account, now) = (&limited.limits.account, limited.clock.now());
        budgets::bring_back(transaction, account, now, now + LONGEST_STOP).await
    }

    /// How long `calls` that can wait take, with those before them. Zero without limits.
    pub fn time_for(&self, calls: u64) -> Duration {
        let time = |limited: &Arc<Limited>| limited.line.time_for(calls, limited.clock.now());
        self.limited.as_ref().map_or(Duration::ZERO, time)
    }

    /// How many calls that can wait are made in `time`, from the first on. Zero without limits, where nobody counts.
    pub fn calls_in(&self, time: Duration) -> u64 {
        self.limited.as_ref().map_or(0, |limited| limited.line.calls_in(time))
    }

    /// Whether the target has limits.
    pub fn is_limited(&self) -> bool {
        self.limited.is_some()
    }
}

impl Limited {
    async fn wait(self: &Arc<Self>, lane: Lane) -> CallId {
        // Kept from try to try: to leave the lane wakes the others, who would leave theirs and wake this one, without end.
        let mut waiting = None;
        loop {
            // Listen before looking, or a change in between would be missed.
            let changed = self.line.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let turn = self.line.turn(lane, self.clock.now());
            if let Turn::Ask(asking) = turn {
                let granted = self.ask(lane).await;
                if granted.is_none() {
                    waiting.get_or_insert_with(|| self.line.wait_in(lane));
                }
                drop(asking);
                match granted {
                    Some(call) => return call,
                    None => continue,
                }
            }
            waiting.get_or_insert_with(|| self.line.wait_in(lane));
            match turn {
                Turn::At(time) => tokio::select! {
                    () = self.clock.sleep_until(time) => {}
                    () = changed => {}
                },
                Turn::Ask(_) | Turn::Later => changed.await,
            }
        }
    }

    /// Asks the database for a call, in a task of its own: who stops waiting meanwhile leaves none behind.
    async fn ask(self: &Arc<Self>, lane: Lane) -> Option<CallId> {
        let (asker, answer) = oneshot::channel();
        let budget = self.clone();
        tokio::spawn(async move {
            if let Err(Some(unclaimed)) = asker.send(budget.try_to_get(lane).await) {
                budget.give_back(unclaimed).await;
            }
        });
        answer.await.ok().flatten()
    }

    /// Gets a call, or takes down when to ask again.
    async fn try_to_get(&self, lane: Lane) -> Option<CallId> {
        let answer = self.decide(lane).await;
        let now = self.clock.now();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if !matches!(error, StoreError::Closed) {
                    tracing::error!(%error, "no call can be made, because the budget could not be read");
                }
                self.line.hold(lane, Availability::At(now + AFTER_STORE_FAILURE), now);
                return None;
            }
        };
        // In the meantime another call may have been refused.
        let is_stopped = self.line.take_down(&answer, now);
        self.line.hold(lane, answer.next, now);
        match answer.granted {
            Some(call) if is_stopped => {
                self.give_back(call).await;
                None
            }
            granted => granted,
        }
    }

    /// Grants a call, or says when to ask again, in one transaction.
    async fn decide(&self, lane: Lane) -> Result<Answer, StoreError> {
        let (limits, clock) = (self.limits.clone(), self.clock.clone());
        self.store
            .write(move |transaction| {
                Box::pin(async move {
                    let account = budgets::lock(transaction, &limits.account).await?;
                    let now = clock.now();
                    let mut calls = budgets::calls(transaction, &limits.account, now - KEPT).await?;
                    let ledger = Ledger::new(limits.rate, &account, &calls);
                    let (interval, mut next) = (ledger.interval(now), ledger.availability(lane, now));
                    let mut granted = None;
                    if next == Availability::Now {
                        let call = Call { sent_at: now, ended_at: now + limits.call_timeout };
                        granted = Some(budgets::insert(transaction, &limits.account, call).await?);
                        budgets::delete_ended(transaction, &limits.account, now - KEPT).await?;
                        calls.insert(calls.partition_point(|other| other.ended_at <= call.ended_at), call);
                        next = Ledger::new(limits.rate, &account, &calls).availability(lane, now);
                    } else if lane == Lane::Revoke {
                        let until = next.look_again_at(now) + URGENCY;
                        budgets::save_urgency(transaction, &limits.account, until).await?;
                    }
                    Ok(Answer { granted, next, stopped_until: account.stopped_until, interval })
                })
            })
            .await
    }

    /// The call is not made.
    async fn give_back(&self, call: CallId) {
        let deleted = self
            .store
            .write(move |transaction| Box::pin(async move { budgets::delete(transaction, &call).await }));
        if let Err(error) = deleted.await {
            tracing::error!(%error, "a call that was not made counts as made, because the budget could not be written");
        }
        self.line.forget_holds();
    }
}
