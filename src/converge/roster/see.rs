//! Takes over what a page of a listing says of its accounts.

use std::sync::Arc;

use crate::{
    clock::Time,
    config::Mode,
    connector::{Account, Connector, Lane, Observed, Standing},
    scim::resource::Resource,
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, Event, EventKind, Subject},
        findings::{self, FindingKind, Nature},
        users::{self, Answered, Ownership},
    },
};

use super::{
    super::guard::Guard,
    ACTOR, Target,
    finding::{self, Found, Scope},
    resource::{account_key, resource_of},
};

/// Whose an account was found to be.
#[derive(Clone, Debug)]
pub(super) enum Sight {
    /// A user's.
    Of(Ownership),
    /// That of a user whom the IdP deleted; it is not shown.
    Deleted,
    /// Nobody's, and it is not shown.
    Hidden(Collision),
}

/// An account that is not shown because its e-mail is a user's.
#[derive(Clone, Debug)]
pub(super) struct Collision {
    /// How the e-mail is that user's.
    pub(super) kind: FindingKind,
    /// The user.
    pub(super) user_id: UserId,
    /// The account.
    pub(super) account: Account,
    /// Its e-mail, folded as the connector compares it.
    pub(super) key: Option<String>,
}

/// An account on a page.
struct Seen {
    scope: Scope,
    account: Account,
    /// The account as a SCIM user.
    resource: Resource,
    key: Option<String>,
    /// Before the page was asked for.
    seen_at: Time,
}

/// Takes over a page that was asked for at `seen_at`, in one transaction. Answers a sight for each account, in their order.
///
/// # Errors
/// When the database fails.
pub(super) async fn all(
    target: &Target,
    accounts: Vec<Account>,
    seen_at: Time,
) -> Result<Vec<Sight>, StoreError> {
    for account in &accounts {
        target.guard.see(account);
    }
    let protected = target.guard.protected_of(&accounts);
    let (scope, connector) = (Scope::of(target), target.connector.clone());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                Guard::keep(transaction, &scope.app, &protected).await?;
                let mut sights = Vec::with_capacity(accounts.len());
                for account in accounts {
                    let seen = Seen::new(&scope, &connector, account, seen_at);
                    sights.push(see(transaction, seen).await?);
                }
                Ok(sights)
            })
        })
        .await
}

impl Seen {
    fn new(scope: &Scope, connector: &Arc<dyn Connector>, account: Account, seen_at: Time) -> Self {
        Self {
            scope: scope.clone(),
            resource: resource_of(&account),
            key: account_key(&**connector, &account),
            account,
            seen_at,
        }
    }

    fn collides(self, kind: FindingKind, other: &User) -> Sight {
        Sight::Hidden(Collision { kind, user_id: other.id.clone(), account: self.account, key: self.key })
    }
}

async fn see(transaction: &mut Transaction, seen: Seen) -> Result<Sight, StoreError> {
    let users =
        users::find_by_account(transaction, &seen.scope.app, Some(&seen.account.id), seen.key.as_deref())
            .await?;
    let is_this = |user: &&User| user.account().is_some_and(|known| known.id == seen.account.id);
    let (this, namesakes): (Vec<_>, Vec<_>) = users.iter().filter(|user| user.is_live()).partition(is_this);
    match (this.first(), namesakes.first()) {
        (Some(user), Some(_)) if user.ownership != Ownership::Unmanaged => {
            see_known(transaction, (*user).clone(), seen).await
        }
        // Somebody gave an account that no IdP manages the e-mail of a user.
        (Some(user), Some(other)) => {
            users::delete_row(transaction, user, seen.scope.now).await?;
            see_namesake(transaction, other, seen).await
        }
        (Some(user), None) => see_known(transaction, (*user).clone(), seen).await,
        (None, Some(other)) => see_namesake(transaction, other, seen).await,
        (None, None) if users.is_empty() => find(transaction, seen).await,
        (None, None) => see_deleted(transaction, &users, seen).await,
    }
}

/// An account whose e-mail is that of `other`: its account, unless it has one.
async fn see_namesake(transaction: &mut Transaction, other: &User, seen: Seen) -> Result<Sight, StoreError> {
    match other.account() {
        None => see_known(transaction, other.clone(), seen).await,
        // To take the second account for the user would send its deactivation to the wrong one.
        Some(_) => Ok(seen.collides(FindingKind::SecondAccount, other)),
    }
}

