//! Lets request targets in that people write and many HTTP clients send as they are: `?filter=userName%20eq%20"bob"`.
//!
//! RFC 3986 wants `"`, `<` and `>` encoded, and hyper refuses a request whose target has them before anybody else sees it, with
//! a 400 that has no body. curl and Go's client send what they are given, and a filter without quotes is hardly one. So these
//! three are encoded where they stand in the request line of HTTP/1.
//!
//! To find the request lines the stream must know where bodies end. It counts them by `Content-Length` alone; behind a body that
//! is sent in another way, or whose length is in doubt, nothing more is changed on that connection. Nor is anything of HTTP/2.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that encodes what must not stand in request targets while they are read from it.
pub(super) struct RequestTargets<S> {
    stream: S,
    requests: Requests,
    /// What was read, and has become longer than the buffer that it was read into.
    pending: Vec<u8>,
    /// How much of that was handed on.
    handed_on: usize,
}

impl<S> RequestTargets<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, requests: Requests::new(), pending: Vec::new(), handed_on: 0 }
    }

    /// Hands on as much of what is pending as the buffer takes.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let left = &self.pending[self.handed_on..];
        let now = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..now]);
        self.handed_on += now;
        if self.handed_on == self.pending.len() {
            self.pending.clear();
            self.handed_on = 0;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RequestTargets<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.pending.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            // Nearly always nothing is to be changed, and nothing is copied.
            let read = &buffer.filled()[before..];
            let Some(changed) = this.requests.pass(read) else { return Poll::Ready(Ok(())) };
            this.pending = changed;
            buffer.set_filled(before);
        }
        this.hand_on(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RequestTargets<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How much of a line of a head is looked at. What tells of the body is shorter.
const LONGEST_LINE: usize = 64;

/// Walks over the bytes of a connection and knows which of them are request targets.
#[derive(Debug)]
struct Requests {
    place: Place,
    /// The beginning of the line of a head that the next byte stands in.
    line: Vec<u8>,
    /// What the lines before it said of the body.
    length: Length,
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the method, or in empty lines before it.
    Method,
    Target,
    /// Behind the target.
    Version,
    /// In the other lines of a head.
    Header,
    /// In a body, of which so many bytes are left.
    Body(u64),
    /// Where requests cannot be told apart any more.
    Lost,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Length {
    /// Nothing was said of it: there is none.
    None,
    Bytes(u64),
    /// It is told in a way that is not followed here.
    Unclear,
}

impl Requests {
    const fn new() -> Self {
        Self { place: Place::Method, line: Vec::new(), length: Length::None }
    }

    /// Walks over the bytes. `Some`: what they become, if they do not stay as they are.
    fn pass(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        let mut at = 0;
        while at < bytes.len() {
            let left = &bytes[at..];
            let (walked, encoded) = match self.place {
                Place::Lost => (left.len(), None),
                Place::Body(count) => (self.walk_body(left.len(), count), None),
                Place::Header => (self.walk_header(left), None),
                Place::Method | Place::Target | Place::Version => (1, self.step(left[0])),
            };
            if let Some(encoded) = encoded {
                changed.get_or_insert_with(|| bytes[..at].to_vec()).extend_from_slice(encoded);
            } else if let Some(changed) = &mut changed {
                changed.extend_from_slice(&left[..walked]);
            }
            at += walked;
        }
        changed
    }

    /// Walks over one byte of a request line. `Some`: what it becomes.
    fn step(&mut self, byte: u8) -> Option<&'static [u8]> {
        self.place = match (self.place, byte) {
            // Nobody knows methods of other characters. TLS and rubbish end here as well.
            (Place::Method, b'\r' | b'\n' | b'A'..=b'Z') => Place::Method,
            (Place::Method, b' ') => Place::Target,
            (Place::Target, b'"') => return Some(b"%22"),
            (Place::Target, b'<') => return Some(b"%3C"),
            (Place::Target, b'>') => return Some(b"%3E"),
            (Place::Target, b' ') => Place::Version,
            (Place::Target, b'!'..) => Place::Target,
            (Place::Version, b'\n') => Place::Header,
            // HTTP/2 begins with a line that names this version.
            (Place::Version, byte) if byte != b'2' => Place::Version,
            _ => Place::Lost,
        };
        None
    }

    /// Walks to the end of a line of a head. Answers how many bytes that is.
    fn walk_header(&mut self, bytes: &[u8]) -> usize {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = LONGEST_LINE - self.line.len();
        self.line.extend_from_slice(&part[..part.len().min(room)]);
        let Some(end) = end else { return bytes.len() };
        if self.line.is_empty() || self.line == b"\r" {
            self.place = match self.length {
                Length::None | Length::Bytes(0) => Place::Method,
                Length::Bytes(count) => Place::Body(count),
                Length::Unclear => Place::Lost,
            };
            self.length = Length::None;
        } else {
            self.length = self.length.told_by(&self.line);
        }
        self.line.clear();
        end + 1
    }

    fn walk_body(&mut self, here: usize, count: u64) -> usize {
        let walked = usize::try_from(count).map_or(here, |count| here.min(count));
        let left = count - walked as u64;
        self.place = if left == 0 { Place::Method } else { Place::Body(left) };
        walked
    }
}

impl Length {
    /// What is known after one more line of a head.
    fn told_by(self, line: &[u8]) -> Self {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return self };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Self::Unclear;
        }
        if !name.eq_ignore_ascii_case(b"content-length") {
            return self;
        }
        let is_number = line.len() < LONGEST_LINE && value.iter().all(u8::is_ascii_digit);
        let bytes = str::from_utf8(value).ok().filter(|_| is_number).and_then(|digits| digits.parse().ok());
        match (self, bytes) {
            (Self::None, Some(bytes)) => Self::Bytes(bytes),
            _ => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What becomes of the bytes of a connection when they come in parts of that size.
    fn passed(sent: &str, part: usize) -> String {
        let mut requests = Requests::new();
        let passed = sent
            .as_bytes()
            .chunks(part)
            .flat_map(|bytes| requests.pass(bytes).unwrap_or_else(|| bytes.to_vec()));
        String::from_utf8(passed.collect()).unwrap()
    }

    const QUOTED: &str = "GET /Users?filter=title%20co%20\"<a>\" HTTP/1.1\r\nX-Quoted: \"<a>\"\r\n\r\n";
    const ENCODED: &str =
        "GET /Users?filter=title%20co%20%22%3Ca%3E%22 HTTP/1.1\r\nX-Quoted: \"<a>\"\r\n\r\n";
    const POST: &str = "POST /Users HTTP/1.1\r\nContent-Length: 9\r\n\r\nGET \"<a>\"";

    #[rstest]
    #[case::alone(QUOTED.to_owned(), ENCODED.to_owned())]
    #[case::one_after_the_other([QUOTED, QUOTED].concat(), [ENCODED, ENCODED].concat())]
    #[case::empty_lines_before_it(format!("\r\n\n{QUOTED}"), format!("\r\n\n{ENCODED}"))]
    #[case::behind_a_body([POST, QUOTED, POST].concat(), [POST, ENCODED, POST].concat())]
    #[case::behind_an_empty_body(
        format!("DELETE /a HTTP/1.1\ncontent-length:0\n\n{QUOTED}"),
        format!("DELETE /a HTTP/1.1\ncontent-length:0\n\n{ENCODED}"))]
    #[case::behind_long_lines(
        format!("GET /a HTTP/1.1\r\nX-{}: content-length: 5\r\n\r\n{QUOTED}", "x".repeat(200)),
        format!("GET /a HTTP/1.1\r\nX-{}: content-length: 5\r\n\r\n{ENCODED}", "x".repeat(200)))]
    fn targets_are_encoded_and_nothing_else(#[case] sent: String, #[case] expected: String) {
        for part in 1..=sent.len() {
            assert_eq!(passed(&sent, part), expected, "in parts of {part}");
        }
    }

    /// What cannot be followed to the end of its body is not guessed at.
    #[rstest]
    #[case::chunks("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    #[case::two_lengths("POST /a HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n")]
    #[case::no_number("POST /a HTTP/1.1\r\nContent-Length: +0\r\n\r\n")]
    #[case::too_large("POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n")]
    #[case::padded(
        "POST /a HTTP/1.1\r\nContent-Length: 0000000000000000000000000000000000000000000000000000000000\r\n\r\n"
    )]
    #[case::http_2("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    #[case::tls("\u{16}\u{3}\u{1}")]
    #[case::no_version("GET /a\r\n")]
    fn what_is_not_understood_is_not_touched_any_more(#[case] first: &str) {
        let sent = [first, QUOTED, QUOTED].concat();
        for part in 1..=sent.len() {
            assert_eq!(passed(&sent, part), sent, "in parts of {part}");
        }
    }

    #[tokio::test]
    async fn what_becomes_longer_than_the_buffer_is_read_with_the_next() {
        let sent = QUOTED.repeat(50);
        let (ours, mut theirs) = tokio::io::duplex(sent.len());
        tokio::io::AsyncWriteExt::write_all(&mut theirs, sent.as_bytes()).await.unwrap();
        drop(theirs);
        let mut read = String::new();
        let mut stream = RequestTargets::new(ours);
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut read).await.unwrap();
        assert_eq!(read, ENCODED.repeat(50));
    }
}
