//! What this process must know of what others do in the same database: how work ended there for which requests wait here, and
//! what others want anew of users that are worked on here. And what they must know: that accounts are to be listed early.
//!
//! The first two are asked for while somebody waits, one short statement for all of them. PostgreSQL could tell it by itself (LISTEN), but
//! that is not to be had for every database alike, needs a connection of its own, and tells nothing of what happened while that
//! one was broken, so that one would have to ask as well. Nearly every write is applied where it came in, since that process is
//! roused first; the others are answered a fraction of a second later.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::store::{StoreError, outcomes, users};

use super::{Target, outcome::Settled, roster};

/// How often to look how work ended that is waited for.
const LOOK_FOR_OUTCOMES: Duration = Duration::from_millis(50);

/// How often to look what is wanted of those who are worked on. Only who waits for the budget is not looked at anyway.
const LOOK_FOR_NEWS: Duration = Duration::from_millis(250);

/// Listens for one app until `stopping`. Where this process is alone there is nothing to hear.
pub async fn listen(target: Arc<Target>, stopping: CancellationToken) {
    if !target.replica.has_company() {
        return;
    }
    tokio::select! {
        () = stopping.cancelled() => {}
        () = hear_outcomes(&target) => {}
        () = roster::pass_on(&target) => {}
        () = hear_news(&target) => {}
    }
}

async fn hear_outcomes(target: &Target) {
    loop {
        target.outcomes.until_waited_for().await;
        target.clock.sleep_until(target.clock.now() + LOOK_FOR_OUTCOMES).await;
        let kept = match outcomes::list(&target.store, &target.outcomes.waited_for()).await {
            Ok(kept) => kept,
            Err(error) => {
                quiet(target, &error);
                continue;
            }
        };
        for kept in kept {
            match Settled::read(&kept) {
                Ok(settled) => target.outcomes.report(&kept.id, &settled),
                // A newer version of the program wrote it. Whoever waits is answered when the time is over.
                Err(error) => {
                    tracing::debug!(app = target.app, %error, "how a write ended could not be read")
                }
            }
        }
    }
}

async fn hear_news(target: &Target) {
    loop {
        target.in_hand.until_some().await;
        target.clock.sleep_until(target.clock.now() + LOOK_FOR_NEWS).await;
        match users::wanted(&target.store, &target.in_hand.ids()).await {
            Ok(wanted) => {
                for (id, wanted) in wanted {
                    target.in_hand.learn(&id, wanted);
                }
            }
            Err(error) => quiet(target, &error),
        }
    }
}

/// That the database fails is told by all others who need it.
fn quiet(target: &Target, error: &StoreError) {
    tracing::debug!(app = target.app, %error, "other replicas are not heard");
}
