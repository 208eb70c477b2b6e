//! Records how the work on a user ended, in one transaction each, and tells the requests that wait for it.

use crate::{
    clock::Time,
    connector::{Account, Connector, Desired, Lane, Observed, error::RejectionKind},
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, Event, EventKind},
        members,
        users::{self, Answered, Fallback, Lease, Ownership},
    },
};

use super::{
    Target, backoff,
    outcome::{Outcome, Rejection, Settled},
    pace,
};

/// What the work saw at the target.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    /// The account.
    pub(super) observed: Observed,
    /// Whether it was there before the bridge would have made it.
    pub(super) adopted: bool,
}

const ACTOR: &str = "worker";

/// The target agrees with the state that `worked` holds.
pub(super) async fn applied(target: &Target, worked: User, sighting: Sighting) -> Result<(), StoreError> {
    let (id, version) = (worked.id.clone(), worked.version);
    let (app, now) = (target.app.clone(), target.clock.now());
    let (record_of, seen) = (worked.clone(), sighting.clone());
    let is_paced = target.convergence.invites_per_hour.is_some();
    let end = target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let (worked, sighting) = (record_of, seen);
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(End::LeaseLost) };
                let mut sighting = sighting;
                match holder(transaction, &user, &sighting.observed).await? {
                    Some(Holder::Other(other)) if user.is_live() => return Ok(End::AccountTaken(other)),
                    // A deleted user has no say in the account that another one has by now.
                    Some(Holder::Other(_)) => sighting.observed = Observed::Absent,
                    Some(Holder::Deleted) => return Ok(End::AccountBusy),
                    None => take_over(transaction, &user, &sighting.observed, now).await?,
                }
                user.lease = None;
                see(&mut user, sighting, now);
                user.applied_version = user.applied_version.max(worked.version);
                (user.attempts, user.failure) = (0, None);
                if user.version == worked.version {
                    user.due_at = None;
                    user.fallback = None;
                    user.answered = Answered::Yes;
                } else if user.answered == Answered::No {
                    // A newer version waits; if it is rejected, this one is what the target has.
                    let left_groups = user.fallback.map(|fallback| fallback.left_groups).unwrap_or_default();
                    user.fallback = Some(Fallback { left_groups, ..fallback_of(&worked) });
                }
                users::save(transaction, &user).await?;
                if is_paced {
                    pace::give_back(transaction, &user, now).await?;
                }
                let detail = format!("version {}", worked.version);
                record(transaction, &app, &user.id, now, EventKind::Applied, &detail).await?;
                Ok::<_, StoreError>(End::Applied)
            })
        })
        .await?;
    match end {
        End::Applied => target.outcomes.report(&id, &Settled { version, outcome: Outcome::Applied }),
        End::LeaseLost => {}
        End::AccountTaken(other) => return taken(target, worked, other).await,
        End::AccountBusy => return busy(target, worked, sighting).await,
    }
    Ok(())
}

/// The account with the e-mail that `worked` asks for is another user's.
async fn taken(target: &Target, worked: User, other: UserId) -> Result<(), StoreError> {
    let reason = format!("The account with this e-mail belongs to the user with the id {other}");
    let rejection = Rejection { kind: RejectionKind::Conflict, reason };
    // What the user had before, if anything, is still its own.
    let sighting = Sighting { observed: worked.observed.clone(), adopted: false };
    rejected(target, worked, sighting, rejection).await
}

