//! Numbers that look random and come again with the same seed.

use std::{ops::Range, time::Duration};

use scim_bridge::clock::{Clock, SystemClock};

/// A stream of numbers (SplitMix64). Clones go on alike.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own, for somebody whose part must not depend on what others draw.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// True as many times in a hundred.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these, each as likely as the number before it says.
    pub fn weighted<T: Copy>(&mut self, choices: &[(usize, T)]) -> T {
        let mut point = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            match point.checked_sub(*weight) {
                Some(rest) => point = rest,
                None => return *choice,
            }
        }
        unreachable!("the point is below the sum of the weights")
    }

    /// A duration of whole milliseconds within this range.
    pub fn milliseconds(&mut self, range: Range<usize>) -> Duration {
        Duration::from_millis(u64::try_from(range.start + self.below(range.len())).unwrap())
    }
}

/// The number in this environment variable, for who wants to run a test again, or longer.
pub fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number and is {text}")))
}

/// A seed that was not there before.
pub fn new_seed() -> u64 {
    u64::try_from(SystemClock.now().as_micros()).unwrap() % 1_000_000_007
}
