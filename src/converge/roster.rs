//! Lists the target's accounts, so that reads show the truth and an IdP finds people instead of inviting them again.
//!
//! A pass pages through all accounts. What the bridge does not know becomes an unmanaged user; what it knows is seen anew;
//! what the target does not list any more is looked up once, and then is gone. Users with work in progress are left alone:
//! the worker sees them itself, and later than the page was made.

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Time,
    config::Mode,
    connector::{Account, Desired, Directory, Lane, Name, Observed, TargetError},
    scim::resource::Resource,
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, Event, EventKind},
        rosters::{self, Roster},
        users::{self, Answered, Ownership},
    },
};

use super::Target;

/// How long to wait after a pass that failed; doubled each time, up to the interval of passes.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// How many accounts that a listing left out are looked up in one pass. More than a few at a time means that the listing
/// itself is odd; the others follow in the next pass.
const MAX_LOOK_UPS: usize = 50;

/// How long an account that was found disabled is not looked up again while the listing leaves it out. It may be left out
/// just because it is disabled; and if it is gone, nobody reads anything else meanwhile than that it is inactive.
const DISABLED_FOR_SURE: Duration = Duration::from_secs(24 * 60 * 60);

const ACTOR: &str = "roster";

/// Why a pass was not completed.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// A call failed.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// The database failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Makes a pass at once and then `every` so often, until `stopping`. `progress` hears of each pass.
pub async fn run(target: Arc<Target>, every: Duration, progress: Progress, stopping: CancellationToken) {
    let Some(directory) = target.connector.directory() else { return };
    let mut retry = FIRST_RETRY;
    loop {
        let result = tokio::select! {
            () = stopping.cancelled() => return,
            result = pass(&target, directory) => result,
        };
        let wait = match &result {
            Ok(roster) => {
                tracing::info!(app = target.app, roster.accounts = roster.accounts, "the roster is complete");
                retry = FIRST_RETRY;
                every
            }
            Err(error) => {
                tracing::warn!(app = target.app, %error, "the roster could not be completed");
                let wait = retry.min(every);
                retry = retry.saturating_mul(2);
                wait
            }
        };
        progress.report(result);
        tokio::select! {
            () = stopping.cancelled() => return,
            () = target.clock.sleep_until(target.clock.now() + wait) => {}
        }
        // While the credentials are refused, the worker's probe is the only call.
        tokio::select! {
            () = stopping.cancelled() => return,
            () = target.health.while_credentials_refused() => {}
        }
    }
}

/// One pass over all accounts.
///
/// # Errors
/// When a call or the database fails; what was seen until then is kept.
pub async fn pass(target: &Target, directory: &dyn Directory) -> Result<Roster, RosterError> {
    let started_at = target.clock.now();
    if !target.guard.knows_credentials_owner() {
        let owner = call(target, directory.credentials_owner()).await?;
        target.guard.set_credentials_owner(owner);
    }
    let mut listed = HashSet::new();
    let mut totals = HashSet::new();
    let mut number = 1;
    loop {
        let seen_at = target.clock.now();
        let page = call(target, directory.accounts(number)).await?;
        let is_last = number >= page.total_pages || page.accounts.is_empty();
        totals.insert(page.total_accounts);
        listed.extend(page.accounts.iter().map(|account| account.id.clone()));
        see_all(target, page.accounts, seen_at).await?;
        if is_last {
            break;
        }
        number += 1;
    }
    // Pages shift while accounts come and go; only a listing that stood still says that an account is missing.
    let complete = totals.len() == 1 && totals.contains(&(listed.len() as u64));
    if complete {
        look_up_missing(target, directory, &listed, started_at).await?;
    }
    let roster = Roster { completed_at: target.clock.now(), accounts: listed.len() as u64 };
    let app = target.app.clone();
    target
        .store
        .write(move |transaction| Box::pin(async move { rosters::save(transaction, &app, roster).await }))
        .await?;
    Ok(roster)
}

async fn call<T>(
    target: &Target,
    call: impl Future<Output = Result<T, TargetError>>,
) -> Result<T, TargetError> {
    let permit = target.budget.permit(Lane::Change).await;
    let result = call.await;
    drop(permit);
    target.heed(&result);
    result
}

async fn see_all(target: &Target, accounts: Vec<Account>, seen_at: Time) -> Result<(), StoreError> {
    let (app, connector, now) = (target.app.clone(), target.connector.clone(), target.clock.now());
    let mode = target.convergence.mode;
    for account in &accounts {
        target.guard.see(account);
    }
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                for account in accounts {
                    let resource = resource_of(&account);
                    let key = connector.account_key(&Desired::of(&resource, false));
                    see(transaction, Seen { app: &app, account, resource, key, seen_at, now, mode }).await?;
                }
                Ok(())
            })
        })
        .await
}

/// An account on a page.
struct Seen<'a> {
    app: &'a str,
    account: Account,
    /// The account as a SCIM user.
    resource: Resource,
    key: Option<String>,
    /// Before the page was asked for.
    seen_at: Time,
    now: Time,
    mode: Mode,
}

