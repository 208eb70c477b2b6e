//! JSON that looks the same wherever it comes from: ids, times, pages, errors, the owner of the key.
//!
//! Read leniently: only what is used is declared, and all else is ignored.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    clock::Time,
    connector::{Account, AccountPage},
};

/// Reads an id. Aha!'s ids are text in some answers and numbers in others; they have 64 bits.
pub(in crate::connector) fn text_or_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) if text.is_empty() => return Err(serde::de::Error::custom("an id that is empty")),
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

/// A time, if it is one in RFC 3339.
pub(in crate::connector) fn time(text: &str) -> Option<Time> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    Some(Time::from_micros(timestamp.as_microsecond()))
}

/// The answer of `GET /me`, wrapped in `user` as the example shows it, or bare.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::connector) enum OwnerBody {
    /// `{"user": {…}}`
    Wrapped {
        /// The owner.
        user: Owner,
    },
    /// `{…}`
    Bare(Owner),
}

/// Whose API key it is.
#[derive(Debug, Deserialize)]
pub(in crate::connector) struct Owner {
    /// The id among the account's own users.
    #[serde(deserialize_with = "text_or_number")]
    pub(in crate::connector) id: String,
    /// The e-mail.
    pub(in crate::connector) email: String,
}

impl OwnerBody {
    /// The owner, wherever it stood.
    pub(in crate::connector) fn into_owner(self) -> Owner {
        match self {
            Self::Wrapped { user } | Self::Bare(user) => user,
        }
    }
}

/// A page of a list of users.
#[derive(Debug)]
pub(in crate::connector) struct Page<T> {
    records: Vec<T>,
    pagination: Option<Pagination>,
}

/// Where a page stands among all (`per_page` is at most 200).
#[derive(Debug, Deserialize)]
pub(in crate::connector) struct Pagination {
    total_records: u64,
    total_pages: u32,
}

impl Pagination {
    /// How many pages there are.
    pub(in crate::connector) const fn total_pages(&self) -> u32 {
        self.total_pages
    }
}

impl<T: DeserializeOwned> Page<T> {
    /// The page with the list at `key` of `body`. Whether the list is missing where nobody matches is not known, so it may
    /// be; but an answer that is about something else does not say that nobody matches, which would have the user invited
    /// again.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::connector) fn read(mut body: Map<String, Value>, key: &str) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| error.to_string();
        let pagination: Option<Pagination> =
            serde_json::from_value(body.remove("pagination").unwrap_or_default()).map_err(wrong)?;
        let records: Option<Vec<T>> =
            serde_json::from_value(body.remove(key).unwrap_or_default()).map_err(wrong)?;
        let counted = pagination.as_ref().map_or(0, |pagination| pagination.total_records);
        match records {
            None if counted > 0 => Err(format!("{key} are counted and missing")),
            None if pagination.is_none() && !body.is_empty() => Err(format!("there are no {key}")),
            records => Ok(Self { records: records.unwrap_or_default(), pagination }),
        }
    }
}

impl<T> Page<T> {
    /// As a page of the directory. Without a pagination object it is the only page.
    pub(in crate::connector) fn into_accounts(self, account: impl FnMut(T) -> Account) -> AccountPage {
        let accounts: Vec<_> = self.records.into_iter().map(account).collect();
        let (total_accounts, total_pages) = match self.pagination {
            Some(pagination) => (pagination.total_records, pagination.total_pages),
            None => (accounts.len() as u64, 1),
        };
        AccountPage { accounts, total_accounts, total_pages }
    }
}

/// An error body: `{"error": "…"}`, with `errors` as an object or as a list of objects with a `message`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorBody {
    error: Option<String>,
    message: Option<String>,
    errors: Option<Errors>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Errors {
    One { message: String },
    Many(Vec<ErrorMessage>),
    Other(Value),
}

#[derive(Debug, Deserialize)]
struct ErrorMessage {
    message: String,
}

impl ErrorBody {
    /// One line that says all of it, cut to a length that fits an error message.
    pub(super) fn reason(self) -> Option<String> {
        let details = match self.errors {
            Some(Errors::One { message }) => Some(message),
            Some(Errors::Many(errors)) if !errors.is_empty() => {
                Some(errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "))
            }
            Some(Errors::Other(value)) if !value.is_null() => Some(value.to_string()),
            Some(Errors::Many(_) | Errors::Other(_)) | None => None,
        };
        let headline = self.error.or(self.message);
        let reason = match (headline, details) {
            (Some(headline), Some(details)) => format!("{headline}: {details}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        Some(reason.chars().take(500).collect())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::hash(json!({ "error": "Validation failed", "errors": { "message": "Email is invalid" } }), Some("Validation failed: Email is invalid"))]
    #[case::array(json!({ "error": "Validation failed", "errors": [{ "message": "a" }, { "message": "b" }] }), Some("Validation failed: a; b"))]
    #[case::error_only(json!({ "error": "Record not found." }), Some("Record not found."))]
    #[case::message_only(json!({ "message": "No" }), Some("No"))]
    #[case::rails(json!({ "errors": { "email": ["is invalid"] } }), Some(r#"{"email":["is invalid"]}"#))]
    #[case::nothing(json!({}), None)]
    fn the_reason_of_an_error_is_found_in_every_shape(#[case] body: Value, #[case] reason: Option<&str>) {
        let body: ErrorBody = serde_json::from_value(body).unwrap();
        assert_eq!(body.reason().as_deref(), reason);
    }

    #[test]
    fn a_reason_without_end_is_cut() {
        let body: ErrorBody = serde_json::from_value(json!({ "error": "x".repeat(10_000) })).unwrap();
        assert_eq!(body.reason().unwrap().len(), 500);
    }
}
