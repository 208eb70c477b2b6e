//! What a write means: of what it consists, and whose access it takes away, by whatever words: a DELETE of a user, a PUT or PATCH that sets `active` false, the same
//! within a bulk request. `"False"` is false, as Entra ID writes it; names compare without case.
//!
//! What a body means is the target's to say, so this errs on the side of caution: what looks like a revocation is one.

use std::collections::HashSet;

use http::Method;

use super::{
    Below,
    path::{Segment, meant_segments},
    written::Written,
};

/// How many operations of a bulk request are told of.
const MOST_OPERATIONS: usize = 1_000;

/// Who loses access by a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    /// These users, each once: their ids, as the path or the bulk operation names them.
    These(Vec<String>),
    /// It cannot be told: a bulk request that cannot be read may take access from anybody, a DELETE of all users from everybody.
    Unknown,
}

impl Revoked {
    /// Whether certainly nobody loses anything.
    pub(super) fn is_nobody(&self) -> bool {
        matches!(self, Self::These(ids) if ids.is_empty())
    }

    /// Whoever loses access by the one or the other.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::These(ids), Self::These(others)) => Self::these(ids.into_iter().chain(others)),
            _ => Self::Unknown,
        }
    }

    fn these(ids: impl IntoIterator<Item = String>) -> Self {
        let mut seen = HashSet::new();
        Self::These(ids.into_iter().filter(|id| seen.insert(id.clone())).collect())
    }
}

/// What a write means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Who loses access.
    pub(super) revoked: Revoked,
    /// The operations of a bulk request, as far as they can be read.
    pub(super) operations: Vec<BulkOperation>,
}

impl Meaning {
    /// This, where the same request may also be taken for one that means `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self { revoked: self.revoked.or(other.revoked), ..self }
    }
}

/// An operation of a bulk request, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BulkOperation {
    pub(super) method: String,
    pub(super) path: String,
}

/// A request's body, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told<'b> {
    /// There is none, or it was not needed.
    Nothing,
    /// Its bytes, without their codings.
    Bytes(&'b [u8]),
    /// It has a coding that cannot be taken off.
    Unreadable,
}

/// What a request means. A target may read what cannot be read here, so that counts as a revocation.
pub(super) fn find(method: &Method, below: &Below, told: Told<'_>) -> Meaning {
    let body = match told {
        Told::Bytes(bytes) if !bytes.trim_ascii().is_empty() => Body::of(Written::read(bytes)),
        Told::Nothing | Told::Bytes(_) => Body::None,
        Told::Unreadable => Body::Unreadable,
    };
    let segments = below.meant_segments();
    let mut operations = Vec::new();
    let revoked = match (of_path(&segments), body) {
        (Some(Endpoint::User(id)), body) => {
            Revoked::These(revokes(method.as_str(), &body).then(|| id.to_owned()).into_iter().collect())
        }
        (Some(Endpoint::Bulk), Body::Json(body)) if is(method.as_str(), "POST") => {
            operations = written_in(&body);
            of_bulk(&body)
        }
        (Some(Endpoint::Bulk), Body::Unreadable) if is(method.as_str(), "POST") => Revoked::Unknown,
        (Some(Endpoint::Users), _) if is(method.as_str(), "DELETE") => Revoked::Unknown,
        _ => Revoked::These(Vec::new()),
    };
    Meaning { revoked, operations }
}

/// The operations of a bulk request that say what they are.
fn written_in(body: &Written) -> Vec<BulkOperation> {
    let text = |operation: &Written, name| operation.all(name).find_map(Written::text).map(str::to_owned);
    let written = operations(body).filter_map(|operation| {
        Some(BulkOperation { method: text(operation, "method")?, path: text(operation, "path")? })
    });
    written.take(MOST_OPERATIONS).collect()
}

/// Whether [`find`] needs the body to know.
pub(super) fn needs_body(method: &Method, below: &Below) -> bool {
    match of_path(&below.meant_segments()) {
        Some(Endpoint::User(_)) => is(method.as_str(), "PUT") || is(method.as_str(), "PATCH"),
        Some(Endpoint::Bulk) => is(method.as_str(), "POST"),
        Some(Endpoint::Users) | None => false,
    }
}

/// Where access can be taken away.
enum Endpoint<'s> {
    User(&'s str),
    /// All of them.
    Users,
    Bulk,
}

/// The user whom a token is of (RFC 7644 §3.11): who that is, the target knows.
const ME: &str = "Me";

