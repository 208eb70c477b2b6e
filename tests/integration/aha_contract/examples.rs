//! The examples of the vendor's own OpenAPI document, which it generates from the answers of its tests.
//!
//! Paths are written as there, below `/api/v1`: `/users/{id}`.

use serde_json::Value;

const DOCUMENT: &str = include_str!("../fixtures/aha-openapi-users.json");

const PREFIX: &str = "/api/v1";

/// The body that the vendor's example of this operation answers with `status`; null where it answers none.
pub fn example(method: &str, path: &str, status: u16) -> Value {
    content(&responses(method, path)[status.to_string()]).map(|(_, example)| example).unwrap_or_default()
}

/// The content type of that answer.
pub fn example_content_type(method: &str, path: &str, status: u16) -> Option<String> {
    content(&responses(method, path)[status.to_string()]).map(|(content_type, _)| content_type)
}

/// The body that the vendor's example of this operation sends; `None` where it sends none.
pub fn example_request(method: &str, path: &str) -> Option<Value> {
    content(&operation(method, path)["requestBody"]).map(|(_, example)| example)
}

/// The one status that the document knows for this operation.
pub fn example_status(method: &str, path: &str) -> u16 {
    let responses = responses(method, path);
    let statuses: Vec<_> = responses.as_object().unwrap().keys().collect();
    assert_eq!(statuses.len(), 1, "{method} {path} has several examples: {statuses:?}");
    statuses[0].parse().unwrap()
}

/// Method and path of every operation in the document.
pub fn operations() -> Vec<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, operations)| {
            let path = path.strip_prefix(PREFIX).unwrap();
            operations.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.to_owned()))
        })
        .collect()
}

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

fn operation(method: &str, path: &str) -> Value {
    let operation = &document()["paths"][format!("{PREFIX}{path}")][method.to_lowercase()];
    assert!(operation.is_object(), "the vendor's document has no {method} {path}");
    operation.clone()
}

fn responses(method: &str, path: &str) -> Value {
    operation(method, path)["responses"].clone()
}

/// Content type and example of a request or an answer.
fn content(message: &Value) -> Option<(String, Value)> {
    let (content_type, content) = message["content"].as_object()?.iter().next()?;
    Some((content_type.clone(), content["example"].clone()))
}
