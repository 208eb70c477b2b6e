//! Steps 3 and 4 of every write: does it change anything, may it, and the new desired state with its place in the queue.

use std::{sync::Arc, time::Duration};

use crate::{
    cause::Cause,
    clock::Time,
    connector::{Call, Desired, Lane, Observed, Standing},
    converge::{Target, outcome::Watch, put_back::fallback_of, queue_wait::long_wait},
    scim::resource::Resource,
    store::{
        Transaction, User,
        events::{self, EventKind},
        members,
        users::{self, Answered, Leaving, Ownership},
    },
};

use super::{BridgedApp, ProvisionError, Request, create::taken, record};

/// When a write that cannot be taken on may be tried again: about when the credentials are probed next.
const RETRY_AFTER_REFUSED_CREDENTIALS: Duration = Duration::from_secs(60);

/// What becomes of a revocation that cannot be carried out now.
pub(super) const REVOCATION_IS_KEPT: &str =
    "The deactivation is stored and will be carried out as soon as that is possible.";

/// What a write brings along into its transaction.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The app.
    pub(super) app: String,
    /// The name of the token that asks.
    pub(super) actor: String,
    /// When.
    pub(super) now: Time,
    /// What it is done for.
    pub(super) cause: Option<Cause>,
    target: Arc<Target>,
}

/// What became of a write.
#[derive(Debug)]
pub(super) enum Submission {
    /// The user is as it was asked to be.
    Settled(User),
    /// The target must be brought to agree.
    Pending {
        /// The user with the new desired state.
        user: User,
        /// Hears how it ends.
        watch: Watch,
    },
}

impl Submission {
    /// Lets the worker begin, where the target must be brought to agree.
    pub(super) fn rouse(&self, target: &Target) {
        if let Self::Pending { user, .. } = self {
            target.rouse(&user.id);
        }
    }
}

impl Change {
    pub(super) fn new(app: &BridgedApp, request: &Request) -> Self {
        Self {
            app: app.name().to_owned(),
            actor: request.actor.clone(),
            now: app.target.clock.now(),
            cause: request.cause.clone(),
            target: app.target.clone(),
        }
    }

    /// Whether what is asserted is carried out; else it is only planned.
    pub(super) fn is_carried_out(&self) -> bool {
        self.target.is_carried_out()
    }

    /// What `resource` has in common with other users that are the same account.
    pub(super) fn account_key(&self, resource: &Resource) -> Option<String> {
        self.target.connector.account_key(&Desired::of(resource, Standing::Live))
    }
}

