//! A simulator behind a socket of this machine.

use std::io;

use axum::{Router, serve::ListenerExt};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Serves `router`, that of the simulator called `what`, on `listener` until `shutdown` is ready and the requests that were under
/// way are answered.
///
/// # Errors
/// When the listener is open to other machines: a simulator has no business there.
pub(super) async fn serve(
    what: &str,
    router: Router,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        let problem = format!("{what} listens on a loopback address only");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    // Small answers go out at once: a simulator must not add the 40 ms of a delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

/// Serves it on a free port of 127.0.0.1 until the answer is stopped or dropped.
///
/// # Errors
/// When no port can be had.
pub(super) async fn start(what: &'static str, router: Router) -> io::Result<RunningSimulator> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let stopped = shutdown.clone().cancelled_owned();
    let server = tokio::spawn(async move { serve(what, router, listener, stopped).await });
    Ok(RunningSimulator { base_url, shutdown, server })
}

/// A simulator that serves; stops when dropped.
#[derive(Debug)]
pub struct RunningSimulator {
    base_url: String,
    shutdown: CancellationToken,
    server: JoinHandle<io::Result<()>>,
}

impl RunningSimulator {
    /// The same, whose base URL goes on with `path`.
    pub(super) fn below(mut self, path: &str) -> Self {
        self.base_url.push_str(path);
        self
    }

    /// What an app's `base_url` is set to, as in `http://127.0.0.1:<port>`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Stops, and returns when connections are refused. Waits for requests that are under way.
    ///
    /// # Errors
    /// When serving had failed.
    pub async fn stop(mut self) -> io::Result<()> {
        self.shutdown.cancel();
        match (&mut self.server).await {
            Ok(result) => result,
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
