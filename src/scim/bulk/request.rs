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
    /// The resource that the path leads to, by its id or a reference; `None` where it leads to no single one.
    pub subject: Option<(Endpoint, String)>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
            return Self { method: String::new(), bulk_id: None, subject: None, action: Err(problem.into()) };
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
        let path = read_path(&mut operation);
        let subject = match &path {
            Ok(Path { endpoint, id: Some(id), .. }) => Some((*endpoint, id.clone())),
            _ => None,
        };
        let action = match problem {
            Some(error) => Err(error.into()),
            None => path.and_then(|path| Action::read(&method, path, bulk_id.as_deref(), operation)),
        };
        Self { method, bulk_id, subject, action }
    }
}

/// A path that is one of ours.
struct Path {
    written: String,
    endpoint: Endpoint,
    id: Option<String>,
}

fn read_path(operation: &mut Map<String, Value>) -> Result<Path, Problem> {
    match take_member(operation, "path")? {
        Some(Value::String(path)) => {
            let (endpoint, id) = Endpoint::split(&path)?;
            Ok(Path { written: shown(&path), endpoint, id: id.map(str::to_owned) })
        }
        _ => Err(syntax("An operation must have a `path`, such as `/Users`.").into()),
    }
}

impl Action {
    fn read(
        method: &str,
        path: Path,
        bulk_id: Option<&str>,
        mut operation: Map<String, Value>,
    ) -> Result<Self, Problem> {
        let Path { written, endpoint, id } = path;
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
                Ok(Self::Change { endpoint, id, precondition, change })
            }
            _ => Err(Problem::MethodNotAllowed { method: method.to_owned(), path: written }),
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
mod tests;
