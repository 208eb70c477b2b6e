//! DELETE of a group.

use crate::{
    provision::{BridgedApp, ProvisionError, request::check_version},
    scim::precondition::Precondition,
    store::{GroupId, groups, members},
};

use super::{
    Request,
    effect::Effect,
    not_found,
    record::{Author, MembersChanged},
};

/// Deletes the group of that id. Its members stay, without what it gave them (`ENT-39`).
///
/// # Errors
/// When there is no such group, when it is not of the version that `precondition` demands, or when the database fails.
pub async fn delete(
    app: &BridgedApp,
    id: &GroupId,
    precondition: Precondition,
    request: &Request,
) -> Result<(), ProvisionError> {
    let (name, id, author) = (app.name().to_owned(), id.clone(), Author::of(app, request));
    let effect = Effect::of(app, request);
    let after = effect.clone();
    let touched = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let group = groups::get(transaction, &name, &id).await?.ok_or_else(|| not_found(&id))?;
                check_version(&precondition, group.version)?;
                let touched = effect.deleted(transaction, &group, author.now()).await?;
                let mut members = MembersChanged::default();
                members.remove(members::clear(transaction, &id).await?);
                members::leave_all(transaction, &name, id.as_str(), author.now()).await?;
                groups::delete_row(transaction, &id).await?;
                author.deleted(transaction, &group, &members).await?;
                Ok::<_, ProvisionError>(touched)
            })
        })
        .await?;
    after.is_durable(&touched);
    Ok(())
}
