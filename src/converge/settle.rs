//! Records how the work on a user ended, in one transaction each, and tells the requests that wait for it.

use crate::{
    clock::Time,
    connector::{Account, Lane, Observed, error::RejectionKind},
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, Event, EventKind, Subject},
        users::{self, Answered, Fallback, Lease, Ownership},
    },
};

use super::{
    Target, backoff,
    convergence::starting_point,
    holder::{self, Doubt, Holder, new_account},
    journal::Journal,
    outcome::{Outcome, Rejection, Settled},
    pace,
    put_back::{fallback_of, put_back},
    roster,
};

/// What the work saw at the target.
#[derive(Clone, Debug, Default)]
pub(super) struct Sighting {
    /// The account.
    pub(super) observed: Observed,
    /// The account as it was before it was looked at, if it was: that may have shown that it is not there.
    pub(super) looked_at: Option<Account>,
    /// Whether it was there before the bridge would have made it.
    pub(super) adopted: bool,
    /// What the target was asked.
    pub(super) calls: Journal,
    /// Why rights could not be given or taken that are to be.
    pub(super) refusals: Vec<String>,
    /// Whether it ends the doubt about the account: only its rights were to be changed by what may take effect yet.
    pub(super) ends_doubt: bool,
}

/// Who acts here, in events.
pub(super) const ACTOR: &str = "worker";

/// The target agrees with the state that `worked` holds.
pub(super) async fn applied(target: &Target, worked: User, sighting: Sighting) -> Result<(), StoreError> {
    let (id, version) = (worked.id.clone(), worked.version);
    let (app, now) = (target.app.clone(), target.clock.now());
    let doubted_until = target.in_doubt_until(now);
    let (record_of, seen) = (worked.clone(), sighting.clone());
    let is_paced = target.convergence.invites_per_hour.is_some();
    let (outcomes, settled) = (target.outcomes.clone(), Settled { version, outcome: Outcome::Applied });
    let keeping = settled.clone();
    // Where accounts are not listed, nothing is found about them.
    let findings = target.connector.directory().map(|_| roster::Scope::of(target));
    let end = target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let (worked, sighting) = (record_of, seen);
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(End::LeaseLost) };
                let mut sighting = sighting;
                match holder::of(transaction, &user, &sighting.observed).await? {
                    Some(Holder::Other(other)) if user.is_live() => return Ok(End::AccountTaken(other)),
                    // A deleted user has no say in the account that another one has by now.
                    Some(Holder::Other(_)) => sighting.observed = Observed::Absent,
                    Some(Holder::Deleted) => return Ok(End::AccountBusy),
                    None => {
                        if holder::take_over(transaction, &user, &sighting.observed, now).await?
                            == Doubt::Left
                        {
                            sighting.observed = sighting.observed.doubted_until(doubted_until);
                        }
                    }
                }
                user.lease = None;
                let is_adopted = sighting.adopted && user.ownership == Ownership::Created;
                let adopted = "the account was there before, so it is adopted and no invitation was sent";
                let detail = if is_adopted { adopted } else { "" };
                let refusal = sighting.refusals.join("; ");
                let mut story = Vec::new();
                if refusal.is_empty() || user.is_pending() || ends_otherwise(&user, &sighting.calls, &refusal)
                {
                    story = sighting.calls.events(&app, &worked.id);
                    story.push(happened(&worked, now, EventKind::Applied).detail(detail));
                    for refusal in &sighting.refusals {
                        story.push(happened(&worked, now, EventKind::Rejected).detail(refusal.as_str()));
                    }
                }
                let shown_before = shown_truth(&user);
                if sighting.observed != starting_point(&worked) {
                    see(&mut user, &sighting, now);
                }
                if let Observed::Present(account) = &mut user.observed {
                    account.entitlement.forget_lost(now);
                    if sighting.refusals.is_empty() && user.touched == worked.touched {
                        account.entitlement.forget_what_others_took();
                    }
                }
                user.applied_version = user.applied_version.max(worked.version);
                (user.attempts, user.failure) = (0, None);
                if !refusal.is_empty() {
                    (user.attempts, user.failure) = (worked.attempts + 1, Some(refusal));
                }
                if user.version == worked.version {
                    (user.due_at, user.lane) = due_again(&user, &worked, now);
                    user.fallback = None;
                    user.answered = Answered::Yes;
                    if user.due_at.is_none() {
                        // What comes next is not done for this request.
                        user.cause = None;
                    }
                } else if user.answered == Answered::No {
                    // A newer version waits; if it is rejected, this one is what the target has.
                    let left_groups = user.fallback.map(|fallback| fallback.left_groups).unwrap_or_default();
                    user.fallback = Some(Fallback { left_groups, ..fallback_of(&worked) });
                }
                if is_paced {
                    pace::give_back(transaction, &user, now).await?;
                }
                save(transaction, user, shown_before, now).await?;
                outcomes.keep(transaction, &worked.id, &keeping, now).await?;
                if let Some(scope) = findings {
                    let why = "the account is as asserted again";
                    roster::resolve_drift_of(transaction, &scope, &worked.id, why).await?;
                }
                events::append_all(transaction, &story).await?;
                Ok::<_, StoreError>(End::Applied)
            })
        })
        .await?;
    match end {
        End::Applied => target.outcomes.report(&id, &settled),
        End::LeaseLost => {}
        End::AccountTaken(other) => return taken(target, worked, sighting, other).await,
        End::AccountBusy => return busy(target, worked, sighting).await,
    }
    Ok(())
}

