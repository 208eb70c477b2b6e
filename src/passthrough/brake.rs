//! The brake: revocations that are too many to be meant are not passed on.
//!
//! A slip at the identity provider deactivates everybody within minutes, and every request of it is a right one. The bridge keeps
//! no users of an app that is passed through, so a write beyond the limit cannot be kept for later either: it is answered 503, and
//! the identity provider repeats it until there is room in the window again, or a person has lifted the brake.
//!
//! Counting and letting through are one transaction. Who was let through once within the window passes again and is counted once:
//! identity providers repeat what failed. A request that takes access from several users (bulk) passes whole or not at all.

use std::time::Duration;

use crate::{
    clock::Time,
    config::{Brake, written_duration},
    store::{
        Store, StoreError,
        notifications::{self, Notice, NotificationKind},
        passed_revocations::{self, Counted},
    },
};

use super::{Failure, PassedThrough, revocation::Revoked};

/// Users who were let through, and count since.
#[derive(Debug, Default)]
pub(super) struct LetThrough {
    ids: Vec<String>,
    at: Time,
}

/// How many users may lose access in a window where no number is configured. How many there are is not known here.
const MOST: u64 = 10;

/// When a write that is held is to be repeated, at the soonest: a person has to look.
const LEAST_WAIT: Duration = Duration::from_mins(1);

/// How the brake stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrakeState {
    /// How many users may lose access in any window.
    pub most: u64,
    /// How many did in the one that ends now.
    pub passed: u64,
    /// Until when it is lifted, if it is.
    pub lifted_until: Option<Time>,
}

/// How many users `brake` lets lose access in any window.
fn most(brake: &Brake) -> u64 {
    brake.max_revocations.map_or(MOST, |most| u64::from(most.get()))
}

/// Lets a write through that takes access from these users, or not. Who cannot be told are too many.
///
/// # Errors
/// When they are too many, or the database, which counts them, fails.
pub(super) async fn pass(app: &PassedThrough, revoked: Revoked) -> Result<LetThrough, Failure> {
    let (revoked, is_known) = match revoked {
        Revoked::These(ids) if ids.is_empty() => return Ok(LetThrough::default()),
        Revoked::These(ids) => (ids, true),
        Revoked::Unknown => (Vec::new(), false),
    };
    let (name, brake, now) = (app.name().to_owned(), app.brake, app.clock.now());
    let (most, since) = (most(&brake), now - brake.window);
    let first_of_these = revoked.first().cloned().unwrap_or_default();
    let verdict = app
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let lifted_until = passed_revocations::lock(transaction, &name).await?;
                passed_revocations::prune(transaction, &name, since).await?;
                let passed = passed_revocations::count(transaction, &name, since).await?;
                let counted = if lifted_until > now { Counted::No } else { Counted::Yes };
                let (mut new, mut repeated) = (Vec::new(), Vec::new());
                let mut is_held = counted == Counted::Yes && !is_known;
                for id in revoked {
                    if passed_revocations::has_passed(transaction, &name, &id, since).await? {
                        repeated.push(id);
                        continue;
                    }
                    new.push(id);
                    // A bulk request may name very many: the others who count wait for this one.
                    if counted == Counted::Yes && passed.count + new.len() as u64 > most {
                        is_held = true;
                        break;
                    }
                }
                if is_held {
                    notifications::raise(transaction, notice(&name, most, &brake, now)).await?;
                    return Ok(Err(passed.first_at));
                }
                for id in &repeated {
                    // Who was first may find that the target has done nothing, for this one has done it.
                    passed_revocations::repeat(transaction, &name, id, now).await?;
                }
                for id in &new {
                    passed_revocations::save(transaction, &name, id, now, counted).await?;
                }
                Ok::<_, StoreError>(Ok(LetThrough { ids: new, at: now }))
            })
        })
        .await;
    match verdict {
        Ok(Ok(let_through)) => Ok(let_through),
        Ok(Err(first_at)) => {
            tracing::error!(
                app = app.name(),
                user.id = first_of_these,
                most,
                "the brake holds: too many users would lose access; if that is meant, run scim-bridge lift-brake"
            );
            // There is room again when the first that was let through leaves the window.
            let room_at = first_at.map_or(now, |first_at| first_at + brake.window);
            let retry_after = room_at.since(now).max(LEAST_WAIT);
            Err(Failure::Held { app: app.name().to_owned(), most, window: brake.window, retry_after })
        }
        Err(error) => {
            tracing::error!(app = app.name(), %error, "revocations could not be counted, so none is passed on");
            Err(Failure::Uncounted)
        }
    }
}

/// Forgets users who were let through and lost nothing: the target did not do it. That many of them come in the hour of an
/// outage is no reason to hold those who come after it.
pub(super) async fn take_back(app: &PassedThrough, let_through: LetThrough) {
    let LetThrough { ids, at } = let_through;
    if ids.is_empty() {
        return;
    }
    let name = app.name().to_owned();
    let taken_back = app
        .store
        .write(move |transaction| {
            Box::pin(async move {
                passed_revocations::lock(transaction, &name).await?;
                for id in &ids {
                    passed_revocations::take_back(transaction, &name, id, at).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await;
    if let Err(error) = taken_back {
        tracing::error!(app = app.name(), %error, "users who lost nothing go on to count as if they had lost access");
    }
}

/// The identity provider repeats what is held: people are told once in a window.
fn notice<'a>(app: &'a str, most: u64, brake: &Brake, now: Time) -> Notice<'a> {
    let text = format!(
        "the brake holds: more than {most} users would lose access within {}. Further ones are answered 503; if they are meant, \
         run scim-bridge lift-brake",
        written_duration(brake.window)
    );
    Notice {
        app,
        kind: NotificationKind::Held,
        occurrence: None,
        quiet: brake.window,
        text,
        at: now,
        due_at: now,
    }
}

/// How the brake of `app` stands at `now`.
///
/// # Errors
/// When the database fails.
pub(super) async fn state(
    store: &Store,
    app: &str,
    brake: &Brake,
    now: Time,
) -> Result<BrakeState, StoreError> {
    let (passed, lifted_until) = passed_revocations::look(store, app, now - brake.window).await?;
    let lifted_until = lifted_until.filter(|lifted_until| *lifted_until > now);
    Ok(BrakeState { most: most(brake), passed, lifted_until })
}
