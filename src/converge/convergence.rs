//! The work on one claimed user: plan, call, look, plan again.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::until,
    config::Drift,
    connector::{Call, Desired, Lane, Observed, RightChange, TargetError, error::RejectionKind},
    scim::resource::Resource,
    store::{
        StoreError, User, administrator_turns,
        users::{self, Claimed, Lease, Leaving},
    },
};

use super::{
    Target, administrators, asks, brake,
    budget::Permit,
    doubt::{self, NothingFound},
    fence,
    in_hand::Held,
    out_of_sight,
    outcome::Rejection,
    pace,
    settle::{self, Noted, Sighting},
};

/// How many more calls than were planned at first. A target that keeps differing after so many will not agree by calling it more.
const MAX_MORE_CALLS: usize = 8;

/// How long to wait for the budget under one lease. When it is over, the user goes back to the queue, so that a lease
/// always outlives its work.
pub(super) const PERMIT_WAIT: Duration = Duration::from_secs(20);

/// How often to look whether another process is done with an administrator.
const ADMINISTRATORS_POLL: Duration = Duration::from_millis(250);

/// How long a claimed user belongs to its worker: enough for a look-up and a change, each after the longest wait for the
/// budget. Work that takes longer [keeps](keep) its lease.
pub(super) fn lease_length(target: &Target) -> Duration {
    2 * step_length(target)
}

/// The longest that one call takes, waiting included, and some time to record it.
fn step_length(target: &Target) -> Duration {
    PERMIT_WAIT + target.call_timeout + Duration::from_secs(10)
}

/// Works on the user whom the caller has `claimed` and who is `held` meanwhile, and of whom this is `desired`, until the target
/// agrees, refuses or fails, and settles the row.
pub(super) async fn converge(
    target: Arc<Target>,
    claimed: Claimed,
    desired: Desired,
    held: Held,
    stopping: CancellationToken,
) {
    let user = claimed.user.clone();
    let mut permit = None;
    let attempted = attempt(&target, claimed, desired, &held, &mut permit, &stopping).await;
    if let Some(permit) = permit {
        // It was not needed in the end.
        permit.close().await;
    }
    if let Err(error) = attempted {
        // The work is claimed again once the lease has ended, by itself where the same would happen again.
        if error.may_pass() {
            target.orphans.add_work(&target, &user);
        }
        tracing::error!(app = target.app, user.id = %user.id, %error, "the work on a user could not be recorded");
    }
}

/// What work on `user` starts from. That there was no account was true when it was seen. A create may have been sent since
/// whose answer was lost with a crash, so it is looked up again: this is what keeps a second invitation from ever being sent.
pub(super) fn starting_point(user: &User) -> Observed {
    match user.observed.clone() {
        Observed::Absent => Observed::Unknown,
        seen => seen,
    }
}