/// What will have become of the account, nobody knows yet.
async fn busy(target: &Target, worked: User, sighting: Sighting) -> Result<(), StoreError> {
    let reason = "a deleted user with the same account is still being worked on".to_owned();
    failed(target, worked, Sighting { observed: Observed::Unknown, ..sighting }, reason).await
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
        .write(move |transaction| Box::pin(async move { holder(transaction, &user, &observed).await }));
    match look.await? {
        None => Ok(Some((worked, sighting))),
        Some(Holder::Other(other)) if worked.is_live() => taken(target, worked, other).await.map(|()| None),
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
    let is_settled = target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(false) };
                user.lease = None;
                see(&mut user, sighting, now);
                if user.version != worked.version {
                    // A newer version builds on this one; its own attempt decides for both.
                    users::save(transaction, &user).await?;
                    return Ok(false);
                }
                record(transaction, &app, &user.id, now, EventKind::Rejected, &reason).await?;
                if user.answered == Answered::No {
                    put_back(transaction, user, &*connector, now).await?;
                } else {
                    user.attempts += 1;
                    user.failure = Some(reason);
                    user.due_at = Some(now + backoff::AFTER_REJECTION);
                    users::save(transaction, &user).await?;
                }
                Ok::<_, StoreError>(true)
            })
        })
        .await?;
    if is_settled {
        target.outcomes.report(&id, &Settled { version, outcome: Outcome::Rejected(rejection) });
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
                see(&mut user, sighting, now);
                user.attempts += 1;
                record(transaction, &app, &user.id, now, EventKind::Failed, &reason).await?;
                user.failure = Some(reason);
                if user.version == worked.version {
                    user.due_at = Some(now + backoff::after(user.attempts, &user.id));
                }
                users::save(transaction, &user).await
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
    give_back(target, worked, sighting, Some(reason)).await?;
    target.outcomes.report(&id, &settled);
    Ok(())
}

/// Nothing was decided: the work goes back to the queue as it was.
pub(super) async fn released(target: &Target, worked: User, sighting: Sighting) -> Result<(), StoreError> {
    give_back(target, worked, sighting, None).await
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
) -> Result<(), StoreError> {
    let now = target.clock.now();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &worked).await? else { return Ok(()) };
                user.lease = None;
                see(&mut user, sighting, now);
                if failure.is_some() {
                    user.failure = failure;
                }
                users::save(transaction, &user).await
            })
        })
        .await
}

/// Undoes an unanswered version of a user whose request was just told that it failed. What was done by then stays.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(target: &Target, id: &UserId, version: i64) -> Result<(), StoreError> {
    let (app, id, now) = (target.app.clone(), id.clone(), target.clock.now());
    let connector = target.connector.clone();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                match users::get(transaction, &app, &id).await? {
                    Some(user)
                        if user.version == version && user.is_pending() && user.answered == Answered::No =>
                    {
                        put_back(transaction, user, &*connector, now).await
                    }
                    _ => Ok(()),
                }
            })
        })
        .await
}

/// The state before the unanswered version, due at once unless the target holds it already. While a call is out, or one was
/// not answered, nobody knows what the target holds.
async fn put_back(
    transaction: &mut Transaction,
    mut user: User,
    connector: &dyn Connector,
    now: Time,
) -> Result<(), StoreError> {
    let is_certain = user.lease.is_none() && !matches!(user.observed, Observed::Uncertain(_));
    let Some(fallback) = user.fallback.take() else {
        // There was nothing before: the create is undone. An account that was found stays known, so that the roster does
        // not show it as a new one.
        if user.account().is_none() && user.lease.is_none() {
            return users::delete_row(transaction, &user, now).await;
        }
        // Or a call is out, perhaps the create itself: until it is answered, its lease keeps others from creating again.
        let may_be_enabled_by_us = !is_certain && user.account().is_some_and(|account| !account.enabled);
        user.deleted_at = Some(now);
        user.answered = Answered::Yes;
        user.version += 1;
        if may_be_enabled_by_us {
            (user.lane, user.attempts, user.due_at) = (Lane::Revoke, 0, Some(now));
        } else {
            (user.applied_version, user.due_at) = (user.version, None);
        }
        return users::save(transaction, &user).await;
    };
    let name_holder = users::find_live_by_user_name(
        transaction,
        &user.app,
        fallback.resource.user_name().unwrap_or_default(),
    )
    .await?;
    if name_holder.is_none_or(|holder| holder.id == user.id) {
        user.deleted_at = None;
        members::rejoin(transaction, &user.app, user.id.as_str(), &fallback.left_groups, now).await?;
    }
    user.resource = fallback.resource;
    user.ownership = fallback.ownership;
    let desired = Desired::of(&user.resource, !user.is_live());
    let plan = connector.plan(&desired, &user.observed);
    user.account_key = connector.account_key(&desired);
    user.version += 1;
    user.modified_at = now;
    user.answered = Answered::Yes;
    user.lane = desired.lane(&plan);
    user.attempts = 0;
    if is_certain && (user.ownership == Ownership::Unmanaged || plan.is_empty()) {
        user.applied_version = user.version;
        user.due_at = None;
    } else {
        user.due_at = Some(now);
    }
    users::save(transaction, &user).await
}

