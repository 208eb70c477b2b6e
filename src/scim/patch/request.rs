//! The body of a PATCH request, read as it is written: before any name is looked up.

use std::{collections::HashSet, fmt};

use serde_json::{Map, Value};

use crate::scim::{
    dialect::patch_envelope::take_member,
    error::{Error, ScimType},
    filter::parse::quoted,
    limits, value,
};

/// What an operation does (RFC 7644 §3.5.2.1–3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Remove,
    Replace,
}

impl Op {
    const ALL: [Self; 3] = [Self::Add, Self::Remove, Self::Replace];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }

    /// Compared without case: Entra ID writes `Add` (`Q-36`).
    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(name))
    }
}

/// Where the name of an attribute was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In `path`.
    Path,
    /// In the value of an operation without a `path`, or of one on a whole extension.
    Value,
}

/// One operation on one path.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Which element of `Operations` it is or is part of, counted from 1.
    pub(super) number: usize,
    pub(super) op: Op,
    pub(super) path: String,
    pub(super) origin: Origin,
    /// `None` if there is no member `value`, which is not the same as `null`.
    pub(super) value: Option<Value>,
}

/// For an error: which operation it is about.
impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation {} ({} {})", self.number, self.op.as_str(), quoted(&self.path))
    }
}

/// Reads the body. An operation without a path becomes one for each name in its value.
pub(super) fn read(body: Value) -> Result<Vec<Written>, Error> {
    let syntax = |detail: String| Error::new(ScimType::InvalidSyntax, detail);
    let Value::Object(mut body) = body else {
        return Err(syntax("The body must be a JSON object with the member `Operations`.".into()));
    };
    let operations = match take_member(&mut body, "Operations")? {
        Some(Value::Array(operations)) if !operations.is_empty() => operations,
        _ => return Err(syntax("`Operations` must be an array of at least one operation.".into())),
    };
    if operations.len() > limits::MAX_OPERATIONS {
        let (count, most) = (operations.len(), limits::MAX_OPERATIONS);
        return Err(syntax(format!(
            "`Operations` holds {count} operations; at most {most} are accepted in one request."
        )));
    }
    let mut written = Vec::with_capacity(operations.len());
    for (position, operation) in operations.into_iter().enumerate() {
        let number = position + 1;
        let Value::Object(operation) = operation else {
            return Err(syntax(format!(
                "Operation {number} must be an object with the members `op`, `path` and `value`."
            )));
        };
        read_operation(number, operation, &mut written)?;
        if written.len() > limits::MAX_PATCH_PATHS {
            let most = limits::MAX_PATCH_PATHS;
            return Err(syntax(format!("The operations name more than {most} attributes together.")));
        }
    }
    Ok(written)
}

fn read_operation(
    number: usize,
    mut operation: Map<String, Value>,
    written: &mut Vec<Written>,
) -> Result<(), Error> {
    let Some(op) = take_member(&mut operation, "op")?.as_ref().and_then(Value::as_str).and_then(Op::find)
    else {
        let detail = format!("Operation {number}: `op` must be `add`, `remove` or `replace`.");
        return Err(Error::new(ScimType::InvalidSyntax, detail));
    };
    let path = match take_member(&mut operation, "path")? {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) => Some(path).filter(|path| !path.trim().is_empty()),
        Some(_) => {
            let detail = format!("Operation {number}: `path` must be a string, such as `name.givenName`.");
            return Err(Error::new(ScimType::InvalidPath, detail));
        }
    };
    match (path, take_member(&mut operation, "value")?) {
        (Some(path), value) => written.push(Written { number, op, path, origin: Origin::Path, value }),
        (None, _) if op == Op::Remove => {
            let detail = format!("Operation {number}: a remove must have a `path` that says what to remove.");
            return Err(Error::new(ScimType::NoTarget, detail));
        }
        (None, Some(Value::Object(attributes))) => {
            let mut seen = HashSet::with_capacity(attributes.len());
            for (path, value) in attributes {
                if !seen.insert(path.to_ascii_lowercase()) {
                    return Err(value::given_twice(&path));
                }
                written.push(Written { number, op, path, origin: Origin::Value, value: Some(value) });
            }
        }
        (None, _) => {
            let detail = format!(
                "Operation {number}: the `value` of {} without a `path` must be an object that holds attributes.",
                op.as_str()
            );
            return Err(Error::new(ScimType::InvalidValue, detail));
        }
    }
    Ok(())
}
