//! The brake: revocations that are too many to be meant wait for a person.
//!
//! A slip at the identity provider (a group unassigned, a filter that is wrong) deactivates everybody within minutes, and
//! every request of it is a right one. So of the accounts of one app only so many are disabled within any window
//! (`brake.max_revocations`, `brake.window`); what comes beyond is *held*: it is kept and shown as promised, nothing is sent
//! for it, and a person [releases or drops](super::held) it.
//!
//! The worker asks right before it sends a call that takes access away, for it is the only code that sends any. So the
//! brake holds for whoever wants the call: an identity provider, or `drift = "enforce"`. What needs no call, such as the
//! end of a user whose account is disabled already, is never counted.
//!
//! Counting and letting through are one transaction, so several workers never let one too many through together. Who was
//! let through once passes again, however often the call fails, and is counted once; and so are several revocations of the
//! same user within the window. What is counted is the time of the first try.
//!
//! Rights that are lost are neither counted nor held, administrator roles among them: the account stays, what was given comes
//! back without an invitation when the group does, and who is guarded keeps them (see `guard`).
//!
//! A target without limits, such as `memory`, has no brake.

use std::time::Duration;

use crate::{
    clock::Time,
    config::{Brake, written_duration},
    store::{
        StoreError, Transaction, User,
        admissions::{self, Admission, AdmissionKind, Counted},
        events::{self, EventKind},
        notifications::{self, Notice, NotificationKind},
        users::Answered,
    },
};

use super::{
    Target,
    outcome::{Outcome, Settled},
    settle::{Sighting, happened, leased, save, see, shown_truth},
};

/// Where no number is configured, so many are disabled in any window however few accounts there are, …
const LEAST: u64 = 10;

/// … and of many accounts one in so many.
const ONE_IN: u64 = 10;

const REVOCATION: AdmissionKind = AdmissionKind::Revocation;

/// Asks whether the revocation of `worked` may be sent. If it may not, it is held, who waits is told, and this answers `None`.
pub(super) async fn pass(
    target: &Target,
    worked: User,
    sighting: Sighting,
) -> Result<Option<(User, Sighting)>, StoreError> {
    let Some(brake) = target.convergence.brake else { return Ok(Some((worked, sighting))) };
    let (app, now) = (target.app.clone(), target.clock.now());
    let since = now - brake.window;
    let (asked, seen) = (worked.clone(), sighting.clone());
    let verdict = target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(user) = leased(transaction, &asked).await? else { return Ok(Verdict::LeaseLost) };
                if user.version != asked.version {
                    // There is a newer version, which will be asked for if it revokes.
                    return Ok(Verdict::Passed);
                }
                let shut_at = admissions::lock(transaction, &app, REVOCATION).await?;
                if passes_again(transaction, &user, since, now).await? {
                    return Ok(Verdict::Passed);
                }
                let room = Room::of(transaction, &app, &brake, now).await?;
                if room.left() > 0 {
                    admit(transaction, &user, Counted::Yes, now).await?;
                    admissions::prune(transaction, &app, REVOCATION, since).await?;
                    if shut_at.is_some() {
                        admissions::set_shut(transaction, &app, REVOCATION, None).await?;
                    }
                    return Ok(Verdict::Passed);
                }
                if shut_at.is_none() {
                    admissions::set_shut(transaction, &app, REVOCATION, Some(now)).await?;
                }
                if shut_at.is_none() {
                    notifications::raise(transaction, room.notice(&app, &brake, now)).await?;
                }
                hold(transaction, user, seen, &room.refusal(&brake), now).await?;
                Ok::<_, StoreError>(Verdict::Held { first: shut_at.is_none(), most: room.most })
            })
        })
        .await?;
    match verdict {
        Verdict::Passed => Ok(Some((worked, sighting))),
        Verdict::LeaseLost => Ok(None),
        Verdict::Held { first, most } => {
            alert(target, &worked, &brake, first, most);
            let settled = Settled { version: worked.version, outcome: Outcome::Held };
            target.outcomes.report(&worked.id, &settled);
            Ok(None)
        }
    }
}

enum Verdict {
    Passed,
    /// Somebody else works on it by now.
    LeaseLost,
    Held {
        /// Whether all went through until now.
        first: bool,
        most: u64,
    },
}

/// How much of a window is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many accounts may be disabled in the window that ends now.
    pub most: u64,
    /// How many were.
    pub used: u64,
}

impl Room {
    /// What there is at `now`.
    pub(super) async fn of(
        transaction: &mut Transaction,
        app: &str,
        brake: &Brake,
        now: Time,
    ) -> Result<Self, StoreError> {
        let since = now - brake.window;
        let used = admissions::count(transaction, app, REVOCATION, since).await?;
        let most = match brake.max_revocations {
            Some(most) => u64::from(most.get()),
            None => default_most(admissions::count_enabled_accounts(transaction, app, since).await?),
        };
        Ok(Self { most, used })
    }

