//! GET of one group.

use crate::{
    provision::{BridgedApp, Presented, ProvisionError},
    store::{GroupId, groups},
};

use super::{Members, not_found};

/// The group of that id.
///
/// # Errors
/// When there is none, or when the database fails.
pub async fn get(app: &BridgedApp, id: &GroupId, members: Members) -> Result<Presented, ProvisionError> {
    let group = groups::find_shown(&app.target.store, app.name(), id).await?.ok_or_else(|| not_found(id))?;
    app.present_stored_group(&group, members).await
}
