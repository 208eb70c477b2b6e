//! DELETE of a group.

use crate::{
    provision::{BridgedApp, ProvisionError},
    store::{GroupId, groups, members},
};

use super::not_found;

/// Deletes the group of that id. Its members stay what they are (`ENT-39`).
///
/// # Errors
/// When there is no such group, or when the database fails.
pub async fn delete(app: &BridgedApp, id: &GroupId) -> Result<(), ProvisionError> {
    let (name, id, now) = (app.name().to_owned(), id.clone(), app.target.clock.now());
    app.target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                groups::get(transaction, &name, &id).await?.ok_or_else(|| not_found(&id))?;
                members::clear(transaction, &id).await?;
                members::leave_all(transaction, &name, id.as_str(), now).await?;
                Ok(groups::delete_row(transaction, &id).await?)
            })
        })
        .await
}
