//! No secret of the tests is ever written or answered: whatever a test is about, its logs and answers are looked through.

use std::{
    io,
    sync::{Mutex, Once},
};

use scim_bridge::sim::aha::DEMO_API_KEY;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::TOKEN;
use crate::process::API_KEY;

/// What is planted: the secrets that all tests use, and how those begin that a test makes up.
const PLANTED: [&str; 3] = [TOKEN, API_KEY, "planted-"];

/// How the secrets begin that the simulated Aha! gives to whoever logs in.
const OF_LOGINS: [&str; 3] = ["sim-code-", "sim-access-", "sim-refresh-"];

/// What was made up while tests ran, and may be answered, but never logged: the states of logins.
static MADE_UP: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on a log line that has this text ends the whole run.
pub fn plant(secret: &str) {
    MADE_UP.lock().unwrap().push(secret.to_owned());
}

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

/// What must not be logged and stands in `line`.
fn find_in_log(line: &str) -> Option<String> {
    // The demo prints the key of its Aha!, so elsewhere than in logs it may stand.
    let mut known = PLANTED.into_iter().chain([DEMO_API_KEY]).chain(OF_LOGINS);
    if let Some(secret) = known.find(|secret| line.contains(secret)) {
        return Some(secret.to_owned());
    }
    if let Some(secret) = MADE_UP.lock().unwrap().iter().find(|secret| line.contains(secret.as_str())) {
        return Some(secret.clone());
    }
    // Access tokens, assertions and all other JWTs: header and claims are JSON objects.
    let is_of_token = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let mut words = line.split(|character| !is_of_token(character));
    words.find(|word| word.starts_with("eyJ") && word.contains(".eyJ")).map(str::to_owned)
}

/// Takes log lines, and lets them go if there is no secret in them.
struct Watch;

impl io::Write for Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if let Some(secret) = find_in_log(&text) {
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

#[test]
fn the_log_is_searched_for_all_kinds_of_secrets() {
    plant("a-state-0123456789");
    for line in [
        format!("{{\"message\":\"{TOKEN}\"}}"),
        "reason=planted-wrong".to_owned(),
        "GET /callback?code=sim-code-1-0123".to_owned(),
        "refresh_token=sim-refresh-7-0123".to_owned(),
        "state=a-state-0123456789&x=1".to_owned(),
        "{\"token\":\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl\"}".to_owned(),
    ] {
        assert!(find_in_log(&line).is_some(), "{line}");
    }
    assert_eq!(find_in_log("{\"message\":\"a JWT was refused\",\"reason\":\"it has expired\"}"), None);
}
