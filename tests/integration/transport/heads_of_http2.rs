//! How large the head of a request over HTTP/2 may be, and what becomes of a client that goes on (RFC 9113 §10.5.1): what one
//! connection takes is bounded, and others are served.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue};
use rstest::rstest;
use scim_bridge::clock::{Clock, ManualClock, Time};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    harness::{Setup, TOKEN, pass_time, raw::Raw},
    process::{API_KEY, Installation},
};

/// Other than what the library would take for it.
const LIMIT: &str = "max_header_bytes = 32768";

/// What a client sends that never stops.
const FLOOD: usize = 64 << 20;

/// What it gets rid of before it finds that nobody reads any more: the buffers of two sockets among it.
const MOST: usize = 16 << 20;

async fn http2(root: &str) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(root.trim_start_matches("http://")).await.unwrap();
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    requests
}

async fn ask(requests: &mut SendRequest<Bytes>, root: &str, headers: HeaderMap) -> Result<u16, h2::Error> {
    let mut request = http::Request::get(format!("{root}/test/scim/v2/Users?count=0")).body(()).unwrap();
    *request.headers_mut() = headers;
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    let mut ready = requests.clone().ready().await?;
    let (answer, _) = ready.send_request(request, true)?;
    Ok(answer.await?.status().as_u16())
}

/// So many headers with values of so many bytes.
fn headers(number: usize, bytes: usize) -> HeaderMap {
    let value = HeaderValue::from_bytes(&vec![b'x'; bytes]).unwrap();
    (0..number)
        .map(|number| (HeaderName::try_from(format!("x-{number:05}")).unwrap(), value.clone()))
        .collect()
}

/// A header counts with 32 bytes beside its name and value (RFC 9113 §6.5.2).
#[rstest]
#[case::one_large(1, 28_000, 200)]
#[case::one_too_large(1, 36_000, 431)]
#[case::many_small(650, 8, 200)]
#[case::too_many_small(800, 8, 431)]
#[tokio::test]
async fn a_head_beyond_the_limit_is_refused_and_the_connection_goes_on(
    #[case] number: usize,
    #[case] bytes: usize,
    #[case] expected: u16,
) {
    let bridge = Setup::memory().server_keys(LIMIT).start().await;
    let mut requests = http2(bridge.root()).await;
    for _ in 0..3 {
        assert_eq!(ask(&mut requests, bridge.root(), headers(number, bytes)).await.unwrap(), expected);
        assert_eq!(ask(&mut requests, bridge.root(), HeaderMap::new()).await.unwrap(), 200);
    }
}

#[rstest]
#[case::one(1, 200_000)]
#[case::many(12_000, 8)]
#[tokio::test]
async fn a_head_many_times_the_limit_ends_its_connection_and_no_other(
    #[case] number: usize,
    #[case] bytes: usize,
) {
    let bridge = Setup::memory().server_keys(LIMIT).start().await;
    let [mut hostile, mut beside] = [http2(bridge.root()).await, http2(bridge.root()).await];
    ask(&mut hostile, bridge.root(), headers(number, bytes)).await.unwrap_err();
    ask(&mut hostile, bridge.root(), HeaderMap::new()).await.unwrap_err();
    assert_eq!(ask(&mut beside, bridge.root(), HeaderMap::new()).await.unwrap(), 200);
    let mut next = http2(bridge.root()).await;
    assert_eq!(ask(&mut next, bridge.root(), HeaderMap::new()).await.unwrap(), 200);
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What every client begins with.
fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[])].concat()
}

/// `GET /` of this authority, without what follows (RFC 7541): nothing of it goes into the table of what can be referred to.
const GET: &[u8] = b"\x82\x86\x84\x01\x06bridge";

/// The length of a text (RFC 7541 §5.1).
fn length(mut bytes: usize) -> Vec<u8> {
    if bytes < 127 {
        return vec![u8::try_from(bytes).unwrap()];
    }
    let mut length = vec![127];
    bytes -= 127;
    while bytes >= 128 {
        length.push(u8::try_from(bytes % 128).unwrap() | 128);
        bytes /= 128;
    }
    length.push(u8::try_from(bytes).unwrap());
    length
}

/// A header `x-a` whose value is told to have so many bytes; `prefix`: whether it can be referred to.
fn literal(prefix: u8, told: usize, sent: usize) -> Vec<u8> {
    [&[prefix, 3], b"x-a".as_slice(), &length(told), &vec![b'x'; sent]].concat()
}

const NEVER_REFERRED_TO: u8 = 0;
const REFERRED_TO: u8 = 0x40;

/// What goes into the table as the newest.
const NEWEST: u8 = 0x80 | 62;

/// What a hostile client sends, one piece after the other.
#[derive(Clone, Copy, Debug)]
enum Flood {
    /// A head that goes on and on.
    Continuations,
    /// The same with nothing in it.
    EmptyContinuations,
    /// One header that is told to have a gigabyte.
    OneValue,
    /// A large header once, and then references to it of one byte each.
    References,
    /// Heads that are a little too large, of which nobody reads the answer.
    TooLargeAgainAndAgain,
    /// A head that is in order, and trailers that are not.
    Trailers,
}