async fn see(transaction: &mut Transaction, seen: Seen<'_>) -> Result<(), StoreError> {
    let users =
        users::find_by_account(transaction, seen.app, Some(&seen.account.id), seen.key.as_deref()).await?;
    let is_this = |user: &&User| user.account().is_some_and(|known| known.id == seen.account.id);
    let live = || users.iter().filter(|user| user.is_live());
    if let Some(user) = live().find(is_this).or_else(|| live().find(|user| user.account().is_none())) {
        return see_known(transaction, user.clone(), seen).await;
    }
    if let Some(other) = live().next() {
        // Two accounts with one e-mail. To take the second for the user would send its deactivation to the wrong one.
        tracing::warn!(
            app = seen.app, user.id = %other.id, account.id = seen.account.id,
            "an account is not shown, because another account with its e-mail belongs to a user"
        );
        return Ok(());
    }
    if !users.is_empty() {
        // The IdP deleted these users, so the account stays hidden, unless somebody has enabled it again by hand since. An
        // account that is still to be disabled for one of them was not.
        let is_done = |deleted: &User| {
            deleted.due_at.is_none()
                && deleted.lease.is_none()
                && deleted.observed_at.is_none_or(|observed_at| observed_at < seen.seen_at)
        };
        if !(seen.account.enabled && users.iter().all(is_done)) {
            return Ok(());
        }
        for deleted in &users {
            users::delete_row(transaction, deleted, seen.now).await?;
        }
    }
    find(transaction, seen).await
}

/// A user with work in progress is left alone, and so is one that the worker saw after the page was asked for.
async fn see_known(transaction: &mut Transaction, mut user: User, seen: Seen<'_>) -> Result<(), StoreError> {
    let newer = user.observed_at.is_some_and(|observed_at| observed_at >= seen.seen_at);
    if newer || user.lease.is_some() {
        return Ok(());
    }
    if user.is_pending() || user.due_at.is_some() {
        return match seen.mode {
            Mode::Apply => Ok(()),
            Mode::Plan => see_planned(transaction, user, seen).await,
        };
    }
    let account = match user.account() {
        Some(known) if known.id == seen.account.id => seen.account.remembering(known),
        _ => seen.account,
    };
    let shown_before = user.shown_active();
    let was = (user.observed.clone(), user.resource.clone());
    user.observed = Observed::Present(account);
    if user.ownership == Ownership::Unmanaged {
        user.resource = seen.resource;
        user.account_key = seen.key;
    }
    if was == (user.observed.clone(), user.resource.clone()) {
        return Ok(());
    }
    user.observed_at = Some(seen.now);
    if was.1 != user.resource || shown_before != user.shown_active() {
        changed_at_target(&mut user, seen.now);
    }
    users::save(transaction, &user).await
}

/// Nobody is at work on a user in plan mode: what is seen is where the plan starts from. Only after a change whose answer was
/// lost, it is not known when that is carried out.
async fn see_planned(
    transaction: &mut Transaction,
    mut user: User,
    seen: Seen<'_>,
) -> Result<(), StoreError> {
    let account = match &user.observed {
        Observed::Uncertain(_) => return Ok(()),
        Observed::Present(known) if known.id == seen.account.id => seen.account.remembering(known),
        _ => seen.account,
    };
    if user.account().is_none() && user.ownership == Ownership::Created {
        user.ownership = Ownership::Adopted;
    }
    user.observed = Observed::Present(account);
    user.observed_at = Some(seen.now);
    users::save(transaction, &user).await
}

/// The visible resource changed without the IdP: a new version, which the target holds already.
fn changed_at_target(user: &mut User, now: Time) {
    user.version += 1;
    user.applied_version = user.version;
    user.modified_at = now;
}

/// Makes an unmanaged user of an account that is new to us.
async fn find(transaction: &mut Transaction, seen: Seen<'_>) -> Result<(), StoreError> {
    if let Some(other) =
        users::find_live_by_user_name(transaction, seen.app, seen.resource.user_name().unwrap_or_default())
            .await?
    {
        // Somebody else has this e-mail as userName and another one as login.
        tracing::warn!(
            app = seen.app, user.id = %other.id, account.id = seen.account.id,
            "an account is not shown, because its e-mail is the userName of another user"
        );
        return Ok(());
    }
    let user = User {
        id: UserId::new(seen.now),
        app: seen.app.to_owned(),
        resource: seen.resource,
        ownership: Ownership::Unmanaged,
        version: 1,
        applied_version: 1,
        created_at: seen.now,
        modified_at: seen.now,
        deleted_at: None,
        account_key: seen.key,
        observed: Observed::Present(seen.account),
        observed_at: Some(seen.now),
        answered: Answered::Yes,
        fallback: None,
        lane: Lane::Change,
        due_at: None,
        attempts: 0,
        failure: None,
        held_at: None,
        lease: None,
    };
    users::insert(transaction, &user).await?;
    let event = Event {
        app: seen.app,
        user_id: &user.id,
        at: seen.now,
        kind: EventKind::Found,
        actor: ACTOR,
        detail: "an account at the target that no IdP manages",
    };
    events::append(transaction, event).await
}

