//! HTTP/1.1 byte by byte, on both ends: a target that answers what it is told to, and a client that sends what it is told to.
//! Neither knows any of the libraries that stand between them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
};

/// A message, request or answer, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `GET /path HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Without its framing.
    pub body: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Asserts that this is a SCIM Error of that status, and answers its detail.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status(), status, "{text}");
        assert_eq!(self.header("content-type").as_deref(), Some("application/scim+json"), "{text}");
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert_eq!(body["status"], status.to_string());
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// What the peer of a message is, for its framing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    /// To a request of that sort.
    Answer {
        to_head: bool,
    },
}

/// One direction of a connection that is read.
pub struct Reader<R>(BufReader<R>);

impl<R: tokio::io::AsyncRead + Unpin> Reader<R> {
    pub fn new(stream: R) -> Self {
        Self(BufReader::new(stream))
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).await.ok()?;
        let line = line.strip_suffix(b"\r\n")?;
        Some(line.to_vec())
    }

    async fn headers(&mut self) -> Option<Vec<(String, Vec<u8>)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(headers);
            }
            let colon = line.iter().position(|byte| *byte == b':').expect("a header has a colon");
            let name = String::from_utf8(line[..colon].to_ascii_lowercase()).unwrap();
            headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
    }

    /// The head of the next message; `None` when the connection ends first.
    pub async fn head(&mut self) -> Option<Message> {
        let line = String::from_utf8_lossy(&self.line().await?).into_owned();
        Some(Message { line, headers: self.headers().await?, ..Message::default() })
    }

    async fn rest(&mut self, mut message: Message, kind: Kind) -> Option<Message> {
        let is_chunked = message.header("transfer-encoding").is_some_and(|value| value.contains("chunked"));
        let length = message.header("content-length").map(|value| value.parse::<usize>().unwrap());
        let has_none = match kind {
            Kind::Request => !is_chunked && length.is_none(),
            Kind::Answer { to_head } => to_head || matches!(message.status(), 100..200 | 204 | 304),
        };
        if has_none {
            return Some(message);
        }
        if is_chunked {
            loop {
                let size = self.line().await?;
                let size = String::from_utf8(size).unwrap();
                let size = usize::from_str_radix(size.split(';').next().unwrap().trim(), 16).unwrap();
                if size == 0 {
                    message.trailers = self.headers().await?;
                    return Some(message);
                }
                let start = message.body.len();
                message.body.resize(start + size, 0);
                self.0.read_exact(&mut message.body[start..]).await.ok()?;
                assert_eq!(self.line().await?, b"");
            }
        }
        match length {
            Some(length) => {
                message.body.resize(length, 0);
                self.0.read_exact(&mut message.body).await.ok()?;
            }
            None => drop(self.0.read_to_end(&mut message.body).await.ok()?),
        }
        Some(message)
    }

    /// The final answer, without those of 1xx before it.
    pub async fn answer(&mut self, to_head: bool) -> Option<Message> {
        loop {
            let head = self.head().await?;
            let answer = self.rest(head, Kind::Answer { to_head }).await?;
            if answer.status() >= 200 {
                return Some(answer);
            }
        }
    }

    /// The rest of an answer whose head was read; `None` if it breaks off.
    pub async fn rest_of_answer(&mut self, head: Message) -> Option<Message> {
        self.rest(head, Kind::Answer { to_head: false }).await
    }

    /// The next bytes, however many.
    pub async fn some(&mut self) -> Vec<u8> {
        let bytes = self.0.fill_buf().await.unwrap().to_vec();
        self.0.consume(bytes.len());
        bytes
    }
}

