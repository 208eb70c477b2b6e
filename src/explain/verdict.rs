//! How it stands with a user: in sync, waiting or failed, why, and what to do.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{
    clock::Time,
    config::{Drift, Mode},
    connector::{Call, Observed},
    store::{
        User,
        events::{EventKind, Recorded},
        users::Ownership,
    },
};

use super::{
    Case,
    request::newest_refusal,
    target_state::{Trouble, trouble},
};

/// How long a running worker leaves nothing untouched that is due and next.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(30);

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// In one word.
    pub state: State,
    /// Why: a fragment.
    pub because: String,
    /// What to do, if it takes a person: a fragment.
    pub advice: Option<String>,
}

/// How it stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The target holds what the identity provider wants.
    InSync,
    /// It will, by itself or once a person lets it.
    Waiting,
    /// It does not, and will not unless somebody does something.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = self.because.trim_end_matches('.');
        match self.state {
            State::InSync => write!(f, "in sync: {because}.")?,
            State::Waiting => write!(f, "waiting because {because}.")?,
            State::Failed => write!(f, "failed because {because}.")?,
        }
        match &self.advice {
            Some(advice) => write!(f, " Do: {}.", advice.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

/// How it stands with the user of `case`.
pub fn judge(case: &Case<'_>) -> Verdict {
    match case.user {
        None => nobody(case),
        Some(user) if user.is_pending() || user.due_at.is_some() => unfinished(case, user),
        Some(user) => idle(case, user),
    }
}

fn in_sync(because: impl Into<String>) -> Verdict {
    Verdict { state: State::InSync, because: because.into(), advice: None }
}

fn waiting(because: impl Into<String>) -> Verdict {
    Verdict { state: State::Waiting, because: because.into(), advice: None }
}

fn failed(because: impl Into<String>, advice: impl Into<String>) -> Verdict {
    Verdict { state: State::Failed, because: because.into(), advice: Some(advice.into()) }
}

impl Verdict {
    fn advising(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// There is no row, only what happened.
fn nobody(case: &Case<'_>) -> Verdict {
    match newest_refusal(case.events) {
        Some(refusal) => failed(
            format!("there is no such user: {}", refusal.reason),
            "correct what the reason names, and let the identity provider try again",
        ),
        None => in_sync("there is no such user any more"),
    }
}

/// Something is still to be done.
fn unfinished(case: &Case<'_>, user: &User) -> Verdict {
    let Case { target, arguments, now, .. } = *case;
    if let Some(since) = user.held_at {
        return waiting(format!(
            "the brake has held it back since {since}: too many people would have lost access at a time"
        ))
        .advising(format!(
            "see whether it is meant; `scim-bridge held {arguments} release {id}` lets it go on, and \
                 `scim-bridge held {arguments} drop {id}` lets the person keep access",
            id = user.id
        ));
    }
    if case.mode == Mode::Plan {
        return waiting(format!("mode is \"plan\": nothing is changed at {target}")).advising(format!(
            "see what would be done with `scim-bridge plan {arguments}`; set mode = \"apply\" to do it"
        ));
    }
    if user.lease.as_ref().is_some_and(|lease| lease.until > now) {
        return waiting("it is being worked on just now");
    }
    let Some(due_at) = user.due_at else {
        return failed(
            format!("version {} is not at {target}, and nothing is planned", user.version),
            "let the identity provider write to the user again",
        );
    };
    if let Some(reason) = &user.failure {
        return after_failure(case, user, due_at, reason);
    }
    if !user.is_pending() && due_at > now && matches!(user.observed, Observed::Uncertain { .. }) {
        return waiting(format!(
            "{target} agrees with version {}; a call that was sent before and not answered may take effect yet, so it is made \
             sure again at {due_at}",
            user.version
        ));
    }
    match trouble(case.lately) {
        Some(Trouble::CredentialsRefused(reason)) => return waiting(credentials_refused(target, &reason)),
        Some(Trouble::Failing(reason)) => {
            return waiting(format!("{target} fails, for others as well: {reason}"));
        }
        None => {}
    }
    if due_at > now {
        return waiting(format!("its turn comes at {due_at}"));
    }
    let lane = user.lane;
    match case.ahead {
        0 if now.since(due_at) > TAKEN_UP_WITHIN => {
            waiting(format!("nobody has taken it up since {due_at}, although it is next"))
                .advising("see that `scim-bridge serve` runs with this configuration, and what it logs")
        }
        0 => waiting(format!("it is next (lane {lane})")),
        1 => waiting(format!("another user comes first (lane {lane})")),
        ahead => waiting(format!("{ahead} others come first (lane {lane})")),
    }
}

/// The last attempt did not bring it about. How it ended, the newest event about that tells.
fn after_failure(case: &Case<'_>, user: &User, due_at: Time, reason: &str) -> Verdict {
    let ends = [EventKind::Rejected, EventKind::Failed, EventKind::Blocked];
    let is_end = |event: &&Recorded| event.kind.is_some_and(|kind| ends.contains(&kind));
    let attempts = match user.attempts {
        1 => "the first attempt".to_owned(),
        attempts => format!("attempt {attempts}"),
    };
    match case.events.iter().rev().find(is_end).and_then(|event| event.kind) {
        Some(EventKind::Blocked) => waiting(credentials_refused(case.target, reason)),
        Some(EventKind::Rejected) => failed(
            format!("{reason} ({attempts}; the next one is due at {due_at})"),
            "correct what the reason names, at the identity provider or at the target; it is tried again by itself",
        ),
        _ if user.attempts == 0 => waiting(format!("{reason}; the next attempt is due at {due_at}")),
        _ => waiting(format!("{attempts} failed: {reason}; the next one is due at {due_at}")),
    }
}

fn credentials_refused(target: &str, reason: &str) -> String {
    format!("{reason}. Nothing is sent until {target} accepts the credentials; then it goes on by itself")
}

/// Nothing is to be done.
fn idle(case: &Case<'_>, user: &User) -> Verdict {
    let target = case.target;
    if let Some(refusal) = newest_refusal(case.events) {
        return failed(
            format!(
                "the newest request ({}, at {}) came to nothing: {}",
                refusal.event.actor, refusal.event.at, refusal.reason
            ),
            format!(
                "correct what the reason names, and let the identity provider try again; until then version {} stands",
                user.version
            ),
        );
    }
    if user.is_live() && user.ownership == Ownership::Unmanaged {
        return in_sync(format!(
            "no identity provider has written to this user; the account was found at {target}, and the bridge changes nothing \
             about it"
        ));
    }
    // Who was deleted before the app was to delete accounts keeps a disabled one.
    if let Some(call) = case.plan.last().filter(|call| !matches!(call, Call::Delete { .. })) {
        return changed_at_target(case, user, &call.describe());
    }
    match (user.is_live(), &user.observed) {
        (true, _) => in_sync(format!("{target} agrees with version {}", user.version)),
        (false, Observed::Unknown | Observed::Absent) => {
            in_sync(format!("it was deleted, and has no account at {target}"))
        }
        (false, _) => in_sync("it was deleted, and the account is disabled"),
    }
}

/// It agreed once, and somebody changed it since.
fn changed_at_target(case: &Case<'_>, user: &User, missing: &str) -> Verdict {
    let target = case.target;
    if user.observed == Observed::Absent {
        return failed(
            format!("the account is not at {target} any more"),
            "let the identity provider write to the user again; the bridge invites nobody a second time by itself",
        );
    }
    let because =
        format!("the account was changed at {target} itself; to agree, the bridge would have to {missing}");
    match case.drift {
        Drift::Enforce => waiting(format!("{because}, which the next listing of accounts brings about")),
        Drift::Report => failed(
            because,
            format!(
                "change it back at {target}, or let the identity provider write to the user again; drift = \"enforce\" does it \
                 by itself"
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
