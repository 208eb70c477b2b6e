//! Steps 5 and 6 of every write: wait until the target agrees or says no, or until the time is over, and answer.

use std::time::Duration;

use futures_util::FutureExt;

use crate::{
    clock::{Time, until},
    connector::{Lane, error::RejectionKind},
    converge::{
        outcome::{Outcome, Rejection, Watch},
        put_back,
    },
    scim::error::{Error, ScimType},
    store::{
        User,
        events::{self, Event, EventKind, Recorded, Subject},
        users::{self, Answered, Fallback, Ownership},
    },
};

use super::{
    BridgedApp, Presented, ProvisionError,
    submit::{REVOCATION_IS_KEPT, Submission, blocked},
};

/// Who answers in the place of the target, in events.
const ACTOR: &str = "bridge";

/// When a write may be sent again whose user was handed back meanwhile: whoever did that may want to disconnect first.
const RETRY_AFTER_RELEASE: Duration = Duration::from_secs(60);

/// How long to wait for a report that is certain to come.
const REPORT_WAIT: Duration = Duration::from_secs(1);

/// How much of what happened to a user is looked at: more than happens while a request waits.
const STORY: u32 = 200;

/// The user as it reads once [`confirm`] is done with it.
pub(super) async fn finish(
    app: &BridgedApp,
    submission: Submission,
    deadline: Time,
) -> Result<Presented, ProvisionError> {
    let user = confirm(app, submission, deadline).await?;
    app.present(&user).await
}

/// The user, once its state may be answered with a 2xx: the target agrees, or `deadline` is over and the state is durable.
///
/// # Errors
/// When the target rejects the change, which then is undone; or when it refuses our credentials.
pub(super) async fn confirm(
    app: &BridgedApp,
    submission: Submission,
    deadline: Time,
) -> Result<User, ProvisionError> {
    let (user, mut watch) = match submission {
        Submission::Settled(user) => return Ok(user),
        Submission::Pending { user, watch } => (user, watch),
    };
    let target = &app.target;
    target.rouse(&user.id);
    let settled = until(&*target.clock, deadline, async {
        tokio::select! {
            biased;
            outcome = watch.settled(user.version) => outcome,
            reason = target.health.until_credentials_refused() => Outcome::Blocked(reason),
        }
    });
    match settled.await {
        // What is held is promised, and no target is waited for.
        Some(Outcome::Applied | Outcome::Held) => newest(app, user).await,
        Some(Outcome::Rejected(rejection)) => Err(rejected(rejection)),
        Some(Outcome::Blocked(reason)) => refuse_blocked(app, user, &reason).await,
        None => accept(app, user, watch).await,
    }
}

/// The user as it is stored by now, which may be newer. A process that put a write back carries that out as well, and reports it to
/// nobody by the name of the write: that is no answer for who asked for what was put back.
async fn newest(app: &BridgedApp, user: User) -> Result<User, ProvisionError> {
    let Some(stored) = users::find_any(&app.target.store, app.name(), &user.id).await? else {
        return Ok(user);
    };
    if !is_as_asked(&stored, &user) && was_put_back(app, &user).await? {
        return Err(ProvisionError::Unavailable {
            detail: "This write was undone while it waited, and its reason did not arrive here; the events of the user tell it. \
                     Nothing was changed; send it again."
                .into(),
            retry_after: REPORT_WAIT,
        });
    }
    Ok(stored)
}

/// Whether what is stored is what was asked for with `user`.
fn is_as_asked(stored: &User, user: &User) -> bool {
    stored.resource == user.resource && stored.is_live() == user.is_live()
}

/// Whether the version of `user`, or a newer one that builds on it, was put back.
async fn was_put_back(app: &BridgedApp, user: &User) -> Result<bool, ProvisionError> {
    let story = events::list(&app.target.store, app.name(), user.id.as_str(), STORY).await?;
    let is_of_it = |event: &Recorded| {
        event.kind == Some(EventKind::PutBack) && event.version.is_some_and(|version| version >= user.version)
    };
    Ok(story.iter().any(is_of_it))
}