async fn attempt(
    target: &Target,
    Claimed { mut user, taken_over }: Claimed,
    mut desired: Desired,
    held: &Held,
    permit: &mut Option<Permit>,
    stopping: &CancellationToken,
) -> Result<(), StoreError> {
    let mut sighting = Sighting { observed: starting_point(&user), ..Sighting::default() };
    // What the target, or we ourselves, did not allow of the user's rights. The rest of them is not held up by it.
    let mut refused: Vec<Call> = Vec::new();
    // The id of the account that a call said is not there.
    let mut gone: Option<String> = None;
    // The version that the brake let through.
    let mut admitted = None;
    // Held until all is recorded.
    let mut one_administrator = None;
    let mut calls = 0;
    let mut most_calls: Option<(bool, usize)> = None;
    let mut desired_in = (user.version, user.touched);
    let mut doubted = Doubted::of(&user);
    if let Some((account, reason)) = doubt::to_look_at(target, &user, taken_over) {
        let called_at = target.clock.now();
        let looked = doubt::look_again(target, &account).await;
        sighting.calls.add_look_at_account(target, &account, user.version, called_at, &looked);
        match looked {
            Ok(observed) => {
                sighting.observed = doubt::seen(sighting.observed, observed, reason);
                sighting.looked_at = Some(account);
                if matches!(sighting.observed, Observed::Present(_)) {
                    doubted = Doubted::Rights;
                    sighting.ends_doubt = true;
                }
            }
            Err(error) => return give_up(target, user, sighting, error).await,
        }
    }
    loop {
        if desired_in != (user.version, user.touched) {
            desired = asks::desired(&target.store, &*target.connector, &user).await?;
            desired_in = (user.version, user.touched);
        }
        let mut plan = target.connector.plan(&desired, &sighting.observed);
        plan.retain(|call| {
            is_asked_for(target, &user, doubted, call)
                && !refused.iter().any(|refused| is_same_right(refused, call))
        });
        let lane = match plan.first() {
            // Where it is not urgent to find out whether there is an account, the queue knows.
            Some(Call::Find { .. }) if !desired.enabled => user.lane,
            _ => desired.lane(&plan),
        };
        let invites = plan.iter().any(Call::invites);
        let length = plan.len();
        let Some(call) = plan.into_iter().next() else {
            if !refused.is_empty() {
                // What is left is as urgent as what was refused, not as what was done.
                user.lane = desired.lane(&refused);
            }
            return settle::applied(target, user, sighting).await;
        };
        // What an account takes shows when there is one.
        if most_calls.is_none_or(|(has_account, _)| !has_account && call.account().is_some()) {
            most_calls = Some((call.account().is_some(), calls + length + MAX_MORE_CALLS));
        }
        if most_calls.is_some_and(|(_, most)| calls >= most) {
            break;
        }
        if call.account().is_some() {
            match settle::may_change(target, user, sighting).await? {
                Some(ours) => (user, sighting) = ours,
                None => return Ok(()),
            }
        }
        if let Some(reason) = target.health.stopped() {
            return settle::postponed(target, user, sighting, reason).await;
        }
        // Whose credentials these are must be known before anybody is disabled with them.
        if (call.revokes() || call.demotes()) && !target.guard.knows_credentials_owner() {
            let called_at = target.clock.now();
            let learned = learn_credentials_owner(target).await;
            sighting.calls.add_look_at_credentials(target, user.version, called_at, &learned);
            if let Err(error) = learned {
                return give_up(target, user, sighting, error).await;
            }
        }
        if one_administrator.is_none() {
            one_administrator = target.guard.one_administrator(&call).await;
            if one_administrator.is_some() && !turn_of_administrator(target, &user).await? {
                return settle::released(target, user, sighting).await;
            }
        }
        if let Some(reason) = refusal(target, &user, &call).await? {
            if !call.is_about_account() {
                sighting.refusals.push(reason);
                refused.push(call);
                continue;
            }
            let rejection = Rejection { kind: RejectionKind::Forbidden, reason };
            return settle::rejected(target, user, sighting, rejection).await;
        }
        if call.revokes() && admitted != Some(user.version) {
            match brake::pass(target, user, sighting).await? {
                Some(passed) => (user, sighting) = passed,
                None => return Ok(()),
            }
            admitted = Some(user.version);
        }
        // Nobody is looked up before it is the turn of the invitation …
        if invites && !call.invites() {
            match pace::pass(target, user, sighting).await? {
                Some(passed) => (user, sighting) = passed,
                None => return Ok(()),
            }
        }
        if !keep(target, &mut user).await? {
            return Ok(());
        }
        let mut is_overtaken = false;
        if permit.is_none() {
            *permit = tokio::select! {
                biased;
                permit = until(&*target.clock, target.clock.now() + PERMIT_WAIT, target.budget.permit(lane)) => permit,
                () = stopping.cancelled() => None,
                () = held.overtaken() => {
                    is_overtaken = true;
                    None
                }
            };
        }
        if permit.is_none() && !is_overtaken {
            // After a look-up, to go back to the queue would mean to look again.
            if sighting.observed == Observed::Absent && !stopping.is_cancelled() {
                continue;
            }
            return settle::released(target, user, sighting).await;
        }
        // It may have been found to be down while the budget was waited for.
        if let Some(reason) = target.health.stopped() {
            return settle::postponed(target, user, sighting, reason).await;
        }
        // What is desired may have changed while the budget was waited for. The newest counts, and a permit is kept.
        match users::find_any(&target.store, &target.app, &user.id).await? {
            // Another process has taken it over, while this one was paused or cut off.
            Some(newest) if !is_same_claim(&newest, &user) => return Ok(()),
            Some(newest) if newest.due_at.is_none() => return settle::released(target, user, sighting).await,
            Some(newest) if (newest.version, newest.touched) != (user.version, user.touched) => {
                user = User { lease: user.lease, ..newest };
                continue;
            }
            Some(_) if permit.is_none() => continue,
            Some(_) => {}
            None => return Ok(()),
        }
        // … and the budget may have been waited for since.
        if call.invites() {
            match pace::pass(target, user, sighting).await? {
                Some(passed) => (user, sighting) = passed,
                None => return Ok(()),
            }
        }
        match doubt::note(target, &mut user, &call).await? {
            Noted::Yes => {}
            // The loop looks again what is desired.
            Noted::Overtaken => continue,
            Noted::LeaseLost => return Ok(()),
        }
        let Some(mut paid) = permit.take() else { continue };
        calls += 1;
        let called_at = target.clock.now();
        let Some(result) = fence::perform(target, &call, &mut paid, held.life()).await else {
            paid.close().await;
            tracing::warn!(app = target.app, user.id = %user.id, "a call was not sent, since the claim was lost");
            // Unless a sign of life still arrived in time: then nobody else ends the lease.
            target.orphans.add_work(target, &user);
            return Ok(());
        };
        sighting.calls.add(target, &call, user.version, called_at, &result);
        target.heed(paid, &result).await;
        match result {
            Ok(observed) => {
                // One that is found after a create whose answer was lost is the one that was made.
                sighting.adopted |= matches!((&call, &observed), (Call::Find { .. }, Observed::Present(_)))
                    && !matches!(sighting.observed, Observed::Suspected { .. });
                let observed = with_given(observed, &sighting.observed);
                let observed = out_of_sight::found_again(observed, &sighting, &user);
                if let Call::ChangeRight { change: RightChange::Administrator { .. }, .. } = &call {
                    administrators::remember(target, &observed).await?;
                }
                sighting.observed = match (&call, observed) {
                    (Call::Find { email }, Observed::Absent) => {
                        match doubt::nothing_found(email, called_at, &sighting.observed, &desired) {
                            NothingFound::Seen(observed) => observed,
                            NothingFound::TooEarly(until) => {
                                return settle::suspended(target, user, sighting, until).await;
                            }
                        }
                    }
                    (_, observed) => observed,
                };
            }
            Err(TargetError::Rejected { reason, .. }) if !call.is_about_account() => {
                sighting.refusals.push(reason);
                refused.push(call);
            }
            Err(TargetError::Rejected { reason, rejection: kind }) => {
                if gone.is_some() && matches!(call, Call::Find { .. }) {
                    // Who may not even look has not seen that the account is gone.
                    sighting.observed = user.observed.clone();
                }
                return settle::rejected(target, user, sighting, Rejection { kind, reason }).await;
            }
            Err(TargetError::CredentialsRefused { reason }) => {
                return settle::blocked(target, user, sighting, reason).await;
            }
            Err(error @ TargetError::RateLimited { .. }) => {
                return settle::postponed(target, user, sighting, error.to_string()).await;
            }
            Err(TargetError::Unavailable { reason }) => {
                // It may have been applied all the same. It was sent when there were credentials for it, which may have taken a
                // while, and at the latest so long ago that we gave up.
                let sent_at = called_at.max(target.clock.now() - target.call_timeout);
                let until = target.in_doubt_until(sent_at);
                match call {
                    Call::Find { .. } => {}
                    Call::Create { .. } => sighting.observed = user.observed.clone(),
                    // What was begun stands in the row. The account itself is as it was: to say all of it again would undo what
                    // somebody did to it by hand.
                    Call::ChangeRight { account, change } => {
                        let mut account = user.account().cloned().unwrap_or(account);
                        account.entitlement.lose(&change, until);
                        sighting.observed = match sighting.observed {
                            Observed::Uncertain { until, .. } => Observed::Uncertain { account, until },
                            _ => Observed::Present(account),
                        };
                    }
                    Call::Update { account, .. } | Call::Delete { account } => {
                        sighting.observed = Observed::Uncertain { account, until }
                    }
                }
                return settle::failed(target, user, sighting, reason).await;
            }
            // Gone, or not ours to change: targets answer 404 for both. Looking for the account tells them apart.
            Err(TargetError::AccountNotFound { reason }) => {
                let Some(account) = call.account().cloned() else {
                    return settle::failed(target, user, sighting, reason).await;
                };
                if gone.replace(account.id.clone()).is_some_and(|before| before == account.id) {
                    let reason = format!(
                        "{reason}, but shows it: the credentials may not be allowed to change it. Give the bridge better ones"
                    );
                    let rejection = Rejection { kind: RejectionKind::Forbidden, reason };
                    return settle::rejected(target, user, sighting, rejection).await;
                }
                let called_at = target.clock.now();
                let looked = doubt::look_again(target, &account).await;
                sighting.calls.add_look_at_account(target, &account, user.version, called_at, &looked);
                match looked {
                    Ok(observed) => {
                        sighting.observed = observed;
                        sighting.looked_at = Some(account);
                    }
                    Err(error) => return give_up(target, user, sighting, error).await,
                }
            }
        }
    }
    let reason = format!(
        "{} still differs after {calls} calls that it accepted. Compare the account there with what the identity provider sends",
        target.connector.target()
    );
    settle::failed(target, user, sighting, reason).await
}

