//! POST of a group.

use serde_json::Value;

use crate::{
    provision::{BridgedApp, Presented, ProvisionError, submit::log_ignored},
    scim::{normalize, patch::MembershipChange},
    store::{Group, GroupId, groups},
};

use super::{Members, Request, membership::Rules, record::Author, refuse_taken_name};

/// Creates the group that `body` describes, with its members.
///
/// # Errors
/// `uniqueness` when the `displayName` is taken; SCIM's other errors for a body that is not right.
pub async fn create(
    app: &BridgedApp,
    body: Value,
    members: Members,
    request: &Request,
) -> Result<Presented, ProvisionError> {
    let accepted = normalize::create(app.registry.group(), body)?;
    log_ignored(app, &accepted.ignored);
    let (resource, listed) = accepted.resource.without_elements("members");
    let (rules, author) = (Rules::of(app), Author::of(app, request));
    let now = author.now();
    let group = Group {
        id: GroupId::new(now),
        app: app.name().to_owned(),
        resource,
        version: 1,
        created_at: now,
        modified_at: now,
    };
    let stored = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                refuse_taken_name(transaction, &group).await?;
                groups::insert(transaction, &group).await?;
                let changes = vec![MembershipChange::Add(listed)];
                let members = rules.change(transaction, &group, changes).await?;
                author.created(transaction, &group, &members).await?;
                Ok::<_, ProvisionError>(group)
            })
        })
        .await?;
    app.present_group(&stored, members).await
}
