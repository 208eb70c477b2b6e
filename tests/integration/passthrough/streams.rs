//! Bodies without an end, clients without haste, and both versions of HTTP.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::{client::legacy::Client as HyperClient, rt::TokioExecutor};
use rstest::rstest;
use scim_bridge::clock::{ManualClock, Time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::task::AbortOnDropHandle;

use super::{IDP_TOKEN, Passed, app, head, wire::Reply};
use crate::harness::{Setup, as_time_passes, eventually};

#[tokio::test]
async fn what_a_target_sends_comes_as_it_is_sent() {
    let passed = Passed::start().await;
    let first = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{\"a\": 1,\r\n";
    passed.target.reply(Reply::Bytes(first.into()));
    let mut client = passed.connect().await;
    client.send(head("GET", "/Users") + "\r\n").await;
    assert_eq!(client.reader.head().await.unwrap().status(), 200);
    // The answer has no end yet.
    let mut received = Vec::new();
    while !received.ends_with(b"{\"a\": 1,\r\n") {
        received.extend(client.reader.some().await);
    }
}

#[tokio::test]
async fn an_answer_without_an_end_passes_for_as_long_as_the_client_reads() {
    for media_type in ["application/octet-stream", "application/json"] {
        let passed = Passed::with("max_answer_bytes = 1_000_000_000").await;
        let first =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = [b"8000\r\n".as_slice(), &[b' '; 0x8000], b"\r\n"].concat();
        passed.target.reply(Reply::Endless(first.into(), chunk));
        let mut client = passed.connect().await;
        client.send(head("GET", "/Users") + "\r\n").await;
        let mut received = 0;
        while received < 64 * 1024 * 1024 {
            received += client.reader.some().await.len();
        }
        drop(client);
        eventually("the end of the request to the target", async || passed.target.abandoned() == 1).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_nothing_for_longer_than_an_exchange_may_take() {
    let passed = Passed::with("total_timeout = '1s'").await;
    let first =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"8000\r\n".as_slice(), &[b' '; 0x8000], b"\r\n"].concat();
    passed.target.reply(Reply::Endless(first, chunk));
    let mut client = passed.connect().await;
    client.send(head("GET", "/Users") + "\r\n").await;
    eventually("the end of the request to the target", async || passed.target.abandoned() == 1).await;
    // Its place is free again although it still hangs there.
    assert_eq!(super::status(&passed).await["requests_under_way"], 0);
    assert_eq!(passed.get("/Users").await.status(), 204);
    drop(client);
}

/// The client is told at once, and not when nothing has come for too long.
#[tokio::test]
async fn an_answer_that_has_taken_as_long_as_an_exchange_may_breaks_off() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let keys = "total_timeout = '60s'\nidle_timeout = '10m'";
    let passed = Passed::with_clock(keys, Arc::new(clock.clone())).await;
    let half = "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: 10\r\n\r\nhalf";
    passed.target.reply(Reply::Bytes(half.into()));
    let mut client = passed.connect().await;
    client.send(head("GET", "/Users") + "\r\n").await;
    let answer = client.reader.head().await.unwrap();
    clock.advance(Duration::from_mins(1));
    let rest = tokio::time::timeout(Duration::from_secs(30), client.reader.rest_of_answer(answer)).await;
    assert!(rest.expect("an end").is_none());
}

/// Over HTTP/2 one connection asks for very many answers, and takes none of them.
#[rstest]
#[case::nothing_at_all(0)]
#[case::not_all(1_000)]
#[tokio::test]
async fn answers_that_nobody_takes_hold_their_places_for_as_long_as_an_exchange_may_take(
    #[case] window: u32,
) {
    const EACH: usize = 150;
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let keys = format!("total_timeout = '60s'\nmax_concurrent_requests = {}", 2 * EACH);
    let passed = Passed::with_clock(&keys, Arc::new(clock.clone())).await;
    let user = format!(r#"{{"userName":"{}"}}"#, "x".repeat(4_000));
    let mut untaken = Vec::new();
    for _ in 0..2 {
        let address = passed.bridge.root().trim_start_matches("http://");
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        let (sender, connection) =
            builder.initial_window_size(window).handshake::<_, Bytes>(stream).await.unwrap();
        let driving = AbortOnDropHandle::new(tokio::spawn(connection));
        let mut asked = Vec::new();
        for _ in 0..EACH {
            passed.target.reply(Reply::json(&user));
            let request = Request::get(format!("{}/Users", passed.base_url()))
                .header("authorization", format!("Bearer {IDP_TOKEN}"))
                .body(());
            let mut sender = sender.clone().ready().await.unwrap();
            asked.push(sender.send_request(request.unwrap(), true).unwrap().0);
        }
        let mut answers = Vec::new();
        for answer in asked {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            answers.push(answer);
        }
        untaken.push((driving, sender, answers));
    }
    assert_eq!(super::status(&passed).await["requests_under_way"], 2 * EACH);
    let asking = passed.get("/Users");
    as_time_passes(&clock, Duration::from_secs(1), asking).await.error(503);
    clock.advance(Duration::from_mins(1));
    eventually("the places are free", async || super::status(&passed).await["requests_under_way"] == 0).await;
    assert_eq!(passed.get("/Users").await.status(), 204);
    drop(untaken);
}

#[tokio::test]
async fn who_expects_to_be_told_to_go_on_is_told_so_when_the_target_takes_the_body() {
    let passed = Passed::start().await;
    let mut client = passed.connect().await;
    client
        .send(
            head("POST", "/odd")
                + "content-type: text/csv\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n",
        )
        .await;
    assert_eq!(client.reader.head().await.unwrap().line, "HTTP/1.1 100 Continue");
    client.send("body").await;
    assert_eq!(client.answer().await.status(), 204);
    let seen = &passed.target.seen()[0];
    assert_eq!((seen.body.as_slice(), seen.header("expect")), (b"body".as_slice(), None));
    // Who may not is told that instead.
    let mut client = passed.connect().await;
    client.send("POST /passed/scim/v2/odd HTTP/1.1\r\nhost: b\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    assert_eq!(client.reader.head().await.unwrap().status(), 401);
}

#[tokio::test]
async fn many_requests_follow_each_other_on_few_connections() {
    let passed = Passed::start().await;
    let mut client = passed.connect().await;
    for number in 0..50 {
        passed.target.reply(Reply::json(&format!(r#"{{"number":{number}}}"#)));
        client.send(head("GET", &format!("/Users/{number}")) + "\r\n").await;
        assert_eq!(client.answer().await.body, format!(r#"{{"number":{number}}}"#).into_bytes());
    }
    assert!(passed.target.connections() <= 2, "{}", passed.target.connections());
}

#[tokio::test]
async fn http_2_comes_in_as_well() {
    let passed = Passed::start().await;
    let client: HyperClient<_, Full<Bytes>> =
        HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http();
    let body = format!(r#"{{"meta":{{"location":"{}/Users/1"}}}}"#, passed.target.base_url());
    passed
        .target
        .reply(Reply::new("200 OK\r\netag: W/\"1\"\r\ncontent-type: application/scim+json", body.as_bytes()));
    let request = Request::builder()
        .method("PATCH")
        .uri(format!("{}/Users/1?a='%2f", passed.base_url()))
        .header("authorization", format!("Bearer {IDP_TOKEN}"))
        .header("content-type", "application/scim+json")
        .body(Full::from(r#"{"Operations":[]}"#));
    let answer = client.request(request.unwrap()).await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
    assert_eq!(answer.headers()["etag"], "W/\"1\"");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        String::from_utf8_lossy(&body),
        format!(r#"{{"meta":{{"location":"{}/Users/1"}}}}"#, passed.base_url())
    );
    let seen = &passed.target.seen()[0];
    assert_eq!(seen.line, "PATCH /scim/v2/Users/1?a='%2f HTTP/1.1");
    assert_eq!(seen.body, br#"{"Operations":[]}"#);
}

#[tokio::test]
async fn a_body_that_comes_slowly_goes_on_slowly() {
    // A target that reads byte by byte.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let bridge = Setup::memory().config(&app(&base_url, "")).start().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Infallible>(http_body::Frame::data(piece)), receiver))
    });
    let client = HyperClient::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("{}/passed/scim/v2/odd", bridge.root()))
        .header("authorization", format!("Bearer {IDP_TOKEN}"))
        .body(StreamBody::new(Box::pin(stream)));
    let answer = tokio::spawn(client.request(request.unwrap()));
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    for piece in ["one", "two"] {
        // Each is there before the next is sent.
        sender.send(piece.into()).await.unwrap();
        while !received.ends_with(format!("{piece}\r\n").as_bytes()) {
            assert!(connection.read_buf(&mut received).await.unwrap() > 0);
        }
    }
    drop(sender);
    connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), 204);
}

#[tokio::test]
async fn a_client_whose_body_breaks_off_leaves_no_whole_request_at_the_target() {
    let passed = Passed::start().await;
    for media_type in ["application/scim+json", "text/plain"] {
        let mut client = passed.connect().await;
        client
            .send(
                head("POST", "/Users")
                    + &format!("content-type: {media_type}\r\ncontent-length: 100\r\n\r\n{{"),
            )
            .await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(client);
    }
    assert_eq!(passed.get("/Users").await.status(), 204);
    let seen = passed.target.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// What is rewritten are hyper's own refusals alone.
#[tokio::test]
async fn a_body_that_looks_like_an_empty_refusal_comes_as_it_is() {
    let passed = Passed::start().await;
    let piece = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let length = 2_000 * piece.len();
    let first = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n");
    passed.target.reply(Reply::Endless(first.into(), piece.to_vec()));
    let mut client = passed.connect().await;
    client.send(head("GET", "/Users") + "\r\n").await;
    assert_eq!(client.reader.head().await.unwrap().status(), 200);
    let mut received = Vec::new();
    while received.len() < length {
        received.extend(client.reader.some().await);
    }
    assert!(received == piece.repeat(2_000));
}

/// Bodies that must be read as a whole share the memory; what is asked for in advance is given back.
#[tokio::test]
async fn small_bodies_whose_length_is_not_told_take_no_more_memory_than_they_need() {
    let passed = Passed::start().await;
    let mut waiting = Vec::new();
    for number in 0..20 {
        passed.target.reply(Reply::Silence);
        let mut client = passed.connect().await;
        client.send(head("PATCH", &format!("/Users/{number}"))).await;
        client.send("transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").await;
        waiting.push(client);
    }
    eventually("all are at the target", async || passed.target.connections() == 20).await;
}

#[tokio::test]
async fn who_waits_for_memory_that_nobody_gives_back_is_told_to_come_again() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("", Arc::new(clock.clone())).await;
    let mut halves = Vec::new();
    for number in 0..16 {
        let mut client = passed.connect().await;
        client.send(head("PATCH", &format!("/Users/{number}"))).await;
        client.send("expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n").await;
        assert_eq!(client.reader.head().await.unwrap().status(), 100);
        halves.push(client);
    }
    let asking = passed.send_json("PATCH", "/Users/16", "{}");
    let answer = as_time_passes(&clock, Duration::from_secs(1), asking).await;
    answer.error(503);
    assert!(answer.header("retry-after").is_some());
    drop(halves);
    eventually("there is memory again", async || {
        passed.send_json("PATCH", "/Users/16", "{}").await.status() == 204
    })
    .await;
}

/// HTTP/1.1 has none where the head says nothing of it.
#[tokio::test]
async fn the_body_of_a_read_that_tells_no_length_reaches_the_target() {
    let passed = Passed::start().await;
    for (method, media_type) in [("GET", "text/csv"), ("GET", "application/json"), ("HEAD", "text/csv")] {
        let rest = format!(
            "content-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{{  }}\r\n0\r\n\r\n"
        );
        assert_eq!(passed.send(method, "/Users", rest.as_bytes()).await.status(), 204);
        assert_eq!(passed.target.seen()[0].body, b"{  }", "{method} {media_type}");
    }
    passed.get("/Users").await;
    assert_eq!(passed.target.seen()[0].header("transfer-encoding"), None);
}

/// Nobody announces them over HTTP/2.
#[tokio::test]
async fn trailers_behind_a_body_that_is_read_first_reach_a_target_that_speaks_http_1_1() {
    let passed = Passed::start().await;
    let client = HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http();
    let trailers = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("x-checksum"),
        http::HeaderValue::from_static("1"),
    )]);
    let frames = [http_body::Frame::data(Bytes::from_static(b"{}")), http_body::Frame::trailers(trailers)];
    let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, Infallible>)));
    let request = Request::patch(format!("{}/Users/7", passed.base_url()))
        .header("authorization", format!("Bearer {IDP_TOKEN}"))
        .header("content-type", "application/json")
        .header("content-length", "2")
        .body(body);
    assert_eq!(client.request(request.unwrap()).await.unwrap().status(), 204);
    let seen = &passed.target.seen()[0];
    assert_eq!(seen.body, b"{}");
    assert_eq!(seen.trailers, [("x-checksum".to_owned(), b"1".to_vec())]);
}

#[tokio::test]
async fn a_digest_of_a_json_stream_whose_urls_may_change_goes_no_further() {
    let passed = Passed::start().await;
    let rest = "content-type: application/json\r\ncontent-digest: sha-256=:x:\r\ntransfer-encoding: chunked\r\n\r\n\
                2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(passed.send("POST", "/Users", rest.as_bytes()).await.status(), 204);
    assert_eq!(passed.target.seen()[0].header("content-digest"), None);
}

#[tokio::test]
async fn an_empty_answer_that_is_called_compressed_is_an_empty_answer() {
    let passed = Passed::start().await;
    let empty = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\
                 transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    passed.target.reply(Reply::Bytes(empty.into()));
    let answer = passed.send_json("PATCH", "/Users/7", "{}").await;
    assert_eq!((answer.status(), answer.body.as_slice()), (200, b"".as_slice()));
    assert_eq!(answer.header("content-encoding"), None);
}
