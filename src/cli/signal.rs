//! Signals: to stop, and to look at files again.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What SIGHUP means: that of a terminal which is closed, or that by which servers are told to read their files again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hangup {
    /// It stops the process.
    Stops,
    /// It has another meaning, see [`on_hangup`].
    IsForOthers,
}

/// A token that is cancelled by the first SIGTERM, SIGINT, or SIGHUP if that [stops](Hangup::Stops). The second ends the process
/// at once, after `last_act`.
///
/// # Errors
/// When the system does not let us listen for signals.
pub(super) fn stopping(
    on_hangup: Hangup,
    last_act: impl Fn() + Send + 'static,
) -> std::io::Result<CancellationToken> {
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
                _ = hangup.recv(), if on_hangup == Hangup::Stops => {}
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

/// Does `act` at each SIGHUP.
///
/// # Errors
/// When the system does not let us listen for signals.
pub(super) fn on_hangup(act: impl Fn() + Send + 'static) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("files of keys and certificates are looked at again");
            act();
        }
    });
    Ok(())
}
