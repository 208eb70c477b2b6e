//! Whose access a write takes away, by whatever words: a DELETE of a user, a PUT or PATCH that sets `active` false, the same
//! within a bulk request. `"False"` is false, as Entra ID writes it; names compare without case.
//!
//! What a body means is the target's to say, so this errs on the side of caution: what looks like a revocation is one.

use http::Method;
use serde_json::Value;

use super::Below;

/// The users that lose access, each once: their ids, as the path or the bulk operation names them.
pub(super) fn find(method: &Method, below: &Below, body: Option<&Value>) -> Vec<String> {
    let segments: Vec<_> = below.segments().collect();
    let found = match (segments.as_slice(), body) {
        ([resources, id], _) if is_users(resources) => {
            of_user(method.as_str(), id, body).map(str::to_owned).into_iter().collect()
        }
        ([bulk], Some(body)) if bulk.eq_ignore_ascii_case("Bulk") => of_bulk(body),
        _ => Vec::new(),
    };
    let mut distinct = Vec::with_capacity(found.len());
    for id in found {
        if !distinct.contains(&id) {
            distinct.push(id);
        }
    }
    distinct
}

/// Whether [`find`] needs the body to know.
pub(super) fn needs_body(method: &Method, below: &Below) -> bool {
    let segments: Vec<_> = below.segments().collect();
    match segments.as_slice() {
        [resources, _] => is_users(resources) && (method == Method::PUT || method == Method::PATCH),
        [bulk] => bulk.eq_ignore_ascii_case("Bulk") && method == Method::POST,
        _ => false,
    }
}

fn is_users(segment: &str) -> bool {
    segment.eq_ignore_ascii_case("Users")
}

fn of_user<'i>(method: &str, id: &'i str, body: Option<&Value>) -> Option<&'i str> {
    let revokes = match (method, body) {
        ("DELETE", _) => true,
        ("PUT", Some(body)) => member(body, "active").is_some_and(is_false),
        ("PATCH", Some(body)) => elements(member(body, "Operations")).any(operation_revokes),
        _ => false,
    };
    revokes.then_some(id)
}

fn of_bulk(body: &Value) -> Vec<String> {
    elements(member(body, "Operations"))
        .filter_map(|operation| {
            let text = |name| member(operation, name)?.as_str();
            let path = text("path")?.trim_matches('/');
            let (resources, id) = path.split_once('/')?;
            let method = text("method")?.to_ascii_uppercase();
            of_user(&method, id, member(operation, "data")).filter(|_| is_users(resources)).map(str::to_owned)
        })
        .collect()
}

fn operation_revokes(operation: &Value) -> bool {
    let is_removal =
        member(operation, "op").and_then(Value::as_str).is_some_and(|op| op.eq_ignore_ascii_case("remove"));
    let path = member(operation, "path").and_then(Value::as_str).unwrap_or_default();
    let value = member(operation, "value");
    if path.trim().is_empty() {
        // An object of attributes, or an array of one.
        let objects = elements(value).chain(value);
        return objects
            .filter_map(Value::as_object)
            .flatten()
            .any(|(name, value)| is_active(name) && is_false(value));
    }
    // A user whose `active` is removed is not active to most.
    is_active(path) && (is_removal || value.is_some_and(is_false))
}

/// `active`, also with the schema's URN before it.
fn is_active(name: &str) -> bool {
    let name = name.trim();
    name.rsplit(':').next().unwrap_or(name).eq_ignore_ascii_case("active")
}

/// `false`, in whatever wrapping.
fn is_false(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::String(text) => text.trim().eq_ignore_ascii_case("false") || text.trim() == "0",
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(elements) => elements.iter().any(is_false),
        Value::Object(_) => member(value, "value").is_some_and(is_false),
        Value::Null => true,
    }
}

/// A member of an object, by its name without case.
fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn elements(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn found(method: Method, path: &str, body: Option<Value>) -> Vec<String> {
        let below = Below::find(path, "").unwrap().unwrap();
        find(&method, &below, body.as_ref())
    }

    fn patch(operation: Value) -> Option<Value> {
        Some(json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }, operation] }))
    }

    #[rstest]
    #[case(json!({ "op": "replace", "path": "active", "value": false }))]
    #[case(json!({ "op": "Replace", "path": "active", "value": "False" }))]
    #[case(json!({ "op": "replace", "path": "Active", "value": [{ "value": "False" }] }))]
    #[case(json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": "false" }))]
    #[case(json!({ "op": "replace", "value": { "active": false } }))]
    #[case(json!({ "op": "add", "value": { "urn:ietf:params:scim:schemas:core:2.0:User:active": "FALSE" } }))]
    #[case(json!({ "op": "replace", "value": [{ "active": 0 }] }))]
    #[case(json!({ "OP": "Remove", "Path": "active" }))]
    #[case(json!({ "op": "replace", "path": "active", "value": null }))]
    fn a_patch_that_sets_active_false_revokes(#[case] operation: Value) {
        assert_eq!(found(Method::PATCH, "/Users/7", patch(operation)), ["7"]);
    }

    #[rstest]
    #[case(json!({ "op": "replace", "path": "active", "value": true }))]
    #[case(json!({ "op": "replace", "path": "active", "value": "True" }))]
    #[case(json!({ "op": "replace", "path": "displayName", "value": "False" }))]
    #[case(json!({ "op": "remove", "path": "title" }))]
    #[case(json!({ "op": "replace", "value": { "title": false } }))]
    #[case(json!("active"))]
    fn other_patches_do_not(#[case] operation: Value) {
        assert!(found(Method::PATCH, "/Users/7", patch(operation)).is_empty());
    }

    #[test]
    fn a_delete_of_a_user_revokes_and_that_of_a_group_does_not() {
        assert_eq!(found(Method::DELETE, "/Users/7", None), ["7"]);
        assert_eq!(found(Method::DELETE, "//users//7/?x", None), ["7"]);
        assert!(found(Method::DELETE, "/Groups/7", None).is_empty());
        assert!(found(Method::GET, "/Users/7", None).is_empty());
    }

    #[test]
    fn a_put_revokes_if_its_resource_is_not_active() {
        assert_eq!(found(Method::PUT, "/Users/7", Some(json!({ "ACTIVE": "False" }))), ["7"]);
        assert!(found(Method::PUT, "/Users/7", Some(json!({ "active": true }))).is_empty());
        assert!(found(Method::PUT, "/Users/7", Some(json!({ "userName": "b" }))).is_empty());
        assert!(found(Method::POST, "/Users", Some(json!({ "active": false }))).is_empty());
    }

    #[test]
    fn a_bulk_request_revokes_what_its_operations_do_each_user_once() {
        let off = json!({ "Operations": [{ "op": "replace", "path": "active", "value": "False" }] });
        let body = json!({ "Operations": [
            { "method": "DELETE", "path": "/Users/1" },
            { "method": "patch", "path": "/Users/2", "data": off },
            { "method": "PUT", "path": "/Users/3", "data": { "active": false } },
            { "method": "DELETE", "path": "/Users/1" },
            { "method": "DELETE", "path": "/Groups/4" },
            { "method": "POST", "path": "/Users", "data": { "active": false } },
        ] });
        assert_eq!(found(Method::POST, "/Bulk", Some(body)), ["1", "2", "3"]);
        assert!(needs_body(&Method::POST, &Below::find("/Bulk", "").unwrap().unwrap()));
    }
}