fn rejected(rejection: Rejection) -> ProvisionError {
    let detail = format!("{}.", rejection.reason.trim_end_matches('.'));
    match rejection.kind {
        RejectionKind::Invalid => Error::new(ScimType::InvalidValue, detail).into(),
        RejectionKind::Conflict => Error::new(ScimType::Uniqueness, detail).into(),
        RejectionKind::Forbidden => ProvisionError::Forbidden(detail),
    }
}

/// The target refuses our credentials. A revocation stays to be done, and the IdP is told that it is not done yet; anything
/// else is undone, also the create of a user without access.
async fn refuse_blocked(app: &BridgedApp, user: User, reason: &str) -> Result<User, ProvisionError> {
    let is_new = user.version == 1;
    if user.lane == Lane::Revoke && !is_new {
        let kept = format!("{reason}. {REVOCATION_IS_KEPT}");
        promise(app, &user, EventKind::Blocked, kept).await?;
        return Err(blocked(reason, REVOCATION_IS_KEPT));
    }
    put_back::withdraw(&app.target, &user.id, user.version, reason).await?;
    Err(blocked(reason, "Nothing was changed."))
}

/// The time is over: the IdP is promised the state as it is stored. From then on a rejection undoes nothing any more.
async fn accept(app: &BridgedApp, user: User, mut watch: Watch) -> Result<User, ProvisionError> {
    if let Some(stored) = promise(app, &user, EventKind::Promised, String::new()).await? {
        return Ok(stored);
    }
    // It was settled in the same moment; the report is on its way.
    let report = watch.settled(user.version).boxed();
    match until(&*app.target.clock, app.target.clock.now() + REPORT_WAIT, report).await {
        Some(Outcome::Rejected(rejection)) => Err(rejected(rejection)),
        Some(_) => newest(app, user).await,
        None => without_report(app, user).await,
    }
}

/// Somebody else decided meanwhile: a newer version that was answered already, or a person who handed the user back, whose
/// process reports to nobody here, or a process that put it back and whose report was forgotten, or is of another version.
async fn without_report(app: &BridgedApp, user: User) -> Result<User, ProvisionError> {
    let stored = users::find_any(&app.target.store, app.name(), &user.id).await?;
    let is_handed_back = match &stored {
        // A deleted user is gone in any case.
        None => user.is_live(),
        Some(stored) => stored.is_live() && stored.ownership == Ownership::Unmanaged,
    };
    if is_handed_back {
        return Err(ProvisionError::Unavailable {
            detail: "The user was handed back (`scim-bridge release`) while this write waited. Nothing was changed; send it \
                     again if the user is to be managed."
                .into(),
            retry_after: RETRY_AFTER_RELEASE,
        });
    }
    newest(app, user).await
}

/// Marks the version of `user` as promised, of which an event of that kind tells. `None` if it was settled before.
async fn promise(
    app: &BridgedApp,
    user: &User,
    kind: EventKind,
    detail: String,
) -> Result<Option<User>, ProvisionError> {
    let (promised, now) = (user.clone(), app.target.clock.now());
    app.target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut stored) = users::get(transaction, &promised.app, &promised.id).await? else {
                    return Ok(None);
                };
                if stored.version == promised.version {
                    stored.answered = Answered::Yes;
                    stored.fallback = None;
                } else if stored.version > promised.version && stored.answered == Answered::No {
                    // A newer version waits for its own confirmation; this one is what a rejection of it leads back to.
                    let newer =
                        stored.fallback.as_ref().is_some_and(|fallback| fallback.version > promised.version);
                    if !newer {
                        let left_groups =
                            stored.fallback.map(|fallback| fallback.left_groups).unwrap_or_default();
                        stored.fallback = Some(Fallback { left_groups, ..put_back::fallback_of(&promised) });
                    }
                } else {
                    return Ok(None);
                }
                users::save(transaction, &stored).await?;
                let event = Event::new(&promised.app, Subject::User(&promised.id), now, kind, ACTOR);
                events::append(transaction, event.version(promised.version).detail(detail)).await?;
                Ok(Some(stored))
            })
        })
        .await
}