/// The row that was worked on, if its lease is still ours. Otherwise somebody else has it, and what we saw is theirs to see.
pub(super) async fn leased(transaction: &mut Transaction, worked: &User) -> Result<Option<User>, StoreError> {
    let user = users::get(transaction, &worked.app, &worked.id).await?;
    let owner = |user: &User| user.lease.as_ref().map(|lease| lease.owner.clone());
    Ok(user.filter(|user| owner(user) == owner(worked)))
}

/// Who else has an account that was found.
enum Holder {
    /// A live user that the IdP manages.
    Other(UserId),
    /// A deleted user that is being worked on.
    Deleted,
}

/// Whose the account is that was seen, if it is new to `user` and another's.
async fn holder(
    transaction: &mut Transaction,
    user: &User,
    observed: &Observed,
) -> Result<Option<Holder>, StoreError> {
    let Some(account) = new_account(user, observed) else { return Ok(None) };
    let others = users::find_by_account(transaction, &user.app, Some(&account.id), None).await?;
    let mut holder = None;
    for other in others.into_iter().filter(|other| other.id != user.id) {
        if other.is_live() && other.ownership != Ownership::Unmanaged {
            return Ok(Some(Holder::Other(other.id)));
        }
        if other.lease.is_some() {
            holder = Some(Holder::Deleted);
        }
    }
    Ok(holder)
}

/// Makes the account that was seen this user's own: those who had it, none of them live and managed, have it no more.
async fn take_over(
    transaction: &mut Transaction,
    user: &User,
    observed: &Observed,
    now: Time,
) -> Result<(), StoreError> {
    let Some(account) = new_account(user, observed) else { return Ok(()) };
    for mut other in users::find_by_account(transaction, &user.app, Some(&account.id), None).await? {
        if other.id == user.id {
            continue;
        }
        if other.is_live() {
            // Found by a roster pass in the meantime.
            users::delete_row(transaction, &other, now).await?;
        } else {
            // What was promised with the deletion, this user's state has overtaken.
            other.applied_version = other.version;
            (other.due_at, other.held_at) = (None, None);
            other.observed = Observed::Absent;
            users::save(transaction, &other).await?;
        }
    }
    Ok(())
}

/// The account that was seen, if it was not this user's before.
fn new_account<'a>(user: &User, observed: &'a Observed) -> Option<&'a Account> {
    let is_known = |account: &&Account| user.account().is_some_and(|known| known.id == account.id);
    // Where no two users are ever one account, there is nothing to find out.
    observed.account().filter(|account| user.account_key.is_some() && !is_known(account))
}

/// Takes over what was seen.
pub(super) fn see(user: &mut User, sighting: Sighting, now: Time) {
    if sighting.adopted && user.ownership == Ownership::Created {
        user.ownership = Ownership::Adopted;
    }
    user.observed = sighting.observed;
    user.observed_at = Some(now);
}

/// The desired state of `user`, to be put back if a later one is rejected.
pub fn fallback_of(user: &User) -> Fallback {
    Fallback {
        resource: user.resource.clone(),
        ownership: user.ownership,
        version: user.version,
        left_groups: Vec::new(),
    }
}

pub(super) async fn record(
    transaction: &mut Transaction,
    app: &str,
    user_id: &UserId,
    at: Time,
    kind: EventKind,
    detail: &str,
) -> Result<(), StoreError> {
    events::append(transaction, Event { app, user_id, at, kind, actor: ACTOR, detail }).await
}
