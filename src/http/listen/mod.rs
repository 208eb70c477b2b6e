//! Accepts connections, bounds what each may take, and ends in order.
//!
//! The loop is our own because `axum::serve` leaves open what a server on the open internet must bound: how many connections
//! there are, how long a client may take to send the head of a request or to take an answer, and how large a head may be.
//! How long a whole request may take is bounded in `layers`.

#[cfg(feature = "acme")]
pub mod acme;
mod activity;
mod beginning;
mod connection;
mod open_files;
mod refusal;
mod request_target;
mod stalled;
mod timer;
mod tls;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tower::{Layer, util::MapRequestLayer};

pub use self::{
    connection::{Certificate, Peer},
    open_files::allow_open_files,
    tls::{Certificates, TlsError},
};
use super::{Service, layers::tidy_path, router};

/// How connections are made and bounded.
#[derive(Clone, Debug)]
pub struct Transport {
    /// How many connections may be open. Further ones wait to be accepted.
    pub max_connections: usize,
    /// The largest head of a request, in bytes.
    pub max_header_bytes: usize,
    /// With what connections are encrypted; `None`: they are not.
    pub certificates: Option<Arc<Certificates>>,
    /// How they are asked for, and the files that they are written to; `None`: whoever writes these does.
    #[cfg(feature = "acme")]
    pub acme: Option<(crate::config::Acme, crate::config::Tls)>,
}

/// The wait after a connection could not be accepted, for instance because there are no file descriptors left.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// How many connections may wait to be accepted, if the system allows as many. What it has no room for it drops in silence, and
/// the client tries again after a second: a burst of connections must fit in.
const BACKLOG: u32 = 4096;

/// Listens on `address`. Nothing is accepted yet.
///
/// # Errors
/// When the address is taken, or not this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Else a restart would have to wait for the last connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stopping`; then accepts nothing new and finishes the requests that are in flight.
///
/// # Errors
/// None at present: a listener that fails is tried again.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    transport: Transport,
    stopping: CancellationToken,
) -> io::Result<()> {
    let clock = service.clock.clone();
    let routes = MapRequestLayer::new(tidy_path::<axum::body::Body>).layer(router(service));
    let connections = connection::Connections::new(routes, &transport, clock.clone());
    let _reloading = transport.certificates.clone().map(|certificates| reload(certificates, &clock));
    #[cfg(feature = "acme")]
    let _renewing =
        transport.certificates.clone().zip(transport.acme.clone()).map(|(certificates, (acme, files))| {
            until_dropped(acme::run(acme, files, certificates, clock.clone()))
        });
    let places = Arc::new(Semaphore::new(transport.max_connections));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, address, place)) => {
                let serving = connections.serve(stream, address, stopping.clone());
                open.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                clock.sleep_until(clock.now() + AFTER_FAILED_ACCEPT).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
    Ok(())
}

type Accepted = (tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<Accepted> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

/// Looks at the files of the certificates now and then, for as long as the guard lives.
fn reload(certificates: Arc<Certificates>, clock: &Arc<dyn crate::clock::Clock>) -> DropGuard {
    let clock = clock.clone();
    until_dropped(async move { certificates.keep_up(&*clock).await })
}

/// Does `work` for as long as the guard lives.
fn until_dropped(work: impl Future<Output = ()> + Send + 'static) -> DropGuard {
    let stopping = CancellationToken::new();
    let stopped = stopping.clone();
    tokio::spawn(async move { stopped.run_until_cancelled(work).await });
    stopping.drop_guard()
}
