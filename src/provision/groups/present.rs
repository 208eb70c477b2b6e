//! A stored group as the IdP reads it.

use serde_json::{Value, json};

use crate::{
    provision::{BridgedApp, Presented, ProvisionError},
    scim::meta::{self, Identity},
    store::{Group, members},
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
    /// The group as it reads now.
    pub(in crate::provision) async fn present_group(
        &self,
        group: &Group,
        members: Members,
    ) -> Result<Presented, ProvisionError> {
        let group_type = self.registry.group();
        let identity = Identity {
            id: group.id.as_str(),
            created: group.created_at,
            last_modified: group.modified_at,
            version: group.version,
            base_url: &self.base_url,
        };
        let resource = match members {
            Members::Omitted => meta::present(group_type, &group.resource, &identity),
            Members::Shown => {
                let shown = self.present_members(group).await?;
                meta::present(group_type, &group.resource.clone().with("members", shown), &identity)
            }
        };
        Ok(Presented { resource, location: identity.location(group_type), entity_tag: identity.entity_tag() })
    }

    /// `members`, also when there are none: some clients miss the key (`OKT-09`).
    async fn present_members(&self, group: &Group) -> Result<Value, ProvisionError> {
        let members = members::list(&self.target.store, &group.id).await?;
        let shown = members.iter().map(|member| {
            let kind = member.kind.as_str();
            json!({
                "value": member.id,
                "$ref": format!("{}/{kind}s/{}", self.base_url, member.id),
                "type": kind,
                "display": member.display,
            })
        });
        Ok(shown.collect())
    }
}
