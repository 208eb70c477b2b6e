//! A user of an ideas portal, as Aha! keeps it inside and as it looks in JSON.

use serde_json::{Value, json};

use crate::{
    clock::Time,
    sim::aha::ids::{PortalId, PortalUserId},
};

/// A portal user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalUser {
    /// The id, given by Aha!.
    pub id: PortalUserId,
    /// The portal.
    pub portal: PortalId,
    /// The login.
    pub email: String,
    /// Can be read as well as written, unlike that of the account's own users; need not be there.
    pub first_name: Option<String>,
    /// As the first name.
    pub last_name: Option<String>,
    /// False: may not log in.
    pub enabled: bool,
    /// Whether the person has shown to have this e-mail.
    pub verified: bool,
    /// Whether the person counts as an employee or partner.
    pub employee: bool,
    /// How many votes the person has, if not as many as everybody.
    pub max_endorsements_override: Option<u64>,
    /// The person, over all portals.
    pub idea_user: u64,
    /// Whether the portal writes no mails to the person.
    pub unsubscribed: bool,
    /// Whether it writes no weekly ones.
    pub unsubscribed_from_weekly_emails: Option<bool>,
    /// When the user was made.
    pub created_at: Time,
    /// When the user was changed last.
    pub updated_at: Time,
}

impl PortalUser {
    /// As all endpoints answer it, key by key as in the vendor's examples.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "email": self.email,
            "created_at": self.created_at.to_string(),
            "updated_at": self.updated_at.to_string(),
            "idea_portal_id": self.portal.to_string(),
            "first_name": self.first_name,
            "last_name": self.last_name,
            "enabled": self.enabled,
            "verified": self.verified,
            "employee": self.employee,
            "max_endorsements_override": self.max_endorsements_override,
            "idea_user_id": self.idea_user.to_string(),
            "unsubscribed": self.unsubscribed,
            "unsubscribed_from_weekly_emails": self.unsubscribed_from_weekly_emails,
        })
    }
}

/// An invitation mail that a portal would have sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalInvitation {
    /// When.
    pub at: Time,
    /// To whom.
    pub email: String,
    /// The user that was created.
    pub user: PortalUserId,
    /// The portal.
    pub portal: PortalId,
}

/// A person to put into a portal. As made: enabled, a customer.
#[derive(Clone, Debug)]
pub struct PortalPerson {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: String,
    pub(super) enabled: bool,
    pub(super) employee: bool,
}

impl PortalPerson {
    /// A person with this name and e-mail.
    pub fn new(first_name: &str, last_name: &str, email: &str) -> Self {
        Self {
            first_name: Some(first_name.to_owned()),
            last_name: Some(last_name.to_owned()),
            ..Self::nameless(email)
        }
    }

    /// A person of whom the portal knows the e-mail alone.
    pub fn nameless(email: &str) -> Self {
        Self { first_name: None, last_name: None, email: email.to_owned(), enabled: true, employee: false }
    }

    /// May not log in.
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }

    /// Is an employee.
    pub fn employee(mut self) -> Self {
        self.employee = true;
        self
    }
}
