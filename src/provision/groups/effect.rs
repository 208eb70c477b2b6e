//! What a change of a group means for the users in it: what they may do at the target is to be looked at again.
//!
//! Answers do not wait for that. The users become due in the same transaction: those who may lose something first, and only
//! those whom the change is about, unless it changes what the group gives.

use std::sync::Arc;

use crate::{
    cause::Cause,
    clock::Time,
    connector::{Connector, GroupRights, Lane, Meaning},
    converge::Target,
    provision::{BridgedApp, Request},
    store::{
        Group, StoreError, Transaction,
        users::{self, Touch},
    },
};

use super::record::MembersChanged;

/// Makes users due, to be taken into a transaction.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    target: Arc<Target>,
    cause: Option<Cause>,
}

impl Effect {
    pub(super) fn of(app: &BridgedApp, request: &Request) -> Self {
        Self { target: app.target.clone(), cause: request.cause.clone() }
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
        let cause = self.cause.as_ref();
        let touch = |lane| Touch { app, lane, now, cause };
        if !gave.is_nothing() {
            users::touch(transaction, touch(Lane::Revoke), &members.users_removed()).await?;
        }
        match after {
            Some(group) if gave != gives => {
                tell(app, group, &gives);
                let lane = if gave.is_nothing() { Lane::Grant } else { Lane::Revoke };
                users::touch_members(transaction, touch(lane), &group.id).await
            }
            Some(_) if !gives.is_nothing() => {
                users::touch(transaction, touch(Lane::Grant), &members.users_added()).await
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
