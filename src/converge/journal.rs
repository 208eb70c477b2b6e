//! What the worker tells of its calls: an event each, recorded together with what came of the work.

use std::time::Duration;

use crate::{
    clock::Time,
    connector::{Account, Call, Observed, TargetError},
    store::{
        UserId,
        events::{Event, EventKind, Subject},
    },
};

use super::{Target, settle::ACTOR};

/// The calls of one attempt, in order. Those of a target that is part of the bridge are not told: nothing can happen to them
/// that the end of the attempt does not say.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    entries: Vec<Entry>,
    changed_something: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    at: Time,
    version: i64,
    said: String,
}

impl Journal {
    /// A call for this version of a user, which began at `at`, was answered just now.
    pub(super) fn add(
        &mut self,
        target: &Target,
        call: &Call,
        version: i64,
        at: Time,
        result: &Result<Observed, TargetError>,
    ) {
        if !target.connector.is_remote() {
            return;
        }
        self.changed_something |= result.is_ok() && !matches!(call, Call::Find { .. });
        let came = match result {
            Ok(_) if matches!(call, Call::Delete { .. }) => "it is gone".to_owned(),
            Ok(observed) => words(observed),
            Err(error) => error.to_string(),
        };
        let said = format!("{}: {came} ({})", call.describe(), took(target.clock.now().since(at)));
        self.entries.push(Entry { at, version, said });
    }

    /// The call that asks whose credentials the bridge has, which began at `at`, was answered just now.
    pub(super) fn add_look_at_credentials(
        &mut self,
        target: &Target,
        version: i64,
        at: Time,
        result: &Result<(), TargetError>,
    ) {
        let came = result.as_ref().err().map_or_else(|| "it says".to_owned(), ToString::to_string);
        let said =
            format!("say whose credentials the bridge has: {came} ({})", took(target.clock.now().since(at)));
        self.entries.push(Entry { at, version, said });
    }

    /// The look at an account that a call said is not there, which began at `at`, was answered just now.
    pub(super) fn add_look_at_account(
        &mut self,
        target: &Target,
        account: &Account,
        version: i64,
        at: Time,
        result: &Result<Observed, TargetError>,
    ) {
        let came = result.as_ref().map_or_else(ToString::to_string, words);
        let said = format!("look at account {}: {came} ({})", account.id, took(target.clock.now().since(at)));
        self.entries.push(Entry { at, version, said });
    }

    /// Whether a call changed the account.
    pub(super) fn changed_something(&self) -> bool {
        self.changed_something
    }

    /// The calls as events of the user `id`.
    pub(super) fn events<'a>(&'a self, app: &'a str, id: &'a UserId) -> Vec<Event<'a>> {
        let event = |entry: &'a Entry| {
            Event::new(app, Subject::User(id), entry.at, EventKind::Called, ACTOR)
                .version(entry.version)
                .detail(entry.said.as_str())
        };
        self.entries.iter().map(event).collect()
    }
}

fn words(observed: &Observed) -> String {
    match observed {
        Observed::Unknown => "done".to_owned(),
        Observed::Absent | Observed::Suspected { .. } => "there is none".to_owned(),
        Observed::Present(Account { id, enabled: true, .. }) => format!("account {id}, enabled"),
        Observed::Present(Account { id, .. }) => format!("account {id}, disabled"),
        Observed::Uncertain { account: Account { id, .. }, .. } => format!("account {id}"),
    }
}

fn took(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