/// When what was applied is worked on again, if it is, and in which lane.
fn due_again(user: &User, worked: &User, now: Time) -> (Option<Time>, Lane) {
    match &user.observed {
        // Its groups have changed since.
        _ if user.touched != worked.touched => (user.due_at, user.lane),
        // What was sent before may take effect yet: once it cannot any more, all is said again.
        Observed::Uncertain { until, .. } => (Some(*until), user.lane),
        _ if user.failure.is_some() => (Some(now + backoff::after_rejection(user.attempts)), worked.lane),
        // A right may come back that was taken.
        Observed::Present(account) if account.entitlement.look_at().is_some() => {
            (account.entitlement.look_at(), Lane::Revoke)
        }
        _ => (None, user.lane),
    }
}

/// The account with the e-mail that `worked` asks for is another user's.
async fn taken(target: &Target, worked: User, sighting: Sighting, other: UserId) -> Result<(), StoreError> {
    let reason = format!(
        "The account with this e-mail belongs to the user with the id {other}. Give one of the two another e-mail, or delete one"
    );
    let rejection = Rejection { kind: RejectionKind::Conflict, reason };
    // What the user had before, if anything, is still its own.
    let sighting = Sighting { observed: worked.observed.clone(), adopted: false, ..sighting };
    rejected(target, worked, sighting, rejection).await
}

/// What will have become of the account, nobody knows yet.
async fn busy(target: &Target, worked: User, sighting: Sighting) -> Result<(), StoreError> {
    let reason =
        "A deleted user has the same account, and the work on that one is not done yet; it is waited for"
            .to_owned();
    let observed = sighting.observed.clone().doubted_until(target.clock.now());
    failed(target, worked, Sighting { observed, ..sighting }, reason).await
}

/// Finds out whether an account that was found may be changed for `worked`, before anything about it is. If not, settles
/// `worked` and answers `None`.
pub(super) async fn may_change(
    target: &Target,
    worked: User,
    sighting: Sighting,
) -> Result<Option<(User, Sighting)>, StoreError> {
    if new_account(&worked, &sighting.observed).is_none() {
        return Ok(Some((worked, sighting)));
    }
    let (user, observed) = (worked.clone(), sighting.observed.clone());
    let look = target
        .store
        .write(move |transaction| Box::pin(async move { holder::of(transaction, &user, &observed).await }));
    match look.await? {
        None => Ok(Some((worked, sighting))),
        Some(Holder::Other(other)) if worked.is_live() => {
            taken(target, worked, sighting, other).await.map(|()| None)
        }
        Some(Holder::Other(_)) => applied(target, worked, sighting).await.map(|()| None),
        Some(Holder::Deleted) => busy(target, worked, sighting).await.map(|()| None),
    }
}

