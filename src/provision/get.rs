//! GET of one user.

use crate::store::{UserId, users};

use super::{BridgedApp, Presented, ProvisionError, accounts_known, present::Kind};

/// The user of that id.
///
/// # Errors
/// When there is none, when the target's accounts are not known yet, or when the database fails.
pub async fn get(app: &BridgedApp, id: &UserId) -> Result<Presented, ProvisionError> {
    match users::find_shown(&app.target.store, app.name(), id).await? {
        Some(user) => app.present_stored(Kind::User, &user).await,
        None => {
            accounts_known(app)?;
            Err(not_found(id))
        }
    }
}

pub(super) fn not_found(id: &UserId) -> ProvisionError {
    // An id is repeated as it came, but not at any length.
    ProvisionError::NotFound { resource_type: "User", id: id.as_str().chars().take(64).collect() }
}