/// Makes `resource` the desired state of `before`, which is version 0 if it is not stored yet. `kind` says what the IdP
/// did; [`EventKind::Deleted`] makes the user disappear.
///
/// # Errors
/// When the `userName` or the account is another user's, when the account is one that must not be disabled, when the
/// target refuses our credentials, when new access would have to wait for too long, or when the database fails.
pub(super) async fn submit(
    transaction: &mut Transaction,
    change: &Change,
    before: User,
    resource: Resource,
    kind: EventKind,
) -> Result<Submission, ProvisionError> {
    let deletes = kind == EventKind::Deleted;
    let standing = if deletes { Standing::Deleted } else { Standing::Live };
    let desired = desired(transaction, change, &before, &resource, standing).await?;
    let plan = change.target.connector.plan(&desired, &before.observed);
    if before.version > 0
        && !deletes
        && resource == before.resource
        // What groups give follows by itself; a write that says nothing new has no say in it.
        && (before.is_pending() || !plan.iter().any(Call::is_about_account) || matches!(before.observed, Observed::Uncertain { .. }))
    {
        return unchanged(transaction, change, before).await;
    }
    refuse_taken(transaction, change, &before, &resource).await?;
    refuse_guarded(change, &before, &plan).await?;
    let is_new = before.version == 0;
    let lane = match desired.lane(&plan) {
        // Nobody is known to have access: there is only to look whether somebody has, and no leaver is to wait for that.
        Lane::Revoke if is_new && !may_have_account(&before) => Lane::Change,
        lane => lane,
    };
    let is_revocation = lane == Lane::Revoke && !is_new;
    refuse_while_blocked(change, is_revocation, &plan)?;
    if is_new_grant(&before, lane, &plan) {
        refuse_long_wait(transaction, change, &plan).await?;
    }

    let is_carried_out = change.is_carried_out();
    // What is held, or only planned, nobody is at work on.
    let is_queued = before.due_at.is_some() && before.held_at.is_none() && is_carried_out;
    let is_idle = !is_queued && before.lease.is_none();
    let mut user = before.clone();
    user.fallback = match before.answered {
        _ if is_new => None,
        // A rejection of this version is one of the version that it builds on.
        Answered::No if before.is_pending() => before.fallback.clone(),
        _ => Some(fallback_of(&before)),
    };
    user.account_key = change.account_key(&resource);
    // A call whose answer did not come says what was desired until now.
    if let Observed::Uncertain { until, .. } = &mut user.observed
        && !is_new
    {
        *until = change.target.in_doubt_until(change.now);
    }
    user.resource = resource;
    user.version += 1;
    user.modified_at = change.now;
    user.cause.clone_from(&change.cause);
    user.lane = lane;
    (user.attempts, user.failure) = (0, None);
    // Whether there are too many revocations is judged anew.
    user.held_at = None;
    if user.ownership == Ownership::Unmanaged {
        user.ownership = Ownership::Adopted;
    }
    let mut left_groups = Vec::new();
    if deletes {
        user.deleted_at = Some(change.now);
        left_groups = members::leave_all(transaction, &change.app, user.id.as_str(), change.now).await?;
        if let Some(fallback) = &mut user.fallback {
            fallback.left_groups.clone_from(&left_groups);
        }
    }
    if plan.is_empty() && is_idle {
        // The target holds it already. While somebody is at work there, what was seen of it may be out of date.
        user.applied_version = user.version;
        user.due_at = None;
        promise(&mut user);
    } else {
        user.answered = Answered::No;
        // Who waits in the queue already keeps the place.
        let place =
            before.due_at.filter(|_| before.lane == lane && before.attempts == 0 && before.held_at.is_none());
        user.due_at = Some(place.map_or(change.now, |due_at| due_at.min(change.now)));
        if !is_carried_out {
            promise(&mut user);
        }
    }
    if is_new {
        users::insert(transaction, &user).await?;
    } else {
        users::save(transaction, &user).await?;
    }
    let mut story = vec![record::asked(change, &before, &user, kind)];
    story.extend(record::left_with_the_user(change, &user.id, &left_groups));
    events::append_all(transaction, &story).await?;
    Ok(watched(change, user))
}

/// What `resource` asks for. Who is deleted leaves all groups.
async fn desired(
    transaction: &mut Transaction,
    change: &Change,
    before: &User,
    resource: &Resource,
    standing: Standing,
) -> Result<Desired, ProvisionError> {
    let desired = Desired::of(resource, standing);
    if change.target.connector.group_rights().is_none() {
        return Ok(desired);
    }
    let groups = match before.version {
        0 => Vec::new(),
        _ if standing != Standing::Live => Vec::new(),
        _ => members::groups_of(transaction, &change.app, before.id.as_str()).await?,
    };
    Ok(desired.in_groups(resource, groups))
}

/// The IdP is answered a 2xx for this version, whatever the target will say.
fn promise(user: &mut User) {
    user.answered = Answered::Yes;
    user.fallback = None;
}

/// Nothing to change. An IdP that writes to an unmanaged user manages it from now on.
async fn unchanged(
    transaction: &mut Transaction,
    change: &Change,
    mut user: User,
) -> Result<Submission, ProvisionError> {
    let is_carried_out = change.is_carried_out();
    if user.is_pending()
        && user.lane == Lane::Revoke
        && is_carried_out
        && let Some(reason) = change.target.health.credentials_refused()
    {
        // Who asks again must not be told that somebody has no access any more who still has it.
        return Err(blocked(&reason, REVOCATION_IS_KEPT));
    }
    if user.ownership == Ownership::Unmanaged {
        let before = user.clone();
        user.ownership = Ownership::Adopted;
        users::save(transaction, &user).await?;
        events::append(transaction, record::asked(change, &before, &user, EventKind::Adopted)).await?;
    }
    if user.answered == Answered::No && user.is_pending() {
        if !is_carried_out {
            // It was asked for before nothing was carried out any more.
            promise(&mut user);
            users::save(transaction, &user).await?;
        }
        // The request that asked for it still waits; this one shares its fate.
        return Ok(watched(change, user));
    }
    Ok(Submission::Settled(user))
}