/// Whether two readings of a user are of one claim.
fn is_same_claim(one: &User, other: &User) -> bool {
    let owner = |user: &User| user.lease.as_ref().map(|lease| lease.owner.clone());
    owner(one) == owner(other)
}

/// Waits until no other process disables or demotes an administrator. Whether that came about.
async fn turn_of_administrator(target: &Target, user: &User) -> Result<bool, StoreError> {
    if !target.replica.has_company() {
        return Ok(true);
    }
    let give_up_at = target.clock.now() + PERMIT_WAIT;
    while target.clock.now() < give_up_at {
        let Some(lease) = user.lease.clone() else { return Ok(false) };
        let (app, id) = (target.app.clone(), user.id.clone());
        let take = target.store.write(move |transaction| {
            Box::pin(async move { administrator_turns::take(transaction, &app, &id, &lease.owner).await })
        });
        if take.await? {
            return Ok(true);
        }
        target.clock.sleep_until(target.clock.now() + ADMINISTRATORS_POLL).await;
    }
    Ok(false)
}

/// Whether `call` belongs to what is to be done for `user`. Of whom the target is known to agree with, only rights may have changed:
/// a change of a group invites nobody whose account vanished, and undoes nothing that somebody did to the account by hand, unless
/// that is what `drift` is for.
fn is_asked_for(target: &Target, user: &User, doubted: Doubted, call: &Call) -> bool {
    if user.is_pending() || doubted == Doubted::Account {
        return true;
    }
    match call {
        Call::ChangeRight { .. } => true,
        Call::Update { .. } | Call::Delete { .. } => target.convergence.drift == Drift::Enforce,
        Call::Find { .. } | Call::Create { .. } => false,
    }
}

