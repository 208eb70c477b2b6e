//! How often clients failed to show who they are.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::clock::{Clock, Time};

/// How many clients with failed attempts are remembered. Beyond, those that failed longest ago are forgotten.
const MOST_CLIENTS: usize = 10_000;

/// Counts the attempts to authenticate that failed, by client.
#[derive(Debug)]
pub(super) struct FailedAttempts {
    clock: Arc<dyn Clock>,
    /// How many may fail at once; the same number may in each minute.
    burst: u32,
    one_more_every: Duration,
    /// When a client would have no failures left, if it stopped failing now.
    clients: Mutex<HashMap<IpAddr, Time>>,
}

impl FailedAttempts {
    /// None yet. So many may fail in a minute.
    pub(super) fn new(per_minute: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        let one_more_every = Duration::from_secs(60) / per_minute.get();
        Self { clock, burst: per_minute.get(), one_more_every, clients: Mutex::default() }
    }

    /// Whether one more attempt of `address` that failed would be too many.
    pub(super) fn are_too_many(&self, address: IpAddr) -> bool {
        let now = self.clock.now();
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let next = |forgotten_at: &Time| *forgotten_at + self.one_more_every;
        clients.get(&household(address)).map(next) > Some(now + self.one_more_every * self.burst)
    }

    /// One attempt of `address` failed. How long its next ones are refused, if they were too many.
    pub(super) fn record(&self, address: IpAddr) -> Option<Duration> {
        let now = self.clock.now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST_CLIENTS {
            clients.retain(|_, forgotten_at| *forgotten_at > now);
            if clients.len() >= MOST_CLIENTS
                && let Some(first) =
                    clients.iter().min_by_key(|(_, time)| **time).map(|(address, _)| *address)
            {
                clients.remove(&first);
            }
        }
        let forgotten_at = clients.entry(household(address)).or_insert(now);
        let next = (*forgotten_at).max(now) + self.one_more_every;
        let allowed_until = now + self.one_more_every * self.burst;
        if next <= allowed_until {
            *forgotten_at = next;
            return None;
        }
        Some(next.since(allowed_until))
    }
}

/// What one client can have as many addresses of as it likes: of IPv6 a whole /64.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn failed_attempts_are_refused_beyond_a_number_and_allowed_again_one_by_one() {
        let clock = ManualClock::new(Time::from_micros(1));
        let failures = FailedAttempts::new(NonZeroU32::new(30).unwrap(), Arc::new(clock.clone()));
        let (guesser, other) = ("2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let neighbour = "2001:db8::2".parse().unwrap();
        for _ in 0..30 {
            assert_eq!(failures.record(guesser), None);
        }
        assert!(failures.are_too_many(guesser) && failures.are_too_many(neighbour));
        assert!(!failures.are_too_many(other));
        assert_eq!(failures.record(neighbour), Some(Duration::from_secs(2)));
        assert_eq!(failures.record(other), None);
        clock.advance(Duration::from_secs(2));
        assert!(!failures.are_too_many(guesser));
        assert_eq!(failures.record(guesser), None);
        assert_eq!(failures.record(guesser), Some(Duration::from_secs(2)));
    }

    #[test]
    fn no_more_clients_are_remembered_than_there_is_room_for() {
        let clock = ManualClock::new(Time::from_micros(1));
        let failures = FailedAttempts::new(NonZeroU32::new(30).unwrap(), Arc::new(clock.clone()));
        for number in 0..MOST_CLIENTS as u32 + 100 {
            failures.record(IpAddr::from(number.to_be_bytes()));
        }
        assert!(failures.clients.lock().unwrap().len() <= MOST_CLIENTS);
    }
}