impl Flood {
    fn piece(self, number: u32) -> Vec<u8> {
        let full = literal(NEVER_REFERRED_TO, 16_000, 16_000);
        let stream = 2 * number + 1;
        let with_references = |references: usize| {
            let large = if number == 0 { literal(REFERRED_TO, 3_900, 3_900) } else { Vec::new() };
            [GET, &large, &vec![NEWEST; references]].concat()
        };
        match (self, number) {
            (Self::Continuations, 0) => frame(HEADERS, END_STREAM, 1, &[GET, &full].concat()),
            (Self::Continuations, _) => frame(CONTINUATION, 0, 1, &full),
            (Self::EmptyContinuations, 0) => frame(HEADERS, END_STREAM, 1, GET),
            (Self::EmptyContinuations, _) => frame(CONTINUATION, 0, 1, &[]),
            (Self::OneValue, 0) => {
                let value = literal(NEVER_REFERRED_TO, 1 << 30, 1_000);
                frame(HEADERS, END_STREAM, 1, &[GET, &value].concat())
            }
            (Self::OneValue, _) => frame(CONTINUATION, 0, 1, &[b'x'; 16_000]),
            (Self::References, _) => {
                frame(HEADERS, END_STREAM | END_HEADERS, stream, &with_references(12_000))
            }
            (Self::TooLargeAgainAndAgain, _) => {
                frame(HEADERS, END_STREAM | END_HEADERS, stream, &with_references(9))
            }
            (Self::Trailers, 0) => [frame(HEADERS, END_HEADERS, 1, GET), frame(DATA, 0, 1, b"{}")].concat(),
            (Self::Trailers, 1) => frame(HEADERS, END_STREAM, 1, &full),
            (Self::Trailers, _) => frame(CONTINUATION, 0, 1, &full),
        }
    }

    /// Sends until nobody takes it any more: how many bytes went. The connection is to be kept for as long as it is to be open.
    async fn run(self, root: &str, most: usize) -> (usize, TcpStream) {
        let mut stream = TcpStream::connect(root.trim_start_matches("http://")).await.unwrap();
        let (mut sent, mut pieces) = (0, (0..).map(|number| self.piece(number)));
        let mut next = preface();
        while sent < most {
            // Small pieces go together.
            while next.len() < 16_000.min(most) {
                next.extend(pieces.next().unwrap());
            }
            if stream.write_all(&next).await.is_err() {
                break;
            }
            sent += next.len();
            next.clear();
        }
        (sent, stream)
    }
}

#[rstest]
#[case(Flood::Continuations)]
#[case(Flood::EmptyContinuations)]
#[case(Flood::OneValue)]
#[case(Flood::References)]
#[case(Flood::TooLargeAgainAndAgain)]
#[case(Flood::Trailers)]
#[tokio::test]
async fn a_client_that_sends_heads_without_end_is_cut_off_and_the_next_is_served(#[case] flood: Flood) {
    let bridge = Setup::memory().server_keys(LIMIT).start().await;
    let (sent, _) = tokio::time::timeout(Duration::from_secs(60), flood.run(bridge.root(), FLOOD))
        .await
        .expect("it is cut off, and not left to wait");
    assert!(sent < MOST, "{sent} bytes were taken");
    let mut next = http2(bridge.root()).await;
    assert_eq!(ask(&mut next, bridge.root(), HeaderMap::new()).await.unwrap(), 200);
}

/// Memory is that of a process of its own.
#[tokio::test]
async fn heads_without_end_and_heads_that_are_never_ended_take_little_memory() {
    let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), "").await;
    let file = installation.folder().join("bridge.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("level = 'trace'", "level = 'info'");
    std::fs::write(&file, text).unwrap();
    let server = installation.serve().await;
    let floods = [
        Flood::Continuations,
        Flood::EmptyContinuations,
        Flood::OneValue,
        Flood::References,
        Flood::TooLargeAgainAndAgain,
        Flood::Trailers,
    ];
    let before = server.process.resident_bytes();
    // Those that are cut off, and those that wait for more.
    let mut held = Vec::new();
    for _ in 0..20 {
        for flood in floods {
            assert!(flood.run(&server.root, FLOOD).await.0 < MOST);
            for _ in 0..2 {
                held.push(flood.run(&server.root, 60_000).await);
            }
        }
    }
    assert_eq!(held.len(), 240);
    // With the log's lines in between everything that was sent was read.
    let ready = reqwest::get(format!("{}/readyz", server.root)).await.unwrap();
    assert_eq!(ready.status(), 200);
    let taken = server.process.resident_bytes().saturating_sub(before);
    assert!(taken < 96 << 20, "{taken} bytes");
}

#[tokio::test]
async fn a_client_that_never_ends_the_head_of_its_request_is_cut_off() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let mut slow = Raw::connect(&bridge).await;
    slow.send([preface(), frame(HEADERS, END_STREAM, 1, GET)].concat()).await;
    let started = clock.now();
    let closed = tokio::spawn(slow.closed());
    pass_time(&clock, Duration::from_secs(5), "the connection is closed", async || closed.is_finished())
        .await;
    assert!(clock.now().since(started) <= Duration::from_secs(120));
}
