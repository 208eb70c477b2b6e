//! A stored group as the IdP reads it.

use serde_json::{Value, json};

use crate::{
    provision::{BridgedApp, Presented, ProvisionError},
    scim::{
        filter::Interest,
        meta::{self, Identity},
    },
    store::{
        Group,
        members::{self, Member},
    },
};

/// Whether an answer holds the members: for large groups that is nearly all of its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// They are read.
    Shown,
    /// They are left out.
    Omitted,
}

impl BridgedApp {
    /// The group as it reads now. `members` is there also when there are none: some clients miss the key (`OKT-09`).
    pub(in crate::provision) async fn present_group(
        &self,
        group: &Group,
        members: Members,
    ) -> Result<Presented, ProvisionError> {
        let members = match members {
            Members::Omitted => None,
            Members::Shown => Some(members::list(&self.target.store, &group.id).await?),
        };
        Ok(self.present_with(group, members.as_deref()))
    }

    /// The group as far as a filter with that interest in members must see it.
    pub(in crate::provision) async fn present_group_for(
        &self,
        group: &Group,
        interest: &Interest<'_>,
    ) -> Result<Value, ProvisionError> {
        let store = &self.target.store;
        let members = match interest {
            Interest::None => None,
            Interest::Values(ids) => Some(members::list_some(store, &group.id, ids).await?),
            Interest::All => Some(members::list(store, &group.id).await?),
        };
        Ok(self.present_with(group, members.as_deref()).resource)
    }

    fn present_with(&self, group: &Group, members: Option<&[Member]>) -> Presented {
        let group_type = self.registry.group();
        let identity = Identity {
            id: group.id.as_str(),
            created: group.created_at,
            last_modified: group.modified_at,
            version: group.version,
            base_url: &self.base_url,
        };
        let resource = match members {
            None => meta::present(group_type, &group.resource, &identity),
            Some(members) => {
                let shown: Value = members.iter().map(|member| show_member(&self.base_url, member)).collect();
                meta::present(group_type, &group.resource.clone().with("members", shown), &identity)
            }
        };
        Presented { resource, location: identity.location(group_type), entity_tag: identity.entity_tag() }
    }
}

/// A member as it reads, always with the id of a SCIM resource and its URL (`Q-75`).
pub(super) fn show_member(base_url: &str, member: &Member) -> Value {
    let kind = member.kind.as_str();
    let mut shown = json!({
        "value": member.id,
        "$ref": format!("{base_url}/{kind}s/{}", member.id),
        "type": kind,
    });
    if let Some(display) = &member.display {
        shown["display"] = display.as_str().into();
    }
    shown
}
