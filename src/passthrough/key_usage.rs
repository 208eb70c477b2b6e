//! What the target's other API tells of its key: how much of its allowance is used, and when it ends.
//!
//! Ahrefs' API v3 has that at `subscription-info/limits-and-usage`. It is of use to whoever watches the app: the key is
//! made by hand and ends after a year. The SCIM endpoint needs none of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderValue, Uri};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, Time},
    config::ScimConfig,
    upstream::{Relay, SetupError},
};

use super::{
    PassedThrough,
    app::bearer,
    probe::{Finding, Level, fetch},
};

/// How much before its end a key is told to end.
const ENDS_SOON: Duration = Duration::from_hours(30 * 24);

/// How often the server asks: the figures move slowly, and each question is a call of somebody's API.
const ASK_EVERY: Duration = Duration::from_hours(6);

/// How long figures are shown that were told: one question in between may fail.
const GOOD_FOR: Duration = Duration::from_hours(13);

/// What is told of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUsage {
    plan: Option<String>,
    /// Units that the whole workspace used.
    pub workspace_used: u64,
    /// How many it may use; `None`: any number.
    pub workspace_limit: Option<u64>,
    /// Units that were used with this key.
    pub key_used: u64,
    /// How many may be; `None`: any number.
    pub key_limit: Option<u64>,
    end: Option<String>,
    /// When the key ends, if that is told and can be read.
    pub ends_at: Option<Time>,
}

impl KeyUsage {
    /// What the answer tells; `None` if it is about something else.
    fn read(answer: &Value) -> Option<Self> {
        let usage = &answer["limits_and_usage"];
        let told = ["units_usage_workspace", "units_usage_api_key", "api_key_expiration_date"];
        if told.iter().all(|name| usage[name].is_null()) {
            return None;
        }
        let text = |name: &str| usage[name].as_str().map(str::to_owned);
        let end = text("api_key_expiration_date");
        let ends_at = end.as_ref().and_then(|end| end.parse::<jiff::Timestamp>().ok());
        Some(Self {
            plan: text("subscription"),
            workspace_used: usage["units_usage_workspace"].as_u64().unwrap_or(0),
            workspace_limit: usage["units_limit_workspace"].as_u64(),
            key_used: usage["units_usage_api_key"].as_u64().unwrap_or(0),
            key_limit: usage["units_limit_api_key"].as_u64(),
            ends_at: ends_at.map(|ends_at| Time::from_micros(ends_at.as_microsecond())),
            end,
        })
    }

    fn finding(&self, now: Time) -> Finding {
        let of = |limit: Option<u64>| limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        let used = format!(
            "plan {}, {} of {} units used, the API key used {} of {}",
            self.plan.as_deref().unwrap_or("unknown"),
            self.workspace_used,
            of(self.workspace_limit),
            self.key_used,
            of(self.key_limit),
        );
        let Some(end) = &self.end else {
            return Finding::ok(format!("{used}; when the key ends is not told"));
        };
        let Some(ends_at) = self.ends_at else {
            return Finding::warning(format!(
                "{used}; the API key ends on {end}, which cannot be read as a time"
            ));
        };
        if ends_at <= now {
            return Finding::problem(format!("the API key ended on {end}; make another one"));
        }
        let left = ends_at.since(now);
        let days = left.as_secs() / (24 * 60 * 60);
        if left < ENDS_SOON {
            return Finding::warning(format!(
                "the API key ends on {end}, in {days} days; make another one. {used}"
            ));
        }
        Finding::ok(format!("{used}, and ends in {days} days"))
    }
}

/// The key and where to ask about it.
pub(super) struct Key {
    uri: Uri,
    authorization: HeaderValue,
    /// With when it was told.
    last: Mutex<Option<(Time, KeyUsage)>>,
}

