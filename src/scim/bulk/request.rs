//! A bulk request, read as it is written.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::scim::{
    dialect::{bare_operations, patch_envelope::take_member},
    error::{Error, ScimType},
    limits::MAX_BULK_OPERATIONS,
    precondition::Precondition,
    urn,
};

/// How much of a text an error repeats, in characters.
const SHOWN: usize = 200;

/// A bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// After how many errors to stop; `None`: never (RFC-121).
    pub fail_on_errors: Option<usize>,
    /// At least one, and at most [`MAX_BULK_OPERATIONS`].
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The method in capital letters, as the answer repeats it; empty if there is none.
    pub method: String,
    /// The client's name for the operation, and for the resource that it creates.
    pub bulk_id: Option<String>,
    /// What to do, or why it cannot be done.
    pub action: Result<Action, Problem>,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// POST.
    Create {
        /// Where.
        endpoint: Endpoint,
        /// The resource.
        data: Value,
    },
    /// PUT, PATCH, DELETE.
    Change {
        /// Where.
        endpoint: Endpoint,
        /// The resource's id, or a reference to a resource that the request creates.
        id: String,
        /// The operation's `version`.
        precondition: Precondition,
        /// How.
        change: Change,
    },
}

/// What becomes of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// PUT of this resource.
    Replace(Value),
    /// PATCH by this request.
    Update(Value),
    /// DELETE.
    Delete,
}

/// Where resources are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/Users`.
    Users,
    /// `/Groups`.
    Groups,
}

/// Why an operation cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It breaks SCIM's rules.
    #[error(transparent)]
    Scim(#[from] Error),
    /// There is nothing at the path that a bulk request could work on.
    #[error("There is no endpoint {0} for a bulk request: a path must begin with /Users or /Groups.")]
    NoSuchEndpoint(String),
    /// The path does not know the method.
    #[error("{method} is not supported at {path}.")]
    MethodNotAllowed {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
}

/// Why a whole request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It breaks SCIM's rules.
    #[error(transparent)]
    Scim(#[from] Error),
    /// It holds too many operations (RFC-122).
    #[error("The request holds {0} operations, which exceeds maxOperations ({MAX_BULK_OPERATIONS}).")]
    TooManyOperations(usize),
}

impl BulkRequest {
    /// Reads the body of a bulk request. Nothing of it is done before it is known to be right as a whole.
    ///
    /// # Errors
    /// When there are too many operations; `invalidSyntax` if the body is not of the form of a bulk request;
    /// `invalidValue` if two operations have one `bulkId` (RFC-123), or `failOnErrors` is no number of errors.
    pub fn parse(body: Value) -> Result<Self, RequestError> {
        let Value::Object(mut body) = body else {
            return Err(syntax("The body must be a JSON object with the member `Operations`.").into());
        };
        let operations = match take_member(&mut body, "Operations")? {
            Some(Value::Array(operations)) if !operations.is_empty() => operations,
            _ => return Err(syntax("`Operations` must be an array of at least one operation.").into()),
        };
        if operations.len() > MAX_BULK_OPERATIONS {
            return Err(RequestError::TooManyOperations(operations.len()));
        }
        check_schemas(take_member(&mut body, "schemas")?)?;
        let fail_on_errors = fail_on_errors(take_member(&mut body, "failOnErrors")?)?;
        let operations: Vec<_> = operations.into_iter().map(Operation::read).collect();
        refuse_duplicates(&operations)?;
        Ok(Self { fail_on_errors, operations })
    }
}

/// RFC-117. Nobody is known to leave the URN out.
fn check_schemas(schemas: Option<Value>) -> Result<(), Error> {
    let is_request = |schema: &Value| schema.as_str().is_some_and(|text| urn::same(text, urn::BULK_REQUEST));
    match schemas {
        Some(Value::Array(schemas)) if schemas.iter().any(is_request) => Ok(()),
        _ => Err(syntax(format!("`schemas` must be an array that holds `{}`.", urn::BULK_REQUEST))),
    }
}

/// To accept no error and to stop after the first one is the same: the first error is known only when it has happened.
fn fail_on_errors(value: Option<Value>) -> Result<Option<usize>, Error> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(count) => Ok(Some(usize::try_from(count).unwrap_or(usize::MAX).max(1))),
            None => {
                let detail = "`failOnErrors` must be a whole number: after how many errors to stop.";
                Err(Error::new(ScimType::InvalidValue, detail))
            }
        },
    }
}

