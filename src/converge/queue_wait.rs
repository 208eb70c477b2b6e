//! Whether new access is to be given within reasonable time, or is better asked for later.
//!
//! The queue takes everything, but a grant at its end may have to wait for hours while the target allows no more calls, and
//! the IdP believes it done. Beyond `max_queue_wait` it is told to come again. Whoever loses access, or changes, never is.

use std::time::Duration;

use crate::{
    clock::Time,
    config::Mode,
    connector::Call,
    store::{StoreError, Transaction, users},
};

use super::{Target, pace};

/// A grant that would have to wait for too long. Where very many are ahead, the numbers are the least that they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongWait {
    /// How many users are before it.
    pub users_ahead: u64,
    /// How long it would wait.
    pub wait: Duration,
    /// After how long the queue is short enough.
    pub excess: Duration,
}

/// Whether a grant with the calls of `plan` would have to wait for too long if it came now.
///
/// # Errors
/// When the database fails.
pub async fn long_wait(
    transaction: &mut Transaction,
    target: &Target,
    plan: &[Call],
    now: Time,
) -> Result<Option<LongWait>, StoreError> {
    let longest = target.convergence.max_queue_wait;
    // Where nothing is sent, nothing has a turn.
    if !target.budget.is_limited() || target.convergence.mode == Mode::Plan {
        return Ok(None);
    }
    // What is due later than that does not come before this grant; and with so many users ahead the wait is too long in any
    // case, so that a queue of any length costs the same.
    let most = target.budget.calls_in(longest) + 1;
    let ahead = users::ahead(transaction, &target.app, now + longest, most).await?;
    // An account is looked up before it is made; everything else is one call.
    let of_calls = target.budget.time_for(ahead.users + ahead.invitations);
    let of_invitations = match target.convergence.invites_per_hour {
        Some(per_hour) if plan.iter().any(Call::invites) => {
            pace::wait(transaction, &target.app, per_hour, now).await?
        }
        _ => Duration::ZERO,
    };
    let wait = of_calls.max(of_invitations);
    let long_wait = LongWait { users_ahead: ahead.users, wait, excess: wait.saturating_sub(longest) };
    Ok((wait > longest).then_some(long_wait))
}
