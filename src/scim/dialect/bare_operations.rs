//! The `data` of a PATCH in a bulk request as a bare list of operations, without the message around it: RFC 7644 §3.7.3
//! prints it so, and clients made after that example send it (pingidentity/scim2#303; the RFC's errata say what is right).

use serde_json::{Value, json};

use crate::scim::urn;

pub(in crate::scim) fn repair(data: Value) -> Value {
    match data {
        Value::Array(operations) => json!({ "schemas": [urn::PATCH_OP], "Operations": operations }),
        data => data,
    }
}
