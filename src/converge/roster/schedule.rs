//! When a pass is due where several processes would make it: one of them makes it for all, whichever comes first. The others learn
//! what it came to.
//!
//! All that this rests on stands in the database: when the latest pass began, how many failed in a row, when the target said that
//! something was changed there. Each process by itself would come again as soon as all of them together may.

use std::time::Duration;

use crate::{
    clock::Time,
    store::{
        StoreError, catalogues,
        roster_passes::{self, RosterPass},
        rosters::{self, Roster},
    },
};

use super::{
    super::convergence::learn_credentials_owner, FIRST_RETRY, Progress, Target, catalogue::recall, early,
};

/// How often to look what the passes of others came to.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Whether this process has tried to list the accounts since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It has, or has waited for another one that did.
    Yes,
    /// Not yet. What failed before may work now that somebody has started it again.
    No,
}

/// Waits until a pass is due: `every` so often from beginning to beginning, some time after one that failed, whoever made it, or
/// early, because the target said that something was changed. Answers when the latest one ended: whoever ended one since has made
/// the one that is due.
///
/// # Errors
/// When the database fails.
pub(super) async fn until_due(
    target: &Target,
    every: Duration,
    tried: Tried,
    progress: &Progress,
) -> Result<Option<Time>, StoreError> {
    let mut learned = None;
    loop {
        let roster = rosters::find(&target.store, &target.app).await?;
        if roster.is_some() {
            progress.know();
        }
        let pass = roster_passes::find(&target.store, &target.app).await?;
        let now = target.clock.now();
        let due_at = due_at(&pass, roster.as_ref(), every, tried, now);
        let Some(due_at) = due_at.filter(|due_at| *due_at > now) else { return Ok(pass.ended_at) };
        learn_catalogue(target, &mut learned).await?;
        // Who makes no pass is not told by one.
        if !target.guard.knows_credentials_owner() && target.health.stopped().is_none() {
            // The worker asks again before anybody is disabled.
            if let Err(error) = learn_credentials_owner(target).await {
                tracing::debug!(app = target.app, %error, "whose credentials the bridge has is not known yet");
            }
        }
        tokio::select! {
            () = target.clock.sleep_until(due_at.min(now + LOOK_EVERY)) => {}
            () = target.early_roster.kept() => {}
        }
    }
}

/// When the next pass is due; `None` where none was ever ended: who is making the first one is waited for. What lies ahead of `now`
/// was stored before the clock was set back.
fn due_at(
    pass: &RosterPass,
    roster: Option<&Roster>,
    every: Duration,
    tried: Tried,
    now: Time,
) -> Option<Time> {
    let regularly = match (pass.ended_at, &pass.failure, roster) {
        (Some(ended_at), Some(_), _) => {
            let retry = match tried {
                Tried::Yes => FIRST_RETRY * 2_u32.saturating_pow(pass.failures.saturating_sub(1).min(16)),
                Tried::No => FIRST_RETRY,
            };
            ended_at.min(now) + retry.min(every)
        }
        (_, _, Some(roster)) => roster.started_at.min(now) + every,
        (_, _, None) => return None,
    };
    // A pass under way counts as well: it may have seen the account before that.
    let is_asked_for =
        pass.asked_at.is_some_and(|asked_at| roster.is_none_or(|roster| asked_at >= roster.started_at));
    // One that failed since is repeated ever more seldom, as any.
    let was_tried = pass.failure.is_some() && pass.began_at > pass.asked_at;
    if !is_asked_for || was_tried {
        return Some(regularly);
    }
    let early = early::earliest(pass.began_at.unwrap_or_default(), roster);
    Some(regularly.min(early))
}

/// Takes over what another process listed since.
///
/// # Errors
/// When the database fails.
pub(super) async fn learn_catalogue(target: &Target, learned: &mut Option<Time>) -> Result<(), StoreError> {
    let listed_at = catalogues::listed_at(&target.store, &target.app).await?;
    if listed_at > *learned {
        recall(target).await?;
        *learned = listed_at;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const START: Time = Time::from_micros(1_700_000_000_000_000);
    const EVERY: Duration = Duration::from_mins(15);

    fn at(second: u64) -> Time {
        START + Duration::from_secs(second)
    }

    fn roster(from: u64, to: u64) -> Option<Roster> {
        let (started_at, completed_at) = (at(from), at(to));
        Some(Roster { started_at, completed_at, accounts: 1, calls: 1, census: rosters::Census::default() })
    }

    /// A pass from `from` to `to`, after so many that failed.
    fn pass(from: u64, to: u64, failures: u32) -> RosterPass {
        RosterPass {
            began_at: Some(at(from)),
            ended_at: Some(at(to)),
            failure: (failures > 0).then(|| "no".to_owned()),
            failures,
            ..RosterPass::default()
        }
    }

    /// In seconds from the start.
    #[rstest]
    #[case::none_was_ever_made(RosterPass::default(), None, Tried::No, None)]
    #[case::the_first_failed(pass(0, 1, 1), None, Tried::Yes, Some(6))]
    #[case::the_first_failed_often(pass(0, 1, 4), None, Tried::Yes, Some(41))]
    #[case::no_longer_than_the_interval(pass(0, 1, 4_000_000), None, Tried::Yes, Some(901))]
    #[case::a_process_that_begins_tries_soon(pass(0, 1, 4), None, Tried::No, Some(6))]
    #[case::a_later_one_failed(pass(900, 901, 2), roster(0, 3), Tried::Yes, Some(911))]
    #[case::it_was_complete(pass(0, 3, 0), roster(0, 3), Tried::Yes, Some(900))]
    fn a_pass_is_due(
        #[case] pass: RosterPass,
        #[case] roster: Option<Roster>,
        #[case] tried: Tried,
        #[case] due: Option<u64>,
    ) {
        assert_eq!(due_at(&pass, roster.as_ref(), EVERY, tried, at(2000)), due.map(at));
    }

    #[test]
    fn where_the_clock_was_set_back_a_pass_is_not_due_for_later_than_from_now_on() {
        let a_day = 86_400;
        let complete = pass(a_day, a_day + 3, 0);
        let due = due_at(&complete, roster(a_day, a_day + 3).as_ref(), EVERY, Tried::Yes, at(10));
        assert_eq!(due, Some(at(910)));
        assert_eq!(due_at(&pass(a_day, a_day + 1, 1), None, EVERY, Tried::Yes, at(10)), Some(at(15)));
    }

    /// The target says at this second that something was changed.
    #[rstest]
    #[case::before_the_pass_began(pass(100, 103, 0), roster(100, 103), 99, 1000)]
    #[case::while_it_was_made(pass(100, 103, 0), roster(100, 103), 101, 220)]
    #[case::after_it(pass(100, 103, 0), roster(100, 103), 300, 220)]
    #[case::after_one_that_took_long(pass(100, 200, 0), roster(100, 200), 300, 500)]
    #[case::the_one_that_began_since_failed_often(pass(400, 401, 9), roster(100, 103), 300, 1301)]
    #[case::the_one_that_began_since_failed_once(pass(400, 401, 1), roster(100, 103), 300, 406)]
    fn a_pass_that_is_asked_for_is_due(
        #[case] pass: RosterPass,
        #[case] roster: Option<Roster>,
        #[case] asked_at: u64,
        #[case] due: u64,
    ) {
        let pass = RosterPass { asked_at: Some(at(asked_at)), ..pass };
        assert_eq!(due_at(&pass, roster.as_ref(), EVERY, Tried::Yes, at(2000)), Some(at(due)));
    }
}
