//! One connection.

use std::{convert::Infallible, error::Error, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderValue, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use crate::clock::{Clock, until};

use super::{
    Certificates, Transport,
    activity::Activity,
    beginning::Beginning,
    refusal::{Ours, Refusals},
    request_target::RequestTargets,
    stalled::Stalled,
    timer::ClockTimer,
};

/// How long a client may take to agree on encryption.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a client may take until the head of its next request is here, the time between two requests included; and how long
/// until it says which version of HTTP it speaks. Load balancers keep connections open for 60 seconds and are confused when it is the other side that closes them.
const NEXT_HEAD: Duration = Duration::from_secs(75);

/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_ANSWER: Duration = Duration::from_secs(15);

/// How many requests one HTTP/2 connection may have open.
const STREAMS: u32 = 256;

/// Who is at the other end of a connection; an extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The address, which may be a proxy's.
    pub address: SocketAddr,
    /// Whether it has shown who it is.
    pub certificate: Certificate,
}

/// Whether a client has shown a certificate that one of our authorities made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It was not asked for one.
    NotAsked,
    /// It was asked, and has none.
    Missing,
    /// It has.
    Shown,
}

/// What all connections have in common.
pub(super) struct Connections<R> {
    routes: R,
    builder: auto::Builder<TokioExecutor>,
    certificates: Option<Arc<Certificates>>,
    clock: Arc<dyn Clock>,
}

impl<R> Connections<R>
where
    R: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    pub(super) fn new(routes: R, transport: &Transport, clock: Arc<dyn Clock>) -> Self {
        let timer = ClockTimer::new(clock.clone());
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(timer.clone())
            .header_read_timeout(NEXT_HEAD)
            .max_buf_size(transport.max_header_bytes);
        builder
            .http2()
            .timer(timer.clone())
            .max_header_list_size(u32::try_from(transport.max_header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER);
        Self { routes, builder, certificates: transport.certificates.clone(), clock }
    }

    /// Serves one connection to its end; once `stopping`, to the end of the requests that are in flight.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        stopping: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<R> {
        let (routes, builder) = (self.routes.clone(), self.builder.clone());
        let (certificates, clock) = (self.certificates.clone(), self.clock.clone());
        async move {
            // Answers are written whole; to wait for more of them only makes them late.
            let _ = stream.set_nodelay(true);
            let ended = match certificates {
                None => {
                    let peer = Peer { address, certificate: Certificate::NotAsked };
                    serve_on(stream, routes, peer, &builder, &stopping, clock).await
                }
                Some(certificates) => {
                    let handshake = certificates.accept(stream);
                    match until(&*clock, clock.now() + HANDSHAKE, handshake).await {
                        Some(Ok((stream, certificate))) => {
                            serve_on(
                                stream,
                                routes,
                                Peer { address, certificate },
                                &builder,
                                &stopping,
                                clock,
                            )
                            .await
                        }
                        Some(Err(error)) => Err(error.into()),
                        None => return,
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(client.address = %address, error, "a connection ended early");
            }
        }
    }
}

async fn serve_on<R, S>(
    stream: S,
    routes: R,
    peer: Peer,
    builder: &auto::Builder<TokioExecutor>,
    stopping: &CancellationToken,
    clock: Arc<dyn Clock>,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    R: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (ours, activity) = (Ours::default(), Activity::new(clock.clone()));
    let stream = Beginning::new(stream, activity.clone(), &*clock, NEXT_HEAD);
    let stream = RequestTargets::new(Refusals::new(Stalled::new(stream, clock.clone()), ours.clone(), clock));
    let answers = activity.clone();
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (answering, ours) = (answers.answering(), ours.clone());
        let is_last = request.version() < Version::HTTP_2 && answers.is_old();
        let answer = routes.clone().oneshot(request.map(Body::new));
        async move {
            let mut answer = answer.await?;
            drop(answering);
            if is_last {
                // To close it between two requests would cross the next one on its way.
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(ours.see(answer))
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stopping.cancelled() => {}
        () = activity.is_over() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = activity.is_left() => Err("its client does not take its answers".into()),
    }
}
