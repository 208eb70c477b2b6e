//! A stored user as the IdP reads it.

use serde_json::Value;

use crate::{
    scim::meta::{self, Identity},
    store::User,
};

use super::BridgedApp;

/// A resource, whole, with what an answer's headers say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Presented {
    /// The JSON, before a projection.
    pub resource: Value,
    /// Its URL.
    pub location: String,
    /// Its weak entity tag.
    pub entity_tag: String,
}

impl BridgedApp {
    /// The user as it reads now: what the IdP asserted, with `active` as [`User::shown_active`] says.
    pub(super) fn present(&self, user: &User) -> Presented {
        let identity = Identity {
            id: user.id.as_str(),
            created: user.created_at,
            last_modified: user.modified_at,
            version: user.version,
            base_url: &self.base_url,
        };
        let user_type = self.registry.user();
        let shown_active = user.shown_active();
        let resource = if user.resource.active() == Some(shown_active) {
            meta::present(user_type, &user.resource, &identity)
        } else {
            meta::present(user_type, &user.resource.clone().with_active(shown_active), &identity)
        };
        Presented { resource, location: identity.location(user_type), entity_tag: identity.entity_tag() }
    }
}
