//! Clients that ask as fast as they are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use scim_bridge::clock::{Clock, SystemClock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends the requests, again and again, for that long, on so many connections; answers how long each took. It does nothing
/// but look for the end of an answer, so that it takes little from the server.
pub async fn load(address: &str, requests: Vec<String>, clients: usize, span: Duration) -> Vec<Duration> {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let deadline = SystemClock.now() + span;
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (requests, next, address) = (requests.clone(), next.clone(), address.to_owned());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut buffer = Vec::with_capacity(256 * 1024);
                let mut latencies = Vec::new();
                while SystemClock.now() < deadline {
                    let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
                    let sent = SystemClock.now();
                    stream.write_all(request.as_bytes()).await.unwrap();
                    read_answer(&mut stream, &mut buffer).await;
                    latencies.push(SystemClock.now().since(sent));
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await.unwrap());
    }
    latencies
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    let mut end = None;
    while end.is_none_or(|end| buffer.len() < end) {
        assert_ne!(stream.read_buf(buffer).await.unwrap(), 0, "the server hung up");
        end = end.or_else(|| end_of(buffer));
    }
}

/// Where the answer ends, once its headers are there.
fn end_of(answer: &[u8]) -> Option<usize> {
    let headers = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..headers]).unwrap();
    assert!(text.starts_with("HTTP/1.1 20"), "{}", String::from_utf8_lossy(answer));
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    Some(headers + 4 + length.expect("answers tell their length"))
}