    /// How many more may be disabled.
    pub(super) fn left(&self) -> u64 {
        self.most.saturating_sub(self.used)
    }

    fn notice<'a>(&self, app: &'a str, brake: &Brake, now: Time) -> Notice<'a> {
        let text = format!(
            "the brake is on: {} accounts were disabled within {}, and more were to be. They are held until a person has looked: \
             `scim-bridge held` releases or drops them",
            self.used,
            written_duration(brake.window)
        );
        Notice {
            app,
            kind: NotificationKind::Held,
            occurrence: None,
            quiet: Duration::ZERO,
            text,
            at: now,
            due_at: now,
        }
    }

    fn refusal(&self, brake: &Brake) -> String {
        format!(
            "the brake holds it: {} accounts were disabled within {}, and for more a person must look. `scim-bridge held` \
             releases or drops it",
            self.used,
            written_duration(brake.window)
        )
    }
}

/// How many accounts may be disabled in a window that began with `enabled` ones, where no number is configured.
fn default_most(enabled: u64) -> u64 {
    LEAST.max(enabled / ONE_IN)
}

/// Whether `user` was let through before: this version at any time, or another one within the window.
pub(super) async fn passes_again(
    transaction: &mut Transaction,
    user: &User,
    since: Time,
    now: Time,
) -> Result<bool, StoreError> {
    let asked = (&user.id, user.version);
    let Some(earlier) = admissions::find(transaction, REVOCATION, asked, since).await? else {
        return Ok(false);
    };
    if earlier.version != user.version {
        admit(transaction, user, earlier.counted, now).await?;
    }
    Ok(true)
}

/// Lets the revocation of `user` through.
pub(super) async fn admit(
    transaction: &mut Transaction,
    user: &User,
    counted: Counted,
    now: Time,
) -> Result<(), StoreError> {
    let admission = Admission { version: user.version, admitted_at: now, counted };
    admissions::save(transaction, &user.app, REVOCATION, &user.id, admission).await
}

/// Keeps the revocation of `user`, promised as it is, until a person decides.
async fn hold(
    transaction: &mut Transaction,
    mut user: User,
    sighting: Sighting,
    reason: &str,
    now: Time,
) -> Result<(), StoreError> {
    user.lease = None;
    let mut story = sighting.calls.events(&user.app, &user.id);
    story.push(happened(&user, now, EventKind::Held).detail(reason));
    events::append_all(transaction, &story).await?;
    drop(story);
    let shown_before = shown_truth(&user);
    see(&mut user, &sighting, now);
    user.held_at = Some(now);
    user.failure = Some(reason.to_owned());
    user.answered = Answered::Yes;
    user.fallback = None;
    save(transaction, user, shown_before, now).await
}

fn alert(target: &Target, user: &User, brake: &Brake, first: bool, most: u64) {
    if first {
        tracing::error!(
            app = target.app,
            brake.max_revocations = most,
            brake.window_s = brake.window.as_secs(),
            "the brake is on: too many accounts were to be disabled. Further ones are held until a person has looked: see \
             `scim-bridge held`"
        );
    }
    tracing::warn!(app = target.app, user.id = %user.id, "a revocation is held");
}

/// How much of the window that ends now is used, for whoever only looks; `None` where there is no brake.
///
/// # Errors
/// When the database fails.
pub async fn room(target: &Target) -> Result<Option<Room>, StoreError> {
    let Some(brake) = target.convergence.brake else { return Ok(None) };
    let Some(used) = used(target).await? else { return Ok(None) };
    let most = match brake.max_revocations {
        Some(most) => u64::from(most.get()),
        None => {
            let since = target.clock.now() - brake.window;
            default_most(admissions::look_at_enabled_accounts(&target.store, &target.app, since).await?)
        }
    };
    Ok(Some(Room { most, used }))
}

/// How many accounts were disabled in the window that ends now and count; `None` where there is no brake.
///
/// # Errors
/// When the database fails.
pub async fn used(target: &Target) -> Result<Option<u64>, StoreError> {
    let Some(brake) = target.convergence.brake else { return Ok(None) };
    let since = target.clock.now() - brake.window;
    admissions::look(&target.store, &target.app, REVOCATION, since).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_number_it_is_the_larger_of_ten_and_a_tenth_of_the_enabled_accounts() {
        for (enabled, most) in [(0, 10), (1, 10), (109, 10), (110, 11), (119, 11), (1_000, 100)] {
            assert_eq!(default_most(enabled), most, "of {enabled}");
        }
    }
}
