//! PATCH of a group.

use serde_json::Value;

use crate::{
    provision::{BridgedApp, Presented, ProvisionError, request::check_version, submit::log_ignored},
    scim::{patch::Patch, precondition::Precondition},
    store::{GroupId, groups},
};

use super::{Members, membership, not_found, refuse_taken_name};

/// Applies the PATCH request `body` to the group of that id, all of it or nothing.
///
/// # Errors
/// When there is no such group, when it is not of the version that `precondition` demands, when the body is not right, or when the database fails.
pub async fn update(
    app: &BridgedApp,
    id: &GroupId,
    precondition: Precondition,
    body: Value,
    members: Members,
) -> Result<Presented, ProvisionError> {
    let (registry, name, id, now) =
        (app.registry.clone(), app.name().to_owned(), id.clone(), app.target.clock.now());
    let (group, ignored) = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let before = groups::get(transaction, &name, &id).await?.ok_or_else(|| not_found(&id))?;
                check_version(&precondition, before.version)?;
                let mut patch = Patch::parse(body, registry.group())?;
                let changes = patch.take_membership_changes();
                let mut group = before.clone();
                group.resource = patch.apply(&before.resource, id.as_str())?;
                let members_changed = membership::change(transaction, &group, changes).await?;
                if members_changed || group.resource != before.resource {
                    refuse_taken_name(transaction, &group).await?;
                    group.version += 1;
                    group.modified_at = now;
                    groups::save(transaction, &group).await?;
                }
                Ok::<_, ProvisionError>((group, patch.ignored().to_vec()))
            })
        })
        .await?;
    log_ignored(app, &ignored);
    app.present_group(&group, members).await
}
