//! DELETE of a user.

use crate::{
    connector::Lane,
    converge::Target,
    scim::precondition::Precondition,
    store::{User, UserId, events::EventKind, users},
};

use super::{
    BridgedApp, ProvisionError, Request,
    confirm::confirm,
    get::not_found,
    record::{Asked, refusal},
    request::check_version,
    submit::{Change, REVOCATION_IS_KEPT, Submission, blocked, submit},
};

/// Deletes the user of that id. It is gone here at once, and its `userName` is free; its account is disabled.
///
/// # Errors
/// When there is no such user, when it is not of the version that `precondition` demands, when the target says no, or when
/// the database fails.
pub async fn delete(
    app: &BridgedApp,
    id: &UserId,
    precondition: Precondition,
    request: &Request,
) -> Result<(), ProvisionError> {
    let submission = begin(app, id, precondition, request).await?;
    confirm(app, submission, request.deadline).await?;
    Ok(())
}

/// Steps 1 to 4: the end is durable.
pub(super) async fn begin(
    app: &BridgedApp,
    id: &UserId,
    precondition: Precondition,
    request: &Request,
) -> Result<Submission, ProvisionError> {
    let asked = Some(Asked::Delete(id.clone()));
    refusal(app, request, asked, commit(app, id, precondition, request).await).await
}

async fn commit(
    app: &BridgedApp,
    id: &UserId,
    precondition: Precondition,
    request: &Request,
) -> Result<Submission, ProvisionError> {
    let change = Change::new(app, request);
    let (id, target) = (id.clone(), app.target.clone());
    app.target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let before = match users::get(transaction, &change.app, &id).await? {
                    Some(user) if user.is_live() => user,
                    gone => return Err(asked_again(&target, gone).unwrap_or_else(|| not_found(&id))),
                };
                check_version(&precondition, before.version)?;
                let resource = before.resource.clone();
                submit(transaction, &change, before, resource, EventKind::Deleted).await
            })
        })
        .await
}

/// Who was told that a deletion is not done yet, and asks again, must not read from a 404 that it is.
fn asked_again(target: &Target, gone: Option<User>) -> Option<ProvisionError> {
    let waits = gone.is_some_and(|user| user.is_pending() && user.lane == Lane::Revoke);
    let reason = target.health.credentials_refused().filter(|_| waits)?;
    Some(blocked(&reason, REVOCATION_IS_KEPT))
}
