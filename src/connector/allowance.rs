//! What a connector may spend on one piece of work, and what it hears about the target's limits meanwhile.

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::clock::Time;

/// Handed to a connector with each piece of work. It is asked before every call that is sent, so that work that turns out to
/// take several is charged for all of them.
pub trait Allowance: Send {
    /// Returns when one more call may be sent. The first is granted with the work; every further one may have to wait.
    fn spend(&mut self) -> BoxFuture<'_, ()>;

    /// Takes down what the target said about its limits with the answer to the last call.
    fn note(&mut self, report: RateReport);
}

/// What a target says about one of its limits, which others use up as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateReport {
    /// Which limit.
    pub window: RateWindow,
    /// How many calls fit in the window; at least 1.
    pub limit: u32,
    /// How many of them are left; at most `limit`.
    pub remaining: u32,
    /// When the window ends, or when its oldest call leaves it, by our clock: up to two seconds early, and one late.
    pub resets_at: Time,
}

/// The span of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateWindow {
    /// Calls a second.
    Second,
    /// Calls a minute.
    Minute,
}

/// An allowance without end, for targets without limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Allowance for Unlimited {
    fn spend(&mut self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn note(&mut self, _report: RateReport) {}
}
