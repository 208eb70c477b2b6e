//! PATCH of a user.

use serde_json::Value;

use crate::{
    scim::{patch::Patch, precondition::Precondition},
    store::{UserId, events::EventKind, users},
};

use super::{
    BridgedApp, Presented, ProvisionError, Request,
    confirm::finish,
    get::not_found,
    record::{Asked, refusal},
    request::check_version,
    submit::{Change, Submission, log_ignored, submit},
};

/// Applies the PATCH request `body` to the user of that id, all of it or nothing.
///
/// # Errors
/// When there is no such user, when it is not of the version that `precondition` demands, when the body is not right, when
/// the target says no, or when the database fails.
pub async fn update(
    app: &BridgedApp,
    id: &UserId,
    precondition: Precondition,
    body: Value,
    request: &Request,
) -> Result<Presented, ProvisionError> {
    let submission = begin(app, id, precondition, body, request).await?;
    finish(app, submission, request.deadline).await
}

/// Steps 1 to 4: the new desired state is durable, or there is nothing to change.
pub(super) async fn begin(
    app: &BridgedApp,
    id: &UserId,
    precondition: Precondition,
    body: Value,
    request: &Request,
) -> Result<Submission, ProvisionError> {
    let asked = Some(Asked::Change(id.clone()));
    refusal(app, request, asked, commit(app, id, precondition, body, request).await).await
}

async fn commit(
    app: &BridgedApp,
    id: &UserId,
    precondition: Precondition,
    body: Value,
    request: &Request,
) -> Result<Submission, ProvisionError> {
    let change = Change::new(app, request);
    let (registry, id) = (app.registry.clone(), id.clone());
    let (submission, ignored) = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let before = users::get(transaction, &change.app, &id).await?.filter(|user| user.is_live());
                let before = before.ok_or_else(|| not_found(&id))?;
                check_version(&precondition, before.version)?;
                let patch = Patch::parse(body, registry.user())?;
                let resource = patch.apply(&before.resource, id.as_str())?.with_access_of(&before.resource);
                let submission = submit(transaction, &change, before, resource, EventKind::Changed).await?;
                Ok::<_, ProvisionError>((submission, patch.ignored().to_vec()))
            })
        })
        .await?;
    log_ignored(app, &ignored);
    Ok(submission)
}
