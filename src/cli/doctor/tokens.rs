//! What opens an app, and for how long.

use std::time::Duration;

use crate::{
    auth::Credential,
    clock::Time,
    config,
    passthrough::probe::Finding,
    store::{Store, tokens},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// As long before its end a token is warned of, as in the log.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is to be said of the tokens of an app: those of the configuration, and those that were made.
pub(super) async fn of_app(app: &config::App, store: Option<&Store>, now: Time) -> Vec<Finding> {
    let mut all = Credential::all_configured(app);
    let mut findings = Vec::new();
    if let Some(store) = store {
        match tokens::list(store, app.name.as_str()).await {
            Ok(made) => all.extend(made.into_iter().filter_map(Credential::of_made)),
            Err(error) => {
                findings.push(Finding::warning(format!("the tokens that were made cannot be read: {error}")));
            }
        }
    }
    let has_other_ways = app.auth.entra.is_some() || !app.auth.jwt.is_empty() || app.auth.oauth.is_some();
    findings.extend(said(
        &all,
        now,
        "make another with `scim-bridge token create`, and give it to the identity provider",
    ));
    let is_open = all.iter().any(|token| token.expires_at.is_none_or(|expires_at| expires_at > now));
    if !is_open && !has_other_ways {
        findings.push(if app.has_no_way_in() && all.is_empty() {
            Finding::warning(
                "it has no tokens, so nobody gets in unless one was made; make one with `scim-bridge token create`",
            )
        } else {
            Finding::problem("all of its tokens have expired, so nobody gets in; make one with `scim-bridge token create`")
        });
    } else if findings.is_empty() {
        findings.push(Finding::ok(match all.len() {
            0 => "it is opened by other ways than tokens".to_owned(),
            1 => "one token opens it, and does not end within 30 days".to_owned(),
            tokens => format!("{tokens} tokens open it, and none ends within 30 days"),
        }));
    }
    findings
}

/// What is to be said of the tokens that open `/metrics` alone.
pub(super) fn of_metrics(metrics: &config::Metrics, now: Time) -> Vec<Finding> {
    let all: Vec<_> = metrics.tokens.iter().map(Credential::of_token).collect();
    let mut findings = said(&all, now, "write another one under [metrics]");
    if findings.is_empty() && !all.is_empty() {
        findings.push(Finding::ok(format!("{} open /metrics, and none ends within 30 days", all.len())));
    }
    findings
}

/// Those that have ended, or soon will.
fn said(tokens: &[Credential], now: Time, to_do: &str) -> Vec<Finding> {
    let ending = |token: &Credential| {
        let expires_at = token.expires_at.filter(|expires_at| *expires_at <= now + SOON)?;
        let name = &token.name;
        Some(Finding::warning(if expires_at <= now {
            format!("the token {name:?} has expired at {expires_at}: take it away, or {to_do}")
        } else {
            let days = expires_at.since(now).as_secs().div_ceil(DAY.as_secs());
            format!("the token {name:?} ends in {days} days, at {expires_at}; {to_do}")
        }))
    };
    tokens.iter().filter_map(ending).collect()
}
