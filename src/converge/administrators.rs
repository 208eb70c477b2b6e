//! Who administers the target, as the listings and our own changes tell it.

use crate::{
    connector::Observed,
    store::{StoreError, rosters},
};

use super::Target;

/// A group made the account an administrator, or made it none: no finding for the next listing.
pub(super) async fn remember(target: &Target, observed: &Observed) -> Result<(), StoreError> {
    let Some(account) = observed.account().cloned() else { return Ok(()) };
    let app = target.app.clone();
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut known) = rosters::find_administrators(transaction, &app).await? else {
                    return Ok(());
                };
                if account.administrator {
                    known.insert(account.id, account.enabled);
                } else {
                    known.remove(&account.id);
                }
                rosters::save_administrators(transaction, &app, &known).await
            })
        })
        .await
}