/// How a user was found when the target agreed.
enum End {
    Applied,
    /// Somebody else works on it by now, and sees for itself.
    LeaseLost,
    /// The account is that of another user.
    AccountTaken(UserId),
    /// The account is that of a deleted user, and perhaps just being disabled.
    AccountBusy,
}

/// The target said no for good. While no 2xx was answered, the state before is put back and the waiting request learns the
/// reason. What was promised stays desired and is tried again later: the reason may pass (a seat becomes free).
pub(super) async fn rejected(
    target: &Target,
    worked: User,
    sighting: Sighting,
    rejection: Rejection,
) -> Result<(), StoreError> {
    let (id, version) = (worked.id.clone(), worked.version);
    let (app, now) = (target.app.clone(), target.clock.now());
    let connector = target.connector.clone();
    let reason = rejection.reason.clone();
    tracing::warn!(app = target.app, user.id = %id, reason, "the target rejected a change");
    let (outcomes, settled) =
        (target.outcomes.clone(), Settled { version, outcome: Outcome::Rejected(rejection) });
    let keeping = settled.clone();
    let is_settled = target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(false) };
                user.lease = None;
                let mut story = sighting.calls.events(&app, &worked.id);
                let shown_before = shown_truth(&user);
                see(&mut user, &sighting, now);
                if user.version != worked.version {
                    // A newer version builds on this one; its own attempt decides for both.
                    users::save(transaction, &user).await?;
                    events::append_all(transaction, &story).await?;
                    return Ok(false);
                }
                let event = happened(&worked, now, EventKind::Rejected);
                if user.answered == Answered::No {
                    story.push(event.detail(reason));
                    events::append_all(transaction, &story).await?;
                    put_back(transaction, user, &*connector, now).await?;
                } else {
                    let due_at = match user.due_at {
                        Some(due_at) if user.touched != worked.touched => due_at,
                        _ => now + backoff::after_rejection(user.attempts + 1),
                    };
                    if ends_otherwise(&user, &sighting.calls, &reason) {
                        let attempts = user.attempts + 1;
                        story.push(event.detail(again(&reason, attempts, due_at)));
                        events::append_all(transaction, &story).await?;
                    }
                    user.attempts += 1;
                    user.failure = Some(reason);
                    user.due_at = Some(due_at);
                    save(transaction, user, shown_before, now).await?;
                }
                outcomes.keep(transaction, &worked.id, &keeping, now).await?;
                Ok::<_, StoreError>(true)
            })
        })
        .await?;
    if is_settled {
        target.outcomes.report(&id, &settled);
    }
    target.wake.notify_one();
    Ok(())
}

/// An attempt failed; the next one comes after a wait.
pub(super) async fn failed(
    target: &Target,
    worked: User,
    sighting: Sighting,
    reason: String,
) -> Result<(), StoreError> {
    let (app, now) = (target.app.clone(), target.clock.now());
    tracing::warn!(app, user.id = %worked.id, user.attempts = worked.attempts + 1, reason, "an attempt failed");
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(()) };
                user.lease = None;
                let shown_before = shown_truth(&user);
                let doubted_before = doubted_until(&user, now);
                see(&mut user, &sighting, now);
                if user.version == worked.version
                    && let Observed::Uncertain { until, .. } = &mut user.observed
                {
                    // The next attempt says the same, so it does not matter when this one takes effect.
                    *until = doubted_before.unwrap_or(now);
                }
                let attempts = user.attempts + 1;
                let due_at = match user.due_at {
                    due_at if (user.version, user.touched) != (worked.version, worked.touched) => due_at,
                    _ => Some(now + backoff::after(attempts, &user.id)),
                };
                if ends_otherwise(&user, &sighting.calls, &reason) {
                    let detail = again(&reason, attempts, due_at.unwrap_or(now));
                    let mut story = sighting.calls.events(&app, &worked.id);
                    story.push(happened(&worked, now, EventKind::Failed).detail(detail));
                    events::append_all(transaction, &story).await?;
                }
                (user.attempts, user.failure, user.due_at) = (attempts, Some(reason), due_at);
                save(transaction, user, shown_before, now).await
            })
        })
        .await
}

