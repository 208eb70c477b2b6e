//! What can be wrong with a SCIM request, and the Error message that says so (RFC 7644 §3.12).

use serde_json::{Value, json};

use super::urn;

/// The `scimType` keywords of RFC 7644 §3.12, table 9, and of RFC 9865 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScimType {
    /// The filter's syntax is wrong, or the attribute and comparison do not go together.
    InvalidFilter,
    /// The filter yields more results than the server is willing to return.
    TooMany,
    /// A value is already in use or reserved.
    Uniqueness,
    /// The attribute may not be changed in this way.
    Mutability,
    /// The body's structure does not conform to the request's schema.
    InvalidSyntax,
    /// The `path` of a PATCH operation is malformed or names nothing.
    InvalidPath,
    /// The `path` of a PATCH operation matched nothing that could be operated on.
    NoTarget,
    /// A required value is missing, or a value does not fit the attribute.
    InvalidValue,
    /// The protocol version asked for is not supported.
    InvalidVers,
    /// The request puts sensitive data where it must not be, such as into a URL.
    Sensitive,
    /// The cursor is not one that this service made for this query (RFC 9865).
    InvalidCursor,
    /// The cursor is too old (RFC 9865).
    ExpiredCursor,
    /// With a cursor: `count` is no number, or another one than before (RFC 9865).
    InvalidCount,
}

impl ScimType {
    /// The keyword as it is written in an Error message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// A request that SCIM's rules do not allow, told so that an admin understands it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    /// The keyword for the client.
    pub scim_type: ScimType,
    /// What is wrong with what, and what would be right: a full sentence for a person.
    pub detail: String,
}

impl Error {
    /// An error of the given type.
    pub fn new(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { scim_type, detail: detail.into() }
    }
}

/// The Error message (RFC 7644 §3.12). `status` is the HTTP status code, written as a JSON string.
pub fn message(status: u16, scim_type: Option<ScimType>, detail: &str) -> Value {
    let mut message = json!({ "schemas": [urn::ERROR], "status": status.to_string() });
    if let Some(scim_type) = scim_type {
        message["scimType"] = scim_type.as_str().into();
    }
    message["detail"] = detail.into();
    message
}
