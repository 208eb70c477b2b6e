//! What is held against Aha!'s log of calls, and against what was said of readiness.

use std::time::Duration;

use scim_bridge::{clock::Time, sim::aha::SimulatedAha};

use super::front::Look;

/// No more calls came within any span of a second, and of a minute, than Aha! allows. What is told apart is when they came in.
pub(super) fn assert_within_budget(aha: &SimulatedAha, (per_second, per_minute): (usize, usize)) {
    let calls = aha.calls();
    let mut at: Vec<_> = calls.iter().map(|call| call.at).collect();
    at.sort_unstable();
    for (length, most) in [(Duration::from_secs(1), per_second), (Duration::from_secs(60), per_minute)] {
        let first_too_many = at.windows(most + 1).find(|window| window[most].since(window[0]) < length);
        assert!(
            first_too_many.is_none(),
            "more than {most} calls within {length:?}, from {:?} on",
            first_too_many.map(|window| window[0])
        );
    }
}

/// How many listings of the accounts were begun.
pub(super) fn listings(aha: &SimulatedAha) -> usize {
    let calls = aha.calls();
    let is_first_page = |call: &&scim_bridge::sim::aha::Call| {
        call.method == http::Method::GET
            && call.route == "/users"
            && call.query.iter().any(|(name, value)| name == "page" && value == "1")
            && !call.query.iter().any(|(name, _)| name == "email")
    };
    calls.iter().filter(is_first_page).count()
}

/// A time in which a process must say one thing of itself.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) root: String,
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) status: u16,
}

/// All that was said of readiness in such a time was right, and most looks were answered: a busy machine is late at times, and who
/// hangs is late always.
pub(super) fn assert_ready_when_it_was(expected: &[Expected], looks: &[Look]) {
    for expected in expected {
        let is_meant =
            |look: &&Look| look.root == expected.root && look.from >= expected.from && look.to <= expected.to;
        let meant: Vec<_> = looks.iter().filter(is_meant).collect();
        let said: Vec<_> = meant.iter().filter_map(|look| look.status).collect();
        assert!(2 * said.len() > meant.len(), "{expected:?}: of {} looks {said:?}", meant.len());
        assert!(said.iter().all(|status| *status == expected.status), "{expected:?}: {said:?}");
    }
}
