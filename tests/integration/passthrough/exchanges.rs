//! A thousand generated exchanges, each made directly with the target and through the bridge, a quarter of them there over HTTP/2:
//! what the target gets and what the client gets must be the same, but for what the bridge states that it changes.

use std::{
    convert::Infallible,
    fmt::Write,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, uri::PathAndQuery};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use scim_bridge::{
    clock::{Clock, SystemClock},
    store::passed_revocations,
};

use super::{
    IDP_TOKEN, Passed, TARGET_TOKEN,
    urls::coded,
    wire::{Client, Message, Reply},
};

/// How many exchanges are made.
const EXCHANGES: u64 = 1_000;

/// Stands for the base URL in a body: where it must be replaced, and where it must not.
const REPLACED: &str = "\u{1}";
const KEPT: &str = "\u{2}";

#[tokio::test]
async fn a_thousand_generated_exchanges_are_the_same_through_the_bridge_as_without_it() {
    let passed = Passed::start().await;
    // What is generated takes access at random.
    let until = SystemClock.now() + Duration::from_hours(24);
    let store = passed.bridge.store().await;
    let lifted = store.write(move |transaction| {
        Box::pin(async move { passed_revocations::lift(transaction, "passed", until).await })
    });
    lifted.await.unwrap();
    let seed = std::env::var("EXCHANGES_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32);
    println!("EXCHANGES_SEED={seed} makes the same exchanges again");
    let http_2 = HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http();
    for number in 0..EXCHANGES {
        let exchange = Exchange::generate(&mut Random(seed.wrapping_mul(1_000_003).wrapping_add(number) | 1));
        let what = || {
            let (request, reply) = (&exchange.request, &exchange.reply);
            format!(
                "exchange {number} of EXCHANGES_SEED={seed}: {} {} {}",
                request.method, request.below, reply.status
            )
        };
        let bases = (passed.target.base_url(), passed.base_url());

        let (request, reply) = (
            exchange.request.bytes(&bases.0, TARGET_TOKEN, "/scim/v2"),
            exchange.reply.bytes(&bases.0, &exchange.request.method),
        );
        let direct = exchange.run(&passed, passed.target.address(), request, reply.clone()).await;
        let is_http_2 = number % 4 == 3;
        let through = if is_http_2 {
            exchange.run_http_2(&passed, &http_2, reply).await
        } else {
            let request = exchange.request.bytes(&bases.1, IDP_TOKEN, "/passed/scim/v2");
            exchange.run(&passed, passed.bridge.root(), request, reply).await
        };

        let (Some(mut direct), Some(through)) = (direct, through) else { panic!("no answer to {}", what()) };
        if is_http_2 {
            // It has no reason phrases; and trailers come without being asked for.
            direct.1.line = format!("HTTP/2 {}", exchange.reply.status);
        }
        for message in [&through.0, &through.1] {
            let length = message.header("content-length").filter(|_| !message.body.is_empty());
            assert!(
                length.is_none_or(|length| length == message.body.len().to_string()),
                "{message:?} of {}",
                what()
            );
        }
        if direct.0.header("content-length").is_some() {
            assert!(through.0.header("content-length").is_some(), "{:?} of {}", through.0, what());
        }
        let expected = expected_request(direct.0, &exchange, &bases);
        same("the target gets", through.0, expected, &what());
        let mut answer = through.1;
        assert!(answer.header("x-request-id").is_some(), "{answer:?} of {}", what());
        if exchange.leads_elsewhere(&direct.1) {
            assert_eq!(answer.status(), 502, "{answer:?} of {}", what());
            if exchange.request.method != "HEAD" {
                assert!(answer.error(502).contains("which is not followed"), "{answer:?} of {}", what());
            }
            continue;
        }
        if direct.1.header("content-length").is_some() && direct.1.body.len() <= 64 * 1024 {
            assert!(answer.header("content-length").is_some(), "{answer:?} of {}", what());
        }
        let expected = expected_answer(direct.1, &exchange, &bases);
        answer.headers.retain(|(name, _)| name != "x-request-id");
        if is_http_2 && !exchange.request.takes_trailers {
            answer.trailers.clear();
        }
        same("the client gets", answer, expected, &what());
    }
}

/// Asserts that two messages are the same, and shows where they are not.
#[track_caller]
fn same(who: &str, message: Message, expected: Message, what: &str) {
    let (message, expected) = (shown(&comparable(message)), shown(&comparable(expected)));
    let around = |text: &str, place: usize| {
        let characters = text.chars().skip(place.saturating_sub(200)).take(400);
        characters.collect::<String>()
    };
    if let Some(place) = message.chars().zip(expected.chars()).position(|(one, other)| one != other) {
        panic!("{who}:\n{}\ninstead of\n{}\n{what}", around(&message, place), around(&expected, place));
    }
    assert_eq!(message.len(), expected.len(), "{who}:\n{message}\ninstead of\n{expected}\n{what}");
}

/// What the target is to get, given what it gets directly.
fn expected_request(mut request: Message, exchange: &Exchange, bases: &(String, String)) -> Message {
    let named: Vec<String> = exchange.request.named_by_connection.clone();
    request.headers.retain(|(name, _)| {
        ![
            "cookie",
            "forwarded",
            "via",
            "x-forwarded-for",
            "x-real-ip",
            "keep-alive",
            "expect",
            "proxy-authorization",
            "te",
        ]
        .contains(&name.as_str())
            && !named.contains(name)
    });
    if exchange.request.takes_trailers {
        request.headers.push(("te".to_owned(), b"trailers".to_vec()));
    }
    if let Some(body) = &exchange.request.body {
        // The client wrote the bridge's URLs, of which those at certain keys are turned back.
        if body.is_json && body.has_urls() {
            request.headers.retain(|(name, _)| name != "content-encoding");
            request.body = body.bytes_with(&bases.0, &bases.1);
        } else {
            request.body = body.coded(&bases.1);
        }
    }
    request
}

/// What the client is to get, given what it gets directly.
fn expected_answer(mut answer: Message, exchange: &Exchange, bases: &(String, String)) -> Message {
    answer.headers.retain(|(name, _)| {
        !["set-cookie", "alt-svc", "keep-alive", "strict-transport-security"].contains(&name.as_str())
    });
    for (name, value) in &mut answer.headers {
        if ["location", "content-location"].contains(&name.as_str()) {
            let text = String::from_utf8_lossy(value).into_owned();
            if let Some(below) = text.strip_prefix(&bases.0) {
                *value = format!("{}{below}", bases.1).into_bytes();
            }
        }
    }
    if exchange.reply.body.is_json
        && exchange.reply.has_body(&exchange.request.method)
        && !answer.body.is_empty()
    {
        if exchange.reply.body.coding.is_some() {
            // What is said behind it is said of the coded bytes.
            answer.trailers.clear();
        }
        answer.headers.retain(|(name, _)| name != "content-encoding");
        answer.body = exchange.reply.body.bytes_with(&bases.1, &bases.0);
    }
    if !exchange.request.takes_trailers {
        // Who does not ask for trailers gets none (RFC 9110 §6.5.1).
        answer.trailers.clear();
    }
    answer
}

/// A message in the form in which two are compared: without what is of one connection alone, and with its headers by name. The
/// order of values of one header is kept, that of different headers means nothing (RFC 9110 §5.3).
fn comparable(mut message: Message) -> Message {
    let framing = ["connection", "transfer-encoding", "host", "authorization", "content-length"];
    message.headers.retain(|(name, _)| !framing.contains(&name.as_str()));
    if message.trailers.is_empty() {
        message.headers.retain(|(name, _)| name != "trailer");
    }
    message.headers.sort_by(|one, other| one.0.cmp(&other.0));
    message.line = message.line.replace(" /passed/scim/v2", " /scim/v2");
    message
}

fn shown(message: &Message) -> String {
    let mut text = format!("{}\n", message.line);
    for (name, value) in &message.headers {
        let _ = writeln!(text, "{name}: {}", value.escape_ascii());
    }
    let _ = writeln!(text, "\n{}", message.body.escape_ascii());
    for (name, value) in &message.trailers {
        let _ = writeln!(text, "{name}: {}", value.escape_ascii());
    }
    text
}

struct Exchange {
    request: Request,
    reply: Answer,
}

impl Exchange {
    fn generate(random: &mut Random) -> Self {
        let request = Request::generate(random);
        let reply = Answer::generate(random);
        Self { request, reply }
    }

    /// Whether this answer, which the target gave, leads out of its base.
    fn leads_elsewhere(&self, answer: &Message) -> bool {
        let is_redirect = matches!(self.reply.status, 301 | 302 | 303 | 307 | 308);
        is_redirect && answer.header("location").is_some_and(|location| location.contains("elsewhere"))
    }

    /// The same as [`Exchange::run`], through the bridge over HTTP/2.
    async fn run_http_2(
        &self,
        passed: &Passed,
        client: &HyperClient<HttpConnector, UnsyncBoxBody<Bytes, Infallible>>,
        reply: Reply,
    ) -> Option<(Message, Message)> {
        passed.target.seen();
        passed.target.reply(reply);
        let answer = client
            .request(self.request.http_2(&passed.base_url()))
            .await
            .inspect_err(|error| println!("{error:?}"))
            .ok()?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.inspect_err(|error| println!("{error:?}")).ok()?;
        let lines = |headers: &HeaderMap| {
            let lines = headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
            lines.collect::<Vec<_>>()
        };
        let answer = Message {
            line: format!("HTTP/2 {}", parts.status.as_u16()),
            headers: lines(&parts.headers),
            trailers: body.trailers().map(lines).unwrap_or_default(),
            body: body.to_bytes().to_vec(),
        };
        let seen = passed.target.seen();
        assert_eq!(seen.len(), 1, "{answer:?}");
        Some((seen.into_iter().next()?, answer))
    }

    /// What the target saw and what the client got.
    async fn run(
        &self,
        passed: &Passed,
        address: &str,
        request: Vec<u8>,
        reply: Reply,
    ) -> Option<(Message, Message)> {
        passed.target.seen();
        passed.target.reply(reply);
        let mut client = Client::connect(address).await;
        client.send(request).await;
        let answer = client.reader.answer(self.request.method == "HEAD").await?;
        let seen = passed.target.seen();
        assert_eq!(seen.len(), 1, "{answer:?}");
        Some((seen.into_iter().next()?, answer))
    }
}

struct Request {
    method: String,
    below: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Body>,
    named_by_connection: Vec<String>,
    takes_trailers: bool,
}

impl Request {
    fn generate(random: &mut Random) -> Self {
        let method = random.of(&[
            "GET",
            "GET",
            "GET",
            "POST",
            "PUT",
            "PATCH",
            "DELETE",
            "HEAD",
            "OPTIONS",
            "PURGE",
            "M-SEARCH",
            "patch",
            "x!#$%&'*+.^_`|~1",
        ]);
        let below = loop {
            let below = path_and_query(random);
            if format!("/scim/v2{below}").parse::<PathAndQuery>().is_ok() {
                break below;
            }
        };
        let mut headers = any_headers(
            random,
            &[
                ("cookie", "a=b"),
                ("x-forwarded-for", "10.0.0.1"),
                ("forwarded", "for=10.0.0.1"),
                ("via", "1.1 proxy"),
                ("x-real-ip", "10.0.0.1"),
                ("proxy-authorization", "Basic eA=="),
                ("keep-alive", "timeout=5"),
                ("if-match", "W/\"1\""),
                ("if-none-match", "*"),
                ("accept", "application/scim+json, */*;q=0.1"),
                ("accept-encoding", "gzip;q=0.5, identity"),
                ("user-agent", "Okta SCIM Client 1.0.0"),
                ("prefer", "return=minimal"),
            ],
        );
        let mut named_by_connection = Vec::new();
        if random.one_in(6) {
            named_by_connection.push("x-hop".to_owned());
            headers.push(("connection".to_owned(), b"x-hop".to_vec()));
            headers.push(("X-Hop".to_owned(), b"1".to_vec()));
        }
        let takes_trailers = random.one_in(4);
        if takes_trailers {
            headers.push(("te".to_owned(), b"trailers".to_vec()));
        }
        // Hardly any read has one.
        let may_have_body = !["GET", "HEAD"].contains(&method) || random.one_in(4);
        let body = (may_have_body && !random.one_in(4)).then(|| Body::generate(random));
        Self { method: method.to_owned(), below, headers, body, named_by_connection, takes_trailers }
    }

    fn bytes(&self, base_url: &str, token: &str, prefix: &str) -> Vec<u8> {
        let mut bytes = format!(
            "{} {prefix}{} HTTP/1.1\r\nHost: somewhere.example\r\nAuthorization: Bearer {token}\r\n",
            self.method, self.below
        )
        .into_bytes();
        write_headers(&mut bytes, &self.headers);
        match &self.body {
            Some(body) => body.write(&mut bytes, base_url),
            None => bytes.extend_from_slice(b"\r\n"),
        }
        bytes
    }
}

impl Request {
    /// The request for HTTP/2, which has nothing of what belongs to one connection.
    fn http_2(&self, base_url: &str) -> http::Request<UnsyncBoxBody<Bytes, Infallible>> {
        let mut headers = HeaderMap::new();
        let lines = self.headers.iter().chain(self.body.iter().flat_map(|body| &body.headers));
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            let is_of_connection = ["connection", "keep-alive", "x-hop"].contains(&name.as_str());
            if !is_of_connection {
                headers.append(name, HeaderValue::from_bytes(value).unwrap());
            }
        }
        headers.insert("authorization", format!("Bearer {IDP_TOKEN}").parse().unwrap());
        let mut frames = Vec::new();
        if let Some(body) = &self.body {
            let bytes = body.coded(base_url);
            if body.framing == Framing::Length {
                headers.insert("content-length", bytes.len().into());
            }
            // Who sends thousands of tiny frames at once is taken for an attacker, and the connection is ended.
            let chunk = body.chunk.max(bytes.len().div_ceil(MOST_FRAMES));
            frames.extend(bytes.chunks(chunk).map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk)))));
            if body.framing == Framing::ChunksAndTrailers {
                let trailers = HeaderMap::from_iter([(TRAILER, HeaderValue::from_static("1"))]);
                headers.insert("trailer", HeaderValue::from_static("x-trailer"));
                frames.push(Ok(Frame::trailers(trailers)));
            }
        }
        let body = match frames.is_empty() {
            true => http_body_util::Empty::new().boxed_unsync(),
            false => StreamBody::new(stream::iter(frames)).boxed_unsync(),
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = Method::from_bytes(self.method.as_bytes()).unwrap();
        *request.uri_mut() = format!("{base_url}{}", self.below).parse().unwrap();
        *request.headers_mut() = headers;
        request
    }
}

