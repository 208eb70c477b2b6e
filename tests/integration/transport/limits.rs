//! What one connection may take.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use rstest::rstest;
use tokio::{net::TcpStream, task::JoinHandle};

use crate::harness::{
    Bridge, Setup, pass_time,
    raw::{Raw, head},
};
use scim_bridge::clock::{Clock, ManualClock, Time};

fn manual_clock() -> ManualClock {
    ManualClock::new(Time::from_micros(1_700_000_000_000_000))
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused_and_one_below_it_is_not() {
    let bridge = Setup::memory().server_keys("max_header_bytes = 16384").start().await;
    let with_padding = |bytes| format!("{}X-Padding: {}\r\n\r\n", head("GET", "/Users"), "x".repeat(bytes));
    let mut small = Raw::connect(&bridge).await;
    small.send(with_padding(12_000)).await;
    assert_eq!(small.answer().await.status, 200);
    let mut large = Raw::connect(&bridge).await;
    large.send(with_padding(20_000)).await;
    // Whoever expects JSON is not told in another way.
    let detail = large.answer().await.error(431, "").to_owned();
    assert!(detail.contains("max_header_bytes"), "{detail}");
}

#[tokio::test]
async fn a_client_that_never_ends_the_head_of_its_request_is_cut_off() {
    let clock = manual_clock();
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let mut slow = Raw::connect(&bridge).await;
    slow.send("GET /healthz HTTP/1.1\r\nHost: a\r\n").await;
    let started = clock.now();
    let closed = tokio::spawn(slow.closed());
    pass_time(&clock, Duration::from_secs(5), "the connection is closed", async || closed.is_finished())
        .await;
    assert!(clock.now().since(started) <= Duration::from_secs(90));
    closed.await.unwrap();
}

#[rstest]
#[case::nothing("")]
#[case::a_part_of_the_preface("PRI * HTTP/2.0\r\n")]
#[tokio::test]
async fn a_client_that_does_not_say_which_version_it_speaks_is_cut_off(#[case] beginning: &str) {
    let clock = manual_clock();
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let mut silent = Raw::connect(&bridge).await;
    silent.send(beginning).await;
    let started = clock.now();
    let closed = tokio::spawn(silent.closed());
    pass_time(&clock, Duration::from_secs(5), "the connection is closed", async || closed.is_finished())
        .await;
    assert!(clock.now().since(started) <= Duration::from_secs(90));
    closed.await.unwrap();
}

/// Answers to pings come from the client's library; it opens no window.
async fn http2(bridge: &Bridge) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(bridge.root().trim_start_matches("http://")).await.unwrap();
    let (requests, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
    (requests, tokio::spawn(connection))
}

#[tokio::test]
async fn an_http_2_client_that_only_answers_pings_gives_its_place_back() {
    let clock = manual_clock();
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let (_requests, ended) = http2(&bridge).await;
    let started = clock.now();
    pass_time(&clock, Duration::from_secs(5), "the connection is closed", async || ended.is_finished()).await;
    assert!(clock.now().since(started) <= Duration::from_secs(120));
}

#[tokio::test]
async fn an_http_2_client_that_takes_none_of_its_answers_is_cut_off() {
    let clock = manual_clock();
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let (mut requests, ended) = http2(&bridge).await;
    let mut answers = Vec::new();
    for _ in 0..256 {
        let request = http::Request::get(format!("{}/healthz", bridge.root())).body(()).unwrap();
        requests = requests.ready().await.unwrap();
        let (answer, _) = requests.send_request(request, true).unwrap();
        answers.push(answer);
    }
    let answers = futures_util::future::try_join_all(answers).await.unwrap();
    assert!(answers.iter().all(|answer| answer.status() == 200 && !answer.body().is_end_stream()));
    let started = clock.now();
    pass_time(&clock, Duration::from_secs(5), "the connection is closed", async || ended.is_finished()).await;
    assert!(clock.now().since(started) <= Duration::from_secs(120));
}

/// What was found out when it was opened, such as who made the client's certificate, does not count for ever.
#[tokio::test]
async fn no_connection_grows_old() {
    let clock = manual_clock();
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let mut connection = Raw::connect(&bridge).await;
    let mut minutes = 0;
    loop {
        connection.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 200);
        if answer.header("connection") == "close" {
            break;
        }
        clock.advance(Duration::from_secs(60));
        minutes += 1;
    }
    assert_eq!(minutes, 30);
    assert!(connection.closed().await.is_empty());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_others_are_closed() {
    let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let bridge = Setup::memory().server_keys("max_connections = 10").start().await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut connection = Raw::connect(&bridge).await;
        connection.send(health).await;
        assert_eq!(connection.answer().await.status, 200);
        open.push(connection);
    }
    let mut further: Vec<_> = Vec::new();
    for _ in 0..3 {
        let mut connection = Raw::connect(&bridge).await;
        connection.send(health).await;
        further.push(tokio::spawn(async move { connection.answer().await.status }));
    }
    for _ in 0..20 {
        open[0].send(health).await;
        assert_eq!(open[0].answer().await.status, 200);
    }
    assert!(!further.iter().all(|answer| answer.is_finished()));
    drop(open);
    for answer in further {
        assert_eq!(answer.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn requests_in_flight_are_finished_when_the_bridge_stops_and_idle_connections_are_closed() {
    let mut bridge = Setup::memory().start().await;
    let mut idle = Raw::connect(&bridge).await;
    idle.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200);
    bridge.stop().await;
    assert!(idle.rest().await.is_empty());
}
