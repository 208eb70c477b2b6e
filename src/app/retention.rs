//! Forgets events that are older than the configuration says, in small steps that hold up nobody.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, Time},
    store::{Store, StoreError, events},
};

/// How often there may be something to forget.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How many events are forgotten in one transaction, in which all writes wait: some milliseconds' worth.
const STEP: u32 = 500;

/// Works at once and then every hour, until `stopping`.
pub(super) async fn run(store: Store, keep: Duration, clock: Arc<dyn Clock>, stopping: CancellationToken) {
    loop {
        match forget_older(&store, clock.now() - keep, &stopping).await {
            Ok(0) | Err(StoreError::Closed) => {}
            Ok(events) => tracing::info!(events, "old events were forgotten"),
            Err(error) => tracing::warn!(%error, "old events could not be forgotten; it is tried again"),
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = clock.sleep_until(clock.now() + EVERY) => {}
        }
    }
}

/// Forgets what happened before `before`, and answers how many events that were.
async fn forget_older(store: &Store, before: Time, stopping: &CancellationToken) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    while !stopping.is_cancelled() {
        let step = store
            .write(move |transaction| {
                Box::pin(async move { events::forget(transaction, before, STEP).await })
            })
            .await?;
        forgotten += step;
        if step < u64::from(STEP) {
            break;
        }
    }
    Ok(forgotten)
}