/// In how many frames a body comes over HTTP/2 at the most.
const MOST_FRAMES: usize = 500;

const TRAILER: HeaderName = HeaderName::from_static("x-trailer");

struct Answer {
    status: u16,
    reason: &'static str,
    headers: Vec<(String, Vec<u8>)>,
    interim: bool,
    body: Body,
}

impl Answer {
    fn generate(random: &mut Random) -> Self {
        let status = random.of(&[
            200, 200, 200, 200, 201, 202, 203, 204, 207, 218, 299, 301, 302, 303, 304, 307, 308, 400, 401,
            403, 404, 405, 409, 412, 413, 418, 422, 429, 451, 499, 500, 501, 502, 503, 504, 507, 599, 799,
        ]);
        let reason = random.of(&["OK", "", "Something Else Entirely"]);
        let mut headers = any_headers(
            random,
            &[
                ("set-cookie", "a=b"),
                ("alt-svc", "h3=\":443\""),
                ("strict-transport-security", "max-age=1"),
                ("keep-alive", "timeout=5"),
                ("etag", "W/\"7\""),
                ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"),
                ("retry-after", "120"),
                ("www-authenticate", "Bearer realm=\"target\""),
                ("x-ratelimit-remaining", "0"),
                ("location", "https://elsewhere.example/Users/1"),
                ("cache-control", "no-store"),
                ("server", "nobody/0"),
                ("vary", "accept"),
            ],
        );
        if random.one_in(3) {
            headers.push(("Location".to_owned(), format!("{REPLACED}/Users/1?a=b#c").into_bytes()));
        }
        let mut body = Body::generate(random);
        if random.one_in(6) {
            body.framing = Framing::UntilTheEnd;
        }
        Self { status, reason, headers, interim: random.one_in(8), body }
    }

