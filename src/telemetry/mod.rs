//! What the program says of its work.

pub mod logs;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod traces;
