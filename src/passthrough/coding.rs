//! Content codings (RFC 9110 §8.4.1): a body whose URLs are to be replaced is decoded first, and goes on without a coding, which
//! every client understands.

use std::{io, pin::Pin};

use async_compression::{
    tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder},
    zstd::DParameter,
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use http::{HeaderMap, header};
use tokio::io::{AsyncRead, BufReader};
use tokio_util::io::{ReaderStream, StreamReader};

/// How many codings one on top of the other are taken off.
const MOST_CODINGS: usize = 3;

/// Decoded bytes come in pieces of that size.
const PIECE: usize = 16 * 1024;

/// The largest window of Zstandard, as a power of two: what RFC 9659 lets HTTP have.
const WINDOW_LOG: u32 = 23;

/// A coding that can be taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstandard,
}

/// A coding that nobody here knows, by its name; or too many of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has the content coding {0:?}, which the bridge does not know")]
pub(super) struct UnknownCoding(String);

/// The codings of a body, the outermost last.
pub(super) fn of(headers: &HeaderMap) -> Result<Vec<Coding>, UnknownCoding> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in String::from_utf8_lossy(value.as_bytes()).split(',').map(str::trim) {
            match name.to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "deflate" => codings.push(Coding::Deflate),
                "br" => codings.push(Coding::Brotli),
                "zstd" => codings.push(Coding::Zstandard),
                _ => return Err(UnknownCoding(name.chars().take(40).collect())),
            }
        }
    }
    if codings.len() > MOST_CODINGS { Err(UnknownCoding("many".to_owned())) } else { Ok(codings) }
}

/// The bytes without their codings. No more is decoded than is asked for, so that a small body that would become a huge one
/// fills no memory.
pub(super) fn decoded(
    bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    codings: &[Coding],
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let mut reader: Pin<Box<dyn AsyncRead + Send>> = Box::pin(StreamReader::new(Box::pin(bytes)));
    for coding in codings.iter().rev() {
        let coded = BufReader::new(reader);
        reader = match coding {
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(coded);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            Coding::Deflate => Box::pin(ZlibDecoder::new(coded)),
            Coding::Brotli => Box::pin(BrotliDecoder::new(coded)),
            Coding::Zstandard => {
                let window = DParameter::window_log_max(WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(coded, &[window]);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        };
    }
    ReaderStream::with_capacity(reader, PIECE)
}

/// All bytes without their codings; `None` if they cannot be decoded, or become more than `limit`.
pub(super) async fn whole(bytes: &Bytes, codings: &[Coding], limit: usize) -> Option<Bytes> {
    if codings.is_empty() || bytes.is_empty() {
        return Some(bytes.clone());
    }
    let mut stream = Box::pin(decoded(stream::iter([Ok(bytes.clone())]), codings));
    let mut plain = Vec::new();
    while let Some(piece) = stream.try_next().await.ok()? {
        if plain.len() + piece.len() > limit {
            return None;
        }
        plain.extend_from_slice(&piece);
    }
    Some(plain.into())
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use http::HeaderValue;
    use rstest::rstest;
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn coded(text: &[u8], coding: Coding) -> Vec<u8> {
        use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
        let mut bytes = Vec::new();
        let read = match coding {
            Coding::Gzip => GzipEncoder::new(text).read_to_end(&mut bytes).await,
            Coding::Deflate => ZlibEncoder::new(text).read_to_end(&mut bytes).await,
            Coding::Brotli => BrotliEncoder::new(text).read_to_end(&mut bytes).await,
            Coding::Zstandard => ZstdEncoder::new(text).read_to_end(&mut bytes).await,
        };
        read.unwrap();
        bytes
    }

    fn pieces(bytes: Vec<u8>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces)
    }

    #[rstest]
    #[tokio::test]
    async fn a_coding_is_taken_off(
        #[values(Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstandard)] coding: Coding,
    ) {
        let text = b"{\"a\":1}".repeat(1000);
        let stream = decoded(pieces(coded(&text, coding).await), &[coding]);
        let all: Vec<Bytes> = stream.try_collect().await.unwrap();
        assert_eq!(all.concat(), text);
        let broken_off = coded(&text, coding).await[..20].to_vec();
        let stream = decoded(pieces(broken_off), &[coding]);
        assert!(stream.try_collect::<Vec<_>>().await.is_err());
    }

    #[tokio::test]
    async fn several_codings_are_taken_off_in_turn() {
        let twice = coded(&coded(b"text", Coding::Gzip).await, Coding::Brotli).await;
        let all: Vec<Bytes> =
            decoded(pieces(twice), &[Coding::Gzip, Coding::Brotli]).try_collect().await.unwrap();
        assert_eq!(all.concat(), b"text");
    }

    #[tokio::test]
    async fn what_would_become_huge_comes_in_pieces() {
        let zeros = vec![0; 64 * 1024 * 1024];
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstandard] {
            let bytes = coded(&zeros, coding).await;
            assert!(bytes.len() < 100_000);
            let mut stream = Box::pin(decoded(pieces(bytes), &[coding]));
            for _ in 0..100 {
                assert!(stream.next().await.unwrap().unwrap().len() <= PIECE);
            }
        }
    }

    #[rstest]
    #[case("gzip", Ok(vec![Coding::Gzip]))]
    #[case("X-GZIP", Ok(vec![Coding::Gzip]))]
    #[case("identity", Ok(vec![]))]
    #[case("gzip, br", Ok(vec![Coding::Gzip, Coding::Brotli]))]
    #[case("compress", Err(UnknownCoding("compress".into())))]
    #[case("br,br,br,br", Err(UnknownCoding("many".into())))]
    fn codings_are_read_from_the_headers(
        #[case] value: &'static str,
        #[case] expected: Result<Vec<Coding>, UnknownCoding>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(value));
        assert_eq!(of(&headers), expected);
    }
}
