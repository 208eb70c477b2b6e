//! DELETE of a user.

use crate::{
    scim::precondition::Precondition,
    store::{UserId, events::EventKind, users},
};

use super::{
    BridgedApp, ProvisionError, Request,
    confirm::confirm,
    get::not_found,
    record::{Asked, refusal},
    request::check_version,
    submit::{Change, Submission, submit},
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
    let id = id.clone();
    app.target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let before = users::get(transaction, &change.app, &id).await?.filter(|user| user.is_live());
                let before = before.ok_or_else(|| not_found(&id))?;
                check_version(&precondition, before.version)?;
                let resource = before.resource.clone();
                submit(transaction, &change, before, resource, EventKind::Deleted).await
            })
        })
        .await
}