/// By the last segments: with a base URL that has none, the version (`/v2`) comes before them. What is empty without its
/// parameters is no segment for who takes them away, and may be an id for who does not.
fn of_path(segments: &[Segment]) -> Option<Endpoint<'_>> {
    let named: Vec<&Segment> = segments.iter().filter(|segment| !segment.meant.is_empty()).collect();
    let is_all = || match named.as_slice() {
        [.., resources, _] if is(&resources.meant, "Groups") => false,
        named => named.last().is_some_and(|last| is(&last.meant, "Users")),
    };
    endpoint(&named)
        .or_else(|| endpoint(&segments.iter().collect::<Vec<_>>()))
        .or_else(|| is_all().then_some(Endpoint::Users))
}

fn endpoint<'s>(segments: &[&'s Segment]) -> Option<Endpoint<'s>> {
    match segments {
        [.., resources, id] if is(&resources.meant, "Users") => Some(Endpoint::User(&id.whole)),
        // Its id may be any word.
        [.., resources, _] if is(&resources.meant, "Groups") => None,
        [.., me] if is(&me.meant, ME) => Some(Endpoint::User(ME)),
        [.., bulk] if is(&bulk.meant, "Bulk") => Some(Endpoint::Bulk),
        _ => None,
    }
}

/// What is known of a body.
enum Body {
    None,
    Json(Written),
    Unreadable,
}

impl Body {
    fn of(read: Option<Written>) -> Self {
        read.map_or(Self::Unreadable, Self::Json)
    }
}

/// Whether this request to a user takes its access away. Methods compare without case, as some servers do.
fn revokes(method: &str, body: &Body) -> bool {
    match body {
        _ if is(method, "DELETE") => true,
        Body::None => false,
        Body::Unreadable => is(method, "PUT") || is(method, "PATCH"),
        Body::Json(body) => body_revokes(method, body),
    }
}

fn body_revokes(method: &str, body: &Written) -> bool {
    if is(method, "PUT") {
        deactivates(body)
    } else {
        is(method, "PATCH") && (deactivates(body) || operations(body).any(operation_revokes))
    }
}

/// The operations of a PATCH or a bulk request, also a single one that is in no array, and a list without the message around it,
/// as RFC 7644 §3.7.3 prints one and RFC 6902 has it.
fn operations(body: &Written) -> impl Iterator<Item = &Written> {
    let wrapped = body.all("Operations").flat_map(|operations| operations.elements().chain([operations]));
    wrapped.chain(body.elements()).chain([body])
}

fn of_bulk(body: &Written) -> Revoked {
    let mut ids = Vec::new();
    for revoked in operations(body).map(of_operation) {
        match revoked {
            Revoked::These(these) => ids.extend(these),
            Revoked::Unknown => return Revoked::Unknown,
        }
    }
    Revoked::these(ids)
}

/// The users of one bulk operation: of each of its paths, if one is there twice.
fn of_operation(operation: &Written) -> Revoked {
    let methods = operation.all("method").filter_map(Written::text).map(str::trim);
    let is_deletion = methods.clone().any(|method| is(method, "DELETE"));
    let is_revocation = is_deletion
        || methods.clone().any(|method| operation.all("data").any(|data| body_revokes(method, data)));
    let mut ids = Vec::new();
    for path in operation.all("path").filter_map(Written::text).filter(|_| is_revocation) {
        let path = path.trim().split(['?', '#']).next().unwrap_or_default();
        match of_path(&meant_segments(path)) {
            Some(Endpoint::User(id)) => ids.push(id.to_owned()),
            Some(Endpoint::Users) if is_deletion => return Revoked::Unknown,
            Some(Endpoint::Users | Endpoint::Bulk) | None => {}
        }
    }
    Revoked::These(ids)
}

fn operation_revokes(operation: &Written) -> bool {
    let is_removal = operation.all("op").filter_map(Written::text).any(|op| is(op.trim(), "remove"));
    let values = operation.all("value");
    let mut paths = operation.all("path").filter_map(Written::text).map(str::trim).peekable();
    if paths.peek().is_none() {
        return values.clone().any(deactivates);
    }
    paths.any(|path| {
        // A user whose `active` is removed is not active to most.
        (is_active(path) && (is_removal || values.clone().any(is_false)))
            || ((path.is_empty() || is_urn(path)) && values.clone().any(deactivates))
    })
}

/// Whether attributes set `active` false: an object of them, also below the URN of its schema, or an array of such objects.
fn deactivates(attributes: &Written) -> bool {
    attributes.elements().any(deactivates)
        || attributes
            .members()
            .any(|(name, value)| (is_active(name) && is_false(value)) || (is_urn(name) && deactivates(value)))
}