/// The target does not accept our credentials: the work stays due, and who waits is told.
pub(super) async fn blocked(
    target: &Target,
    worked: User,
    sighting: Sighting,
    reason: String,
) -> Result<(), StoreError> {
    let settled = Settled { version: worked.version, outcome: Outcome::Blocked(reason.clone()) };
    let id = worked.id.clone();
    give_back(target, worked, sighting, Some(reason), Some((EventKind::Blocked, settled.clone()))).await?;
    target.outcomes.report(&id, &settled);
    Ok(())
}

/// The target asks for time: the work goes back to the queue as it was.
pub(super) async fn postponed(
    target: &Target,
    worked: User,
    sighting: Sighting,
    reason: String,
) -> Result<(), StoreError> {
    give_back(target, worked, sighting, Some(reason), None).await
}

/// Nothing was decided: the work goes back to the queue as it was.
pub(super) async fn released(target: &Target, worked: User, sighting: Sighting) -> Result<(), StoreError> {
    give_back(target, worked, sighting, None, None).await
}

/// A look-up found nothing that may come into being until then: it is made again.
pub(super) async fn suspended(
    target: &Target,
    worked: User,
    sighting: Sighting,
    until: Time,
) -> Result<(), StoreError> {
    let now = target.clock.now();
    let reason = format!(
        "A create was sent whose answer did not come, and no account is found yet. It is looked up again at {until}"
    );
    let app = target.app.clone();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(()) };
                user.lease = None;
                let shown_before = shown_truth(&user);
                see(&mut user, &sighting, now);
                let mut story = sighting.calls.events(&app, &worked.id);
                story.push(happened(&worked, now, EventKind::Failed).detail(reason.as_str()));
                events::append_all(transaction, &story).await?;
                if (user.version, user.touched) == (worked.version, worked.touched) {
                    user.due_at = Some(until);
                }
                user.failure = Some(reason);
                save(transaction, user, shown_before, now).await
            })
        })
        .await
}

/// What became of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It stands in the row.
    Yes,
    /// Something else is desired by now, or nothing any more: it does not.
    Overtaken,
    /// Somebody else works on the user.
    LeaseLost,
}

/// Writes down what is about to be known of the account of `worked` while the work goes on: a call follows that must not be made for
/// what is not desired any more.
pub(super) async fn noted(target: &Target, worked: &User) -> Result<Noted, StoreError> {
    let worked = worked.clone();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(Noted::LeaseLost) };
                if user.due_at.is_none() || (user.version, user.touched) != (worked.version, worked.touched) {
                    return Ok(Noted::Overtaken);
                }
                user.observe(worked.observed);
                users::save(transaction, &user).await?;
                Ok(Noted::Yes)
            })
        })
        .await
}

/// Replaces the lease of a user by a longer one of the same worker. Whether the worker still had it.
pub(super) async fn kept(target: &Target, worked: &User, lease: Lease) -> Result<bool, StoreError> {
    let worked = worked.clone();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(user) = leased(transaction, &worked).await? else { return Ok(false) };
                users::save(transaction, &User { lease: Some(lease), ..user }).await?;
                Ok(true)
            })
        })
        .await
}

