//! Aha!'s JSON, as its documentation and its own OpenAPI examples show it.
//!
//! Read leniently: only what is used is declared, all else is ignored, and bodies are accepted with and without their
//! wrapper, since sources disagree where Aha! wraps. Numbers that stand for ids are accepted as text and as numbers.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Time,
    config::AhaConfig,
    connector::{Account, AccountPage, CredentialsOwner, Name},
};

/// A user as `GET /users`, `GET /users/:id` and `PUT /users/:id` answer it. There is no first or last name in it.
#[derive(Debug, Deserialize)]
pub struct User {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    email: String,
    #[serde(default)]
    name: Option<String>,
    /// The user inside a create's answer has five keys; `enabled` is none of them.
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    administrator: Option<bool>,
    #[serde(default)]
    created_at: Option<String>,
}

/// Aha!'s ids are text in some answers and numbers in others; they have 64 bits.
fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
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

impl User {
    /// Aha!'s id of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it was made, if that was told in RFC 3339.
    pub fn created_at(&self) -> Option<Time> {
        let timestamp: jiff::Timestamp = self.created_at.as_deref()?.parse().ok()?;
        Some(Time::from_micros(timestamp.as_microsecond()))
    }

    /// The account that it was `before` and that was sent `enabled`: what an answer leaves out is so.
    pub fn into_changed_account(self, before: &Account, enabled: Option<bool>) -> Account {
        let enabled = self.enabled.or(enabled).unwrap_or(before.enabled);
        let administrator = self.administrator.unwrap_or(before.administrator);
        Account { enabled, administrator, ..self.into_account() }
    }

    /// The account it describes. One that is not said to be disabled is enabled, as new ones are.
    pub fn into_account(self) -> Account {
        Account {
            id: self.id,
            email: self.email,
            name: self.name.unwrap_or_default(),
            enabled: self.enabled.unwrap_or(true),
            administrator: self.administrator.unwrap_or(false),
            written_name: None,
        }
    }
}

/// A body that holds one user, wrapped in `user` (`GET /users/:id`, `POST /products/:id/users`, `GET /me`) or bare
/// (`PUT /users/:id`).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum UserBody {
    /// `{"user": {…}, …}`
    Wrapped {
        /// The user.
        user: User,
    },
    /// `{…}`
    Bare(User),
}

impl UserBody {
    /// The user, wherever it stood.
    pub fn into_user(self) -> User {
        match self {
            Self::Wrapped { user } | Self::Bare(user) => user,
        }
    }

    /// As the answer of `GET /me`.
    pub fn into_credentials_owner(self) -> CredentialsOwner {
        let user = self.into_user();
        CredentialsOwner { account_id: user.id, email: user.email }
    }
}

/// The answer of `GET /users`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawUsersBody")]
pub struct UsersBody {
    /// Missing in some answers that have no match.
    pub users: Vec<User>,
    pagination: Option<Pagination>,
}

/// As it comes. Whether `users` is missing where nobody matches is not known, so it may be; but an answer that is about
/// something else does not say that nobody matches, which would have the user invited again.
#[derive(Deserialize)]
struct RawUsersBody {
    users: Option<Vec<User>>,
    pagination: Option<Pagination>,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

impl TryFrom<RawUsersBody> for UsersBody {
    type Error = &'static str;

    fn try_from(raw: RawUsersBody) -> Result<Self, Self::Error> {
        let counted = raw.pagination.as_ref().map_or(0, |pagination| pagination.total_records);
        match raw.users {
            None if counted > 0 => Err("a list of users that are counted and missing"),
            None if raw.pagination.is_none() && !raw.others.is_empty() => Err("no list of users"),
            users => Ok(Self { users: users.unwrap_or_default(), pagination: raw.pagination }),
        }
    }
}

/// Where a page stands among all (`per_page` is at most 200).
#[derive(Debug, Deserialize)]
struct Pagination {
    total_records: u64,
    total_pages: u32,
}

impl UsersBody {
    /// As a page of the directory. Without a pagination object it is the only page.
    pub fn into_page(self) -> AccountPage {
        let accounts: Vec<_> = self.users.into_iter().map(User::into_account).collect();
        let (total_accounts, total_pages) = match self.pagination {
            Some(pagination) => (pagination.total_records, pagination.total_pages),
            None => (accounts.len() as u64, 1),
        };
        AccountPage { accounts, total_accounts, total_pages }
    }
}

/// The body of `POST /products/:id/users`.
#[derive(Debug, Serialize)]
pub struct CreateBody<'a> {
    user: NewUser<'a>,
}

#[derive(Debug, Serialize)]
struct NewUser<'a> {
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider_id: Option<u64>,
}

impl<'a> CreateBody<'a> {
    /// A new user with the configured role and identity provider.
    pub fn new(email: &'a str, name: &'a Name, config: &'a AhaConfig) -> Self {
        Self {
            user: NewUser {
                email,
                first_name: &name.given,
                last_name: &name.family,
                role: config.default_role.as_str(),
                identity_provider_id: config.identity_provider_id,
            },
        }
    }
}

/// The body of `PUT /users/:id`; what is `None` is left alone.
#[derive(Debug, Serialize)]
pub struct UpdateBody<'a> {
    /// The parts to change.
    pub user: UserChanges<'a>,
}

/// What `PUT /users/:id` can change.
#[derive(Debug, Serialize)]
pub struct UserChanges<'a> {
    /// The login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// The first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'a str>,
    /// The last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<&'a str>,
    /// Whether the user can log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// An error body: `{"error": "…"}`, with `errors` as an object or as a list of objects with a `message`.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorBody {
    error: Option<String>,
    message: Option<String>,
    errors: Option<Errors>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Errors {
    One { message: String },
    Many(Vec<ErrorMessage>),
    Other(serde_json::Value),
}

#[derive(Debug, Deserialize)]
struct ErrorMessage {
    message: String,
}

impl ErrorBody {
    /// One line that says all of it, cut to a length that fits an error message.
    pub fn reason(self) -> Option<String> {
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
mod tests;
