//! PUT of a group.

use serde_json::Value;

use crate::{
    provision::{BridgedApp, Presented, ProvisionError, request::check_version, submit::log_ignored},
    scim::{normalize, patch::MembershipChange, precondition::Precondition},
    store::{GroupId, groups},
};

use super::{Members, membership, not_found, refuse_taken_name};

/// Replaces the group of that id, and its members, by what `body` describes.
///
/// # Errors
/// When there is no such group, when it is not of the version that `precondition` demands, when the body is not right, or when the database fails.
pub async fn replace(
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
                let accepted = normalize::replace(registry.group(), &before.resource, body)?;
                let listed: Vec<Value> = accepted.resource.elements("members").cloned().collect();
                let mut group = before.clone();
                group.resource = accepted.resource.with("members", Value::Null);
                let changes = vec![MembershipChange::Replace(listed)];
                let members_changed = membership::change(transaction, &group, changes).await?;
                if members_changed || group.resource != before.resource {
                    refuse_taken_name(transaction, &group).await?;
                    group.version += 1;
                    group.modified_at = now;
                    groups::save(transaction, &group).await?;
                }
                Ok::<_, ProvisionError>((group, accepted.ignored))
            })
        })
        .await?;
    log_ignored(app, &ignored);
    app.present_group(&group, members).await
}
