//! A stored user as the IdP reads it.

use serde_json::{Value, json};

use crate::{
    scim::meta::{self, Identity},
    store::{
        User,
        members::{self, Membership},
    },
};

use super::{BridgedApp, ProvisionError};

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
    /// The user as it reads now, with its groups.
    pub(super) async fn present(&self, user: &User) -> Result<Presented, ProvisionError> {
        let id = user.id.as_str();
        let memberships = members::of_range(&self.target.store, self.name(), id, id).await?;
        Ok(self.present_member(user, &memberships))
    }

    /// As [`present`](Self::present), of many users at a time, in the order of their ids.
    pub(super) async fn present_all(&self, users: &[User]) -> Result<Vec<Value>, ProvisionError> {
        let (Some(first), Some(last)) = (users.first(), users.last()) else { return Ok(Vec::new()) };
        let range = members::of_range(&self.target.store, self.name(), first.id.as_str(), last.id.as_str());
        let memberships = range.await?;
        let of = |user: &User| {
            let from =
                memberships.partition_point(|membership| membership.member_id.as_str() < user.id.as_str());
            let count =
                memberships[from..].partition_point(|membership| membership.member_id == user.id.as_str());
            &memberships[from..from + count]
        };
        Ok(users.iter().map(|user| self.present_member(user, of(user)).resource).collect())
    }

    /// What the IdP asserted, with `active`, if it is assigned, as [`User::shown_active`] says, and with `groups`, which follow from the
    /// members of groups (RFC 7643 §4.1.2).
    fn present_member(&self, user: &User, memberships: &[Membership]) -> Presented {
        let identity = Identity {
            id: user.id.as_str(),
            created: user.created_at,
            last_modified: user.modified_at,
            version: user.version,
            base_url: &self.base_url,
        };
        let user_type = self.registry.user();
        let mut resource = user.resource.clone();
        if resource.active().is_some() {
            resource = resource.with_active(user.shown_active());
        }
        if !memberships.is_empty() {
            let groups: Value =
                memberships.iter().map(|membership| self.present_membership(membership)).collect();
            resource = resource.with("groups", groups);
        }
        Presented {
            resource: meta::present(user_type, &resource, &identity),
            location: identity.location(user_type),
            entity_tag: identity.entity_tag(),
        }
    }

    fn present_membership(&self, membership: &Membership) -> Value {
        json!({
            "value": membership.group_id.as_str(),
            "$ref": format!("{}/Groups/{}", self.base_url, membership.group_id),
            "display": membership.display,
            "type": "direct",
        })
    }
}
