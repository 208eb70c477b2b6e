//! PATCH of a user.

use serde_json::Value;

use crate::{
    scim::patch::Patch,
    store::{UserId, events::EventKind, users},
};

use super::{
    BridgedApp, Presented, ProvisionError,
    confirm::confirm,
    get::not_found,
    submit::{Change, log_ignored, submit},
};

/// Applies the PATCH request `body` to the user of that id, all of it or nothing, asked for by `actor`.
///
/// # Errors
/// When there is no such user, when the body is not right, when the target says no, or when the database fails.
pub async fn update(
    app: &BridgedApp,
    id: &UserId,
    body: Value,
    actor: &str,
) -> Result<Presented, ProvisionError> {
    let change = Change::new(app, actor);
    let (registry, id) = (app.registry.clone(), id.clone());
    let (submission, ignored) = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let before = users::get(transaction, &change.app, &id).await?.filter(|user| user.is_live());
                let before = before.ok_or_else(|| not_found(&id))?;
                let patch = Patch::parse(body, registry.user())?;
                let resource = patch.apply(&before.resource, id.as_str())?.with_access_of(&before.resource);
                let submission = submit(transaction, &change, before, resource, EventKind::Changed).await?;
                Ok::<_, ProvisionError>((submission, patch.ignored().to_vec()))
            })
        })
        .await?;
    log_ignored(app, &ignored);
    let user = confirm(app, submission).await?;
    app.present(&user).await
}
