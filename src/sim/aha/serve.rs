//! The simulator behind a socket of this machine.

use std::io;

use tokio::net::TcpListener;

use crate::sim::{RunningSimulator, serving};

use super::{SimulatedAha, routes};

const WHAT: &str = "the simulated Aha!";

impl SimulatedAha {
    /// Serves on `listener` until `shutdown` is ready and the calls that were under way are answered.
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

    /// Serves on a free port of 127.0.0.1 until the answer is stopped or dropped. Its base URL is without `/api/v1`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(&self) -> io::Result<RunningSimulator> {
        serving::start(WHAT, routes::router(self.clone())).await
    }
}
