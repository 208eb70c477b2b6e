//! No secret of the tests is ever written or answered: whatever a test is about, its logs and answers are looked through.

use std::{io, sync::Once};

use scim_bridge::sim::aha::DEMO_API_KEY;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::TOKEN;
use crate::process::API_KEY;

/// What is planted: the secrets that all tests use, and how those begin that a test makes up.
const PLANTED: [&str; 3] = [TOKEN, API_KEY, "planted-"];

/// Asserts that no planted secret stands in `text`.
#[track_caller]
pub fn assert_none(what: &str, text: &str) {
    for secret in PLANTED {
        assert!(!text.contains(secret), "`{secret}` is in {what}: {text}");
    }
}

/// Looks through everything that bridges of this process log from now on. One that logs a secret ends the whole run: a panic
/// inside the bridge would be one more of its log lines.
pub fn watch_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let levels =
            Targets::new().with_default(LevelFilter::INFO).with_target("scim_bridge", LevelFilter::TRACE);
        let lines = tracing_subscriber::fmt::layer().json().with_writer(Watch).with_filter(levels);
        tracing_subscriber::registry().with(lines).init();
    });
}

/// Takes log lines, and lets them go if there is no secret in them.
struct Watch;

impl io::Write for Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        // The demo prints the key of its Aha!, so elsewhere than in logs it may stand.
        if let Some(secret) = PLANTED.into_iter().chain([DEMO_API_KEY]).find(|secret| text.contains(secret)) {
            eprintln!("`{secret}` is logged: {text}");
            std::process::abort();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Watch {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
