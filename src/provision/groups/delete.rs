//! DELETE of a group.

use crate::{
    provision::{BridgedApp, ProvisionError, request::check_version},
    scim::precondition::Precondition,
    store::{GroupId, groups, members},
};

use super::not_found;

/// Deletes the group of that id. Its members stay what they are (`ENT-39`).
///
/// # Errors
/// When there is no such group, when it is not of the version that `precondition` demands, or when the database fails.
pub async fn delete(
    app: &BridgedApp,
    id: &GroupId,
    precondition: Precondition,
) -> Result<(), ProvisionError> {
    let (name, id, now) = (app.name().to_owned(), id.clone(), app.target.clock.now());
    app.target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let group = groups::get(transaction, &name, &id).await?.ok_or_else(|| not_found(&id))?;
                check_version(&precondition, group.version)?;
                members::clear(transaction, &id).await?;
                members::leave_all(transaction, &name, id.as_str(), now).await?;
                Ok(groups::delete_row(transaction, &id).await?)
            })
        })
        .await
}
