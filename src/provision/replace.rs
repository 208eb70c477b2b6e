//! PUT of a user.

use serde_json::Value;

use crate::{
    scim::{normalize, precondition::Precondition},
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

/// Replaces the user of that id by what `body` describes.
///
/// # Errors
/// When there is no such user, when it is not of the version that `precondition` demands, when the body is not right, when
/// the target says no, or when the database fails.
pub async fn replace(
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
                let accepted = normalize::replace(registry.user(), &before.resource, body)?;
                let submission =
                    submit(transaction, &change, before, accepted.resource, EventKind::Changed).await?;
                Ok::<_, ProvisionError>((submission, accepted.ignored))
            })
        })
        .await?;
    log_ignored(app, &ignored);
    Ok(submission)
}