/// A user with work in progress is left alone, and so is one that the worker saw after the page was asked for.
async fn see_known(transaction: &mut Transaction, mut user: User, seen: Seen) -> Result<Sight, StoreError> {
    let now = seen.scope.now;
    let newer = user.observed_at.is_some_and(|observed_at| observed_at >= seen.seen_at);
    let is_only_planned = seen.scope.mode == Mode::Plan && user.lease.is_none();
    if newer || (user.has_work(now) && !is_only_planned) {
        return Ok(Sight::Of(user.ownership));
    }
    if user.has_work(now) {
        return see_planned(transaction, user, seen).await;
    }
    let is_renamed = || user.resource.user_name() != seen.resource.user_name();
    if user.ownership == Ownership::Unmanaged
        && is_renamed()
        && let Some(other) = other_of_the_same_user_name(transaction, &user.id, &seen).await?
    {
        users::delete_row(transaction, &user, now).await?;
        return Ok(seen.collides(FindingKind::UserNameTaken, &other));
    }
    let shown_before = user.shown_active();
    let was = (user.observed.clone(), user.resource.clone(), user.ownership);
    let account = match user.last_account() {
        Some(known) if known.id == seen.account.id => seen.account.remembering(known),
        _ if user.account().is_some() => seen.account,
        _ => {
            // It was made at the target itself, for a user that had none.
            if user.ownership == Ownership::Created {
                user.ownership = Ownership::Adopted;
            }
            seen.account
        }
    };
    user.observed = Observed::Present(account);
    if user.ownership == Ownership::Unmanaged {
        user.resource = seen.resource;
        user.account_key = seen.key;
    }
    let sight = Sight::Of(user.ownership);
    if was == (user.observed.clone(), user.resource.clone(), user.ownership) {
        return Ok(sight);
    }
    user.observed_at = Some(now);
    if was.1 != user.resource || shown_before != user.shown_active() {
        user.changed_at_target(now);
    }
    users::save(transaction, &user).await?;
    Ok(sight)
}

/// Nobody is at work on a user in plan mode: what is seen is where the plan starts from. Only after a change whose answer was
/// lost, it is not known when that is carried out.
async fn see_planned(transaction: &mut Transaction, mut user: User, seen: Seen) -> Result<Sight, StoreError> {
    if matches!(user.observed, Observed::Uncertain { .. }) {
        return Ok(Sight::Of(user.ownership));
    }
    let account = match user.last_account() {
        Some(known) if known.id == seen.account.id => seen.account.remembering(known),
        _ => seen.account,
    };
    let was_never_sent = matches!(user.observed, Observed::Unknown | Observed::Absent);
    if was_never_sent && user.ownership == Ownership::Created {
        user.ownership = Ownership::Adopted;
    }
    user.observed = Observed::Present(account);
    user.observed_at = Some(seen.scope.now);
    users::save(transaction, &user).await?;
    Ok(Sight::Of(user.ownership))
}

/// The IdP deleted these users, so the account stays hidden, unless somebody has enabled it again by hand since. An account
/// that is still to be disabled for one of them was not.
async fn see_deleted(transaction: &mut Transaction, users: &[User], seen: Seen) -> Result<Sight, StoreError> {
    let now = seen.scope.now;
    let is_done = |deleted: &User| {
        !deleted.has_work(now) && deleted.observed_at.is_none_or(|observed_at| observed_at < seen.seen_at)
    };
    if !(seen.account.enabled && users.iter().all(is_done)) {
        return Ok(Sight::Deleted);
    }
    for deleted in users {
        users::delete_row(transaction, deleted, now).await?;
    }
    // Of whom the create was undone, nobody deleted: the account was there before, and enabled.
    let has_left = users.iter().any(|user| user.standing() == Standing::Deleted);
    let (scope, account) = (seen.scope.clone(), seen.account.clone());
    let sight = find(transaction, seen).await?;
    if let (Sight::Of(_), true) = (&sight, has_left) {
        let users = users::find_by_account(transaction, &scope.app, Some(&account.id), None).await?;
        let sentence = format!(
            "{}: the identity provider deleted this user, and the account was enabled at {} itself since",
            account.email, scope.target
        );
        let found = Found {
            kind: FindingKind::LeaverEnabled,
            user_id: users.first().map(|user| user.id.clone()),
            account_id: Some(account.id),
            sentence,
        };
        finding::open(transaction, &scope, found).await?;
    }
    Ok(sight)
}

