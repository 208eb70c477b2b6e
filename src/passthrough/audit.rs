//! The record of writes: who asked for what, and what became of it. Never a body, never a query.

use std::sync::Arc;

use http::{HeaderMap, Method, header};

use crate::{
    clock::Time,
    store::{
        UserId,
        events::{self, Event, EventKind, Subject},
    },
};

use super::{
    Below, PassedThrough,
    path::{Segment, meant_segments},
    revocation::BulkOperation,
};

/// How much of a path is recorded.
const MOST_PATH_CHARACTERS: usize = 300;

/// A write that is under way. Dropped before it [ended](Record::end), it is recorded as one whose answer nobody waited for.
pub(super) struct Record {
    app: Arc<PassedThrough>,
    actor: String,
    method: Method,
    path: String,
    /// The id of the resource, if the path has one.
    id: Option<String>,
    /// What it consists of, if it is a bulk request.
    operations: Vec<BulkOperation>,
    is_ended: bool,
}

impl Record {
    /// A record, if the request can change anything.
    pub(super) fn begin(
        app: &Arc<PassedThrough>,
        actor: &str,
        method: &Method,
        below: &Below,
    ) -> Option<Self> {
        let is_search = *method == Method::POST && below.segments().last() == Some(".search");
        if method.is_safe() || is_search {
            return None;
        }
        Some(Self {
            app: app.clone(),
            actor: actor.to_owned(),
            method: method.clone(),
            path: below.path().chars().take(MOST_PATH_CHARACTERS).collect(),
            id: id(&below.meant_segments()),
            operations: Vec::new(),
            is_ended: false,
        })
    }

    /// What it consists of: each is recorded for itself, too.
    pub(super) fn has_operations(&mut self, operations: Vec<BulkOperation>) {
        self.operations = operations;
    }

    /// Ends the record with what the target answered: its status, and where the resource is.
    pub(super) async fn end(mut self, outcome: &str, headers: Option<&HeaderMap>) {
        self.is_ended = true;
        let created = || {
            let location = headers?.get(header::LOCATION)?.to_str().ok()?;
            Some(location.rsplit('/').next()?.chars().take(MOST_PATH_CHARACTERS).collect())
        };
        let id = self.id.take().or_else(created).unwrap_or_default();
        let lines = self.lines(id, outcome);
        append(&self.app, &self.actor, self.app.clock.now(), lines).await;
    }

    /// What is recorded, each with the id of its resource.
    fn lines(&mut self, id: String, outcome: &str) -> Vec<(String, String)> {
        let (method, path) = (&self.method, &self.path);
        let mut lines = vec![(id, format!("{method} {path}: {outcome}"))];
        for operation in std::mem::take(&mut self.operations) {
            let of_path = operation.path.split(['?', '#']).next().unwrap_or_default();
            let id = self::id(&meant_segments(of_path)).unwrap_or_default();
            // PostgreSQL keeps no text with a NUL.
            let plain = |text: &str| text.replace(char::is_control, "");
            let shown = |text: &str| plain(text).chars().take(MOST_PATH_CHARACTERS).collect::<String>();
            let (of_method, of_path) = (shown(&operation.method), shown(of_path));
            lines.push((id, format!("{method} {path}, {of_method} {of_path}: {outcome}")));
        }
        lines
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.is_ended {
            return;
        }
        let (app, actor, at) = (self.app.clone(), self.actor.clone(), self.app.clock.now());
        let id = self.id.take().unwrap_or_default();
        let outcome = "the client hung up, or the time was over, before the answer; whether the target did it is not known";
        let lines = self.lines(id, outcome);
        // Who is dropped has no time to wait.
        tokio::spawn(async move { append(&app, &actor, at, lines).await });
    }
}

/// What follows the name of a collection. One that SCIM knows may stand behind a version (`/v2/Users/7`); others come first.
fn id(segments: &[Segment]) -> Option<String> {
    let is_known =
        |segment: &Segment| ["Users", "Groups"].iter().any(|known| segment.meant.eq_ignore_ascii_case(known));
    let collection = segments.iter().position(is_known).unwrap_or(0);
    let id = segments.get(collection + 1)?;
    Some(id.whole.chars().take(MOST_PATH_CHARACTERS).collect())
}

/// The target has done what it did: that it could not be recorded is told in the log, and changes nothing.
async fn append(app: &PassedThrough, actor: &str, at: Time, lines: Vec<(String, String)>) {
    let (name, actor) = (app.name().to_owned(), actor.to_owned());
    let shown = lines.first().map(|(_, detail)| detail.clone());
    let written = app
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let lines: Vec<_> =
                    lines.into_iter().map(|(id, detail)| (UserId::from(id), detail)).collect();
                let events = lines.iter().map(|(id, detail)| {
                    let subject = Subject::User(id);
                    Event::new(&name, subject, at, EventKind::PassedThrough, &actor).detail(detail)
                });
                events::append_all(transaction, &events.collect::<Vec<_>>()).await
            })
        })
        .await;
    if let Err(error) = written {
        tracing::error!(app = app.name(), %error, event = shown, "a write could not be recorded");
    }
}
