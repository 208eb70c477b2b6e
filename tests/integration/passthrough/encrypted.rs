//! Targets behind TLS.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, Version};
use http_body_util::{Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use super::{
    app, head,
    wire::{Client, Message},
};
use crate::harness::{Setup, eventually};

/// How many pieces of bodies without an end were sent.
static PIECES: AtomicUsize = AtomicUsize::new(0);

/// A target with a certificate for these names that nobody knows; and that certificate in the form of PEM. It answers with the
/// version of HTTP that it is asked in; below `/endless` with a body without an end.
async fn target(names: &[&str], protocols: &[&str]) -> (u16, String) {
    let (acceptor, certificate) = acceptor(names, protocols);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(async |request: Request<Incoming>| {
                    let version = if request.version() == Version::HTTP_2 { "2" } else { "1.1" };
                    let host = request.uri().authority().map(ToString::to_string);
                    let body = format!("{version} {} {host:?}", request.uri().path());
                    let body = if request.uri().path().ends_with("/endless") {
                        let pieces = stream::repeat(Bytes::from_static(&[b' '; 0x4000]));
                        let pieces = pieces.inspect(|_| {
                            PIECES.fetch_add(1, Ordering::Relaxed);
                        });
                        BoxBody::new(StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))))
                    } else {
                        BoxBody::new(Full::new(Bytes::from(body)))
                    };
                    Ok::<_, Infallible>(Response::new(body))
                });
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (port, certificate)
}

/// What encrypts for these names, and its certificate.
fn acceptor(names: &[&str], protocols: &[&str]) -> (TlsAcceptor, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

async fn ask(base_url: &str, keys: &str, certificate: &str) -> Message {
    let setup = Setup::memory().file("ca.pem", certificate).config(&app(base_url, keys));
    let bridge = setup.start().await;
    let mut client = Client::connect(bridge.root()).await;
    client.send(head("GET", "/Users") + "\r\n").await;
    client.answer().await
}

#[tokio::test]
async fn http_2_goes_out_where_the_target_speaks_it_and_http_1_1_where_not() {
    for (protocols, version) in [(["h2", "http/1.1"].as_slice(), "2"), (&["http/1.1"], "1.1"), (&[], "1.1")] {
        let (port, certificate) = target(&["127.0.0.1"], protocols).await;
        let base_url = format!("https://127.0.0.1:{port}/scim/v2");
        let answer = ask(&base_url, "ca_file = 'ca.pem'", &certificate).await;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.starts_with(&format!("{version} /scim/v2/Users")), "{body}");
    }
}

/// A target that refuses the first stream of HTTP/2, or closes the connection before it, and takes the next; and its certificate.
async fn reluctant(closes: bool) -> (u16, String) {
    let (acceptor, certificate) = acceptor(&["127.0.0.1"], &["h2"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut is_refused = false;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            if closes && !is_refused {
                is_refused = true;
                // The last stream that it works on is none.
                connection.abrupt_shutdown(h2::Reason::NO_ERROR);
            }
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                if is_refused {
                    let answer = Response::builder().status(201).body(()).unwrap();
                    respond.send_response(answer, true).unwrap();
                } else {
                    is_refused = true;
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                }
            }
        }
    });
    (port, certificate)
}

#[tokio::test]
async fn a_write_that_the_target_says_it_has_not_begun_goes_out_once_more() {
    for closes in [false, true] {
        let (port, certificate) = reluctant(closes).await;
        let base_url = format!("https://127.0.0.1:{port}/scim/v2");
        let setup =
            Setup::memory().file("ca.pem", &certificate).config(&app(&base_url, "ca_file = 'ca.pem'"));
        let bridge = setup.start().await;
        let mut client = Client::connect(bridge.root()).await;
        let rest = "content-type: application/scim+json\r\ncontent-length: 2\r\n\r\n{}";
        client.send(head("POST", "/Users") + rest).await;
        assert_eq!(client.answer().await.status(), 201, "closes: {closes}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_in_words() {
    let (port, certificate) = target(&["127.0.0.1"], &["h2"]).await;
    let answer = ask(&format!("https://127.0.0.1:{port}"), "", &certificate).await;
    let detail = answer.error(502);
    assert!(
        detail.contains("no encrypted connection could be made to 127.0.0.1: invalid peer certificate"),
        "{detail}"
    );
    assert_eq!(answer.header("retry-after"), None);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (port, certificate) = target(&["elsewhere.example"], &["h2"]).await;
    let answer = ask(&format!("https://127.0.0.1:{port}"), "ca_file = 'ca.pem'", &certificate).await;
    let detail = answer.error(502);
    assert!(detail.contains("not valid for name"), "{detail}");
}

#[tokio::test]
async fn a_target_that_speaks_no_tls_is_told() {
    let target = super::Target::start().await;
    let answer = ask(&format!("https://{}", target.address()), "connect_timeout = '2s'", "").await;
    let detail = answer.error(502);
    assert!(detail.contains("no encrypted connection") || detail.contains("in time"), "{detail}");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody_else_on_the_same_connection() {
    let (port, certificate) = target(&["127.0.0.1"], &["h2"]).await;
    let base_url = format!("https://127.0.0.1:{port}/scim/v2");
    let keys = "ca_file = 'ca.pem'\nmax_answer_bytes = 1_000_000_000";
    let setup = Setup::memory().file("ca.pem", certificate).config(&app(&base_url, keys));
    let bridge = setup.start().await;
    let mut still = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(bridge.root()).await;
        client.send(head("GET", "/endless") + "\r\n").await;
        assert_eq!(client.reader.head().await.unwrap().status(), 200);
        still.push(client);
    }
    eventually("the target may send nothing more", async || {
        let before = PIECES.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(300)).await;
        before == PIECES.load(Ordering::Relaxed)
    })
    .await;
    for _ in 0..10 {
        let mut client = Client::connect(bridge.root()).await;
        client.send(head("GET", "/Users") + "\r\n").await;
        let answer = tokio::time::timeout(Duration::from_secs(10), client.answer()).await;
        assert_eq!(answer.expect("an answer beside those that stand still").status(), 200);
    }
}
