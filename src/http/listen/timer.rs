//! hyper's timers, run by our clock.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use hyper::rt::{Sleep, Timer};

use crate::clock::{Clock, Time};

/// Maps the times of a [`Clock`] to the instants that hyper counts with.
#[derive(Clone, Debug)]
pub(super) struct ClockTimer {
    clock: Arc<dyn Clock>,
    /// The same moment by both.
    instant: Instant,
    time: Time,
}

impl ClockTimer {
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant can only be made from the machine's; it is moved by the clock"
    )]
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let time = clock.now();
        Self { clock, instant: Instant::now(), time }
    }

    fn sleep_until_time(&self, deadline: Time) -> Pin<Box<dyn Sleep>> {
        Box::pin(ClockSleep(Mutex::new(self.clock.sleep_until(deadline))))
    }
}

impl Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until_time(self.clock.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep_until_time(self.time + deadline.saturating_duration_since(self.instant))
    }

    fn now(&self) -> Instant {
        self.instant + self.clock.now().since(self.time)
    }
}

/// The mutex is never locked: hyper wants the future to be shareable, and polls it alone.
struct ClockSleep(Mutex<BoxFuture<'static, ()>>);

impl Future for ClockSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(context)
    }
}

impl Sleep for ClockSleep {}
