//! Listens, and ends in order.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{ServiceExt, extract::Request};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{Layer, util::MapRequestLayer};

use super::{Service, layers::tidy_path, router};

/// Serves until `stopping`; then accepts nothing new and finishes the requests that are in flight.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    stopping: CancellationToken,
) -> io::Result<()> {
    let routes = MapRequestLayer::new(tidy_path::<axum::body::Body>).layer(router(service));
    axum::serve(listener, ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(routes))
        .with_graceful_shutdown(async move { stopping.cancelled().await })
        .await
}
