//! The pace of invitations: no more than `invites_per_hour` in any hour.
//!
//! Whoever is to be invited gets a *turn*, the earliest time at which there is room, and is not worked on before: it takes
//! no place of a worker, and no look-up is made, until then. A turn is taken once: writes that come while it is waited for
//! do not move it, and a call that has to be repeated needs no other. It is given back when the user is to have no account
//! any more before it has come. A start takes back all that have not come, since the number may be another one by then.

use std::{num::NonZeroU32, time::Duration};

use crate::{
    clock::Time,
    store::{
        StoreError, Transaction, User, UserId,
        admissions::{self, Admission, AdmissionKind, Counted},
        events,
    },
};

use super::{
    Target,
    settle::{Sighting, leased, save, see, shown_truth},
};

const HOUR: Duration = Duration::from_hours(1);

const INVITATION: AdmissionKind = AdmissionKind::Invitation;

/// A user has one turn, whatever becomes of its desired state.
const ANY_VERSION: i64 = 0;

/// Asks whether it is the turn of `worked` to be invited. If it is later, the user becomes due then, and this answers `None`.
pub(super) async fn pass(
    target: &Target,
    worked: User,
    sighting: Sighting,
) -> Result<Option<(User, Sighting)>, StoreError> {
    let Some(per_hour) = target.convergence.invites_per_hour else { return Ok(Some((worked, sighting))) };
    let now = target.clock.now();
    let (asked, seen) = (worked.clone(), sighting.clone());
    let passed = target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let Some(mut user) = leased(transaction, &asked).await? else { return Ok(false) };
                let turn = turn(transaction, &user, per_hour, now).await?;
                if turn <= now {
                    return Ok(true);
                }
                user.lease = None;
                events::append_all(transaction, &seen.calls.events(&user.app, &user.id)).await?;
                let shown_before = shown_truth(&user);
                see(&mut user, &seen, now);
                if user.version == asked.version {
                    user.due_at = Some(turn);
                    user.failure = Some(format!(
                        "the invitation waits for its turn at {turn}: no more than {per_hour} are sent in an hour \
                         (`invites_per_hour`)"
                    ));
                }
                save(transaction, user, shown_before, now).await?;
                Ok::<_, StoreError>(false)
            })
        })
        .await?;
    Ok(passed.then_some((worked, sighting)))
}

/// When the invitation of `user` may be sent.
async fn turn(
    transaction: &mut Transaction,
    user: &User,
    per_hour: NonZeroU32,
    now: Time,
) -> Result<Time, StoreError> {
    let app = &user.app;
    admissions::lock(transaction, app, INVITATION).await?;
    let hour_ago = now - HOUR;
    // Behind all who wait. At the turn only those count whose invitation was sent: some may have been late.
    let until = match admissions::find_since(transaction, INVITATION, &user.id, hour_ago).await? {
        Some(turn) if turn > now => return Ok(turn),
        Some(_) => now,
        None => Time::MAX,
    };
    // Between that one and this one there are as many as may be in an hour, so an hour must be.
    let nth = per_hour.get();
    let turn =
        match admissions::nth_latest_of_others(transaction, app, INVITATION, &user.id, until, nth).await? {
            Some(earlier) => now.max(earlier + HOUR),
            None => now,
        };
    let admission = Admission { version: ANY_VERSION, admitted_at: turn, counted: Counted::Yes };
    admissions::save(transaction, app, INVITATION, &user.id, admission).await?;
    admissions::prune(transaction, app, INVITATION, hour_ago).await?;
    Ok(turn)
}

/// How long who comes now would wait for a turn: behind all who have one, and those who are still to get one.
pub(super) async fn wait(
    transaction: &mut Transaction,
    app: &str,
    per_hour: NonZeroU32,
    now: Time,
) -> Result<Duration, StoreError> {
    let before = admissions::count_without_turn(transaction, app, now, now - HOUR).await?;
    let (hours, rest) = (before / u64::from(per_hour.get()), before % u64::from(per_hour.get()));
    // So many later, that one is as many before as may be in an hour.
    let nth = per_hour.get() - u32::try_from(rest).unwrap_or(0);
    let nobody = UserId::from("");
    let turn =
        admissions::nth_latest_of_others(transaction, app, INVITATION, &nobody, Time::MAX, nth).await?;
    let first = turn.map_or(Duration::ZERO, |turn| (turn + HOUR).since(now));
    Ok(first + HOUR.saturating_mul(u32::try_from(hours).unwrap_or(u32::MAX)))
}

/// Gives back a turn that has not come, of a user that is done with.
pub(super) async fn give_back(
    transaction: &mut Transaction,
    user: &User,
    now: Time,
) -> Result<(), StoreError> {
    admissions::give_back(transaction, INVITATION, &user.id, now).await
}
