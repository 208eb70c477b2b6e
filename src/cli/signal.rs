//! Signals to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first SIGTERM, SIGINT, or SIGHUP of a terminal that is closed. The second ends the
/// process at once, after `last_act`.
///
/// # Errors
/// When the system does not let us listen for signals.
pub(super) fn stopping(last_act: impl Fn() + Send + 'static) -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let stopping = CancellationToken::new();
    let token = stopping.clone();
    tokio::spawn(async move {
        for asked in 1.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
            if asked > 1 {
                last_act();
                std::process::exit(130);
            }
            tracing::info!("stopping; requests in flight are finished");
            token.cancel();
        }
    });
    Ok(stopping)
}
