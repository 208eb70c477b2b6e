//! Looks up the accounts of users that a listing left out.

use std::time::Duration;

use crate::{
    clock::Time,
    connector::{Account, Observed},
    store::{
        StoreError, User, UserId,
        events::{self, Event, EventKind, Subject},
        users::{self, Ownership},
    },
};

use super::{ACTOR, RosterError, Target, pass::Pass};

/// How many accounts that a listing left out are looked up in one pass. More than a few at a time means that the listing
/// itself is odd; the others follow in the next pass.
const MAX_LOOK_UPS: usize = 50;

/// How long an account that was found disabled is not looked up again while the listing leaves it out. It may be left out
/// just because it is disabled; and if it is gone, nobody reads anything else meanwhile than that it is inactive.
const DISABLED_FOR_SURE: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks them up, one call each.
///
/// # Errors
/// When a call or the database fails.
pub(super) async fn look_up(pass: &mut Pass<'_>) -> Result<(), RosterError> {
    let (target, started_at) = (pass.target, pass.started_at);
    let app = target.app.clone();
    let known = target
        .store
        .write(move |transaction| Box::pin(async move { users::list_accounts(transaction, &app).await }))
        .await?;
    let missing: Vec<_> =
        known.into_iter().filter(|(_, account_id)| !pass.listed.contains_key(account_id)).collect();
    let mut look_ups = 0;
    for (id, account_id) in missing {
        let user = users::find_any(&target.store, &target.app, &id).await?;
        if user.is_none_or(|user| is_known_to_be_disabled(&user, started_at)) {
            continue;
        }
        if look_ups == MAX_LOOK_UPS {
            break;
        }
        look_ups += 1;
        let mut permit = pass.permit().await?;
        let account = pass.directory.find_account(&account_id, &mut permit).await;
        let account = pass.heed(permit, account).await?;
        miss(target, id, account_id, account, started_at).await?;
    }
    Ok(())
}

fn is_known_to_be_disabled(user: &User, now: Time) -> bool {
    user.account().is_some_and(|account| !account.enabled)
        && user.observed_at.is_some_and(|observed_at| observed_at + DISABLED_FOR_SURE > now)
}

/// Takes over what the look-up of an account said that was not listed.
async fn miss(
    target: &Target,
    id: UserId,
    account_id: String,
    account: Option<Account>,
    started_at: Time,
) -> Result<(), StoreError> {
    let (app, now) = (target.app.clone(), target.clock.now());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = users::get(transaction, &app, &id).await? else { return Ok(()) };
                let newer = user.observed_at.is_some_and(|observed_at| observed_at >= started_at);
                let same = user.account().is_some_and(|known| known.id == account_id);
                if newer || !same || user.has_work(now) {
                    return Ok(());
                }
                let shown_before = user.shown_active();
                match (account, user.account()) {
                    (Some(account), Some(known)) => {
                        user.observed = Observed::Present(account.clone().remembering(known));
                    }
                    (_, _) => {
                        let event = Event::new(&app, Subject::User(&id), now, EventKind::Vanished, ACTOR);
                        events::append(transaction, event).await?;
                        if user.ownership == Ownership::Unmanaged {
                            return users::delete_row(transaction, &user, now).await;
                        }
                        user.observe(Observed::Absent);
                    }
                }
                user.observed_at = Some(now);
                if shown_before != user.shown_active() {
                    user.changed_at_target(now);
                }
                users::save(transaction, &user).await
            })
        })
        .await
}