/// `active`, also with the schema's URN before it, whatever stands between them, and as a path of RFC 6902.
fn is_active(name: &str) -> bool {
    let name = name.trim();
    is(name.rsplit([':', '.', '/']).next().unwrap_or(name), "active")
}

/// Whether a name is, or begins with, the URN of a schema.
fn is_urn(name: &str) -> bool {
    name.trim().get(..4).is_some_and(|beginning| is(beginning, "urn:"))
}

/// `false`, in whatever wrapping, or nothing at all.
fn is_false(value: &Written) -> bool {
    match value {
        Written::Null => true,
        Written::Bool(value) => !value,
        Written::Number(number) => *number == 0.0,
        Written::Text(text) => is(text.trim(), "false") || matches!(text.trim(), "0" | ""),
        Written::Array(elements) => elements.is_empty() || elements.iter().any(is_false),
        Written::Object(_) => value.all("value").any(is_false),
    }
}

/// Whether two words are the same but for their case.
fn is(word: &str, other: &str) -> bool {
    word.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn found(method: Method, path: &str, body: Option<Value>) -> Vec<String> {
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        match found_in(method, path, text.as_bytes()) {
            Revoked::These(ids) => ids,
            Revoked::Unknown => panic!("what can be read is known"),
        }
    }

    fn found_in(method: Method, path: &str, body: &[u8]) -> Revoked {
        let below = Below::find(path, "").unwrap().unwrap();
        find(&method, &below, Told::Bytes(body)).revoked
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
    #[case(json!({ "op": "replace", "value": { "urn:ietf:params:scim:schemas:core:2.0:User": { "active": false } } }))]
    #[case(json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User", "value": { "active": false } }))]
    #[case(json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User.active", "value": false }))]
    #[case(json!({ "op": "replace", "path": "/active", "value": false }))]
    #[case(json!({ "op": "replace", "path": "active", "value": "" }))]
    #[case(json!({ "op": "replace", "path": "active", "value": [] }))]
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

    #[rstest]
    #[case::attributes_alone(json!({ "active": false }))]
    #[case::attributes_beside(json!({ "Operations": [], "urn:ietf:params:scim:schemas:core:2.0:User": { "active": "False" } }))]
    #[case::one_operation_in_no_array(json!({ "Operations": { "op": "replace", "path": "active", "value": false } }))]
    #[case::a_list_without_a_message(json!([{ "op": "replace", "path": "active", "value": false }]))]
    #[case::one_operation_alone(json!({ "op": "replace", "path": "active", "value": false }))]
    fn a_patch_in_the_form_of_another_standard_revokes_as_well(#[case] body: Value) {
        assert_eq!(found(Method::PATCH, "/Users/7", Some(body.clone())), ["7"]);
        let bulk = json!({ "Operations": { "method": "PATCH", "path": "/Users/7", "data": body } });
        assert_eq!(found(Method::POST, "/Bulk", Some(bulk)), ["7"]);
    }

    #[test]
    fn a_delete_of_a_user_revokes_and_that_of_a_group_does_not() {
        assert_eq!(found(Method::DELETE, "/Users/7", None), ["7"]);
        assert_eq!(found(Method::DELETE, "//users//7/?x", None), ["7"]);
        assert!(found(Method::DELETE, "/Groups/7", None).is_empty());
        assert!(found(Method::GET, "/Users/7", None).is_empty());
    }

    #[rstest]
    #[case("/Users")]
    #[case("/v2/users/")]
    #[case("/Users?filter=active%20eq%20true")]
    #[case("/%55sers")]
    fn a_delete_of_all_users_takes_access_from_nobody_knows_whom(#[case] path: &str) {
        let (path_alone, query) = path.split_once('?').unwrap_or((path, ""));
        let below = Below::find(&format!("{path_alone}?{query}"), "").unwrap().unwrap();
        assert_eq!(find(&Method::DELETE, &below, Told::Nothing).revoked, Revoked::Unknown);
        let bulk = json!({ "Operations": [{ "method": "DELETE", "path": path }] }).to_string();
        assert_eq!(found_in(Method::POST, "/Bulk", bulk.as_bytes()), Revoked::Unknown);
        assert!(found(Method::POST, path_alone, Some(json!({ "active": false }))).is_empty());
    }

    #[test]
    fn the_user_whom_a_token_is_of_is_a_user() {
        assert_eq!(found(Method::DELETE, "/Me", None), ["Me"]);
        assert_eq!(found(Method::PATCH, "/v2/me", Some(json!({ "active": false }))), ["Me"]);
        assert!(needs_body(&Method::PATCH, &Below::find("/Me", "").unwrap().unwrap()));
        for group in ["/Groups/Me", "/Groups/Users"] {
            assert!(found(Method::DELETE, group, None).is_empty());
        }
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

    #[rstest]
    #[case::after_a_byte_order_mark("\u{feff}{\"active\":false}".as_bytes())]
    #[case::a_number_beyond_all(br#"{"active":false,"x":1e999}"#)]
    #[case::half_a_character(br#"{"active":false,"x":"\ud800"}"#)]
    #[case::no_utf_8(b"{\"active\":false,\"x\":\"\xff\"}")]
    #[case::no_json(b"active=false")]
    #[case::twice_the_last_true(br#"{"active":false,"active":true}"#)]
    #[case::twice_the_first_true(br#"{"active":true,"ACTIVE":"False"}"#)]
    #[case::below_a_urn(br#"{"urn:ietf:params:scim:schemas:core:2.0:User":{"active":false}}"#)]
    fn a_put_that_a_target_may_take_for_a_revocation_is_one(#[case] body: &[u8]) {
        assert_eq!(found_in(Method::PUT, "/Users/7", body), Revoked::These(vec!["7".into()]));
    }

    #[test]
    fn a_body_that_cannot_be_read_may_take_access_from_whom_it_names() {
        let deep = format!(r#"{{"active":false,"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(found_in(Method::PATCH, "/Users/7", deep.as_bytes()), Revoked::These(vec!["7".into()]));
        assert_eq!(found_in(Method::POST, "/Bulk", deep.as_bytes()), Revoked::Unknown);
        assert_eq!(found_in(Method::POST, "/Groups", b"{"), Revoked::These(vec![]));
        assert_eq!(found_in(Method::PATCH, "/Users/7", b" "), Revoked::These(vec![]));
        let below = Below::find("/Users/7", "").unwrap().unwrap();
        let meaning = find(&Method::PUT, &below, Told::Unreadable);
        assert_eq!(meaning.revoked, Revoked::These(vec!["7".into()]));
    }

    #[test]
    fn an_operation_counts_by_any_of_the_members_that_stand_there_twice() {
        let body = br#"{"Operations":[],"Operations":[{"op":"add","op":"replace","path":"title","path":"active","value":true,"value":false}]}"#;
        assert_eq!(found_in(Method::PATCH, "/Users/7", body), Revoked::These(vec!["7".into()]));
        let bulk = br#"{"Operations":[{"method":"POST","method":"DELETE","path":"/Users/1","path":"/v2/%55sers/%32"}]}"#;
        assert_eq!(found_in(Method::POST, "/Bulk", bulk), Revoked::These(vec!["1".into(), "2".into()]));
    }

    #[rstest]
    #[case("/v2/Users/7")]
    #[case("/scim/v2/Users/7/")]
    #[case("/%55sers/7")]
    #[case("/%2555sers/%37")]
    #[case("/Users;x=1/7/;y")]
    fn a_user_is_known_by_the_last_two_segments_however_they_are_written(#[case] path: &str) {
        assert_eq!(found(Method::DELETE, path, None), ["7"]);
        assert!(needs_body(&Method::PATCH, &Below::find(path, "").unwrap().unwrap()));
    }

    /// A target that takes parameters away may have one user for several of these: then each of them counts.
    #[rstest]
    #[case("/Users/7;y", "7;y")]
    #[case("/Users/;y", ";y")]
    #[case("/Users/%ff", "%FF")]
    #[case("/Users/%fe", "%FE")]
    #[case("/Users/\u{e9}%c3%a9", "\u{e9}\u{e9}")]
    fn users_whom_a_target_may_tell_apart_are_told_apart(#[case] path: &str, #[case] id: &str) {
        assert_eq!(found(Method::DELETE, path, None), [id]);
        let bulk = json!({ "Operations": [{ "method": "DELETE", "path": path }] });
        assert_eq!(found(Method::POST, "/Bulk", Some(bulk)), [id]);
    }

    #[test]
    fn methods_compare_without_case() {
        assert_eq!(found(Method::from_bytes(b"delete").unwrap(), "/Users/7", None), ["7"]);
        let patch = patch(json!({ "op": "replace", "path": "active", "value": false }));
        assert_eq!(found(Method::from_bytes(b"Patch").unwrap(), "/Users/7", patch), ["7"]);
    }
}