/// Makes an unmanaged user of an account that is new to us.
async fn find(transaction: &mut Transaction, seen: Seen) -> Result<Sight, StoreError> {
    let (app, now) = (seen.scope.app.clone(), seen.scope.now);
    let id = UserId::new(now);
    if let Some(other) = other_of_the_same_user_name(transaction, &id, &seen).await? {
        return Ok(seen.collides(FindingKind::UserNameTaken, &other));
    }
    let user = User {
        id,
        app,
        resource: seen.resource,
        ownership: Ownership::Unmanaged,
        version: 1,
        applied_version: 1,
        created_at: now,
        modified_at: now,
        deleted_at: None,
        account_key: seen.key,
        observed: Observed::Present(seen.account),
        out_of_sight: None,
        observed_at: Some(now),
        answered: Answered::Yes,
        fallback: None,
        lane: Lane::Change,
        due_at: None,
        attempts: 0,
        failure: None,
        held_at: None,
        lease: None,
        touched: 0,
        cause: None,
    };
    users::insert(transaction, &user).await?;
    let event = Event::new(&user.app, Subject::User(&user.id), now, EventKind::Found, ACTOR);
    events::append(transaction, event).await?;
    Ok(Sight::Of(Ownership::Unmanaged))
}

async fn other_of_the_same_user_name(
    transaction: &mut Transaction,
    id: &UserId,
    seen: &Seen,
) -> Result<Option<User>, StoreError> {
    let user_name = seen.resource.user_name().unwrap_or_default();
    let other = users::find_live_by_user_name(transaction, &seen.scope.app, user_name).await?;
    Ok(other.filter(|other| other.id != *id))
}

/// Keeps what a whole listing says of accounts that are not shown. What it did not say is gone, if `stood_still` tells that
/// it left nothing out.
///
/// # Errors
/// When the database fails.
pub(super) async fn keep_collisions(
    transaction: &mut Transaction,
    scope: &Scope,
    collisions: Vec<Collision>,
    stood_still: bool,
) -> Result<(), StoreError> {
    let mut still_so = Vec::with_capacity(collisions.len());
    for collision in collisions {
        // The user may have been given another e-mail later in the same listing.
        if let Some(user) = users::get(transaction, &scope.app, &collision.user_id).await?
            && collides(&collision, &user)
        {
            let found = found(scope, collision, &user);
            still_so.push((found.kind, found.account_id.clone()));
            finding::open(transaction, scope, found).await?;
        }
    }
    for finding in findings::list_open_in(transaction, &scope.app).await? {
        let is_still_so = still_so.contains(&(finding.kind, finding.account_id.clone()));
        if finding.kind.nature() == Nature::Collision && stood_still && !is_still_so {
            finding::resolve(transaction, scope, &finding, "the e-mails differ again").await?;
        }
    }
    Ok(())
}

fn collides(collision: &Collision, user: &User) -> bool {
    let user_name = || user.resource.user_name().map(users::user_name_key);
    user.is_live()
        && match collision.kind {
            FindingKind::SecondAccount => user.account_key == collision.key,
            _ => user_name() == Some(users::user_name_key(&collision.account.email)),
        }
}

fn found(scope: &Scope, collision: Collision, user: &User) -> Found {
    let (email, target) = (&collision.account.email, &scope.target);
    let name = user.resource.user_name().unwrap_or_default();
    let id = &collision.account.id;
    let sentence = match collision.kind {
        FindingKind::SecondAccount => format!(
            "{name}: {target} has a second account with the e-mail {email} (its id there is {id}). It is not shown to the \
             identity provider"
        ),
        _ => format!(
            "{name}: {target} has an account with the e-mail {email} (its id there is {id}), which is the userName of this \
             user, whose own e-mail is another one. It is not shown to the identity provider"
        ),
    };
    Found {
        kind: collision.kind,
        user_id: Some(collision.user_id),
        account_id: Some(collision.account.id),
        sentence,
    }
}
