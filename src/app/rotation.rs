//! Looks whether the credentials that a target is called with were replaced: a key was written to its file, a person logged in.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{connector::credentials::Credentials, converge::Target};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks now and then, and when `asked`, until `stopping`. Where the credentials before were refused, new ones are tried at once.
pub(super) async fn run(
    target: Arc<Target>,
    credentials: Arc<dyn Credentials>,
    mut asked: watch::Receiver<u64>,
    stopping: CancellationToken,
) {
    let mut changes = credentials.changes();
    loop {
        credentials.look().await;
        if changes.has_changed().unwrap_or(false) {
            changes.mark_unchanged();
            target.health.credentials_changed(target.clock.now());
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = target.clock.sleep_until(target.clock.now() + LOOK_EVERY) => {}
            // A call that was refused may have looked itself.
            Ok(()) = changes.changed() => changes.mark_changed(),
            Ok(()) = asked.changed() => {}
        }
    }
}
