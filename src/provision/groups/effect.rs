//! What a change of a group means for the users in it: what they may do at the target is to be looked at again.
//!
//! Answers do not wait for that. The users become due in the same transaction: those who may lose something first, and only
//! those whom the change is about, unless it changes what the group gives. Once that is durable, the work on them that goes on
//! already hears of it: it may wait for a turn that is far off, to give them one role, while they are to lose another now.

use std::{collections::HashSet, sync::Arc};

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

/// The users who became due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    /// These, by their ids; perhaps none.
    These(HashSet<String>),
    /// All members of a group, who may be too many to be named.
    Members,
}

impl Effect {
    pub(super) fn of(app: &BridgedApp, request: &Request) -> Self {
        Self { target: app.target.clone(), cause: request.cause.clone() }
    }

    /// The group `before` became `after`, and these are its `members` that came and went. Answers who is to be looked at again.
    pub(super) async fn changed(
        &self,
        transaction: &mut Transaction,
        before: Option<&Group>,
        after: &Group,
        members: &MembersChanged,
        now: Time,
    ) -> Result<Touched, StoreError> {
        let mut touched = HashSet::new();
        let connector: &dyn Connector = &*self.target.connector;
        let Some(rights) = connector.group_rights() else { return Ok(Touched::These(touched)) };
        let (gave, gives) = (meaning(rights, before), meaning(rights, Some(after)));
        let app = &self.target.app;
        let cause = self.cause.as_ref();
        let touch = |lane| Touch { app, lane, now, cause };
        if !gave.is_nothing() {
            let removed = members.users_removed();
            users::touch(transaction, touch(Lane::Revoke), &removed).await?;
            touched.extend(removed.into_iter().map(str::to_owned));
        }
        if gave != gives {
            tell(app, after, &gives);
            let lane = if gave.is_nothing() { Lane::Grant } else { Lane::Revoke };
            users::touch_members(transaction, touch(lane), &after.id).await?;
            return Ok(Touched::Members);
        }
        let added = members.users_added();
        if !gives.is_nothing() {
            users::touch(transaction, touch(Lane::Grant), &added).await?;
            touched.extend(added.into_iter().map(str::to_owned));
        } else {
            users::adopt(transaction, app, &added).await?;
            if before.is_none() {
                tell(app, after, &gives);
            }
        }
        Ok(Touched::These(touched))
    }

    /// The group is about to be deleted; its members are still there. Answers who is to be looked at again.
    pub(super) async fn deleted(
        &self,
        transaction: &mut Transaction,
        group: &Group,
        now: Time,
    ) -> Result<Touched, StoreError> {
        let rights = self.target.connector.group_rights();
        if rights.is_none_or(|rights| meaning(rights, Some(group)).is_nothing()) {
            return Ok(Touched::default());
        }
        let (app, cause) = (&self.target.app, self.cause.as_ref());
        let touch = Touch { app, lane: Lane::Revoke, now, cause };
        users::touch_members(transaction, touch, &group.id).await?;
        Ok(Touched::Members)
    }

    /// What was changed is committed: the worker takes the users up, or goes by it where it is at work on them already.
    pub(super) fn is_durable(&self, touched: &Touched) {
        match touched {
            Touched::These(ids) if ids.is_empty() => {}
            Touched::These(ids) => self.target.rouse_those(|id| ids.contains(id.as_str())),
            // What a group gives changes seldom, and those who look once more for nothing are the few who are worked on.
            Touched::Members => self.target.rouse_those(|_| true),
        }
    }
}

impl Default for Touched {
    fn default() -> Self {
        Self::These(HashSet::new())
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
