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
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    client::legacy::Client as HyperClient,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rstest::rstest;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use super::{
    IDP_TOKEN, app, head,
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

/// A target that answers with the trailers that it got, and with trailers of its own. Its answers are JSON that tells its length
/// where the path has `whole` in it, JSON that does not where it has `held`, and otherwise text that passes as it comes.
async fn with_trailers() -> (u16, String) {
    let (acceptor, certificate) = acceptor(&["127.0.0.1"], &["h2"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = service_fn(async |request: Request<Incoming>| {
        let path = request.uri().path().to_owned();
        let collected = request.into_body().collect().await.unwrap();
        let body = format!("{:?}", collected.trailers().map(shown).unwrap_or_default());
        let trailers = [("set-cookie", "a=b"), ("alt-svc", "h3"), ("x-checksum", "1"), ("x-checksum", "2")];
        let mut answer = Response::builder().status(200);
        if path.contains("whole") {
            answer = answer.header("content-length", body.len());
        }
        let media_type = if path.ends_with("plain") { "text/csv" } else { "application/json" };
        let frames = [Frame::data(Bytes::from(body)), Frame::trailers(headers(&trailers))];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
        Ok::<_, Infallible>(answer.header("content-type", media_type).body(body).unwrap())
    });
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (port, certificate)
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

fn shown(headers: &HeaderMap) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

#[rstest]
#[case::as_they_come("POST", "/odd/plain", "text/csv")]
#[case::of_a_json_stream("POST", "/Users/held", "application/json")]
#[case::of_json_that_is_read_first("PATCH", "/Users/held", "application/json")]
#[case::of_a_small_answer_with_a_length("POST", "/Users/whole", "application/json")]
#[tokio::test]
async fn trailers_pass_both_ways_but_for_what_would_not_pass_as_a_header(
    #[case] method: &str,
    #[case] below: &str,
    #[case] media_type: &str,
) {
    let (port, certificate) = with_trailers().await;
    let base_url = format!("https://127.0.0.1:{port}");
    let setup = Setup::memory().file("ca.pem", &certificate).config(&app(&base_url, "ca_file = 'ca.pem'"));
    let bridge = setup.start().await;
    let client = HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http();
    let trailers = [
        ("authorization", "Bearer idp"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "10.0.0.1"),
        ("content-length", "7"),
        ("x-checksum", "1"),
    ];
    let frames = [Frame::data(Bytes::from_static(b"{}")), Frame::trailers(headers(&trailers))];
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/passed/scim/v2{below}", bridge.root()))
        .header("authorization", format!("Bearer {IDP_TOKEN}"))
        .header("content-type", media_type)
        .body(StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>))));
    let answer = client.request(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().contains_key("content-length"), below.ends_with("whole"));
    let collected = answer.into_body().collect().await.unwrap();
    let trailers = collected.trailers().map(shown);
    assert_eq!(trailers.unwrap(), ["x-checksum: 1", "x-checksum: 2"]);
    assert_eq!(collected.to_bytes(), r#"["x-checksum: 1"]"#);
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
