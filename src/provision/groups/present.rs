//! A group as the IdP reads it.

use crate::{
    provision::{
        BridgedApp, Presented, ProvisionError,
        present::{Kind, Related},
    },
    store::{Group, Stored},
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
    pub(super) async fn present_group(
        &self,
        group: &Group,
        members: Members,
    ) -> Result<Presented, ProvisionError> {
        let stored = Stored {
            id: group.id.as_str().to_owned(),
            fragment: group.fragment(),
            version: group.version,
            created_at: group.created_at,
            modified_at: group.modified_at,
            is_member: false,
        };
        self.present_stored_group(&stored, members).await
    }

    /// The stored group as it reads now.
    pub(super) async fn present_stored_group(
        &self,
        group: &Stored,
        members: Members,
    ) -> Result<Presented, ProvisionError> {
        match members {
            Members::Shown => self.present_stored(Kind::Group, group).await,
            Members::Omitted => Ok(self.present_with(Kind::Group, group, &Related::new())),
        }
    }
}