/// Looks up the accounts of users that were not listed.
async fn look_up_missing(
    target: &Target,
    directory: &dyn Directory,
    listed: &HashSet<String>,
    started_at: Time,
) -> Result<(), RosterError> {
    let app = target.app.clone();
    let known = target
        .store
        .write(move |transaction| Box::pin(async move { users::list_accounts(transaction, &app).await }))
        .await?;
    let missing = known.into_iter().filter(|(_, account_id)| !listed.contains(account_id));
    let mut look_ups = 0;
    for (id, account_id) in missing {
        let user = users::find_any(&target.store, &target.app, &id).await?;
        if user.is_none_or(|user| is_known_to_be_disabled(&user, started_at)) {
            continue;
        }
        if look_ups == MAX_LOOK_UPS {
            break;
        }
        look_ups += 1;
        let account = call(target, directory.find_account(&account_id)).await?;
        miss(target, id, account_id, account, started_at).await?;
    }
    Ok(())
}

fn is_known_to_be_disabled(user: &User, now: Time) -> bool {
    user.account().is_some_and(|account| !account.enabled)
        && user.observed_at.is_some_and(|observed_at| observed_at + DISABLED_FOR_SURE > now)
}

/// Takes over what the look-up of an account said that was not listed.
async fn miss(
    target: &Target,
    id: UserId,
    account_id: String,
    account: Option<Account>,
    started_at: Time,
) -> Result<(), StoreError> {
    let (app, now) = (target.app.clone(), target.clock.now());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = users::get(transaction, &app, &id).await? else { return Ok(()) };
                let newer = user.observed_at.is_some_and(|observed_at| observed_at >= started_at);
                let same = user.account().is_some_and(|known| known.id == account_id);
                if newer || !same || user.is_pending() || user.due_at.is_some() || user.lease.is_some() {
                    return Ok(());
                }
                let shown_before = user.shown_active();
                match (account, user.account()) {
                    (Some(account), Some(known)) => {
                        user.observed = Observed::Present(account.clone().remembering(known));
                    }
                    (_, _) => {
                        let detail = "the account is not at the target any more";
                        let event = Event {
                            app: &app,
                            user_id: &id,
                            at: now,
                            kind: EventKind::Vanished,
                            actor: ACTOR,
                            detail,
                        };
                        events::append(transaction, event).await?;
                        if user.ownership == Ownership::Unmanaged {
                            return users::delete_row(transaction, &user, now).await;
                        }
                        user.observed = Observed::Absent;
                    }
                }
                user.observed_at = Some(now);
                if shown_before != user.shown_active() {
                    changed_at_target(&mut user, now);
                }
                users::save(transaction, &user).await
            })
        })
        .await
}

/// An account as a SCIM user, for one that no IdP has described yet.
pub(super) fn resource_of(account: &Account) -> Resource {
    let split = Name::split(&account.name);
    let mut name = Map::new();
    for (part, value) in
        [("givenName", split.given), ("familyName", split.family), ("formatted", account.name.clone())]
    {
        if !value.is_empty() {
            name.insert(part.into(), value.into());
        }
    }
    let name = if name.is_empty() { Value::Null } else { Value::Object(name) };
    let display_name = Some(account.name.as_str()).filter(|name| !name.is_empty());
    Resource::default()
        .with("userName", account.email.as_str())
        .with("name", name)
        .with("displayName", display_name)
        .with("emails", json!([{ "value": account.email, "type": "work", "primary": true }]))
        .with_active(account.enabled)
}

/// How far the first pass is, for readiness and status.
#[derive(Clone, Debug)]
pub struct Progress {
    state: tokio::sync::watch::Sender<RosterState>,
}

/// Whether an app's accounts are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterState {
    /// The first pass is under way: nobody knows yet who has an account.
    First,
    /// The first pass failed, and is tried again.
    FirstFailed {
        /// Why.
        reason: String,
    },
    /// There was a complete pass, now or before a restart; or the target has no directory.
    Known {
        /// Why the latest pass failed, if it did.
        failure: Option<String>,
    },
}

impl Progress {
    /// Starts in `state`.
    pub fn new(state: RosterState) -> Self {
        Self { state: tokio::sync::watch::Sender::new(state) }
    }

    /// The state now.
    pub fn current(&self) -> RosterState {
        self.state.borrow().clone()
    }

    /// Waits until the accounts are known.
    pub async fn known(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| matches!(state, RosterState::Known { .. })).await;
    }

    fn report(&self, result: Result<Roster, RosterError>) {
        let failure = result.err().map(|error| error.to_string());
        self.state.send_modify(|state| {
            *state = match (&*state, failure) {
                (RosterState::Known { .. }, failure) => RosterState::Known { failure },
                (_, None) => RosterState::Known { failure: None },
                (_, Some(reason)) => RosterState::FirstFailed { reason },
            };
        });
    }
}