/// What is not known of a user when the work on it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubted {
    /// Whether the target has the account as it was last asked for.
    Account,
    /// Its rights, if anything.
    Rights,
}

impl Doubted {
    fn of(user: &User) -> Self {
        match user.observed {
            Observed::Present(_) | Observed::Absent => Self::Rights,
            Observed::Unknown | Observed::Suspected { .. } | Observed::Uncertain { .. } => Self::Account,
        }
    }
}

/// Whether two calls change a right of an account alike, whatever was seen of it in between.
fn is_same_right(one: &Call, other: &Call) -> bool {
    match (one, other) {
        (Call::ChangeRight { change: one, .. }, Call::ChangeRight { change: other, .. }) => one == other,
        _ => false,
    }
}

/// What was found after a create whose answer was lost has the rights that the create gave.
fn with_given(found: Observed, before: &Observed) -> Observed {
    match (found, before) {
        (Observed::Present(mut account), Observed::Suspected { given, .. }) => {
            if account.entitlement.given.rights.is_empty() {
                account.entitlement.given = (**given).clone();
            }
            Observed::Present(account)
        }
        (found, _) => found,
    }
}

/// A question on the side was not answered, and the work does not go on without.
async fn give_up(
    target: &Target,
    user: User,
    sighting: Sighting,
    error: TargetError,
) -> Result<(), StoreError> {
    match error {
        TargetError::CredentialsRefused { reason } => settle::blocked(target, user, sighting, reason).await,
        error @ TargetError::RateLimited { .. } => {
            settle::postponed(target, user, sighting, error.to_string()).await
        }
        error => settle::failed(target, user, sighting, error.to_string()).await,
    }
}

/// Makes the lease last for one more call. Whether it is still ours.
async fn keep(target: &Target, user: &mut User) -> Result<bool, StoreError> {
    let now = target.clock.now();
    let Some(lease) = user.lease.clone() else { return Ok(false) };
    if lease.until >= now + step_length(target) {
        return Ok(true);
    }
    let longer = Lease { until: now + lease_length(target), ..lease };
    let kept = settle::kept(target, user, longer.clone()).await?;
    user.lease = Some(longer);
    Ok(kept)
}

/// Asks the target whose credentials these are. After a start the roster does so as well, and may not have come to it.
pub(super) async fn learn_credentials_owner(target: &Target) -> Result<(), TargetError> {
    let Some(directory) = target.connector.directory() else { return Ok(()) };
    let permit = target.budget.permit(Lane::Revoke);
    let Some(mut permit) = until(&*target.clock, target.clock.now() + PERMIT_WAIT, permit).await else {
        return Err(TargetError::RateLimited { until: None });
    };
    if let Some(reason) = target.health.stopped() {
        permit.close().await;
        return Err(TargetError::Unavailable { reason });
    }
    let issue = target.guard.issue();
    let result = directory.credentials_owner(&mut permit).await;
    target.heed(permit, &result).await;
    target.guard.set_credentials_owner(issue, result?);
    Ok(())
}

/// Why the call must not be made, if it must not.
pub(super) async fn refusal(target: &Target, user: &User, call: &Call) -> Result<Option<String>, StoreError> {
    let before = user.fallback.as_ref().map(|fallback| &fallback.resource);
    let resources = [Some(&user.resource), before];
    let logins: Vec<_> = resources.into_iter().flatten().filter_map(Resource::login_email).collect();
    target.guard.refusal(&target.store, &target.app, call, &logins, Leaving::Counted).await
}
