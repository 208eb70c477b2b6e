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

use super::{Below, PassedThrough};

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
            id: id(below),
            is_ended: false,
        })
    }

    /// Ends the record with what the target answered: its status, and where the resource is.
    pub(super) async fn end(mut self, outcome: &str, headers: Option<&HeaderMap>) {
        self.is_ended = true;
        let created = || {
            let location = headers?.get(header::LOCATION)?.to_str().ok()?;
            Some(location.rsplit('/').next()?.chars().take(MOST_PATH_CHARACTERS).collect())
        };
        let id = self.id.take().or_else(created).unwrap_or_default();
        self.write(id, outcome).await;
    }

    async fn write(&self, id: String, outcome: &str) {
        let at = self.app.clock.now();
        let detail = format!("{} {}: {outcome}", self.method, self.path);
        append(&self.app, id, &self.actor, at, detail).await;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.is_ended {
            return;
        }
        let (app, actor, at) = (self.app.clone(), self.actor.clone(), self.app.clock.now());
        let id = self.id.take().unwrap_or_default();
        let detail = format!(
            "{} {}: the client hung up, or the time was over, before the answer; whether the target did it is not known",
            self.method, self.path
        );
        // Who is dropped has no time to wait.
        tokio::spawn(async move { append(&app, id, &actor, at, detail).await });
    }
}

/// What follows the name of a collection. One that SCIM knows may stand behind a version (`/v2/Users/7`); others come first.
fn id(below: &Below) -> Option<String> {
    let segments = below.meant_segments();
    let is_known =
        |segment: &String| ["Users", "Groups"].iter().any(|known| segment.eq_ignore_ascii_case(known));
    let collection = segments.iter().position(is_known).unwrap_or(0);
    segments.into_iter().nth(collection + 1)
}

/// The target has done what it did: that it could not be recorded is told in the log, and changes nothing.
async fn append(app: &PassedThrough, id: String, actor: &str, at: Time, detail: String) {
    let (name, actor, shown) = (app.name().to_owned(), actor.to_owned(), detail.clone());
    let written = app
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let id = UserId::from(id);
                let subject = Subject::User(&id);
                let event = Event::new(&name, subject, at, EventKind::PassedThrough, &actor).detail(detail);
                events::append(transaction, event).await
            })
        })
        .await;
    if let Err(error) = written {
        tracing::error!(app = app.name(), %error, event = shown, "a write could not be recorded");
    }
}
