//! What a person decides about users whose revocation the brake holds.
//!
//! Both decisions are left as word in the rows, so they are made beside a running server as well as without one: what is
//! to be sent, the worker sends.

use crate::{
    clock::Time,
    connector::{Connector, Observed},
    store::{
        StoreError, Transaction, User, UserId,
        admissions::Counted,
        events::{self, Event, EventKind, Subject},
        users::{self, Answered, Ownership},
    },
};

use super::{Target, asks::desired_in, brake, roster::resource_of};

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The account is disabled, whatever the count says.
    Release,
    /// The user keeps the account. Who was deleted becomes an account that nobody manages.
    Drop,
}

/// Who decides, in events.
const ACTOR: &str = "command";

/// Decides about those of the users `ids` that are held, and answers how many these are.
///
/// # Errors
/// When the database fails; then nothing is decided.
pub async fn decide(target: &Target, ids: Vec<UserId>, decision: Decision) -> Result<usize, StoreError> {
    let (app, now) = (target.app.clone(), target.clock.now());
    let connector = target.connector.clone();
    let decided = target.store.write(move |transaction| {
        Box::pin(async move {
            let mut decided = 0;
            for id in ids {
                // Meanwhile the IdP may have asserted something else.
                let user = users::get(transaction, &app, &id).await?;
                let Some(user) = user.filter(|user| user.held_at.is_some()) else { continue };
                match decision {
                    Decision::Release => release(transaction, user, now).await?,
                    Decision::Drop if user.is_live() => keep(transaction, user, &*connector, now).await?,
                    Decision::Drop => disown(transaction, user, now).await?,
                }
                decided += 1;
            }
            Ok::<_, StoreError>(decided)
        })
    });
    decided.await
}

async fn release(transaction: &mut Transaction, mut user: User, now: Time) -> Result<(), StoreError> {
    brake::admit(transaction, &user, Counted::No, now).await?;
    user.held_at = None;
    user.failure = None;
    user.due_at = Some(now);
    users::save(transaction, &user).await?;
    record(transaction, &user, EventKind::Released, "the account is to be disabled", now).await
}

/// Gives a live user its access back: a new version, which the target mostly holds already.
async fn keep(
    transaction: &mut Transaction,
    mut user: User,
    connector: &dyn Connector,
    now: Time,
) -> Result<(), StoreError> {
    user.resource = user.resource.with_active(true);
    user.version += 1;
    user.modified_at = now;
    (user.answered, user.fallback) = (Answered::Yes, None);
    (user.held_at, user.attempts, user.failure) = (None, 0, None);
    let desired = desired_in(transaction, connector, &user).await?;
    let plan = connector.plan(&desired, &user.observed);
    user.lane = desired.lane(&plan);
    if plan.is_empty() {
        user.applied_version = user.version;
        user.due_at = None;
    } else {
        user.due_at = Some(now);
    }
    users::save(transaction, &user).await?;
    record(transaction, &user, EventKind::Dropped, "the user keeps the account", now).await
}

/// Makes a deleted user's account one that nobody manages. It gets another SCIM id: the IdP was told that the one that it
/// knew is gone.
async fn disown(transaction: &mut Transaction, deleted: User, now: Time) -> Result<(), StoreError> {
    users::delete_row(transaction, &deleted, now).await?;
    let detail = "the deleted user's account stays as it is, and nobody manages it";
    record(transaction, &deleted, EventKind::Dropped, detail, now).await?;
    let Some(account) = deleted.account().cloned() else { return Ok(()) };
    let same_account =
        users::find_by_account(transaction, &deleted.app, Some(&account.id), deleted.account_key.as_deref())
            .await?;
    let same_name = users::find_live_by_user_name(transaction, &deleted.app, &account.email).await?;
    if !same_account.is_empty() || same_name.is_some() {
        // The account has another user already, or is shown by the next roster if it can be.
        return Ok(());
    }
    let user = User {
        id: UserId::new(now),
        resource: resource_of(&account),
        ownership: Ownership::Unmanaged,
        version: 1,
        applied_version: 1,
        created_at: now,
        modified_at: now,
        deleted_at: None,
        observed: Observed::Present(account),
        answered: Answered::Yes,
        fallback: None,
        due_at: None,
        attempts: 0,
        failure: None,
        held_at: None,
        cause: None,
        ..deleted
    };
    users::insert(transaction, &user).await?;
    record(transaction, &user, EventKind::Found, "it was that of a user whose deletion was dropped", now)
        .await
}

async fn record(
    transaction: &mut Transaction,
    user: &User,
    kind: EventKind,
    detail: &str,
    now: Time,
) -> Result<(), StoreError> {
    let event = Event::new(&user.app, Subject::User(&user.id), now, kind, ACTOR).version(user.version);
    events::append(transaction, event.detail(detail)).await
}