    fn has_body(&self, method: &str) -> bool {
        method != "HEAD" && !matches!(self.status, 204 | 304)
    }

    fn bytes(&self, base_url: &str, method: &str) -> Reply {
        let mut bytes = Vec::new();
        if self.interim {
            bytes.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
        }
        bytes.extend_from_slice(
            format!("HTTP/1.1 {} {}\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n", self.status, self.reason)
                .as_bytes(),
        );
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let text = value.iter().flat_map(|byte| match byte {
                    1 => base_url.as_bytes().to_vec(),
                    byte => vec![*byte],
                });
                (name.clone(), text.collect())
            })
            .collect();
        write_headers(&mut bytes, &headers);
        if matches!(self.status, 204 | 304) {
            bytes.extend_from_slice(b"\r\n");
            return Reply::Bytes(bytes);
        }
        let mut whole = Vec::new();
        self.body.write(&mut whole, base_url);
        if method == "HEAD" {
            // The body begins behind the first empty line, which may be all that there is of the head.
            let end = match whole.strip_prefix(b"\r\n") {
                Some(_) => 2,
                None => whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4,
            };
            whole.truncate(end);
        }
        bytes.extend_from_slice(&whole);
        match self.body.framing {
            Framing::UntilTheEnd => Reply::BytesAndEnd(bytes),
            _ => Reply::Bytes(bytes),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
    ChunksAndTrailers,
    /// Of answers alone.
    UntilTheEnd,
}

