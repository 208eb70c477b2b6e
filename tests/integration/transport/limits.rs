//! What one connection may take.

use std::{sync::Arc, time::Duration};

use crate::harness::{
    Setup, pass_time,
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
