//! How the budget stands, for people.

use std::time::Duration;

use crate::{
    clock::Time,
    store::{StoreError, budgets},
};

use super::{Budget, Rate, window::Window};

/// How much of the allowance is used, by all who share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What the target counts calls for.
    pub account: String,
    /// How much of it is ours.
    pub rate: Rate,
    /// How many calls were sent in the last second.
    pub calls_in_last_second: u64,
    /// How many calls were sent in the last minute.
    pub calls_in_last_minute: u64,
    /// How many calls of others were in the minute that the target told of last.
    pub calls_of_others: u32,
    /// The target refused a call for its limits: none are sent until then.
    pub stopped_until: Option<Time>,
    /// How many calls it refused so far.
    pub refusals: u64,
}

impl Budget {
    /// How it stands; `None` without limits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage(&self) -> Result<Option<Usage>, StoreError> {
        let Some(limited) = &self.limited else { return Ok(None) };
        let (limits, now) = (&limited.limits, limited.clock.now());
        let account = budgets::find(&limited.store, &limits.account).await?.unwrap_or_default();
        let within = |span: u64| {
            budgets::count_since(&limited.store, &limits.account, now - Duration::from_secs(span))
        };
        Ok(Some(Usage {
            account: limits.account.clone(),
            rate: limits.rate,
            calls_in_last_second: within(1).await?,
            calls_in_last_minute: within(60).await?,
            calls_of_others: Window::minute(limits.rate).others(account.minute, now).calls,
            stopped_until: account.stopped_until.filter(|until| *until > now),
            refusals: account.refusals,
        }))
    }
}
