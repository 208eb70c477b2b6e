//! How text is compared where case does not matter.

use std::borrow::Cow;

/// The form in which two texts are equal if they differ in case only (RFC 7643 §2.2, `caseExact: false`): lower case.
/// Filters and the store's indexes use the same one. What is stored and returned is always the text as it was sent.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}