fn watched(change: &Change, user: User) -> Submission {
    if user.is_pending() && change.is_carried_out() {
        let watch = change.target.outcomes.watch(&user.id);
        Submission::Pending { user, watch }
    } else {
        Submission::Settled(user)
    }
}

async fn refuse_taken(
    transaction: &mut Transaction,
    change: &Change,
    before: &User,
    resource: &Resource,
) -> Result<(), ProvisionError> {
    let user_name = resource.user_name().unwrap_or_default();
    let is_new_name = before.version == 0 || before.resource.user_name() != Some(user_name);
    if is_new_name
        && let Some(other) = users::find_live_by_user_name(transaction, &change.app, user_name).await?
        && other.id != before.id
    {
        return Err(taken("userName", &other).into());
    }
    let key = change.account_key(resource);
    if key.is_some() && key != before.account_key {
        let same_account = users::find_by_account(transaction, &change.app, None, key.as_deref()).await?;
        if let Some(other) = same_account.iter().find(|other| other.is_live() && other.id != before.id) {
            return Err(taken("e-mail", other).into());
        }
    }
    Ok(())
}

async fn refuse_guarded(change: &Change, before: &User, plan: &[Call]) -> Result<(), ProvisionError> {
    let target = &change.target;
    let logins: Vec<_> = before.resource.login_email().into_iter().collect();
    // A right that must not be taken is left, and told of, when its turn comes: it has no say in the rest of the user.
    for call in plan.iter().filter(|call| call.is_about_account()) {
        let refusal = target.guard.refusal(&target.store, &change.app, call, &logins, Leaving::LeftOut);
        if let Some(reason) = refusal.await? {
            return Err(ProvisionError::Forbidden(format!("{reason}.")));
        }
    }
    Ok(())
}

/// While the target refuses our credentials, nothing new is taken on that the IdP would believe to be done. A revocation is
/// kept all the same: it is carried out as soon as that is possible.
fn refuse_while_blocked(change: &Change, is_revocation: bool, plan: &[Call]) -> Result<(), ProvisionError> {
    // What is only planned needs no credentials.
    let refused = change.target.health.credentials_refused().filter(|_| change.is_carried_out());
    match refused {
        Some(reason) if !is_revocation && !plan.is_empty() => Err(blocked(&reason, "Nothing was changed.")),
        _ => Ok(()),
    }
}

/// Whether the target has, or may have, an account that was made for the user.
pub(super) fn may_have_account(user: &User) -> bool {
    user.account().is_some() || matches!(user.observed, Observed::Suspected { .. })
}

/// Whether access is to be given that was not to be given already: who waits in the queue for it keeps the place.
fn is_new_grant(before: &User, lane: Lane, plan: &[Call]) -> bool {
    let waits_already = before.is_pending() && before.lane == Lane::Grant;
    lane == Lane::Grant && plan.iter().any(Call::is_about_account) && !waits_already
}

/// New access that could not be given for a long time is better asked for again than believed to be given.
async fn refuse_long_wait(
    transaction: &mut Transaction,
    change: &Change,
    plan: &[Call],
) -> Result<(), ProvisionError> {
    let Some(long) = long_wait(transaction, &change.target, plan, change.now).await? else { return Ok(()) };
    let detail = format!(
        "At least {} users wait for their turn at {}, and this one would have to wait for {} minutes or more. Nothing was changed; send \
         it again later.",
        long.users_ahead,
        change.target.connector.target(),
        long.wait.as_secs().div_ceil(60),
    );
    let retry_after =
        Duration::from_secs(long.excess.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
    Err(ProvisionError::QueueTooLong { detail, retry_after })
}

/// The answer while the target refuses our credentials.
pub(super) fn blocked(reason: &str, consequence: &str) -> ProvisionError {
    ProvisionError::Unavailable {
        detail: format!("{reason}. {consequence}"),
        retry_after: RETRY_AFTER_REFUSED_CREDENTIALS,
    }
}

/// Tells the log what was passed over, once a request; names only, never values.
pub(super) fn log_ignored(app: &BridgedApp, ignored: &[String]) {
    if !ignored.is_empty() {
        tracing::info!(
            app = app.name(),
            scim.ignored = ignored.join(", "),
            "attributes that are not defined were ignored"
        );
    }
}