fn refuse_duplicates(operations: &[Operation]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match operations.iter().filter_map(|operation| operation.bulk_id.as_deref()).find(|id| !seen.insert(*id))
    {
        Some(bulk_id) => {
            let detail = format!(
                "Two operations have the `bulkId` {}; it must be unique in a request.",
                shown(bulk_id)
            );
            Err(Error::new(ScimType::InvalidValue, detail))
        }
        None => Ok(()),
    }
}

impl Operation {
    fn read(operation: Value) -> Self {
        let Value::Object(mut operation) = operation else {
            let problem = syntax("An operation must be an object with the members `method` and `path`.");
            return Self { method: String::new(), bulk_id: None, action: Err(problem.into()) };
        };
        let method = match take_member(&mut operation, "method") {
            Ok(Some(Value::String(method))) => shown(&method.to_ascii_uppercase()),
            _ => String::new(),
        };
        let (bulk_id, problem) = match take_member(&mut operation, "bulkId") {
            Ok(Some(Value::String(bulk_id))) if !bulk_id.is_empty() => (Some(bulk_id), None),
            Ok(None | Some(Value::Null | Value::String(_))) => (None, None),
            Ok(Some(_)) => (None, Some(Error::new(ScimType::InvalidValue, "`bulkId` must be a string."))),
            Err(error) => (None, Some(error)),
        };
        let action = match problem {
            Some(error) => Err(error.into()),
            None => Action::read(&method, bulk_id.as_deref(), operation),
        };
        Self { method, bulk_id, action }
    }
}

impl Action {
    fn read(method: &str, bulk_id: Option<&str>, mut operation: Map<String, Value>) -> Result<Self, Problem> {
        let Some(Value::String(path)) = take_member(&mut operation, "path")? else {
            return Err(syntax("An operation must have a `path`, such as `/Users`.").into());
        };
        let not_allowed = || Problem::MethodNotAllowed { method: method.to_owned(), path: shown(&path) };
        let (endpoint, id) = Endpoint::split(&path)?;
        match (method, id) {
            ("", _) => Err(syntax("An operation must have a `method`: POST, PUT, PATCH or DELETE.").into()),
            ("POST", None) if bulk_id.is_none() => {
                let detail = "A POST must have a `bulkId`, so that its resource can be told from others.";
                Err(Error::new(ScimType::InvalidValue, detail).into())
            }
            ("POST", None) => Ok(Self::Create { endpoint, data: data(method, &mut operation)? }),
            ("PUT" | "PATCH" | "DELETE", Some(id)) => {
                let change = match method {
                    "PUT" => Change::Replace(data(method, &mut operation)?),
                    "PATCH" => Change::Update(bare_operations::repair(data(method, &mut operation)?)),
                    _ => Change::Delete,
                };
                let precondition = precondition(&mut operation)?;
                Ok(Self::Change { endpoint, id: id.to_owned(), precondition, change })
            }
            _ => Err(not_allowed()),
        }
    }

    /// Where it is done.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Create { endpoint, .. } | Self::Change { endpoint, .. } => *endpoint,
        }
    }

    /// What it is done with.
    pub fn data(&self) -> Option<&Value> {
        match self {
            Self::Create { data, .. }
            | Self::Change { change: Change::Replace(data) | Change::Update(data), .. } => Some(data),
            Self::Change { change: Change::Delete, .. } => None,
        }
    }

    /// The id in the path; `None` for a POST.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Create { .. } => None,
            Self::Change { id, .. } => Some(id),
        }
    }
}

