//! Requests byte by byte, where an HTTP client is too polite.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Answer, Bridge, TOKEN};

/// A connection to the bridge. Hangs up when dropped.
pub struct Raw(TcpStream);

impl Raw {
    /// Connects.
    pub async fn connect(bridge: &Bridge) -> Self {
        Self(TcpStream::connect(bridge.root().trim_start_matches("http://")).await.unwrap())
    }

    /// Sends bytes as they are. A bridge that does not want them any more may have closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// Reads one answer that has a `Content-Length`, or no body.
    pub async fn answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let byte = self.0.read_u8().await.expect("an answer before the connection closes");
            bytes.push(byte);
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HeaderMap = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| {
                (name.parse::<HeaderName>().unwrap(), value.trim().parse::<HeaderValue>().unwrap())
            })
            .collect();
        let length =
            headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.expect("the whole body");
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Answer { status, headers, body }
    }

    /// Says that nothing more will be sent, and reads what comes until the bridge closes the connection.
    pub async fn rest(mut self) -> Vec<u8> {
        let _ = self.0.shutdown().await;
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes).await;
        bytes
    }
}

impl Raw {
    /// Reads what comes until the bridge closes the connection, without an end from this side.
    pub async fn closed(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes).await;
        bytes
    }
}

/// The head of a request below the base URL, with the token, without the empty line that ends it. `path` is sent as it is.
pub fn head(method: &str, path: &str) -> String {
    format!("{method} /test/scim/v2{path} HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer {TOKEN}\r\n")
}
