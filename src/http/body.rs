//! Request bodies: of the right type, bounded, and JSON.

use std::sync::Arc;

use axum::{body::Body, extract::FromRequest};
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::scim::json;

use super::{
    Service,
    error::{Failure, shown},
};

/// How much of a body that is too large is read and thrown away, as a multiple of what is allowed. A client that is still
/// sending does not read the answer.
const DRAINED: usize = 16;

/// A JSON object, which every body of SCIM is (RFC-015).
#[derive(Debug)]
pub(super) struct Json(pub(super) Value);

impl FromRequest<Arc<Service>> for Json {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, service: &Arc<Service>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, service.max_body_bytes).await?;
        accept_media_type(&parts.headers)?;
        accept_coding(&parts.headers)?;
        Ok(Self(Value::Object(json::parse_object(&bytes)?)))
    }
}

/// Accepts SCIM's media type, plain JSON, and none, with any parameters (`C-10`, `Q-15`, `Q-17`, `Q-18`).
fn accept_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let value = String::from_utf8_lossy(value.as_bytes());
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if ["application/scim+json", "application/json"]
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known))
    {
        Ok(())
    } else {
        Err(Failure::UnsupportedMediaType(shown(media_type)))
    }
}

/// A compressed body would be taken for broken JSON (RFC 9110 §15.5.16).
fn accept_coding(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(()) };
    if value.as_bytes().eq_ignore_ascii_case(b"identity") {
        return Ok(());
    }
    Err(Failure::UnsupportedCoding(shown(&String::from_utf8_lossy(value.as_bytes()))))
}

async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut received = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::IncompleteBody)?;
        let Ok(data) = frame.into_data() else { continue };
        received = received.saturating_add(data.len());
        if received <= limit {
            bytes.extend_from_slice(&data);
        } else if received > limit.saturating_mul(DRAINED) {
            break;
        }
    }
    if received > limit { Err(Failure::TooLarge(limit)) } else { Ok(bytes) }
}
