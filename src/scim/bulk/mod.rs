//! Bulk requests: many operations in one (RFC 7644 §3.7).
//!
//! `request` reads what is written. What is wrong with the request as a whole refuses it; what is wrong with one operation
//! is that operation's answer, and the others are done. `reference` finds what operations say of resources that the same
//! request creates, `bulkId:qwerty`, and puts the ids in their place; `plan` is the order in which that can be done. Where
//! operations refer to each other in a circle, each is created without what is not there yet, which is added once it is.
//!
//! An operation succeeds only if everything that it refers to is there: a group whose member could not be created is not
//! created without it. In a circle that can come too late, and then the answer says what was done.

mod plan;
mod reference;
mod request;

pub use self::{
    plan::{Unit, order},
    reference::{LeftOut, Mention, referenced},
    request::{Action, BulkRequest, Change, Endpoint, Operation, Problem, RequestError},
};

use serde_json::{Value, json};

use super::urn;

/// The answer to a bulk request, with one entry for each operation that was tried.
pub fn response(operations: Vec<Value>) -> Value {
    json!({ "schemas": [urn::BULK_RESPONSE], "Operations": operations })
}
