//! Whose an account is that was found: no two users have one account at the target, and a deleted user has no say in the account
//! that another one has by now.

use crate::{
    clock::Time,
    connector::{Account, Observed},
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, EventKind},
        users::{self, Answered, Ownership},
    },
};

use super::settle::happened;

/// Who else has an account that was found.
pub(super) enum Holder {
    /// A live user that the IdP manages.
    Other(UserId),
    /// A deleted user that is being worked on.
    Deleted,
}

/// Whose the account is that was seen, if it is new to `user` and another's.
pub(super) async fn of(
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

/// Whether something was sent about an account on behalf of somebody else that may still take effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing was, or it cannot any more.
    None,
    /// Something was.
    Left,
}

/// Makes the account that was seen this user's own: those who had it have it no more. They are users that were deleted, also
/// of an account that this one has known since it was made; and none that is live and managed.
pub(super) async fn take_over(
    transaction: &mut Transaction,
    user: &User,
    observed: &Observed,
    now: Time,
) -> Result<Doubt, StoreError> {
    let mut doubt = Doubt::None;
    let is_new = new_account(user, observed).is_some();
    let Some(account) =
        observed.account().filter(|_| user.account_key.is_some() && (is_new || user.is_live()))
    else {
        return Ok(doubt);
    };
    for mut other in users::find_by_account(transaction, &user.app, Some(&account.id), None).await? {
        if other.id == user.id || (other.is_live() && !is_new) {
            continue;
        }
        let event = happened(user, now, EventKind::Continued).related(other.id.as_str());
        events::append(transaction, event).await?;
        if other.is_live() {
            // Found by a roster pass in the meantime.
            users::delete_row(transaction, &other, now).await?;
        } else {
            // What was promised with the deletion, this user's state has overtaken.
            if other.lease.is_some() || matches!(other.observed, Observed::Uncertain { .. }) {
                doubt = Doubt::Left;
            }
            // Who works on it has nothing to record any more.
            other.lease = None;
            other.applied_version = other.version;
            (other.due_at, other.held_at, other.attempts, other.failure) = (None, None, 0, None);
            (other.answered, other.fallback) = (Answered::Yes, None);
            other.observed = Observed::Absent;
            users::save(transaction, &other).await?;
        }
    }
    Ok(doubt)
}

/// The account that was seen, if it was not this user's before.
pub(super) fn new_account<'a>(user: &User, observed: &'a Observed) -> Option<&'a Account> {
    let is_known = |account: &&Account| user.account().is_some_and(|known| known.id == account.id);
    // Where no two users are ever one account, there is nothing to find out.
    observed.account().filter(|account| user.account_key.is_some() && !is_known(account))
}
