//! A clock that is set by another one and runs by itself in between, also while the machine sleeps.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{Clock, Time, mark::Mark};

/// How often the other clock is looked at to set this one. The look that took the least time is the most exact.
const LOOKS: usize = 5;

/// How far back it is followed, by standing still meanwhile. Leases, due times and rate windows lie in the future by what was
/// the time; where the other clock was set back by more, they would not end for as long.
const FURTHEST_BACK: Duration = Duration::from_secs(1);

/// The clock of another machine, as it is known here. Several processes that are set by one clock agree on the time, whatever
/// their machines say: up to half as much as the fastest look takes.
#[derive(Debug)]
pub struct SetClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The time at `mark`.
    time: Time,
    mark: Mark,
    /// The latest time that was told: it never goes back.
    told: Time,
}

impl SetClock {
    /// A clock that shows what `look` does, which asks the other one.
    ///
    /// # Errors
    /// As `look` fails.
    pub async fn by<E, F>(look: impl FnMut() -> F) -> Result<Self, E>
    where
        F: Future<Output = Result<Time, E>>,
    {
        let (time, mark) = best_look(look).await?;
        Ok(Self { state: Mutex::new(State { time, mark, told: time }) })
    }

    /// Sets it again. Whether it could be followed: it is not by how much the other one was set back since.
    ///
    /// # Errors
    /// As `look` fails; then it runs on.
    pub async fn set<E, F>(&self, look: impl FnMut() -> F) -> Result<bool, E>
    where
        F: Future<Output = Result<Time, E>>,
    {
        let (time, mark) = best_look(look).await?;
        Ok(self.lock().set(time, mark))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SetClock {
    fn now(&self) -> Time {
        self.lock().at(Mark::now())
    }

    fn sleep_until(&self, deadline: Time) -> BoxFuture<'static, ()> {
        let duration = deadline.since(self.now());
        Box::pin(tokio::time::sleep(duration))
    }
}

impl State {
    /// The time at `mark`, by running on.
    fn running(&self, mark: Mark) -> Time {
        self.time + mark.since(self.mark)
    }

    fn at(&mut self, mark: Mark) -> Time {
        self.told = self.told.max(self.running(mark));
        self.told
    }

    fn set(&mut self, time: Time, mark: Mark) -> bool {
        let is_followed = self.at(mark).since(time) <= FURTHEST_BACK;
        if is_followed {
            (self.time, self.mark) = (time, mark);
        }
        is_followed
    }
}

/// The time of the other clock, and when it was that here: in the middle of the look that took the least.
async fn best_look<E, F>(mut look: impl FnMut() -> F) -> Result<(Time, Mark), E>
where
    F: Future<Output = Result<Time, E>>,
{
    let mut best: Option<(Duration, Time, Mark)> = None;
    for _ in 0..LOOKS {
        let before = Mark::now();
        let time = look().await?;
        let took = Mark::now().since(before);
        if best.is_none_or(|(least, ..)| took < least) {
            best = Some((took, time, before + took / 2));
        }
    }
    let (_, time, mark) = best.expect("there is at least one look");
    Ok((time, mark))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const START: Time = Time::from_micros(1_700_000_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_follows_the_other_clock_forward_and_waits_for_it_where_that_is_a_little_behind() {
        let mark = Mark::now();
        let mut state = State { time: START, mark, told: START };
        assert_eq!(state.at(mark + SECOND), START + SECOND);
        // Forward by as much as it takes.
        assert!(state.set(START + 3_600 * SECOND, mark + 2 * SECOND));
        assert_eq!(state.at(mark + 2 * SECOND), START + 3_600 * SECOND);
        // A little behind: it stands still until that is made up for.
        assert!(state.set(START + 3_600 * SECOND + SECOND / 2, mark + 3 * SECOND));
        assert_eq!(state.at(mark + 3 * SECOND), START + 3_601 * SECOND);
        assert_eq!(state.at(mark + 3 * SECOND + SECOND / 4), START + 3_601 * SECOND);
        assert_eq!(state.at(mark + 4 * SECOND), START + 3_601 * SECOND + SECOND / 2);
        // Far behind: it runs on.
        assert!(!state.set(START, mark + 5 * SECOND));
        assert_eq!(state.at(mark + 5 * SECOND), START + 3_602 * SECOND + SECOND / 2);
    }

    #[tokio::test]
    async fn of_several_looks_the_fastest_counts() {
        // A look that took long says little: whatever took the time may have been before or after it.
        let mut looks = 0;
        let look = || {
            looks += 1;
            let is_fast = looks == 3;
            async move {
                if is_fast {
                    return Ok::<_, Infallible>(START);
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
                Ok(START + 10 * SECOND)
            }
        };
        let clock = SetClock::by(look).await.unwrap();
        assert_eq!(looks, LOOKS);
        let now = clock.now();
        assert!(now >= START && now < START + 5 * SECOND, "{now}");
    }
}
