//! Aha!'s JSON, as its documentation and its own OpenAPI examples show it.
//!
//! Read leniently: only what is used is declared, all else is ignored, and bodies are accepted with and without their
//! wrapper, since sources disagree where Aha! wraps. Numbers that stand for ids are accepted as text and as numbers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    clock::Time,
    config::AhaConfig,
    connector::{
        Account, AccountPage, Name,
        aha_api::{Page, text_or_number, time},
    },
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

impl User {
    /// Aha!'s id of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it was made, if that was told in RFC 3339.
    pub fn created_at(&self) -> Option<Time> {
        time(self.created_at.as_deref()?)
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

/// A body that holds one user, wrapped in `user` (`GET /users/:id`, `POST /products/:id/users`) or bare
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
}

/// The answer of `GET /users`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct UsersBody(Page<User>);

impl TryFrom<Map<String, Value>> for UsersBody {
    type Error = String;

    fn try_from(body: Map<String, Value>) -> Result<Self, String> {
        Page::read(body, "users").map(Self)
    }
}

impl UsersBody {
    /// As a page of the directory.
    pub fn into_page(self) -> AccountPage {
        self.0.into_accounts(User::into_account)
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

#[cfg(test)]
mod tests;
