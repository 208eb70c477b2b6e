//! The right to make a call, from its grant to its answer.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    clock::Time,
    connector::{Allowance, Lane, RateReport, RateWindow},
    store::{
        StoreError,
        budgets::{self, CallId, Standing},
    },
};

use super::{
    Limited,
    ledger::{KEPT, Ledger},
};

/// How long no calls are made at least, and at the most, after the target refused one for its rate limit.
pub(super) const SHORTEST_STOP: Duration = Duration::from_secs(1);
pub(super) const LONGEST_STOP: Duration = Duration::from_secs(5 * 60);

/// The right to make one call, and to ask for more of the same urgency while the work goes on. [Close](Permit::close) it
/// when the answer is there, or when no call was made; one that is dropped instead counts as a call that was never answered.
#[derive(Debug)]
#[must_use = "close it, or its call counts as one that was never answered"]
pub struct Permit {
    /// `None` where there are no limits.
    granted: Option<Granted>,
}

#[derive(Debug)]
struct Granted {
    budget: Arc<Limited>,
    lane: Lane,
    call: CallId,
    /// Whether the call was made.
    is_spent: bool,
    /// What the target said with the answer, and when.
    report: Option<(RateReport, Time)>,
}

impl Permit {
    pub(super) fn without_limits() -> Self {
        Self { granted: None }
    }

    pub(super) fn new(budget: Arc<Limited>, lane: Lane, call: CallId) -> Self {
        Self { granted: Some(Granted { budget, lane, call, is_spent: false, report: None }) }
    }

    /// The call was answered, or not made.
    pub async fn close(self) {
        if let Some(granted) = self.granted {
            granted.close(None).await;
        }
    }

    /// The target refused the call for its rate limit: no calls until `until`. Not quite as it says: a time that is over
    /// already, by a clock that differs from ours, would have us knock without a pause, and one that is far away would hold
    /// back revocations for a mistake.
    pub async fn close_refused(self, until: Time) {
        let Some(granted) = self.granted else { return };
        let now = granted.budget.clock.now();
        let until = until.clamp(now + SHORTEST_STOP, now + LONGEST_STOP);
        // At once, and also if it cannot be written.
        granted.budget.line.stop(until);
        granted.close(Some(until)).await;
    }
}

impl Allowance for Permit {
    fn spend(&mut self) -> BoxFuture<'_, ()> {
        async move {
            let Some(granted) = &mut self.granted else { return };
            let (budget, lane) = (granted.budget.clone(), granted.lane);
            if granted.is_spent {
                granted.end(None).await;
                granted.call = budget.wait(lane).await;
            }
            // Until it is ended a call counts as one that takes as long as a call may. Whoever was paused for longer than that
            // before it was sent would send one that does not count any more.
            while granted.is_out_of_date() {
                budget.give_back(granted.call.clone()).await;
                granted.call = budget.wait(lane).await;
            }
            granted.is_spent = true;
        }
        .boxed()
    }

    fn note(&mut self, report: RateReport) {
        if let Some(granted) = &mut self.granted {
            granted.report = Some((report, granted.budget.clock.now()));
        }
    }
}

impl Granted {
    async fn close(mut self, refused_until: Option<Time>) {
        if self.is_spent {
            self.end(refused_until).await;
        } else {
            self.budget.give_back(self.call).await;
        }
    }

    fn is_out_of_date(&self) -> bool {
        self.budget.clock.now() > self.call.sent_at + self.budget.limits.call_timeout
    }

    /// Records that the call was answered and what the target said with it.
    async fn end(&mut self, refused_until: Option<Time>) {
        let (limits, call, ended_at) =
            (self.budget.limits.clone(), self.call.clone(), self.budget.clock.now());
        let report = self.report.take();
        let recorded: Result<bool, StoreError> = self
            .budget
            .store
            .write(move |transaction| {
                Box::pin(async move {
                    let account = budgets::lock(transaction, &limits.account).await?;
                    let sent_at = budgets::end(transaction, &call, ended_at).await?;
                    if let Some(until) = refused_until {
                        budgets::save_refusal(transaction, &limits.account, until).await?;
                    }
                    let (Some((report, said_at)), Some(sent_at)) = (report, sent_at) else {
                        return Ok(false);
                    };
                    let calls = budgets::calls(transaction, &limits.account, said_at - KEPT).await?;
                    let standing =
                        Ledger::new(limits.rate, &account, &calls).standing(report, sent_at, said_at);
                    let (known, ours) = match report.window {
                        RateWindow::Second => (account.second, limits.rate.per_second),
                        RateWindow::Minute => (account.minute, limits.rate.per_minute),
                    };
                    let is_news = is_news(standing, known, ours);
                    if is_news {
                        budgets::save_standing(transaction, &limits.account, report.window, standing).await?;
                    }
                    Ok(is_news)
                })
            })
            .await;
        match recorded {
            Ok(true) => self.budget.line.forget_holds(),
            Ok(false) => self.budget.line.answered(),
            Err(error) => {
                tracing::error!(%error, "a call counts for longer than it took, because the budget could not be written");
            }
        }
    }
}

/// Whether it changes anything: mostly an answer says that we are alone, as the one before did.
fn is_news(standing: Standing, known: Option<Standing>, ours: u32) -> bool {
    let effective = |limit: u32| limit.min(ours);
    let (known_limit, known_others) = known.map_or((ours, 0), |known| (effective(known.limit), known.others));
    standing.others > 0 || known_others > 0 || effective(standing.limit) != known_limit
}
