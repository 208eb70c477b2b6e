//! GET of one group.

use crate::{
    provision::{BridgedApp, Presented, ProvisionError},
    scim::{meta, precondition::Precondition},
    store::{GroupId, groups},
};

use super::{Members, not_found};

/// The group of that id. Its members are left out also when `precondition` says that the client has this version: nobody
/// will see them.
///
/// # Errors
/// When there is none, or when the database fails.
pub async fn get(
    app: &BridgedApp,
    id: &GroupId,
    precondition: &Precondition,
    members: Members,
) -> Result<Presented, ProvisionError> {
    let group = groups::find_shown(&app.target.store, app.name(), id).await?.ok_or_else(|| not_found(id))?;
    let is_known = precondition.knows(&meta::entity_tag(group.version));
    let members = if is_known { Members::Omitted } else { members };
    app.present_stored_group(&group, members).await
}
