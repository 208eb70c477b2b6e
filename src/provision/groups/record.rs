//! What the use cases tell of groups and of their members, as events.

use std::collections::BTreeMap;

use crate::{
    clock::Time,
    provision::{BridgedApp, Request, record::list},
    scim::difference,
    store::{
        Group, StoreError, Transaction, UserId,
        events::{self, Event, EventKind, Subject},
        members::MemberKind,
    },
};

/// How many users hear of one request that they joined or left the group. The group's own event counts all; what a user is a
/// member of now, its rows say.
const TOLD: usize = 100;

/// Whose request it is, to be taken into a transaction.
#[derive(Clone, Debug)]
pub(super) struct Author {
    app: String,
    actor: String,
    now: Time,
}

/// Who became a member and who is none any more, by ids.
#[derive(Clone, Debug, Default)]
pub(super) struct MembersChanged {
    added: BTreeMap<String, MemberKind>,
    removed: BTreeMap<String, MemberKind>,
}

impl Author {
    pub(super) fn of(app: &BridgedApp, request: &Request) -> Self {
        let now = app.target.clock.now();
        Self { app: app.name().to_owned(), actor: request.actor.clone(), now }
    }

    /// When it was made.
    pub(super) fn now(&self) -> Time {
        self.now
    }

    /// A group was created with these members.
    pub(super) async fn created(
        &self,
        transaction: &mut Transaction,
        group: &Group,
        members: &MembersChanged,
    ) -> Result<(), StoreError> {
        let created = self.event(group, EventKind::Created).detail(name(group));
        self.append(transaction, group, Some(created), members).await
    }

    /// A group was changed, in itself or in its members.
    pub(super) async fn changed(
        &self,
        transaction: &mut Transaction,
        before: &Group,
        group: &Group,
        members: &MembersChanged,
    ) -> Result<(), StoreError> {
        let names = difference::names(&before.resource, &group.resource);
        let renamed = if name(before) == name(group) {
            String::new()
        } else {
            format!(", from {} to {}", name(before), name(group))
        };
        let detail = format!("{}{renamed}", list(&names));
        let changed = (!names.is_empty()).then(|| self.event(group, EventKind::Changed).detail(detail));
        self.append(transaction, group, changed, members).await
    }

    /// A group was deleted that had these members.
    pub(super) async fn deleted(
        &self,
        transaction: &mut Transaction,
        group: &Group,
        members: &MembersChanged,
    ) -> Result<(), StoreError> {
        let deleted = self.event(group, EventKind::Deleted).detail(name(group));
        self.append(transaction, group, Some(deleted), members).await
    }

    async fn append(
        &self,
        transaction: &mut Transaction,
        group: &Group,
        first: Option<Event<'_>>,
        members: &MembersChanged,
    ) -> Result<(), StoreError> {
        let changes = [
            (&members.added, EventKind::MembersAdded, EventKind::Joined),
            (&members.removed, EventKind::MembersRemoved, EventKind::Left),
        ];
        let ids: Vec<UserId> = changes.iter().flat_map(|(members, ..)| users(members)).collect();
        let mut ids = ids.iter();
        let mut story = Vec::from_iter(first);
        for (members, of_group, of_member) in changes {
            if members.is_empty() {
                continue;
            }
            let names: Vec<&String> = members.keys().collect();
            let detail = format!("{}: {}", members.len(), list(&names));
            story.push(self.event(group, of_group).detail(detail));
            for id in ids.by_ref().take(users(members).count()) {
                let event = Event::new(&self.app, Subject::User(id), self.now, of_member, &self.actor);
                story.push(event.related(group.id.as_str()).detail(name(group)));
            }
        }
        events::append_all(transaction, &story).await
    }

    fn event<'a>(&'a self, group: &'a Group, kind: EventKind) -> Event<'a> {
        Event::new(&self.app, Subject::Group(&group.id), self.now, kind, &self.actor).version(group.version)
    }
}

impl MembersChanged {
    pub(super) fn add(&mut self, members: impl IntoIterator<Item = (String, MemberKind)>) {
        for (id, kind) in members {
            if self.removed.remove(&id).is_none() {
                self.added.insert(id, kind);
            }
        }
    }

    pub(super) fn remove(&mut self, members: impl IntoIterator<Item = (String, MemberKind)>) {
        for (id, kind) in members {
            if self.added.remove(&id).is_none() {
                self.removed.insert(id, kind);
            }
        }
    }

    /// The users that became members.
    pub(super) fn users_added(&self) -> Vec<&str> {
        ids_of_users(&self.added)
    }

    /// The users that are no members any more.
    pub(super) fn users_removed(&self) -> Vec<&str> {
        ids_of_users(&self.removed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

fn ids_of_users(members: &BTreeMap<String, MemberKind>) -> Vec<&str> {
    members.iter().filter(|(_, kind)| **kind == MemberKind::User).map(|(id, _)| id.as_str()).collect()
}

/// The users among some members, as many as are told.
fn users(members: &BTreeMap<String, MemberKind>) -> impl Iterator<Item = UserId> {
    let users = members.iter().filter(|(_, kind)| **kind == MemberKind::User);
    users.map(|(id, _)| UserId::from(id.as_str())).take(TOLD)
}

fn name(group: &Group) -> &str {
    group.resource.display_name().unwrap_or_default()
}
