//! A pass before its time, because the target said that something was changed there.
//!
//! Whoever says so may say it a thousand times, and the bridge's own calls are among what is told. So a pass that was asked for
//! begins some time after the one before it: what was said meanwhile is seen by the one pass, and listing takes no more than a
//! share of the budget, in its turn as ever.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::{clock::Time, store::rosters};

use super::Target;

/// How long after the beginning of a pass the next one may begin that was asked for.
const APART: Duration = Duration::from_mins(2);

/// The same as a multiple of the time that the pass took: a large account is not listed without end.
const TIMES_AS_LONG: u32 = 4;

/// Takes the wish for a pass; many until it begins are one.
#[derive(Debug, Default)]
pub struct EarlyRoster {
    asked: Notify,
}

impl EarlyRoster {
    /// Something was changed at the target. Also while a pass is under way: it may have seen the account before that.
    pub fn ask(&self) {
        self.asked.notify_one();
    }
}

/// Waits until it is `next_at`, or until a pass was asked for and may begin after the one that this process began, or waited for,
/// at `last_began_at`.
pub(super) async fn wait(target: &Target, last_began_at: Time, next_at: Time) {
    tokio::select! {
        () = target.clock.sleep_until(next_at) => {}
        () = target.early_roster.asked.notified() => {
            let begin_at = earliest(target, last_began_at).await.min(next_at);
            tracing::info!(
                app = target.app,
                delay_s = begin_at.since(target.clock.now()).as_secs(),
                "the target says that something was changed there; the accounts are listed early"
            );
            target.clock.sleep_until(begin_at).await;
        }
    }
    // The pass that begins now sees all that was told until now.
    let _ = target.early_roster.asked.notified().now_or_never();
}

async fn earliest(target: &Target, last_began_at: Time) -> Time {
    let earliest = last_began_at + APART;
    match rosters::find(&target.store, &target.app).await {
        Ok(Some(roster)) => {
            let took = roster.completed_at.since(roster.started_at);
            earliest.max(roster.started_at + APART.max(TIMES_AS_LONG * took))
        }
        // Without a complete pass there is none that it could come too soon after.
        Ok(None) => earliest,
        Err(error) => {
            tracing::warn!(app = target.app, %error, "it is not known how long the latest listing of accounts took");
            earliest
        }
    }
}
