//! Okta as a client: its requests as they were captured, and its conversations.

mod conversations;
mod import;
mod portal;
mod requests;

use http::{Method, header};
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The calls of a test that makes none.
const NO_CALLS: [&str; 0] = [];

/// A request with the headers that Okta was seen to send.
async fn send(bridge: &Bridge, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let mut request = bridge
        .request(method, path)
        .header(header::ACCEPT, "application/scim+json")
        .header(header::ACCEPT_CHARSET, "utf-8")
        .header(header::ACCEPT_ENCODING, "gzip,deflate")
        .header(header::USER_AGENT, "Okta SCIM Client 1.0.0");
    if let Some(body) = body {
        request = request
            .header(header::CONTENT_TYPE, "application/scim+json; charset=utf-8")
            .body(body.to_string());
    }
    Answer::of(request).await
}

async fn get(bridge: &Bridge, path: &str) -> Answer {
    send(bridge, Method::GET, path, None).await
}

async fn put(bridge: &Bridge, path: &str, body: &Value) -> Answer {
    send(bridge, Method::PUT, path, Some(body)).await
}

/// The look-up before every assignment.
async fn find(bridge: &Bridge, user_name: &str) -> Answer {
    let filter = format!("userName eq \"{user_name}\"");
    let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    get(bridge, &format!("/Users?filter={}&startIndex=1&count=100", filter.replace('+', "%20"))).await
}

/// A create as it was captured (`OKT-01`).
fn joiner() -> Value {
    json!({
        "schemas": [USER],
        "userName": "test.joiner@Example.com",
        "name": { "givenName": "test", "familyName": "joiner" },
        "emails": [{ "primary": true, "value": "test.joiner@Example.com" }],
        "externalId": "00u18ep2sjmnGT1wk698",
        "groups": [],
        "password": "Sehr-Geheim-1",
        "active": true,
    })
}

/// How it reads.
fn joiner_as_read() -> Value {
    json!({
        "schemas": [USER],
        "userName": "test.joiner@Example.com",
        "name": { "givenName": "test", "familyName": "joiner" },
        "emails": [{ "primary": true, "value": "test.joiner@Example.com" }],
        "externalId": "00u18ep2sjmnGT1wk698",
        "active": true,
    })
}