/// What the target does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Writes these bytes.
    Bytes(Vec<u8>),
    /// Writes these bytes, then closes the connection.
    BytesAndEnd(Vec<u8>),
    /// Writes these bytes as soon as it is told to.
    BytesOn(Arc<Notify>, Vec<u8>),
    /// Closes the connection before the request is read.
    HangUp,
    /// Nothing, until the other side gives up.
    Silence,
    /// Writes the first bytes, then these again and again, until the other side does not take them any more.
    Endless(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// An answer whose body has a length.
    pub fn new(head: &str, body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }

    /// 200 with JSON.
    pub fn json(body: &str) -> Self {
        Self::new("200 OK\r\ncontent-type: application/scim+json", body.as_bytes())
    }
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    seen: Vec<Message>,
    connections: usize,
    /// How many connections ended while the target had nothing to say.
    abandoned: usize,
    /// How many connections the target does not have any more.
    closed: usize,
}

/// A target that does what it is told, reply by reply; without one left it answers an empty 204.
#[derive(Clone)]
pub struct Target {
    address: String,
    script: Arc<Mutex<Script>>,
    _connections: Arc<tokio_util::task::AbortOnDropHandle<()>>,
}

impl Target {
    pub async fn start() -> Self {
        // Bursts of connections fit in.
        let listener = scim_bridge::http::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = script.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                shared.lock().unwrap().connections += 1;
                let script = shared.clone();
                connections.spawn(async move {
                    serve(stream, script.clone()).await;
                    script.lock().unwrap().closed += 1;
                });
            }
        });
        let connections = Arc::new(tokio_util::task::AbortOnDropHandle::new(accepting));
        Self { address, script, _connections: connections }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:<port>/scim/v2`.
    pub fn base_url(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    pub fn reply(&self, reply: Reply) {
        self.script.lock().unwrap().replies.push_back(reply);
    }

    /// The requests that were read since this was last asked.
    pub fn seen(&self) -> Vec<Message> {
        std::mem::take(&mut self.script.lock().unwrap().seen)
    }

    pub fn connections(&self) -> usize {
        self.script.lock().unwrap().connections
    }

    pub fn closed(&self) -> usize {
        self.script.lock().unwrap().closed
    }

    pub fn abandoned(&self) -> usize {
        self.script.lock().unwrap().abandoned
    }
}

async fn serve(stream: TcpStream, script: Arc<Mutex<Script>>) {
    let (reading, mut writing) = stream.into_split();
    let mut reader = Reader::new(reading);
    loop {
        let Some(head) = reader.head().await else { return };
        let reply = script.lock().unwrap().replies.pop_front();
        if matches!(reply, Some(Reply::HangUp)) {
            script.lock().unwrap().seen.push(head);
            return;
        }
        let Some(request) = reader.rest(head, Kind::Request).await else {
            script.lock().unwrap().abandoned += 1;
            return;
        };
        script.lock().unwrap().seen.push(request);
        match reply.unwrap_or_else(|| Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())) {
            Reply::Bytes(bytes) => {
                if writing.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::BytesAndEnd(bytes) => {
                let _ = writing.write_all(&bytes).await;
                return;
            }
            Reply::BytesOn(told, bytes) => {
                told.notified().await;
                if writing.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::HangUp => return,
            Reply::Silence => {
                // Ends when the other side gives up.
                let _ = reader.0.fill_buf().await;
                script.lock().unwrap().abandoned += 1;
                return;
            }
            Reply::Endless(first, again) => {
                let mut result = writing.write_all(&first).await;
                while result.is_ok() {
                    result = writing.write_all(&again).await;
                }
                script.lock().unwrap().abandoned += 1;
                return;
            }
        }
    }
}

/// A connection of a client.
pub struct Client {
    pub reader: Reader<tokio::net::tcp::OwnedReadHalf>,
    pub writer: tokio::net::tcp::OwnedWriteHalf,
}

impl Client {
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (reading, writer) = stream.into_split();
        Self { reader: Reader::new(reading), writer }
    }

    /// Sends bytes as they are; the other side may have closed the connection already.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.writer.write_all(bytes.as_ref()).await;
    }

    pub async fn answer(&mut self) -> Message {
        self.reader.answer(false).await.expect("an answer before the connection ends")
    }
}