impl Key {
    /// The key of `config`, if there is one.
    ///
    /// # Errors
    /// When it cannot be sent as a header.
    pub(super) fn of(config: &ScimConfig) -> Result<Option<Self>, SetupError> {
        let Some(key) = &config.api_key else { return Ok(None) };
        let uri = config.usage_url.as_str().parse();
        let uri = uri.map_err(|_| SetupError::Header { what: "usage_url" })?;
        Ok(Some(Self { uri, authorization: bearer(key)?, last: Mutex::default() }))
    }

    /// Asks once.
    pub(super) async fn ask(&self, relay: &Relay, clock: &dyn Clock) -> Finding {
        let url = &self.uri;
        let answer = match fetch(relay, clock, url.clone(), &self.authorization).await {
            Ok(answer) => answer,
            Err(reason) => return Finding::warning(format!("{url} cannot be asked: {reason}")),
        };
        let usage = if answer.is_success() { answer.body.as_ref().and_then(KeyUsage::read) } else { None };
        let last = usage.clone().map(|usage| (clock.now(), usage));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        if !answer.is_success() {
            let (status, words) = (answer.status, answer.words());
            return Finding::warning(format!(
                "{url} refuses the API key ({status}{words}): a key ends a year after it was made, and when the person who made it \
                 leaves the workspace"
            ));
        }
        match usage {
            Some(usage) => usage.finding(clock.now()),
            None => Finding::problem(format!(
                "{url} answers with something else than the limits and usage of a key; check usage_url"
            )),
        }
    }

    /// What was told last, if that is not too long ago.
    pub(super) fn last(&self, now: Time) -> Option<KeyUsage> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.filter(|(told_at, _)| now < *told_at + GOOD_FOR).map(|(_, usage)| usage)
    }
}

/// Asks now and every few hours until `stopping`, and warns in the log while something is to be done about the key. Ends at once
/// where there is none.
pub async fn watch_key(app: Arc<PassedThrough>, stopping: CancellationToken) {
    let Some(key) = &app.key else { return };
    loop {
        let asked_at = app.clock.now();
        let asked = tokio::select! {
            () = stopping.cancelled() => return,
            finding = key.ask(&app.relay, &*app.clock) => finding,
        };
        match asked.level {
            Level::Ok => tracing::debug!(app = app.name(), "{}", asked.text),
            Level::Warning | Level::Problem => tracing::warn!(app = app.name(), "{}", asked.text),
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = app.clock.sleep_until(asked_at + ASK_EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// 2026-11-01.
    const NOW: Time = Time::from_micros(1_793_491_200_000_000);

    #[rstest]
    #[case("2027-06-01T00:00:00Z", Level::Ok, "ends in 212 days")]
    #[case("2026-11-20T00:00:00Z", Level::Warning, "in 19 days; make another one")]
    #[case("2026-10-31T00:00:00Z", Level::Problem, "ended on 2026-10-31T00:00:00Z; make another one")]
    #[case("soon", Level::Warning, "cannot be read as a time")]
    fn a_key_that_ends_is_told_in_time(#[case] end: &str, #[case] level: Level, #[case] text: &str) {
        let answer = json!({ "limits_and_usage": {
            "subscription": "Enterprise", "units_limit_workspace": null, "units_usage_workspace": 12,
            "units_limit_api_key": 100, "units_usage_api_key": 7, "api_key_expiration_date": end,
        } });
        let finding = KeyUsage::read(&answer).unwrap().finding(NOW);
        assert_eq!(finding.level, level, "{}", finding.text);
        assert!(finding.text.contains(text), "{}", finding.text);
        if level == Level::Ok {
            assert!(
                finding
                    .text
                    .starts_with("plan Enterprise, 12 of unlimited units used, the API key used 7 of 100")
            );
        }
    }

    #[rstest]
    #[case(json!({}))]
    #[case(json!({ "limits_and_usage": {} }))]
    #[case(json!({ "units_usage_workspace": 12 }))]
    #[case(json!(["limits_and_usage"]))]
    fn an_answer_about_something_else_tells_nothing_of_a_key(#[case] answer: Value) {
        assert_eq!(KeyUsage::read(&answer), None);
    }
}
