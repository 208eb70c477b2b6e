//! Compares every managed user with its account, at the end of a pass.
//!
//! The rows are read beside the transactions of others, since nearly none of them differs; those that do, and those with an
//! open finding, are looked at again inside a transaction, and then it counts.

use std::collections::BTreeSet;

use crate::{
    config,
    connector::{Connector, Desired},
    store::{
        StoreError, Transaction, User, UserId,
        events::{self, Event, EventKind, Subject},
        findings::{self, FindingKind, Nature},
        users::{self, Touch},
    },
};

use super::{
    super::asks::{desired_in, desired_of_all},
    ACTOR, Target,
    drift::{self, Drift, Remedy},
    finding::{self, Found, Scope},
    resource::account_key,
};

/// How many users are read at a time.
const PAGE: u32 = 500;

/// How many users are looked at in one transaction.
const BATCH: usize = 50;

/// Whether accounts are changed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Enforcement {
    Off,
    On,
}

/// Compares all users of the app.
///
/// # Errors
/// When the database fails.
pub(super) async fn all(target: &Target) -> Result<(), StoreError> {
    let mut suspects = drifting(target).await?;
    let open = findings::list_open(&target.store, &target.app).await?;
    let drift = open.into_iter().filter(|finding| finding.kind.nature() == Nature::Drift);
    suspects.extend(drift.filter_map(|finding| finding.user_id));
    let suspects: Vec<_> = suspects.into_iter().collect();
    for batch in suspects.chunks(BATCH) {
        look_at(target, batch.to_vec()).await?;
    }
    if !suspects.is_empty() {
        target.wake.notify_one();
    }
    Ok(())
}

async fn drifting(target: &Target) -> Result<BTreeSet<UserId>, StoreError> {
    let mut drifting = BTreeSet::new();
    let mut after = UserId::from("");
    let now = target.clock.now();
    loop {
        let page = users::page_settled(&target.store, &target.app, now, after.as_str(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(drifting) };
        after = last.id.clone();
        let desired = desired_of_all(&target.store, &*target.connector, &page).await?;
        let differs =
            |(user, desired): &(&User, &Desired)| drift::of(user, desired, &*target.connector).is_some();
        drifting.extend(page.iter().zip(&desired).filter(differs).map(|(user, _)| user.id.clone()));
    }
}

async fn look_at(target: &Target, ids: Vec<UserId>) -> Result<(), StoreError> {
    let (scope, connector) = (Scope::of(target), target.connector.clone());
    let rules = &target.convergence;
    let enforcement = match (rules.drift, rules.mode) {
        (config::Drift::Enforce, config::Mode::Apply) => Enforcement::On,
        // Nothing is sent, and a user with work in progress would not be shown as its account is.
        (config::Drift::Enforce, config::Mode::Plan) | (config::Drift::Report, _) => Enforcement::Off,
    };
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                for id in ids {
                    let user = users::get(transaction, &scope.app, &id).await?;
                    match user.filter(User::is_live) {
                        None => {
                            finding::resolve_drift_of(transaction, &scope, &id, "the user is gone").await?;
                        }
                        Some(user) if user.has_work(scope.now) => {}
                        Some(user) => compare(transaction, &scope, user, &*connector, enforcement).await?,
                    }
                }
                Ok(())
            })
        })
        .await
}

async fn compare(
    transaction: &mut Transaction,
    scope: &Scope,
    user: User,
    connector: &dyn Connector,
    enforcement: Enforcement,
) -> Result<(), StoreError> {
    let desired = desired_in(transaction, connector, &user).await?;
    let drift = drift::of(&user, &desired, connector);
    let mut differences = drift.as_ref().map(|drift| drift.differences.clone()).unwrap_or_default();
    for difference in &mut differences {
        if difference.0 == FindingKind::EmailChanged
            && let Some(other) = other_of_the_same_email(transaction, &user, connector).await?
        {
            difference.0 = FindingKind::EmailOfAnother;
            difference.1.push_str(&format!("; that is the e-mail of another user, {}", name(&other)));
        }
    }
    for finding in findings::list_open_of(transaction, &scope.app, &user.id).await? {
        let is_still_so = differences.iter().any(|(kind, _)| *kind == finding.kind);
        if finding.kind.nature() == Nature::Drift && !is_still_so {
            finding::resolve(transaction, scope, &finding, "the account is as asserted again").await?;
        }
    }
    for (kind, sentence) in differences {
        let account_id = user.account().map(|account| account.id.clone());
        let found = Found { kind, user_id: Some(user.id.clone()), account_id, sentence };
        finding::open(transaction, scope, found).await?;
    }
    match (drift, enforcement) {
        (Some(drift), Enforcement::On) if !drift.differences.is_empty() => {
            enforce(transaction, scope, user, drift).await
        }
        // What waits for a later attempt was refused, and is tried again then.
        (Some(Drift { unfinished: Some(lane), .. }), _) if user.due_at.is_none() => {
            // No request asks for it.
            let touch = Touch { app: &scope.app, lane, now: scope.now, cause: None };
            users::touch(transaction, touch, &[user.id.as_str()]).await
        }
        _ => Ok(()),
    }
}

/// Puts the user into the queue. Its version stays: until the account is changed back, reads show it as it is.
async fn enforce(
    transaction: &mut Transaction,
    scope: &Scope,
    mut user: User,
    drift: Drift,
) -> Result<(), StoreError> {
    let Remedy::Change(lane) = drift.remedy else { return Ok(()) };
    user.lane = lane;
    user.due_at = Some(scope.now);
    (user.attempts, user.failure) = (0, None);
    // No request asks for it.
    user.cause = None;
    users::save(transaction, &user).await?;
    let event = Event::new(&scope.app, Subject::User(&user.id), scope.now, EventKind::Enforced, ACTOR);
    events::append(transaction, event).await
}

async fn other_of_the_same_email(
    transaction: &mut Transaction,
    user: &User,
    connector: &dyn Connector,
) -> Result<Option<User>, StoreError> {
    let Some(key) = user.account().and_then(|account| account_key(connector, account)) else {
        return Ok(None);
    };
    let others = users::find_by_account(transaction, &user.app, None, Some(&key)).await?;
    Ok(others.into_iter().find(|other| other.is_live() && other.id != user.id))
}

fn name(user: &User) -> &str {
    user.resource.user_name().unwrap_or_default()
}