impl Endpoint {
    /// As in a path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "/Users",
            Self::Groups => "/Groups",
        }
    }

    /// Splits a path below the base URL, `/Users` or `/Users/2819c223`. A query says what to answer, and nothing is
    /// answered but whether it is done, so it is dropped.
    fn split(path: &str) -> Result<(Self, Option<&str>), Problem> {
        let without_query = path.split_once('?').map_or(path, |(path, _)| path);
        let tidy = without_query.trim_matches('/');
        let (name, id) = match tidy.split_once('/') {
            Some((name, id)) => (name, Some(id.trim_start_matches('/'))),
            None => (tidy, None),
        };
        let endpoint = [Self::Users, Self::Groups].into_iter().find(|known| known.as_str()[1..] == *name);
        endpoint.map(|endpoint| (endpoint, id)).ok_or_else(|| Problem::NoSuchEndpoint(shown(path)))
    }
}

fn data(method: &str, operation: &mut Map<String, Value>) -> Result<Value, Error> {
    match take_member(operation, "data")? {
        None | Some(Value::Null) => Err(syntax(format!("A {method} must have `data`, which is its body."))),
        Some(data) => Ok(data),
    }
}

fn precondition(operation: &mut Map<String, Value>) -> Result<Precondition, Error> {
    match take_member(operation, "version")? {
        None | Some(Value::Null) => Ok(Precondition::none()),
        Some(Value::String(version)) => Precondition::of_version(&version),
        Some(_) => {
            Err(Error::new(ScimType::InvalidValue, "`version` must be a string, as in `meta.version`."))
        }
    }
}

