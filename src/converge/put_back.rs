//! Takes a version back that the IdP was not promised.

use crate::{
    clock::Time,
    connector::{Connector, Lane, Observed},
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, EventKind},
        members,
        users::{self, Answered, Fallback, Ownership},
    },
};

use super::{
    Target,
    asks::desired_in,
    outcome::{Outcome, Settled},
    settle::happened,
};

/// Undoes an unanswered version of a user whose request was just told, for this reason, that it failed. What was done by then
/// stays.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(target: &Target, id: &UserId, version: i64, reason: &str) -> Result<(), StoreError> {
    let (app, id, now) = (target.app.clone(), id.clone(), target.clock.now());
    let (connector, reason) = (target.connector.clone(), reason.to_owned());
    let outcomes = target.outcomes.clone();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                match users::get(transaction, &app, &id).await? {
                    Some(user)
                        if user.version == version && user.is_pending() && user.answered == Answered::No =>
                    {
                        // Whoever waits elsewhere, for this version or one before it, is told the same.
                        let settled = Settled { version, outcome: Outcome::Blocked(reason.clone()) };
                        outcomes.keep(transaction, &id, &settled, now).await?;
                        let event = happened(&user, now, EventKind::Blocked).detail(reason);
                        events::append(transaction, event).await?;
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
pub(super) async fn put_back(
    transaction: &mut Transaction,
    mut user: User,
    connector: &dyn Connector,
    now: Time,
) -> Result<(), StoreError> {
    let may_have_been_created = matches!(user.observed, Observed::Suspected { .. });
    let is_certain = user.lease.is_none() && !matches!(user.observed, Observed::Uncertain { .. });
    let Some(fallback) = user.fallback.take() else {
        // There was nothing before: the create is undone. An account that was found stays known, so that the roster does
        // not show it as a new one.
        let undone = happened(&user, now, EventKind::PutBack).detail("the create is undone");
        events::append(transaction, undone).await?;
        if user.account().is_none() && user.lease.is_none() && !may_have_been_created {
            return users::delete_row(transaction, &user, now).await;
        }
        // Or a call is out, perhaps the create itself: until it is answered, its lease keeps others from creating again.
        let may_be_enabled_by_us =
            may_have_been_created || !is_certain && user.account().is_some_and(|account| !account.enabled);
        user.deleted_at = Some(now);
        user.ownership = Ownership::Unmanaged;
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
    let restored = format!("it is again as it was in version {}", fallback.version);
    events::append(transaction, happened(&user, now, EventKind::PutBack).detail(restored)).await?;
    user.resource = fallback.resource;
    user.ownership = fallback.ownership;
    let desired = desired_in(transaction, connector, &user).await?;
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

/// The desired state of `user`, to be put back if a later one is rejected.
pub fn fallback_of(user: &User) -> Fallback {
    Fallback {
        resource: user.resource.clone(),
        ownership: user.ownership,
        version: user.version,
        left_groups: Vec::new(),
    }
}
