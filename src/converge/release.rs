//! Hands users back: the bridge lets go of them, and their accounts stay as they are. The clean exit.
//!
//! A user that is handed back is an account that no IdP manages, as if a listing had just found it, under the id that it has:
//!
//! - What was pending or held for it is dropped. Work that is out at this moment ends by itself: its outcome is recorded as
//!   what was seen of the account, and since the version is another by then, it decides nothing.
//! - It reads as its account does. Of the attributes that the IdP sent none is kept; the account tells e-mail, name and
//!   whether it is enabled. It stays in its groups.
//!   Where accounts cannot be listed, nobody would keep that up, so the user reads as before.
//! - A user without an account is nothing at the target, so nothing is left of it. One that may be getting an account just now stays:
//!   who forgets that would invite the person again.
//! - Of a deleted user whose account is still to be disabled the row goes; the next listing shows the account.
//!
//! No call is made. An IdP that goes on writing to the user adopts it again, like any other account.

use crate::{
    connector::{Account, Connector, Lane, Observed},
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, Event, EventKind, Subject},
        findings::{self, Nature},
        users::{self, Answered, InHands, Ownership},
    },
};

use super::{
    Target,
    roster::{self, Scope},
};

/// How many users are handed back in one transaction.
const BATCH: u32 = 50;

const ACTOR: &str = "release";

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Users that no IdP manages any more.
    pub handed_back: u64,
    /// Those of them whose unfinished work was dropped.
    pub dropped_work: u64,
    /// Users of whom nothing is left, since they had no account.
    pub without_account: u64,
    /// Deleted users whose account stays as it is.
    pub leaving: u64,
    /// Users that no IdP managed in the first place, or that were done with.
    pub untouched: u64,
    /// Users that may be getting an account just now: to forget that would mean to invite them again.
    pub in_doubt: u64,
}

/// How many users an IdP has in its hands.
///
/// # Errors
/// When the database fails.
pub async fn count(target: &Target) -> Result<InHands, StoreError> {
    users::count_in_hands(&target.store, &target.app).await
}

/// Hands all users of the app back.
///
/// # Errors
/// When the database fails; those that were handed back by then stay so.
pub async fn all(target: &Target) -> Result<Released, StoreError> {
    let mut released = Released::default();
    let mut after = UserId::from("");
    loop {
        let ids = users::page_in_hands(&target.store, &target.app, after.as_str(), BATCH).await?;
        let Some(last) = ids.last() else { return Ok(released) };
        after = last.clone();
        released = released + some(target, ids).await?;
    }
}

/// Hands these users back.
///
/// # Errors
/// When the database fails; then none of them was.
pub async fn some(target: &Target, ids: Vec<UserId>) -> Result<Released, StoreError> {
    let (scope, connector) = (Scope::of(target), target.connector.clone());
    let released = target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let mut released = Released::default();
                for id in ids {
                    if let Some(user) = users::get(transaction, &scope.app, &id).await? {
                        released = released + hand_back(transaction, &scope, &*connector, user).await?;
                    }
                }
                Ok::<_, StoreError>(released)
            })
        })
        .await?;
    target.wake.notify_one();
    Ok(released)
}

async fn hand_back(
    transaction: &mut Transaction,
    scope: &Scope,
    connector: &dyn Connector,
    mut user: User,
) -> Result<Released, StoreError> {
    if !user.is_live() {
        return drop_leaver(transaction, scope, user).await;
    }
    if user.ownership == Ownership::Unmanaged {
        return Ok(Released { untouched: 1, ..Released::default() });
    }
    if may_be_getting_an_account(&user) {
        return Ok(Released { in_doubt: 1, ..Released::default() });
    }
    let had_work = user.is_pending() || user.due_at.is_some();
    resolve_findings(transaction, scope, &user.id).await?;
    let Some(account) = user.account().cloned() else {
        record(transaction, scope, &user.id, "there was no account, so nothing is left of the user").await?;
        users::delete_row(transaction, &user, scope.now).await?;
        return Ok(Released { without_account: 1, ..Released::default() });
    };
    if connector.directory().is_some() {
        follow_account(transaction, connector, &mut user, &account).await?;
    }
    user.ownership = Ownership::Unmanaged;
    user.changed_at_target(scope.now);
    (user.answered, user.fallback) = (Answered::Yes, None);
    (user.lane, user.due_at, user.held_at) = (Lane::Change, None, None);
    (user.attempts, user.failure) = (0, None);
    users::save(transaction, &user).await?;
    let detail = match had_work {
        true => "what was still to be done is dropped",
        false => "",
    };
    record(transaction, scope, &user.id, detail).await?;
    Ok(Released { handed_back: 1, dropped_work: u64::from(had_work), ..Released::default() })
}

/// Whether a create was sent, or is being sent, whose answer is not known.
fn may_be_getting_an_account(user: &User) -> bool {
    matches!(user.observed, Observed::Suspected { .. })
}

/// Makes the user read as its account.
async fn follow_account(
    transaction: &mut Transaction,
    connector: &dyn Connector,
    user: &mut User,
    account: &Account,
) -> Result<(), StoreError> {
    let mut resource = roster::resource_of(account);
    let user_name = resource.user_name().unwrap_or_default();
    let other = users::find_live_by_user_name(transaction, &user.app, user_name).await?;
    if other.is_some_and(|other| other.id != user.id) {
        // Two users cannot have one name. The next listing decides about it.
        resource = resource.with("userName", user.resource.user_name());
    }
    user.resource = resource;
    user.account_key = roster::account_key(connector, account);
    Ok(())
}

async fn drop_leaver(
    transaction: &mut Transaction,
    scope: &Scope,
    user: User,
) -> Result<Released, StoreError> {
    if user.due_at.is_none() {
        // The account is disabled, and stays hidden until the IdP makes the user again.
        return Ok(Released { untouched: 1, ..Released::default() });
    }
    if may_be_getting_an_account(&user) {
        return Ok(Released { in_doubt: 1, ..Released::default() });
    }
    let detail = "it was deleted, and its account was still to be disabled; that is dropped";
    record(transaction, scope, &user.id, detail).await?;
    users::delete_row(transaction, &user, scope.now).await?;
    Ok(Released { leaving: 1, ..Released::default() })
}

/// Nobody asserts anything of the user any more, so nothing differs.
async fn resolve_findings(
    transaction: &mut Transaction,
    scope: &Scope,
    id: &UserId,
) -> Result<(), StoreError> {
    for finding in findings::list_open_of(transaction, &scope.app, id).await? {
        if finding.kind.nature() != Nature::Collision {
            roster::resolve(transaction, scope, &finding, "the user was handed back").await?;
        }
    }
    Ok(())
}

async fn record(
    transaction: &mut Transaction,
    scope: &Scope,
    user_id: &UserId,
    detail: &str,
) -> Result<(), StoreError> {
    let event = Event::new(&scope.app, Subject::User(user_id), scope.now, EventKind::HandedBack, ACTOR);
    events::append(transaction, event.detail(detail)).await
}

impl std::ops::Add for Released {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            handed_back: self.handed_back + other.handed_back,
            dropped_work: self.dropped_work + other.dropped_work,
            without_account: self.without_account + other.without_account,
            leaving: self.leaving + other.leaving,
            untouched: self.untouched + other.untouched,
            in_doubt: self.in_doubt + other.in_doubt,
        }
    }
}