async fn give_back(
    target: &Target,
    worked: User,
    sighting: Sighting,
    failure: Option<String>,
    end: Option<(EventKind, Settled)>,
) -> Result<(), StoreError> {
    let (app, now) = (target.app.clone(), target.clock.now());
    let outcomes = target.outcomes.clone();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(()) };
                user.lease = None;
                let shown_before = shown_truth(&user);
                if sighting.observed != starting_point(&worked) {
                    see(&mut user, &sighting, now);
                }
                if failure.is_none() || failure != user.failure || sighting.calls.changed_something() {
                    let mut story = sighting.calls.events(&app, &worked.id);
                    let event = end.as_ref().map(|(kind, _)| happened(&worked, now, *kind));
                    story.extend(event.map(|event| event.detail(failure.clone().unwrap_or_default())));
                    events::append_all(transaction, &story).await?;
                }
                if failure.is_some() {
                    user.failure = failure;
                }
                if let Some((_, settled)) = &end {
                    outcomes.keep(transaction, &worked.id, settled, now).await?;
                }
                save(transaction, user, shown_before, now).await
            })
        })
        .await
}

/// The row that was worked on, if its lease is still ours. Otherwise somebody else has it, and what we saw is theirs to see.
pub(super) async fn leased(transaction: &mut Transaction, worked: &User) -> Result<Option<User>, StoreError> {
    let user = users::get(transaction, &worked.app, &worked.id).await?;
    let owner = |user: &User| user.lease.as_ref().map(|lease| lease.owner.clone());
    Ok(user.filter(|user| owner(user) == owner(worked)))
}

/// Takes over what was seen. An account that is new to a managed user was found there, or made just now, also in place of
/// one that vanished. What was seen does not end a doubt by itself: what was sent earlier may take effect later.
pub(super) fn see(user: &mut User, sighting: &Sighting, now: Time) {
    if new_account(user, &sighting.observed).is_some() && user.ownership != Ownership::Unmanaged {
        user.ownership = if sighting.adopted { Ownership::Adopted } else { Ownership::Created };
    }
    let doubted_until = doubted_until(user, now).filter(|_| !sighting.ends_doubt);
    user.observe(sighting.observed.clone());
    if user.account().is_none() && sighting.looked_at.is_some() {
        // It may have been changed since the row was written.
        user.out_of_sight.clone_from(&sighting.looked_at);
    }
    if let Some(until) = doubted_until {
        user.observed = user.observed.clone().doubted_until(until);
    }
    user.observed_at = Some(now);
}

/// Until when an earlier change of the account may take effect that is not desired any more.
fn doubted_until(user: &User, now: Time) -> Option<Time> {
    match &user.observed {
        Observed::Uncertain { until, .. } if *until > now => Some(*until),
        _ => None,
    }
}

/// `active` as the target's truth; `None` while what was promised is shown instead.
pub(super) fn shown_truth(user: &User) -> Option<bool> {
    (!user.is_pending()).then(|| user.shown_active())
}

/// Saves the user, under a new version if what is shown of it changed without the IdP: then the work was to undo what was
/// done at the target itself. Last of all, since versions tell what the work was for.
pub(super) async fn save(
    transaction: &mut Transaction,
    mut user: User,
    shown_before: Option<bool>,
    now: Time,
) -> Result<(), StoreError> {
    if !user.is_pending() && shown_before.is_some_and(|shown_before| shown_before != user.shown_active()) {
        user.changed_at_target(now);
    }
    users::save(transaction, &user).await
}

/// Something that happened to `user`, in the version that it has.
pub(super) fn happened<'a>(user: &'a User, at: Time, kind: EventKind) -> Event<'a> {
    Event::new(&user.app, Subject::User(&user.id), at, kind, ACTOR).version(user.version)
}

/// Whether an attempt on `user` that ends for `reason` is to be told. What ends as the last attempt did is told again only when
/// there are twice as many attempts: a target that is down for days would fill the record with one sentence.
fn ends_otherwise(user: &User, calls: &Journal, reason: &str) -> bool {
    calls.changed_something()
        || user.failure.as_deref() != Some(reason)
        || (user.attempts + 1).is_power_of_two()
}

/// How an attempt ended that is made again.
fn again(reason: &str, attempts: u32, due_at: Time) -> String {
    format!("{reason} (attempt {attempts}; the next one is due at {due_at})")
}
