//! The JSON of portal users, as Aha!'s documentation and its own OpenAPI examples show it.
//!
//! Read leniently: only what is used is declared, all else is ignored, and a body is accepted with and without its wrapper.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::connector::{
    Account, AccountPage, Name,
    aha_api::{Page, text_or_number},
};

/// A portal user, as all endpoints answer it. First and last name need not be there.
#[derive(Debug, Deserialize)]
pub struct PortalUser {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    email: String,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
}

impl PortalUser {
    /// The account it describes. One that is not said to be disabled is enabled, as new ones are.
    pub fn into_account(self) -> Account {
        let name =
            Name { given: self.first_name.unwrap_or_default(), family: self.last_name.unwrap_or_default() };
        Account {
            id: self.id,
            email: self.email,
            name: name.full(),
            enabled: self.enabled.unwrap_or(true),
            administrator: false,
            written_name: Some(name),
            entitlement: Box::default(),
        }
    }
}

/// A body that holds one portal user, wrapped in `portal_user` as the examples show it, or bare.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum PortalUserBody {
    /// `{"portal_user": {…}}`
    Wrapped {
        /// The user.
        portal_user: PortalUser,
    },
    /// `{…}`
    Bare(PortalUser),
}

impl PortalUserBody {
    /// The account, wherever it stood.
    pub fn into_account(self) -> Account {
        match self {
            Self::Wrapped { portal_user } | Self::Bare(portal_user) => portal_user.into_account(),
        }
    }
}

/// The answer of `GET …/portal_users`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct PortalUsersBody(Page<PortalUser>);

impl TryFrom<Map<String, Value>> for PortalUsersBody {
    type Error = String;

    fn try_from(body: Map<String, Value>) -> Result<Self, String> {
        Page::read(body, "portal_users").map(Self)
    }
}

impl From<PortalUsersBody> for AccountPage {
    fn from(body: PortalUsersBody) -> Self {
        body.0.into_accounts(PortalUser::into_account)
    }
}

/// The body of POST and PUT.
#[derive(Debug, Serialize)]
pub struct WriteBody<'a> {
    /// What the user is to be.
    pub portal_user: PortalUserChanges<'a>,
}

/// What can be written; what is `None` is left alone.
#[derive(Debug, Serialize)]
pub struct PortalUserChanges<'a> {
    /// The login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// The first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'a str>,
    /// The last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<&'a str>,
    /// Whether the user is an employee or partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<&'a str>,
    /// Whether the user can log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

#[cfg(test)]
mod tests;
