//! DELETE of a user.

use crate::store::{UserId, events::EventKind, users};

use super::{
    BridgedApp, ProvisionError,
    confirm::confirm,
    get::not_found,
    submit::{Change, submit},
};

/// Deletes the user of that id, asked for by `actor`. It is gone here at once, and its `userName` is free; its account is
/// disabled.
///
/// # Errors
/// When there is no such user, when the target says no, or when the database fails.
pub async fn delete(app: &BridgedApp, id: &UserId, actor: &str) -> Result<(), ProvisionError> {
    let change = Change::new(app, actor);
    let id = id.clone();
    let submission = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let before = users::get(transaction, &change.app, &id).await?.filter(|user| user.is_live());
                let before = before.ok_or_else(|| not_found(&id))?;
                let resource = before.resource.clone();
                submit(transaction, &change, before, resource, EventKind::Deleted).await
            })
        })
        .await?;
    confirm(app, submission).await?;
    Ok(())
}
