//! What a change of a group means for the users in it: what they may do at the target is to be looked at again.
//!
//! Answers do not wait for that. The users become due in the same transaction: those who may lose something first, and only
//! those whom the change is about, unless it changes what the group gives.

use std::sync::Arc;

use crate::{
    clock::Time,
    connector::{Connector, GroupRights, Lane, Meaning},
    converge::Target,
    provision::BridgedApp,
    store::{Group, StoreError, Transaction, users},
};

use super::record::MembersChanged;

/// Makes users due, to be taken into a transaction.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    target: Arc<Target>,
}

impl Effect {
    pub(super) fn of(app: &BridgedApp) -> Self {
        Self { target: app.target.clone() }
    }

    /// The group `before` became `after`, and these are its `members` that came and went.
    pub(super) async fn changed(
        &self,
        transaction: &mut Transaction,
        before: Option<&Group>,
        after: Option<&Group>,
        members: &MembersChanged,
        now: Time,
    ) -> Result<(), StoreError> {
        let connector: &dyn Connector = &*self.target.connector;
        let Some(rights) = connector.group_rights() else { return Ok(()) };
        let (gave, gives) = (meaning(rights, before), meaning(rights, after));
        let app = &self.target.app;
        if !gave.is_nothing() {
            users::touch(transaction, app, &members.users_removed(), Lane::Revoke, now).await?;
        }
        match after {
            Some(group) if gave != gives => {
                tell(app, group, &gives);
                let lane = if gave.is_nothing() { Lane::Grant } else { Lane::Revoke };
                users::touch_members(transaction, app, &group.id, lane, now).await
            }
            Some(_) if !gives.is_nothing() => {
                users::touch(transaction, app, &members.users_added(), Lane::Grant, now).await
            }
            Some(group) => {
                if before.is_none() {
                    tell(app, group, &gives);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What was changed is committed.
    pub(super) fn is_durable(&self) {
        if self.target.connector.group_rights().is_some() {
            self.target.wake.notify_one();
        }
    }
}

fn meaning(rights: &dyn GroupRights, group: Option<&Group>) -> Meaning {
    group.and_then(|group| group.resource.display_name()).map(|name| rights.meaning(name)).unwrap_or_default()
}

fn tell(app: &str, group: &Group, meaning: &Meaning) {
    let (id, name) = (&group.id, group.resource.display_name().unwrap_or_default());
    for problem in &meaning.problems {
        tracing::warn!(app, group.id = %id, group.name = name, problem, "a group cannot give what it should");
    }
    if meaning.is_nothing() {
        tracing::info!(app, group.id = %id, group.name = name, "the group gives nothing at the target");
    } else if !meaning.gives.is_empty() {
        let gives = meaning.gives.join(", ");
        tracing::info!(app, group.id = %id, group.name = name, group.gives = gives, "the group gives rights");
    }
}