struct Body {
    /// `Content-Type` and `Content-Encoding`.
    headers: Vec<(String, Vec<u8>)>,
    is_json: bool,
    coding: Option<&'static str>,
    /// With [`REPLACED`] and [`KEPT`] in it.
    template: Vec<u8>,
    framing: Framing,
    chunk: usize,
}

impl Body {
    fn generate(random: &mut Random) -> Self {
        let framing =
            random.of(&[Framing::Length, Framing::Length, Framing::Chunks, Framing::ChunksAndTrailers]);
        let (media_type, is_json, template) = match random.below(5) {
            0 | 1 => (
                Some(random.of(&[
                    "application/scim+json",
                    "application/json; charset=utf-8",
                    "Application/Problem+JSON",
                ])),
                true,
                json(random).into_bytes(),
            ),
            2 => (Some(random.of(&["application/json", "text/json"])), true, random.bytes(200)),
            3 => (
                Some(random.of(&["application/octet-stream", "text/plain", "text/csv; header=present"])),
                false,
                json(random).into_bytes(),
            ),
            _ => (None, false, random.bytes(5_000)),
        };
        let coding = random.one_in(5).then(|| random.of(&["gzip", "deflate", "br", "zstd"]));
        // Text that looks like JSON is taken for it where nothing has to be decoded to see that.
        let is_json = is_json || media_type == Some("text/plain") && coding.is_none();
        let mut headers = Vec::new();
        for (name, value) in [("Content-Type", media_type), ("Content-Encoding", coding)] {
            headers.extend(value.map(|value| (name.to_owned(), value.as_bytes().to_vec())));
        }
        Self { headers, is_json, coding, template, framing, chunk: 1 + random.below(700) as usize }
    }

