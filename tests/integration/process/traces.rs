//! What a collector of traces is told, byte by byte: nothing here knows how the bridge spells it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, routing::post};
use http::{HeaderMap, Method};

use super::{Installation, Server};
use crate::harness::{Answer, TOKEN, user};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER: &str = "00f067aa0ba902b7";

/// A span, as far as it is looked at. Ids are hexadecimal digits.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    failed: bool,
    attributes: BTreeMap<String, String>,
}

/// A collector that takes everything.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let told = collector.clone();
        let take = move |headers: HeaderMap, body: Bytes| async move {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            assert_eq!(headers["authorization"], "Bearer token-of-the-collector");
            told.0.lock().unwrap().extend(spans_of(&body));
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (collector, endpoint)
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().clone()
    }
}

/// The fields of a message of protobuf: numbers, and values.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            number |= u64::from(first & 0x7f) << shift;
            shift += 7;
            if first & 0x80 == 0 {
                return number;
            }
        }
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Number(u64::from_le_bytes(number.try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (field, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(field)
            }
            kind => panic!("a field of kind {kind}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

/// The values of a field that are messages or texts.
fn all(message: &[u8], number: u64) -> Vec<&[u8]> {
    let is_it = |(found, field)| match field {
        Field::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    };
    fields(message).into_iter().filter_map(is_it).collect()
}

fn number(message: &[u8], number: u64) -> Option<u64> {
    fields(message).into_iter().find_map(|(found, field)| match field {
        Field::Number(value) if found == number => Some(value),
        _ => None,
    })
}

fn text(message: &[u8], number: u64) -> String {
    all(message, number).first().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).unwrap_or_default()
}

fn hex(message: &[u8], number: u64) -> String {
    all(message, number).concat().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(message: &[u8], tag: u64) -> BTreeMap<String, String> {
    let read = |pair: &[u8]| {
        let value = all(pair, 2)[0];
        (text(pair, 1), number(value, 3).map_or_else(|| text(value, 1), |number| number.to_string()))
    };
    all(message, tag).into_iter().map(read).collect()
}

/// `ExportTraceServiceRequest`, by the numbers of opentelemetry-proto.
fn spans_of(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource_spans in all(request, 1) {
        let service = attributes(all(resource_spans, 1)[0], 1);
        assert_eq!(service["service.name"], "scim-bridge");
        for span in all(resource_spans, 2).into_iter().flat_map(|scope_spans| all(scope_spans, 2)) {
            assert!(number(span, 7).unwrap() <= number(span, 8).unwrap() && number(span, 7).unwrap() > 0);
            spans.push(Span {
                trace: hex(span, 1),
                id: hex(span, 2),
                parent: hex(span, 4),
                name: text(span, 5),
                kind: number(span, 6).unwrap(),
                failed: all(span, 15).first().is_some_and(|status| number(status, 3) == Some(2)),
                attributes: attributes(span, 9),
            });
        }
    }
    spans
}

/// The program, which tells that collector.
async fn serving(installation: &Installation, endpoint: &str) -> Server {
    let traces =
        format!("level = 'trace'\ntraces = {{ endpoint = '{endpoint}', token = 'token-of-the-collector' }}");
    installation.edit("level = 'trace'", &traces);
    installation.serve().await
}

async fn create(server: &Server, trace_parent: Option<&str>) {
    let request = reqwest::Client::new()
        .request(Method::POST, format!("{}/aha/scim/v2/Users", server.root))
        .bearer_auth(TOKEN)
        .header("content-type", "application/scim+json")
        .body(user("sam.doe@example.com").to_string());
    let request = match trace_parent {
        Some(trace_parent) => request.header("traceparent", trace_parent),
        None => request,
    };
    assert_eq!(Answer::of(request).await.status, 201);
}

/// What was told by the end of the program, but for what is asked to see whether it is ready.
async fn told(server: Server, collector: &Collector) -> Vec<Span> {
    server.wait_until_idle().await;
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));
    let is_probe = |span: &Span| matches!(span.name.as_str(), "GET /readyz" | "GET /status");
    collector.spans().into_iter().filter(|span| !is_probe(span)).collect()
}

#[tokio::test]
async fn one_trace_goes_from_the_request_through_the_queue_to_the_calls() {
    let (collector, endpoint) = Collector::start().await;
    let installation = Installation::new().await;
    let server = serving(&installation, &endpoint).await;
    installation.aha.take_calls();
    create(&server, Some(&format!("00-{TRACE}-{SENDER}-01"))).await;
    let calls = installation.aha.take_calls();
    let spans = told(server, &collector).await;
    let of = |name: &str| {
        let all: Vec<_> = spans.iter().filter(|span| span.trace == TRACE && span.name == name).collect();
        assert_eq!(all.len(), 1, "{name}: {spans:#?}");
        all[0]
    };
    let request = of("POST /Users");
    assert_eq!((request.parent.as_str(), request.kind, request.failed), (SENDER, 2, false));
    assert_eq!(request.attributes["http.response.status_code"], "201");
    let converge = of("converge");
    assert_eq!((&converge.parent, converge.kind), (&request.id, 1));
    assert_eq!(of("wait in the queue").parent, request.id);
    for (call, name) in calls.iter().zip(["GET /users", "POST /products/{workspace}/users"]) {
        let span = of(name);
        assert_eq!((&span.parent, span.kind), (&converge.id, 3));
        assert_eq!(span.attributes["url.template"], name.split_once(' ').unwrap().1);
        // What the target is sent is the place of the call itself.
        assert_eq!(call.trace_parent.as_deref(), Some(format!("00-{TRACE}-{}-01", span.id).as_str()));
    }
    assert_eq!(spans.iter().filter(|span| span.trace == TRACE).count(), 5, "{spans:#?}");
    let everything = format!("{spans:?}");
    assert!(!everything.contains("sam.doe") && !everything.contains(TOKEN), "{everything}");
}

#[tokio::test]
async fn a_request_without_a_trace_begins_one_and_one_that_is_not_recorded_is_not() {
    let (collector, endpoint) = Collector::start().await;
    let installation = Installation::new().await;
    let server = serving(&installation, &endpoint).await;
    create(&server, None).await;
    let url = format!("{}/aha/scim/v2/Users", server.root);
    let unrecorded = format!("00-{TRACE}-{SENDER}-00");
    let request = reqwest::Client::new().get(url).bearer_auth(TOKEN).header("traceparent", unrecorded);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    let spans = told(server, &collector).await;
    let request = spans.iter().find(|span| span.name == "POST /Users").unwrap();
    assert!(request.parent.is_empty() && request.trace != TRACE, "{request:?}");
    assert!(spans.iter().any(|span| span.name == "converge" && span.trace == request.trace), "{spans:#?}");
    assert!(spans.iter().all(|span| span.trace != TRACE), "{spans:#?}");
}

#[tokio::test]
async fn a_collector_that_is_down_holds_nothing_up() {
    let installation = Installation::new().await;
    let server = serving(&installation, "http://127.0.0.1:9").await;
    create(&server, None).await;
    server.wait_until_idle().await;
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.log.contains("spans could not be told to the collector of traces"), "{}", ended.log);
}
