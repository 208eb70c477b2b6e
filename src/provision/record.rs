//! What the use cases tell of users, as events: who asked for what, and what was decided.

use serde_json::Value;

use crate::{
    connector::Lane,
    scim::{difference, resource::Resource},
    store::{
        GroupId, User, UserId,
        events::{self, Event, EventKind, Subject},
    },
};

use super::{BridgedApp, ProvisionError, Request, submit::Change};

/// How many attributes, groups or members an event names one by one.
pub(super) const NAMED: usize = 24;

/// How many characters of a `userName` that no user has are kept.
const LONGEST_NAME: usize = 256;

/// Who asked for `user`, which was `before`, and what follows from it.
pub(super) fn asked<'a>(change: &'a Change, before: &User, user: &'a User, kind: EventKind) -> Event<'a> {
    let is_new = before.version == 0;
    let changed = if is_new {
        difference::names(&Resource::default(), &user.resource)
    } else {
        difference::names(&before.resource, &user.resource)
    };
    let effect = match user.lane {
        _ if !user.is_pending() => "nothing is left to do at the target",
        _ if is_new && !user.resource.allows_access() => "it has no access",
        Lane::Revoke => "takes access away",
        Lane::Change => "changes the account",
        Lane::Grant => "gives access",
    };
    let managed = if before.ownership == user.ownership { "" } else { "; it is managed from now on" };
    let mut detail = list(&changed);
    if !detail.is_empty() {
        detail.push_str("; ");
    }
    Event::new(&change.app, Subject::User(&user.id), change.now, kind, &change.actor)
        .version(user.version)
        .detail(format!("{detail}{effect}{managed}"))
}

/// What the groups tell that a deleted user has left.
pub(super) fn left_with_the_user<'a>(
    change: &'a Change,
    id: &'a UserId,
    groups: &'a [GroupId],
) -> impl Iterator<Item = Event<'a>> {
    groups.iter().take(NAMED).map(move |group| {
        Event::new(&change.app, Subject::Group(group), change.now, EventKind::MembersRemoved, &change.actor)
            .related(id.as_str())
            .detail(format!("1: {id}, who was deleted"))
    })
}

/// The names with commas, and how many more there are.
pub(super) fn list(names: &[impl AsRef<str>]) -> String {
    let named: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(NAMED);
    let named = named.join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// What a write wanted to do with a user.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// To create one of this `userName`.
    Create(String),
    /// To change it.
    Change(UserId),
    /// To delete it.
    Delete(UserId),
}

impl Asked {
    /// The create that `body` describes; `None` if it has no `userName` that anybody could ask for.
    pub(super) fn create(body: &Value) -> Option<Self> {
        let mut attributes = body.as_object()?.iter();
        let (_, name) = attributes.find(|(name, _)| name.eq_ignore_ascii_case("userName"))?;
        let name: String = name.as_str()?.chars().take(LONGEST_NAME).collect();
        (!name.is_empty()).then_some(Self::Create(name))
    }
}

/// Passes `result` on. If it is a refusal that says something about a user, an event tells of it first.
pub(super) async fn refusal<T>(
    app: &BridgedApp,
    request: &Request,
    asked: Option<Asked>,
    result: Result<T, ProvisionError>,
) -> Result<T, ProvisionError> {
    if let (Err(error), Some(asked)) = (&result, asked)
        && let Some(reason) = reason(error)
    {
        let (name, actor, now) = (app.name().to_owned(), request.actor.clone(), app.target.clock.now());
        let recorded = app.target.store.write(move |transaction| {
            Box::pin(async move {
                let (subject, what) = match &asked {
                    Asked::Create(name) => (Subject::Name(name), "create the user"),
                    Asked::Change(id) => (Subject::User(id), "change it"),
                    Asked::Delete(id) => (Subject::User(id), "delete it"),
                };
                let event = Event::new(&name, subject, now, EventKind::Refused, &actor);
                events::append_refusal(transaction, event.detail(format!("{what}: {reason}"))).await
            })
        });
        // The refusal stands also when it cannot be recorded; a database that fails is told of by whoever needs it next.
        if let Err(error) = recorded.await {
            tracing::error!(app = app.name(), %error, "a refused write could not be recorded");
        }
    }
    result
}

/// Why a write was refused, if that is of interest to who wonders about the user.
fn reason(error: &ProvisionError) -> Option<String> {
    match error {
        // Errors name attributes and quote paths. A path may hold a value in brackets, and this one is a secret.
        ProvisionError::Scim(error) if error.detail.to_ascii_lowercase().contains("password") => {
            Some(format!("what it says of the password is not right ({})", error.scim_type.as_str()))
        }
        ProvisionError::Scim(_) | ProvisionError::Forbidden(_) | ProvisionError::Unavailable { .. } => {
            Some(error.to_string())
        }
        // Without the length of the wait, or every repetition would be another refusal.
        ProvisionError::QueueTooLong { .. } => Some(
            "Too much waits for the target already; the identity provider was told when to try again.".into(),
        ),
        // Nobody is meant; the client read an older version, and reads again; our own trouble.
        ProvisionError::NotFound { .. }
        | ProvisionError::VersionMismatch { .. }
        | ProvisionError::Store(_) => None,
    }
}
