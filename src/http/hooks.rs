//! `POST /hooks/{app}/{secret}`: a target's word that something was changed there, for the accounts to be listed at once.
//!
//! Aha! signs nothing and sends no header of its own, so the secret stands in the path; and for the same reason nothing that
//! the body says is believed, or even read: the listing finds out. Whoever does not know the secret finds nothing here.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{OriginalUri, Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri};
use http_body_util::BodyExt;
use serde_json::json;

use crate::{
    clock::{Clock, until},
    secret::Secret,
};

use super::{Mounted, MountedApp, Service, caller::Seen, error::Failure, health::plain_json};

/// How the paths of hooks begin. What follows may be a secret, also where it was mistyped.
const PREFIX: &str = "/hooks/";

/// How long a body is listened to, which only keeps the connection in order: Aha! waits for an answer for five seconds.
const LISTEN_FOR: Duration = Duration::from_millis(500);

/// How much of a body is listened to, in bytes.
const LISTEN_TO: usize = 1024 * 1024;

/// Who sends hooks, in the log.
const ACTOR: &str = "hook";

/// Marks the answer to somebody who did not know the secret: it counts as a failed attempt to authenticate, although it looks as
/// wherever nothing is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailedAttempt;

pub(super) async fn receive(
    State(service): State<Arc<Service>>,
    path: Result<Path<(String, String)>, PathRejection>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    let found = path.ok().and_then(|Path((name, secret))| {
        let app = find(&service, &name, &Secret::new(secret))?;
        Some((name, app))
    });
    let Some((name, app)) = found else {
        let mut response = Failure::NoSuchEndpoint(shown(&uri)).into_response();
        response.extensions_mut().insert(FailedAttempt);
        return response;
    };
    let seen = Seen::of(request.extensions());
    seen.app.get_or_init(|| name);
    seen.actor.get_or_init(|| ACTOR.to_owned());
    // Before the body: whoever sends it slowly, or not at all, has said enough.
    app.bridged.target.early_roster.ask();
    listen(&*service.clock, request.into_body()).await;
    plain_json(StatusCode::OK, &json!({ "status": "the accounts will be listed" }))
}

/// The app of that name, if its hook has that secret.
fn find<'a>(service: &'a Service, name: &str, secret: &Secret) -> Option<&'a Arc<MountedApp>> {
    match service.apps.get(name)? {
        Mounted::Bridged(app) => app.hook_secret.as_ref()?.is(secret).then_some(app),
        Mounted::PassedThrough(_) => None,
    }
}

/// Takes what is sent in the time that there is, and throws it away.
async fn listen(clock: &dyn Clock, mut body: Body) {
    let drained = async {
        let mut received = 0;
        while let Some(Ok(frame)) = body.frame().await {
            received += frame.data_ref().map_or(0, |data| data.len());
            if received > LISTEN_TO {
                break;
            }
        }
    };
    // Late, broken and too large are all the same here.
    let _ = until(clock, clock.now() + LISTEN_FOR, drained).await;
}

/// The path of `uri` for logs and answers: without what may be the secret of a hook.
pub(super) fn shown(uri: &Uri) -> String {
    let path = uri.path();
    if is_below_hooks(path) { format!("{PREFIX}…") } else { super::error::shown(path) }
}

/// Whether `path` is one of a hook, however many slashes were written.
fn is_below_hooks(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.next().is_some_and(|first| first.eq_ignore_ascii_case(PREFIX.trim_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_hooks_path_is_shown_and_all_of_others_is() {
        for path in ["/hooks/aha/s3cret", "/hooks", "//hooks//aha/s3cret/", "/Hooks/s3cret"] {
            assert_eq!(shown(&path.parse().unwrap()), "/hooks/…", "{path}");
        }
        for path in ["/", "/aha/hooks/x", "/hook/x", "/hooksmith"] {
            assert_eq!(shown(&path.parse().unwrap()), path);
        }
    }
}
