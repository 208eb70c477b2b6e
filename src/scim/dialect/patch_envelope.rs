//! How a PATCH request is wrapped, by clients that take liberties.
//!
//! Entra ID writes `Add`, `Replace`, `Remove` (`Q-36`). Some clients write `operations` (`Q-82`), and the
//! names in a body compare without case anyway. `schemas` is left out by some and misspelt by others (`C-11`,
//! `Q-23`, `Q-82`); that it is a PATCH is known from the method, so `schemas` is not looked at.

use serde_json::{Map, Value};

use crate::scim::{error::Error, value};

/// Takes the member of that name, compared without case, out of an object.
///
/// # Errors
///
/// `invalidSyntax` if it is there in two spellings.
pub(in crate::scim) fn take_member(
    object: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<Value>, Error> {
    let mut spellings = object.keys().filter(|key| key.eq_ignore_ascii_case(name)).cloned();
    let (first, second) = (spellings.next(), spellings.next());
    match (first, second) {
        (Some(_), Some(_)) => Err(value::given_twice(name)),
        (Some(key), None) => Ok(object.shift_remove(&key)),
        (None, _) => Ok(None),
    }
}
