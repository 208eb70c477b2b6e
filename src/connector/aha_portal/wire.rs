//! The JSON of portal users, as Aha!'s documentation and its own OpenAPI examples show it.
//!
//! Read leniently: only what is used is declared, all else is ignored, and a body is accepted with and without its wrapper.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::connector::{
    Account, AccountPage, Changes, Name,
    aha_api::{Page, text_or_number},
};

/// A portal user, as all endpoints answer it. First and last name need not be there.
#[derive(Debug, Deserialize)]
pub struct PortalUser {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    email: String,
    #[serde(default, deserialize_with = "told")]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "told")]
    last_name: Option<Option<String>>,
    #[serde(default)]
    enabled: Option<bool>,
}

/// Tells a name that is not told from one that there is not, which is null.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl PortalUser {
    /// The account it describes. One that is not said to be disabled is enabled, as new ones are.
    pub fn into_account(self) -> Account {
        self.into_account_of(&Name::default(), true)
    }

    /// The account that was created with this name: what an answer leaves out is as it was sent.
    pub fn into_created_account(self, name: &Name) -> Account {
        self.into_account_of(name, true)
    }

    /// The account that it was `before` and that was sent `changes`: what an answer leaves out is so.
    pub fn into_changed_account(self, before: &Account, changes: &Changes) -> Account {
        let known = before.written_name.clone().unwrap_or_else(|| Name::split(&before.name));
        let name = Name {
            given: changes.given_name.clone().unwrap_or(known.given),
            family: changes.family_name.clone().unwrap_or(known.family),
        };
        self.into_account_of(&name, changes.enabled.unwrap_or(before.enabled))
    }

    /// The account, of which all that is not told is so.
    fn into_account_of(self, name: &Name, enabled: bool) -> Account {
        let part = |told: Option<Option<String>>, untold: &String| {
            told.map_or_else(|| untold.clone(), Option::unwrap_or_default)
        };
        let name =
            Name { given: part(self.first_name, &name.given), family: part(self.last_name, &name.family) };
        Account {
            id: self.id,
            email: self.email,
            name: name.full(),
            enabled: self.enabled.unwrap_or(enabled),
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
    /// The user, wherever it stood.
    pub fn into_user(self) -> PortalUser {
        match self {
            Self::Wrapped { portal_user } | Self::Bare(portal_user) => portal_user,
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