    /// Whether there are URLs in it that are replaced.
    fn has_urls(&self) -> bool {
        self.template.contains(&1)
    }

    /// The body as it is sent, with the URLs of `base_url`.
    fn coded(&self, base_url: &str) -> Vec<u8> {
        let plain = self.bytes_with(base_url, base_url);
        match self.coding {
            Some(coding) => coded(coding, &plain).now_or_never().expect("nothing to wait for"),
            None => plain,
        }
    }

    /// The body with `replaced` where URLs are replaced, and `kept` where they are not.
    fn bytes_with(&self, replaced: &str, kept: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for byte in &self.template {
            match byte {
                1 => bytes.extend_from_slice(replaced.as_bytes()),
                2 => bytes.extend_from_slice(kept.as_bytes()),
                byte => bytes.push(*byte),
            }
        }
        bytes
    }

    fn write(&self, bytes: &mut Vec<u8>, base_url: &str) {
        let body = self.coded(base_url);
        write_headers(bytes, &self.headers);
        match self.framing {
            Framing::Length => {
                bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                bytes.extend_from_slice(&body);
            }
            Framing::UntilTheEnd => {
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(&body);
            }
            Framing::Chunks | Framing::ChunksAndTrailers => {
                let has_trailers = self.framing == Framing::ChunksAndTrailers;
                if has_trailers {
                    bytes.extend_from_slice(b"Trailer: x-trailer\r\n");
                }
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(self.chunk) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                let end: &[u8] = if has_trailers { b"0\r\nx-trailer: 1\r\n\r\n" } else { b"0\r\n\r\n" };
                bytes.extend_from_slice(end);
            }
        }
    }
}

