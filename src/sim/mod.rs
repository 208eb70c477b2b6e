//! Simulated targets: documented behaviour, limits and faults, for `demo` and for tests.

pub mod aha;
pub mod scim;
mod serving;

pub use self::serving::RunningSimulator;
