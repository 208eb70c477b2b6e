//! No call is sent for a claim that is lost.
//!
//! A process may be stopped at any point (SIGSTOP, a machine that slept), and come back when its work is another's. What it
//! records is refused by the row; what it sends, a target would take: Aha! knows no fencing. So the last thing before a
//! request leaves is to look whether the life in which the user was claimed still [lasts](Life::lasts). What is left is the
//! moment from there to the socket. A call that slips through it does what the row asked for when the user was claimed: whoever
//! takes over takes it for possible that one is under way, and says again what is wanted once it cannot be any more (`doubt`).

use std::future::pending;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    connector::{Allowance, Call, Observed, RateReport, TargetError},
};

use super::{Target, budget::Permit, replica::Life};

/// Carries out `call`, paid with `paid`. `None` if the life was over before a request of it could be sent.
pub(super) async fn perform(
    target: &Target,
    call: &Call,
    paid: &mut Permit,
    life: &Life,
) -> Option<Result<Observed, TargetError>> {
    let over = Notify::new();
    let mut fenced = Fenced { allowance: paid, life, clock: &*target.clock, over: &over };
    tokio::select! {
        biased;
        () = over.notified() => None,
        result = target.connector.perform(call, &mut fenced) => Some(result),
    }
}

/// An allowance that ends with a life.
struct Fenced<'a> {
    allowance: &'a mut Permit,
    life: &'a Life,
    clock: &'a dyn Clock,
    /// Told when a request was to be sent and must not be.
    over: &'a Notify,
}

impl Allowance for Fenced<'_> {
    fn spend(&mut self) -> BoxFuture<'_, ()> {
        async move {
            self.allowance.spend().await;
            if !self.life.lasts(self.clock.now()) {
                self.over.notify_one();
                pending::<()>().await;
            }
        }
        .boxed()
    }

    fn note(&mut self, report: RateReport) {
        self.allowance.note(report);
    }
}
