//! PUT of a group.

use serde_json::Value;

use crate::{
    provision::{BridgedApp, Presented, ProvisionError, request::check_version, submit::log_ignored},
    scim::{normalize, patch::MembershipChange, precondition::Precondition},
    store::{GroupId, groups},
};

use super::{Members, Request, effect::Effect, membership::Rules, not_found, record::Author, save_changed};

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
    request: &Request,
) -> Result<Presented, ProvisionError> {
    // A body of ten thousand members is read here, so that other writes do not wait for it.
    let accepted = normalize::read(app.registry.group(), body)?;
    log_ignored(app, &accepted.ignored);
    let (resource, listed) = accepted.resource.without_elements("members");
    let (rules, registry, name) = (Rules::of(app), app.registry.clone(), app.name().to_owned());
    let (id, author, effect) = (id.clone(), Author::of(app, request), Effect::of(app, request));
    let after = effect.clone();
    let (group, touched) = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let before = groups::get(transaction, &name, &id).await?.ok_or_else(|| not_found(&id))?;
                check_version(&precondition, before.version)?;
                let mut group = before.clone();
                group.resource = normalize::over(registry.group(), &before.resource, resource)?;
                let changes = vec![MembershipChange::Replace(listed)];
                let members = rules.change(transaction, &group, changes).await?;
                save_changed(transaction, &author, &effect, &before, group, &members).await
            })
        })
        .await?;
    after.is_durable(&touched);
    app.present_group(&group, members).await
}
