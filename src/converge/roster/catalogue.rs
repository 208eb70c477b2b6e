//! Lists what groups can give, and offers a group for each of it.
//!
//! An IdP that finds a group of the name that it is to push links it instead of making one. So what a target's roles are called
//! is there before anybody wrote it: an *offered* group, without members. It goes when its workspace does, unless an IdP has
//! taken it over by writing to it.

use std::{collections::HashSet, time::Duration};

use crate::{
    clock::Time,
    connector::{Catalogue, GroupRights, Lane},
    scim::fold::fold,
    store::{Group, GroupId, StoreError, catalogues, groups, members},
};

use super::{RosterError, Target};

/// How long a listing is good for. Workspaces change far less often than people.
const GOOD_FOR: Duration = Duration::from_hours(1);

/// How many groups are made or removed in one transaction.
const STEP: usize = 100;

/// Lists it if it is time. What was listed before stays good when it cannot be listed: the pass goes on.
///
/// # Errors
/// When the database fails.
pub(super) async fn refresh(target: &Target) -> Result<(), RosterError> {
    let Some(rights) = target.connector.group_rights() else { return Ok(()) };
    let now = target.clock.now();
    let listed_at = catalogues::listed_at(&target.store, &target.app).await?;
    let is_fresh = rights.knows_catalogue() && listed_at.is_some_and(|listed_at| listed_at + GOOD_FOR > now);
    if is_fresh || !(rights.wants_catalogue() || has_groups(target).await?) {
        return Ok(());
    }
    let mut permit = target.budget.permit(Lane::Change).await;
    if target.health.stopped().is_some() {
        permit.close().await;
        return Ok(());
    }
    let listed = rights.catalogue(&mut permit).await;
    target.heed(permit, &listed).await;
    match listed {
        Ok(catalogue) => keep(target, rights, catalogue, now).await?,
        Err(error) => tracing::warn!(app = target.app, %error, "the workspaces could not be listed"),
    }
    Ok(())
}

async fn has_groups(target: &Target) -> Result<bool, StoreError> {
    Ok(groups::count_matching(&target.store, &target.app, &groups::Narrowing::All).await? > 0)
}

async fn keep(
    target: &Target,
    rights: &dyn GroupRights,
    catalogue: Catalogue,
    now: Time,
) -> Result<(), StoreError> {
    tracing::info!(
        app = target.app,
        catalogue.workspaces = catalogue.workspaces.len(),
        catalogue.seat_groups = catalogue.seat_groups.len(),
        "the workspaces are listed"
    );
    let earlier = catalogues::find(&target.store, &target.app).await?.unwrap_or_default();
    let catalogue = catalogue.remembering(earlier);
    let (app, saved) = (target.app.clone(), catalogue.clone());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move { catalogues::save(transaction, &app, &saved, now).await })
        })
        .await?;
    rights.learn(catalogue);
    offer(target, rights.offers(), now).await
}

/// Brings the offered groups to agree with `names`.
async fn offer(target: &Target, names: Vec<String>, now: Time) -> Result<(), StoreError> {
    let offered = groups::list_offered(&target.store, &target.app).await?;
    let wanted: HashSet<_> = names.iter().map(|name| fold(name).into_owned()).collect();
    let is_there: HashSet<_> = offered.iter().map(|(_, name)| fold(name).into_owned()).collect();
    let gone: Vec<_> =
        offered.into_iter().filter(|(_, name)| !wanted.contains(&*fold(name))).map(|(id, _)| id).collect();
    let new: Vec<_> = names.into_iter().filter(|name| !is_there.contains(&*fold(name))).collect();
    for ids in gone.chunks(STEP) {
        let (app, ids) = (target.app.clone(), ids.to_vec());
        let withdraw = target.store.write(move |transaction| {
            Box::pin(async move {
                for id in ids {
                    // An IdP may have taken it over just now.
                    if groups::get(transaction, &app, &id).await?.is_some_and(|group| group.is_offered) {
                        members::leave_all(transaction, &app, id.as_str(), now).await?;
                        groups::delete_row(transaction, &id).await?;
                    }
                }
                Ok::<_, StoreError>(())
            })
        });
        withdraw.await?;
    }
    for names in new.chunks(STEP) {
        let (app, names) = (target.app.clone(), names.to_vec());
        let make = target.store.write(move |transaction| {
            Box::pin(async move {
                for name in names {
                    if groups::find_by_display_name(transaction, &app, &name).await?.is_none() {
                        groups::insert(transaction, &Group::offered(&app, GroupId::new(now), &name, now))
                            .await?;
                    }
                }
                Ok::<_, StoreError>(())
            })
        });
        make.await?;
    }
    Ok(())
}

/// Takes what was listed before this start for what there is.
///
/// # Errors
/// When the database fails.
pub async fn recall(target: &Target) -> Result<(), StoreError> {
    if let Some(rights) = target.connector.group_rights()
        && let Some(catalogue) = catalogues::find(&target.store, &target.app).await?
    {
        rights.learn(catalogue);
    }
    Ok(())
}
