//! When a pass is due where several processes would make it: one of them makes it for all, whichever comes first. The others learn
//! what it came to.

use std::time::Duration;

use crate::{
    clock::Time,
    store::{StoreError, catalogues, roster_passes, rosters},
};

use super::{super::convergence::learn_credentials_owner, Progress, Target, catalogue::recall};

/// How often to look what the passes of others came to.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Waits until a pass is due: `every` so often from beginning to beginning, or `retry` after one that failed, whoever made it.
///
/// # Errors
/// When the database fails.
pub(super) async fn until_due(
    target: &Target,
    every: Duration,
    retry: Duration,
    progress: &Progress,
) -> Result<(), StoreError> {
    let mut learned = None;
    loop {
        let Some(due_at) = due_at(target, every, retry, progress).await? else { return Ok(()) };
        let now = target.clock.now();
        if due_at <= now {
            return Ok(());
        }
        learn_catalogue(target, &mut learned).await?;
        // Who makes no pass is not told by one.
        if !target.guard.knows_credentials_owner() && target.health.stopped().is_none() {
            // The worker asks again before anybody is disabled.
            if let Err(error) = learn_credentials_owner(target).await {
                tracing::debug!(app = target.app, %error, "whose credentials the bridge has is not known yet");
            }
        }
        target.clock.sleep_until(due_at.min(now + LOOK_EVERY)).await;
    }
}

/// When the next pass is due; `None` where none was ever made: who is making the first one is waited for.
async fn due_at(
    target: &Target,
    every: Duration,
    retry: Duration,
    progress: &Progress,
) -> Result<Option<Time>, StoreError> {
    let roster = rosters::find(&target.store, &target.app).await?;
    if roster.is_some() {
        progress.know();
    }
    let pass = roster_passes::find(&target.store, &target.app).await?;
    Ok(match (pass.ended_at, pass.failure) {
        (Some(ended_at), Some(_)) => Some(ended_at + retry.min(every)),
        _ => roster.map(|roster| roster.started_at + every),
    })
}

/// Takes over what another process listed since.
async fn learn_catalogue(target: &Target, learned: &mut Option<Time>) -> Result<(), StoreError> {
    let listed_at = catalogues::listed_at(&target.store, &target.app).await?;
    if listed_at > *learned {
        recall(target).await?;
        *learned = listed_at;
    }
    Ok(())
}
