//! The simulator behind a socket of this machine.

use std::io;

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{SimulatedScim, routes};

impl SimulatedScim {
    /// Serves on `listener` until `shutdown` is ready and the requests that were under way are answered.
    ///
    /// # Errors
    /// When the listener is open to other machines: a simulator has no business there.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        if !listener.local_addr()?.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the simulated SCIM target listens on a loopback address only",
            ));
        }
        // Small answers go out at once: the simulator must not add the 40 ms of a delayed acknowledgement.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, routes::router(self)).with_graceful_shutdown(shutdown).await
    }

    /// Serves on a free port of 127.0.0.1 until the answer is stopped or dropped.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(&self) -> io::Result<RunningScim> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}{}", listener.local_addr()?, routes::PATH);
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(self.clone().serve(listener, shutdown.clone().cancelled_owned()));
        Ok(RunningScim { base_url, shutdown, server })
    }
}

/// A simulator that serves; stops when dropped.
#[derive(Debug)]
pub struct RunningScim {
    base_url: String,
    shutdown: CancellationToken,
    server: JoinHandle<io::Result<()>>,
}

impl RunningScim {
    /// `http://127.0.0.1:<port>/scim/v2`: what an app's `base_url` is set to.
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

impl Drop for RunningScim {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
