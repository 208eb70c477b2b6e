//! Lists the target's accounts, so that reads show the truth and an IdP finds people instead of inviting them again; and
//! compares them with what the IdP asserted.
//!
//! A pass pages through all accounts. What the bridge does not know becomes an unmanaged user; what it knows is seen anew
//! (`see`); what the target does not list any more is looked up once (`missing`), and then is gone. Users with work in
//! progress are left alone: the worker sees them itself, and later than the page was made.
//!
//! At its end every pass compares (`compare`) each managed user with its account. What differs is kept as a
//! [finding](crate::store::findings), open until it is gone, and never hides the truth: reads show the account as it is. With
//! `drift = "enforce"` the user becomes due besides, in the lane of what is to be done, and the worker changes the account
//! back, as always the only code that writes to a target, with its guards and its brake. Never enforced are:
//!
//! - an account that vanished: a new one would send an invitation, which only the IdP's next write does;
//! - accounts that no IdP manages, also one of a deleted user that somebody enabled again: the IdP has no say in them;
//! - administrator roles, of which the IdP asserts nothing;
//! - e-mail and name while the user must not have access: they are sent when it is enabled;
//! - anything at all with `mode = "plan"`.
//!
//! One pass an app goes on at a time, over all processes: see `turn`. Where several serve, one of them makes it: see `schedule`.

mod administrators;
mod catalogue;
mod compare;
mod drift;
mod early;
mod finding;
mod missing;
mod pass;
mod progress;
pub mod report;
mod resource;
mod schedule;
mod see;
mod turn;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::Time,
    connector::TargetError,
    store::{StoreError, rosters::Roster},
};

use super::Target;

pub(super) use self::early::pass_on;
use self::schedule::Tried;
pub use self::{
    catalogue::recall,
    early::EarlyRoster,
    progress::{Progress, RosterState},
    turn::{Caller, Wanted, abandon_turns_of_servers, sync},
};
pub(super) use self::{
    finding::{Scope, resolve, resolve_drift_of},
    resource::{account_key, resource_of},
};

/// How long to wait after a pass that failed; doubled each time, up to the interval of passes.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Who acts, in the record of events.
const ACTOR: &str = "roster";

/// Why a pass was not completed.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The target's accounts cannot be listed.
    #[error("{target} has no accounts that could be listed")]
    NoDirectory {
        /// What the target is called.
        target: String,
    },
    /// A call failed.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// Another process made the pass, and failed.
    #[error("{reason}")]
    Elsewhere {
        /// Why.
        reason: String,
    },
    /// The database failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl RosterError {
    /// This process was paused for longer than its turn lasted, and another one has begun a pass since.
    fn turn_lost() -> Self {
        Self::Elsewhere { reason: "it took too long, and another process makes the pass".into() }
    }
}

/// Makes a pass at once and then `every` so often, from beginning to beginning, until `stopping`. `progress` hears of each pass.
/// Where others serve as well, only when one of theirs is not recent enough.
pub async fn run(target: Arc<Target>, every: Duration, progress: Progress, stopping: CancellationToken) {
    if target.connector.directory().is_none() {
        return;
    }
    let (mut retry, mut tried) = (FIRST_RETRY, Tried::No);
    let (mut last_began_at, mut next_at) = (Time::default(), target.clock.now());
    loop {
        let due = async {
            // Where nobody else makes any, there is nothing to look up.
            match target.replica.has_company() {
                false => {
                    early::wait(&target, last_began_at, next_at).await;
                    None
                }
                true => Some(until_due(&target, every, tried, &progress).await),
            }
        };
        let last_end = tokio::select! {
            () = stopping.cancelled() => return,
            last_end = due => last_end,
        };
        // While the target is not to be called, the worker's probe is the only call.
        tokio::select! {
            () = stopping.cancelled() => return,
            () = target.health.while_stopped() => {}
        }
        last_began_at = target.clock.now();
        let wanted = last_end.map_or(Wanted::New, Wanted::After);
        let Some(result) = sync(&target, Caller::Server, wanted, &stopping).await else { return };
        tried = Tried::Yes;
        next_at = match &result {
            Ok(roster) => {
                tell(&target, roster);
                retry = FIRST_RETRY;
                last_began_at + every
            }
            Err(error) => {
                tracing::warn!(app = target.app, %error, "the roster could not be completed");
                let next_at = target.clock.now() + retry.min(every);
                retry = retry.saturating_mul(2);
                next_at
            }
        };
        progress.report(&result);
    }
}

/// Waits until it is time for the next pass, of whichever process, and answers when the latest one ended.
async fn until_due(target: &Target, every: Duration, tried: Tried, progress: &Progress) -> Option<Time> {
    loop {
        match schedule::until_due(target, every, tried, progress).await {
            Ok(last_end) => return last_end,
            Err(error) => {
                tracing::warn!(app = target.app, %error, "when accounts were listed last is not known; it is asked again");
                target.clock.sleep_until(target.clock.now() + FIRST_RETRY).await;
            }
        }
    }
}

fn tell(target: &Target, roster: &Roster) {
    tracing::info!(
        app = target.app,
        roster.accounts = roster.accounts,
        roster.calls = roster.calls,
        "the roster is complete"
    );
}