/// A JSON text as no printer would print it, with URLs in it that are replaced and some that are not.
fn json(random: &mut Random) -> String {
    let mut text = String::from("{");
    for number in 0..random.below(30) {
        if number > 0 {
            text.push_str(random.of(&[",", " ,\n", ",\t"]));
        }
        let _ = match random.below(9) {
            0 => write!(text, r#""meta":{{"location" : "{REPLACED}/Users/{number}","version":"W/\"1\""}}"#),
            1 => write!(
                text,
                r#""members":[{{"$ref":"{REPLACED}/Users/{number}","value":"{number}"}},{{"$ref":null}}]"#
            ),
            2 => write!(text, r#""profileUrl":"{KEPT}/Users/{number}""#),
            3 => write!(
                text,
                r#""n{number}":{}"#,
                random.of(&["1.0", "-0", "1E+2", "123456789012345678901234567890", "0.10"])
            ),
            4 => write!(text, r#""t{number}":"\u00e9\/é😀\"\\ {{\"location\":\"{KEPT}\"}}""#),
            5 => write!(text, r#""location":"{KEPT}x/Users""#),
            6 => write!(text, r#" "LOCATION":"{REPLACED}""#),
            7 => write!(text, r#""active":{}"#, random.of(&["false", "\"False\"", "true"])),
            _ => write!(text, r#""long":"{}""#, "x".repeat(random.below(3_000) as usize)),
        };
    }
    text.push_str(random.of(&["}", " }\r\n"]));
    text
}

fn path_and_query(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(4) {
        text.push('/');
        text.push_str(random.of(&[
            "Users",
            "Groups",
            "users",
            "",
            "Bulk",
            ".search",
            "...",
            "a%20b",
            "%C3%A9",
            "%c3%a9",
            "a+b",
            "x;y=z,1",
            "~!$&'()*",
            "urn:x:%3A",
            "74001",
            "100%25",
            "@",
            "%7e%7E",
        ]));
    }
    if random.one_in(2) {
        text.push('?');
        for number in 0..random.below(4) {
            if number > 0 {
                text.push_str(random.of(&["&", "&&", ";"]));
            }
            text.push_str(random.of(&[
                "filter=userName%20eq%20%22b%22",
                "filter=userName+eq+\"b\"",
                "count=1",
                "startIndex=",
                "=",
                "a",
                "a=../..%2f",
                "x='y'",
                "?",
                "[]{}|^`",
                "%zz",
                "cursor=%3D%3d",
                "é",
            ]));
        }
    }
    text
}

/// Headers with odd names and values, some of `known` among them, some twice.
fn any_headers(random: &mut Random, known: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let mut headers = Vec::new();
    for _ in 0..random.below(8) {
        if random.one_in(2) {
            let (name, value) = random.of(known);
            headers.push((name.to_owned(), value.as_bytes().to_vec()));
        } else {
            let name =
                random.of(&["X-A", "x-a", "X-B!#$%&'*+.^_`|~", "X-Empty", "Authorization-X", "x-token"]);
            let value: &[u8] = random.of(&[
                b"1".as_slice(),
                b"two words",
                b"",
                b"caf\xe9",
                "h\u{e9}llo".as_bytes(),
                b"a\tb",
                b"1, 2,,3",
                b"\"q\"",
            ]);
            headers.push((name.to_owned(), value.to_vec()));
        }
    }
    headers
}

fn write_headers(bytes: &mut Vec<u8>, headers: &[(String, Vec<u8>)]) {
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
}

/// Numbers that follow from a seed (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Any bytes but the two that stand for URLs.
    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most))
            .map(|_| u8::try_from(self.below(256)).unwrap())
            .filter(|byte| !matches!(byte, 1 | 2))
            .collect()
    }
}
