//! Makes targets agree with what the IdP asserted.
//!
//! One [`Worker`](worker) per app is the only code that writes to its target. It claims the most urgent due user under a
//! lease, asks the connector for the plan, sends the first call under the shared [`Budget`](budget), plans again from what
//! the target answered, and [settles](settle) the row when nothing is left to do. It is level-triggered: it looks at where
//! desired and observed stand, never at which request came, so writes coalesce, and work that was cut off anywhere is
//! simply planned again.
//!
//! The [roster] is the other half of the truth: it lists the target's accounts, so that reads show what is there
//! and an IdP finds the people who had accounts before it; and it compares the two, so that what was changed at the target
//! itself is told or changed back. [release] lets go of users.
//!
//! Several processes may do all of it in one database: [replica] says how they get along, and [elsewhere] what one must hear of the
//! others.

mod administrators;
pub mod asks;
mod backoff;
pub mod brake;
pub mod breaker;
pub mod budget;
mod convergence;
mod doubt;
pub mod elsewhere;
mod fence;
pub mod forecast;
pub mod guard;
pub mod health;
pub mod held;
mod holder;
pub mod in_hand;
mod journal;
pub mod orphans;
mod out_of_sight;
pub mod outcome;
mod pace;
pub mod put_back;
pub mod queue_wait;
pub mod release;
pub mod replica;
pub mod roster;
pub mod settle;
pub mod worker;

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    clock::{Clock, Time},
    config::{Convergence, Mode},
    connector::{Connector, TargetError, credentials::Credentials},
    store::{Store, UserId},
};

use self::{
    budget::{Budget, Permit},
    guard::Guard,
    health::HealthMonitor,
    in_hand::InHand,
    orphans::Orphans,
    outcome::Outcomes,
    replica::Replica,
    roster::EarlyRoster,
};

/// The longest that work is put off, apart from invitations that wait for their turn.
pub const LONGEST_WAIT: Duration = backoff::LONGEST_WAIT;

/// One app's target, and everything that is shared by those who work on it.
#[derive(Debug)]
pub struct Target {
    /// The app's name.
    pub app: String,
    /// How the target is called.
    pub connector: Arc<dyn Connector>,
    /// What it is called with; `None` where there is nobody to call.
    pub credentials: Option<Arc<dyn Credentials>>,
    /// Where the users are.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How many calls the target allows.
    pub budget: Budget,
    /// Whom never to lock out.
    pub guard: Guard,
    /// Whether the target works, as far as the last calls tell.
    pub health: HealthMonitor,
    /// Tells waiting requests how their work ended.
    pub outcomes: Outcomes,
    /// What may be done there, and how fast.
    pub convergence: Convergence,
    /// How long one call may take.
    pub call_timeout: Duration,
    /// Rung when there is new work.
    pub wake: Notify,
    /// What the worker is at work on.
    pub in_hand: InHand,
    /// What it claimed and lost hold of.
    pub orphans: Orphans,
    /// Asked for the accounts to be listed before it is time.
    pub early_roster: EarlyRoster,
    /// This process among those that work for the target.
    pub replica: Arc<Replica>,
}

impl Target {
    /// Whether anything is sent that changes an account there.
    pub fn is_carried_out(&self) -> bool {
        self.convergence.mode == Mode::Apply
    }

    /// Something new is wanted of a user: the worker takes it up, or goes by it where it is at work on the user already.
    pub fn rouse(&self, id: &UserId) {
        self.rouse_those(|other| other == id);
    }

    /// The same for all users of whom `is_meant` is true.
    pub fn rouse_those(&self, is_meant: impl Fn(&UserId) -> bool) {
        self.in_hand.overtake(is_meant);
        self.wake.notify_one();
    }

    /// How long a call that is sent `now` may still take effect if its answer does not come. The target may have got it when
    /// we gave up, and whoever stands in between may have kept it; as much time again is taken to be enough for that.
    pub fn in_doubt_until(&self, now: Time) -> Time {
        now + 2 * self.call_timeout
    }

    /// Takes what the result of work says about the target itself to heart: whether it works, and when to stop calling it.
    async fn heed<T>(&self, permit: Permit, result: &Result<T, TargetError>) {
        self.close(permit, result).await;
        self.health.record(&self.app, self.clock.now(), result);
    }

    /// The same for a probe.
    async fn heed_probe<T>(&self, permit: Permit, result: &Result<T, TargetError>) {
        self.close(permit, result).await;
        self.health.record_probe(&self.app, self.clock.now(), result);
    }

    /// What was paid with `permit` came to `result`.
    pub async fn close<T>(&self, permit: Permit, result: &Result<T, TargetError>) {
        match result {
            // Without a word from the target, a whole minute's window is over then in any case.
            Err(TargetError::RateLimited { until }) => {
                let until = until.unwrap_or(self.clock.now() + Duration::from_secs(60));
                permit.close_refused(until).await;
            }
            _ => permit.close().await,
        }
    }
}
