//! PATCH of a group.

use serde_json::Value;

use crate::{
    provision::{BridgedApp, Presented, ProvisionError, request::check_version, submit::log_ignored},
    scim::{patch::Patch, precondition::Precondition},
    store::{GroupId, groups},
};

use super::{Members, Request, effect::Effect, membership::Rules, not_found, record::Author, save_changed};

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
    request: &Request,
) -> Result<Presented, ProvisionError> {
    // A body of ten thousand members is read here, so that other writes do not wait for it.
    let mut patch = Patch::parse(body, app.registry.group())?;
    log_ignored(app, patch.ignored());
    let changes = patch.take_membership_changes();
    let (rules, name) = (Rules::of(app), app.name().to_owned());
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
                group.resource = patch.apply(&before.resource, id.as_str())?;
                let members = rules.change(transaction, &group, changes).await?;
                save_changed(transaction, &author, &effect, &before, group, &members).await
            })
        })
        .await?;
    after.is_durable(&touched);
    app.present_group(&group, members).await
}