fn syntax(detail: impl Into<String>) -> Error {
    Error::new(ScimType::InvalidSyntax, detail)
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn request(operations: Value) -> Value {
        json!({ "schemas": [urn::BULK_REQUEST], "Operations": operations })
    }

    fn action(operation: Value) -> Result<Action, Problem> {
        BulkRequest::parse(request(json!([operation]))).unwrap().operations.remove(0).action
    }

    #[test]
    fn a_request_is_read_as_the_rfc_writes_it_rfc_117() {
        let parsed = BulkRequest::parse(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "failOnErrors": 1,
            "Operations": [
                { "method": "POST", "path": "/Users", "bulkId": "qwerty", "data": { "userName": "Alice" } },
                { "method": "PUT", "path": "/Users/b7c14771", "version": "W/\"3694e05e9dff591\"",
                  "data": { "id": "b7c14771", "userName": "Bob" } },
                { "method": "PATCH", "path": "/Groups/5d8d29d3", "data": { "Operations": [] } },
                { "method": "DELETE", "path": "/Users/e9025315", "version": "W/\"0ee8add0a938e1a\"" },
            ],
        }))
        .unwrap();
        let change = |endpoint, id: &str, version: Option<&str>, change| Action::Change {
            endpoint,
            id: id.to_owned(),
            precondition: version.map_or(Precondition::none(), |tag| Precondition::of_version(tag).unwrap()),
            change,
        };
        assert_eq!(parsed.fail_on_errors, Some(1));
        assert_eq!(
            parsed.operations,
            [
                Operation {
                    method: "POST".into(),
                    bulk_id: Some("qwerty".into()),
                    action: Ok(Action::Create {
                        endpoint: Endpoint::Users,
                        data: json!({ "userName": "Alice" })
                    }),
                },
                Operation {
                    method: "PUT".into(),
                    bulk_id: None,
                    action: Ok(change(
                        Endpoint::Users,
                        "b7c14771",
                        Some("W/\"3694e05e9dff591\""),
                        Change::Replace(json!({ "id": "b7c14771", "userName": "Bob" }))
                    )),
                },
                Operation {
                    method: "PATCH".into(),
                    bulk_id: None,
                    action: Ok(change(
                        Endpoint::Groups,
                        "5d8d29d3",
                        None,
                        Change::Update(json!({ "Operations": [] }))
                    )),
                },
                Operation {
                    method: "DELETE".into(),
                    bulk_id: None,
                    action: Ok(change(
                        Endpoint::Users,
                        "e9025315",
                        Some("W/\"0ee8add0a938e1a\""),
                        Change::Delete
                    )),
                },
            ]
        );
    }

    #[rstest]
    #[case::not_an_object(json!([]), ScimType::InvalidSyntax, "must be a JSON object")]
    #[case::no_operations(json!({ "schemas": [urn::BULK_REQUEST] }), ScimType::InvalidSyntax, "`Operations`")]
    #[case::empty(request(json!([])), ScimType::InvalidSyntax, "`Operations`")]
    #[case::not_a_list(request(json!({ "method": "POST" })), ScimType::InvalidSyntax, "`Operations`")]
    #[case::no_schemas(json!({ "Operations": [{}] }), ScimType::InvalidSyntax, "`schemas`")]
    #[case::other_schemas(json!({ "schemas": [urn::PATCH_OP], "Operations": [{}] }), ScimType::InvalidSyntax, "`schemas`")]
    #[case::operations_in_two_spellings(json!({ "schemas": [urn::BULK_REQUEST], "operations": [{}], "Operations": [{}] }),
        ScimType::InvalidSyntax, "Operations")]
    #[case::a_negative_number(json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": -1, "Operations": [{}] }),
        ScimType::InvalidValue, "`failOnErrors`")]
    #[case::a_fraction(json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": 1.5, "Operations": [{}] }),
        ScimType::InvalidValue, "`failOnErrors`")]
    #[case::one_bulk_id_twice(request(json!([
        { "method": "POST", "path": "/Users", "bulkId": "a", "data": {} }, { "method": "DELETE", "bulkId": "a" }])),
        ScimType::InvalidValue, "`bulkId` a;")]
    fn what_is_wrong_with_the_whole_refuses_the_whole_rfc_117_rfc_123(
        #[case] body: Value,
        #[case] scim_type: ScimType,
        #[case] text: &str,
    ) {
        let RequestError::Scim(error) = BulkRequest::parse(body).unwrap_err() else {
            panic!("another error")
        };
        assert_eq!(error.scim_type, scim_type);
        assert!(error.detail.contains(text), "{}", error.detail);
    }

    #[test]
    fn too_many_operations_are_refused_with_the_limit_rfc_122() {
        let operations = |count| request(Value::Array(vec![json!({}); count]));
        assert_eq!(BulkRequest::parse(operations(1_000)).unwrap().operations.len(), 1_000);
        let error = BulkRequest::parse(operations(1_001)).unwrap_err();
        assert_eq!(error, RequestError::TooManyOperations(1_001));
        assert_eq!(
            error.to_string(),
            "The request holds 1001 operations, which exceeds maxOperations (1000)."
        );
    }

    #[rstest]
    #[case::not_given(Value::Null, None)]
    #[case::one(json!(1), Some(1))]
    #[case::zero(json!(0), Some(1))]
    #[case::very_many(json!(u64::MAX), Some(usize::MAX))]
    fn fail_on_errors_says_when_to_stop_rfc_121(#[case] value: Value, #[case] expected: Option<usize>) {
        let body = json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": value, "Operations": [{}] });
        assert_eq!(BulkRequest::parse(body).unwrap().fail_on_errors, expected);
    }

    #[rstest]
    #[case::no_object(json!("POST"), "must be an object")]
    #[case::no_method(json!({ "path": "/Users" }), "`method`")]
    #[case::a_number_as_method(json!({ "method": 1, "path": "/Users" }), "`method`")]
    #[case::no_path(json!({ "method": "POST", "bulkId": "a", "data": {} }), "`path`")]
    #[case::a_number_as_path(json!({ "method": "POST", "bulkId": "a", "path": 1, "data": {} }), "`path`")]
    #[case::no_bulk_id(json!({ "method": "POST", "path": "/Users", "data": {} }), "A POST must have a `bulkId`")]
    #[case::empty_bulk_id(json!({ "method": "POST", "path": "/Users", "bulkId": "", "data": {} }), "A POST must have")]
    #[case::a_number_as_bulk_id(json!({ "method": "POST", "path": "/Users", "bulkId": 1, "data": {} }), "`bulkId`")]
    #[case::no_data(json!({ "method": "POST", "path": "/Users", "bulkId": "a" }), "A POST must have `data`")]
    #[case::null_as_data(json!({ "method": "PUT", "path": "/Users/1", "data": null }), "A PUT must have `data`")]
    #[case::a_number_as_version(json!({ "method": "DELETE", "path": "/Users/1", "version": 3 }), "`version`")]
    #[case::a_broken_version(json!({ "method": "DELETE", "path": "/Users/1", "version": "\"3" }), "`version`")]
    #[case::in_two_spellings(json!({ "method": "DELETE", "path": "/Users/1", "Path": "/Users/2" }), "path")]
    fn what_is_wrong_with_an_operation_is_its_own_answer_rfc_117(
        #[case] operation: Value,
        #[case] text: &str,
    ) {
        let problem = action(operation).unwrap_err();
        assert!(matches!(&problem, Problem::Scim(error) if error.detail.contains(text)), "{problem}");
    }

    #[rstest]
    #[case::plain("/Users/1", Endpoint::Users, Some("1"))]
    #[case::no_slash("Groups", Endpoint::Groups, None)]
    #[case::slashes("//Users//1/", Endpoint::Users, Some("1"))]
    #[case::a_query("/Users/1?attributes=userName", Endpoint::Users, Some("1"))]
    #[case::a_reference("/Groups/bulkId:a/b", Endpoint::Groups, Some("bulkId:a/b"))]
    fn paths_are_relative_to_the_base_url(
        #[case] path: &str,
        #[case] endpoint: Endpoint,
        #[case] id: Option<&str>,
    ) {
        assert_eq!(Endpoint::split(path), Ok((endpoint, id)));
    }

    #[rstest]
    #[case("/Bulk")]
    #[case("/Schemas")]
    #[case("/Me")]
    #[case("/users")]
    #[case("/other/scim/v2/Users/1")]
    #[case("https://evil.example.com/Users/1")]
    #[case("../Users")]
    #[case("")]
    #[case("?/Users")]
    fn other_paths_are_no_endpoints(#[case] path: &str) {
        let operation = json!({ "method": "POST", "path": path, "bulkId": "a", "data": {} });
        assert_eq!(action(operation), Err(Problem::NoSuchEndpoint(path.to_owned())));
    }

    #[rstest]
    #[case("GET", "/Users/1")]
    #[case("get", "/Users")]
    #[case("HEAD", "/Users/1")]
    #[case("POST", "/Users/1")]
    #[case("PUT", "/Users")]
    #[case("DELETE", "/Groups/")]
    #[case("\u{0}", "/Users")]
    fn other_methods_are_not_allowed(#[case] method: &str, #[case] path: &str) {
        let operation = json!({ "method": method, "path": path, "bulkId": "a", "data": {} });
        let problem =
            Problem::MethodNotAllowed { method: method.to_ascii_uppercase(), path: path.to_owned() };
        assert_eq!(action(operation), Err(problem));
    }

    #[test]
    fn names_and_methods_compare_without_case() {
        let operation = json!({ "METHOD": "Patch", "Path": "/Users/1", "BULKID": "a", "Data": {} });
        let parsed = BulkRequest::parse(json!({
            "Schemas": [urn::BULK_REQUEST.to_uppercase()], "operations": [operation],
        }))
        .unwrap();
        assert_eq!(parsed.operations[0].method, "PATCH");
        assert_eq!(parsed.operations[0].bulk_id.as_deref(), Some("a"));
        assert_eq!(parsed.operations[0].action.as_ref().unwrap().id(), Some("1"));
    }

    #[test]
    fn the_data_of_a_patch_may_be_the_bare_list_that_the_rfc_prints() {
        let operation = json!({ "method": "PATCH", "path": "/Users/1", "data": [{ "op": "remove", "path": "nickName" }] });
        let expected =
            json!({ "schemas": [urn::PATCH_OP], "Operations": [{ "op": "remove", "path": "nickName" }] });
        assert_eq!(action(operation).unwrap().data(), Some(&expected));
    }

    #[test]
    fn a_long_text_is_not_repeated_whole() {
        let path = "/x".repeat(10_000);
        let operation = json!({ "method": "POST", "path": path, "bulkId": "a", "data": {} });
        assert!(action(operation).unwrap_err().to_string().len() < 400);
    }
}
