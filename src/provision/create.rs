//! POST of a user.

use serde_json::Value;

use crate::{
    connector::{Lane, Observed},
    scim::{
        error::{Error, ScimType},
        normalize,
        resource::Resource,
    },
    store::{
        Transaction, User, UserId,
        events::{self, Event, EventKind, Subject},
        users::{self, Answered, Ownership, user_name_key},
    },
};

use super::{
    BridgedApp, Presented, ProvisionError, Request,
    confirm::finish,
    record::{Asked, refusal},
    submit::{Change, Submission, log_ignored, may_have_account, submit},
};

/// Creates the user that `body` describes.
///
/// An account that the target has already is adopted: it keeps its id there and no invitation is sent. So is an unmanaged
/// user that is the same account under another `userName`, which then keeps its SCIM id.
///
/// # Errors
/// `uniqueness`, with the id of the user that exists, when the `userName` or the account is taken; SCIM's other errors for
/// a body that is not right; what the target says.
pub async fn create(app: &BridgedApp, body: Value, request: &Request) -> Result<Presented, ProvisionError> {
    let submission = begin(app, body, request).await?;
    // 5, 6. Wait, answer.
    finish(app, submission, request.deadline).await
}

/// Steps 1 to 4: the new user is durable.
pub(super) async fn begin(
    app: &BridgedApp,
    body: Value,
    request: &Request,
) -> Result<Submission, ProvisionError> {
    let asked = Asked::create(&body);
    refusal(app, request, asked, commit(app, body, request).await).await
}

async fn commit(app: &BridgedApp, body: Value, request: &Request) -> Result<Submission, ProvisionError> {
    // 1, 2. There is nothing to load; read, repair, validate.
    let accepted = normalize::create(app.registry.user(), body)?;
    log_ignored(app, &accepted.ignored);
    // 3, 4. One transaction. The id is of the time that `meta.created` tells, so that both are in the same order.
    let change = Change::new(app, request);
    let id = UserId::new(change.now);
    app.target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let resource = accepted.resource;
                refuse_taken_name(transaction, &change, resource.user_name().unwrap_or_default()).await?;
                let mut user = new_user(&change, id, resource.clone());
                let key = user.account_key.clone();
                let same_account =
                    users::find_by_account(transaction, &change.app, None, key.as_deref()).await?;
                if let Some(other) = same_account.iter().find(|other| other.is_live()) {
                    if other.ownership != Ownership::Unmanaged {
                        return Err(taken("e-mail", other).into());
                    }
                    return submit(transaction, &change, other.clone(), resource, EventKind::Adopted).await;
                }
                inherit(transaction, &change, &mut user, same_account).await?;
                submit(transaction, &change, user, resource, EventKind::Created).await
            })
        })
        .await
}

async fn refuse_taken_name(
    transaction: &mut Transaction,
    change: &Change,
    user_name: &str,
) -> Result<(), ProvisionError> {
    match users::find_live_by_user_name(transaction, &change.app, user_name).await? {
        Some(other) => Err(taken("userName", &other).into()),
        None => Ok(()),
    }
}

/// The answer for a value that another user has: it names that user's id, so that a client whose create was answered too
/// late finds its user (`Q-66`).
pub(super) fn taken(what: &str, other: &User) -> Error {
    let detail = format!("A user with this {what} exists already; its id is {}.", other.id);
    Error::new(ScimType::Uniqueness, detail)
}

/// A user that is not stored yet: version 0, which no answer ever shows.
fn new_user(change: &Change, id: UserId, resource: Resource) -> User {
    User {
        id,
        app: change.app.clone(),
        account_key: change.account_key(&resource),
        resource,
        ownership: Ownership::Created,
        version: 0,
        applied_version: 0,
        created_at: change.now,
        modified_at: change.now,
        deleted_at: None,
        observed: Observed::Unknown,
        out_of_sight: None,
        observed_at: None,
        answered: Answered::No,
        fallback: None,
        lane: Lane::Grant,
        due_at: None,
        attempts: 0,
        failure: None,
        held_at: None,
        lease: None,
        touched: 0,
        cause: None,
    }
}

/// A user that was deleted and is made again is the same account: what is known of it goes over. While the account of the
/// deleted one is still to be disabled, that stays to be done, for this create may fail; nor is anything known for certain of
/// the account until then. With the end of this create goes what was promised of it. What is only
/// planned was not begun, and the create cannot fail.
async fn inherit(
    transaction: &mut Transaction,
    change: &Change,
    user: &mut User,
    deleted: Vec<User>,
) -> Result<(), ProvisionError> {
    let is_open = |earlier: &User| earlier.due_at.is_some() && change.is_carried_out();
    let is_done = |earlier: &User| !is_open(earlier) && earlier.lease.is_none();
    let all_are_done = deleted.iter().all(is_done);
    for earlier in deleted {
        if may_have_account(&earlier) && user.account().is_none() {
            user.observed = earlier.observed.clone();
            user.out_of_sight = earlier.out_of_sight.clone();
            if !is_done(&earlier) {
                user.observed = user.observed.clone().doubted_until(change.now);
            }
            user.observed_at = earlier.observed_at;
            if earlier.account().is_some() {
                user.ownership = Ownership::Adopted;
            }
        }
        if all_are_done {
            let name = |user: &User| user_name_key(user.resource.user_name().unwrap_or_default());
            if name(user) != name(&earlier) {
                let event = Event::new(
                    &user.app,
                    Subject::User(&user.id),
                    change.now,
                    EventKind::Continued,
                    &change.actor,
                );
                events::append(transaction, event.related(earlier.id.as_str())).await?;
            }
            users::delete_row(transaction, &earlier, change.now).await?;
        }
    }
    Ok(())
}
