//! POST of a group.

use serde_json::Value;

use crate::{
    provision::{BridgedApp, Presented, ProvisionError, submit::log_ignored},
    scim::{normalize, patch::MembershipChange},
    store::{Group, GroupId, Transaction, groups},
};

use super::{Members, Request, effect::Effect, membership::Rules, record::Author, refuse_taken_name};

/// Creates the group that `body` describes, with its members. One of that name that was only offered is taken over, and keeps
/// its id.
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
        is_offered: false,
    };
    let effect = Effect::of(app, request);
    let after = effect.clone();
    let (stored, touched) = app
        .target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let group = match find_offered(transaction, &group).await? {
                    Some(offered) => {
                        let group = Group { id: offered.id, version: offered.version + 1, ..group };
                        groups::save(transaction, &group).await?;
                        group
                    }
                    None => {
                        refuse_taken_name(transaction, &group).await?;
                        groups::insert(transaction, &group).await?;
                        group
                    }
                };
                let changes = vec![MembershipChange::Add(listed)];
                let members = rules.change(transaction, &group, changes).await?;
                let touched = effect.changed(transaction, None, &group, &members, now).await?;
                author.created(transaction, &group, &members).await?;
                Ok::<_, ProvisionError>((group, touched))
            })
        })
        .await?;
    after.is_durable(&touched);
    app.present_group(&stored, members).await
}

/// The offered group of the same name: whoever makes it takes that one over. It is looked at once more when nobody else can change
/// it: another client may take it over, or a listing withdraw it.
async fn find_offered(transaction: &mut Transaction, group: &Group) -> Result<Option<Group>, ProvisionError> {
    let name = group.resource.display_name().unwrap_or_default();
    let found = groups::find_by_display_name(transaction, &group.app, name).await?;
    let Some(offered) = found.filter(|found| found.is_offered) else { return Ok(None) };
    Ok(groups::get(transaction, &group.app, &offered.id).await?.filter(|found| found.is_offered))
}
