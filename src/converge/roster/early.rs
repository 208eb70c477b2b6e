//! A pass before its time, because the target said that something was changed there.
//!
//! Whoever says so may say it a thousand times, and the bridge's own calls are among what is told. So a pass that was asked for
//! begins some time after the one before it: what was said meanwhile is seen by the one pass, and listing takes no more than a
//! share of the budget, in its turn as ever.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::{
    clock::Time,
    store::{
        roster_passes,
        rosters::{self, Roster},
    },
};

use super::{FIRST_RETRY, Target};

/// How long after the beginning of a pass the next one may begin that was asked for.
const APART: Duration = Duration::from_mins(2);

/// The same as a multiple of the time that the pass took: a large account is not listed without end.
const TIMES_AS_LONG: u32 = 4;

/// Takes the wish for a pass; many until it begins are one.
#[derive(Debug, Default)]
pub struct EarlyRoster {
    asked: Notify,
    /// Rung when the wish stands in the database.
    kept: Notify,
}

impl EarlyRoster {
    /// Something was changed at the target. Also while a pass is under way: it may have seen the account before that.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits until a wish was written down for all processes.
    pub(super) async fn kept(&self) {
        self.kept.notified().await;
    }
}

/// Waits until it is `next_at`, or until a pass was asked for and may begin after the one that this process began, or waited for,
/// at `last_began_at`.
pub(super) async fn wait(target: &Target, last_began_at: Time, next_at: Time) {
    tokio::select! {
        () = target.clock.sleep_until(next_at) => {}
        () = target.early_roster.asked.notified() => {
            let begin_at = earliest_now(target, last_began_at).await.min(next_at);
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

/// Writes down for all processes when a pass was asked for here, for as long as it is polled: the one that is under way at another
/// may have seen the account before that.
pub(in super::super) async fn pass_on(target: &Target) {
    loop {
        target.early_roster.asked.notified().await;
        let (app, now) = (target.app.clone(), target.clock.now());
        let asked = target.store.write(move |transaction| {
            Box::pin(async move { roster_passes::ask(transaction, &app, now).await })
        });
        if let Err(error) = asked.await.map(|()| target.early_roster.kept.notify_one()) {
            tracing::warn!(app = target.app, %error, "that accounts are to be listed early could not be kept; it is tried again");
            target.early_roster.ask();
            target.clock.sleep_until(target.clock.now() + FIRST_RETRY).await;
        }
    }
}

async fn earliest_now(target: &Target, last_began_at: Time) -> Time {
    let roster = rosters::find(&target.store, &target.app).await.unwrap_or_else(|error| {
        tracing::warn!(app = target.app, %error, "it is not known how long the latest listing of accounts took");
        None
    });
    earliest(last_began_at, roster.as_ref())
}

/// When a pass may begin that was asked for, after one that began at `last_began_at`, and the latest complete one. Without any
/// complete one there is none that took long.
pub(super) fn earliest(last_began_at: Time, roster: Option<&Roster>) -> Time {
    let after_complete = roster.map(|roster| {
        let took = roster.completed_at.since(roster.started_at);
        roster.started_at + APART.max(TIMES_AS_LONG * took)
    });
    after_complete.unwrap_or_default().max(last_began_at + APART)
}
