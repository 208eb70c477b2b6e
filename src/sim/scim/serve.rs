//! The simulator behind a socket of this machine.

use std::io;

use tokio::net::TcpListener;

use crate::sim::{RunningSimulator, serving};

use super::{SimulatedScim, routes};

const WHAT: &str = "the simulated SCIM target";

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
        serving::serve(WHAT, routes::router(self), listener, shutdown).await
    }

    /// Serves on a free port of 127.0.0.1, below `/scim/v2`, until the answer is stopped or dropped.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(&self) -> io::Result<RunningSimulator> {
        Ok(serving::start(WHAT, routes::router(self.clone())).await?.below(routes::PATH))
    }
}
