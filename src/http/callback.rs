//! `GET /{app}/oauth/callback`: where a target sends the browser of a person who logs in for the bridge.
//!
//! It is neither SCIM nor for identity providers: the answer is a page for that person, and what opens it is the state of a
//! login that was begun with `scim-bridge login`.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use url::form_urlencoded;

use crate::{
    login::{CameBack, LoginError, is_state},
    secret::Secret,
};

use super::{
    Mounted, Service,
    caller::{find_app, no_such_endpoint},
    error::Failure,
    hooks::FailedAttempt,
};

/// So much of what the target says about a refusal is shown.
const SHOWN_CHARACTERS: usize = 200;

/// What the last part of the path is.
pub(super) const SEGMENTS: [&str; 2] = ["oauth", "callback"];

pub(super) async fn callback(State(service): State<Arc<Service>>, parts: Parts) -> Result<Response, Failure> {
    let app = find_app(&parts, &service)?;
    let Mounted::Bridged(app) = app else { return Err(no_such_endpoint(&parts)) };
    let Some(login) = &app.login else { return Err(no_such_endpoint(&parts)) };
    if parts.method != Method::GET {
        // A state counts once; whoever only looks must not use it up.
        return Err(Failure::MethodNotAllowed(parts.method));
    }
    let came_back = read(parts.uri.query().unwrap_or_default());
    let Some(came_back) = came_back.filter(|came_back| is_state(&came_back.state)) else {
        return Ok(refuse(&LoginError::Unknown));
    };
    match login.finish(came_back).await {
        Ok(()) => {
            if let Some(credentials) = &app.bridged.target.credentials {
                credentials.look().await;
            }
            let text = "scim-bridge calls with this login from now on. You can close this page.";
            Ok(page(StatusCode::OK, "Logged in", text))
        }
        Err(error) => Ok(refuse(&error)),
    }
}

/// The parameters of RFC 6749 §4.1.2, each of which stands there once.
fn read(query: &str) -> Option<CameBack> {
    let find = |wanted: &str| {
        let mut values = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name == wanted)
            .map(|(_, value)| value);
        let first = values.next();
        values.next().is_none().then_some(first).flatten()
    };
    let state = Secret::new(find("state")?);
    let outcome = match (find("error"), find("code")) {
        (Some(error), None) => {
            let said = [Some(error), find("error_description")].into_iter().flatten();
            let said: Vec<_> = said.map(|text| shown(&text)).collect();
            Err(said.join(", "))
        }
        (None, Some(code)) => Ok(Secret::new(code)),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    Some(CameBack { state, outcome })
}

fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(SHOWN_CHARACTERS).collect()
}

fn refuse(error: &LoginError) -> Response {
    let (status, text) = match error {
        LoginError::Unknown => (StatusCode::BAD_REQUEST, error.to_string()),
        LoginError::Refused { .. } => (StatusCode::FORBIDDEN, error.to_string()),
        LoginError::Unavailable { .. } => (StatusCode::BAD_GATEWAY, error.to_string()),
        LoginError::Store(_) | LoginError::Random => {
            tracing::error!(%error, "a login could not be completed");
            (StatusCode::INTERNAL_SERVER_ERROR, "The bridge failed. Its log says why.".to_owned())
        }
    };
    let mut response = page(status, "Not logged in", &text);
    if matches!(error, LoginError::Unknown) {
        response.extensions_mut().insert(FailedAttempt);
    }
    response
}

/// A page without scripts, links and pictures, which tells nobody where it was called from: the code is in its address.
fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>scim-bridge: {title}</title></head>\
         <body><h1>{title}</h1><p>{}</p></body></html>\n",
        escaped(text)
    );
    let mut response = (status, body).into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("")]
    #[case::no_state("code=c")]
    #[case::neither("state=s")]
    #[case::both("state=s&code=c&error=e")]
    #[case::two_states("state=s&state=t&code=c")]
    #[case::two_codes("state=s&code=c&code=d")]
    fn what_no_target_sends_is_not_read(#[case] query: &str) {
        assert!(read(query).is_none());
    }

    #[test]
    fn what_a_target_sends_is_read() {
        let came_back = read("code=a%2Bb&state=s%3D").unwrap();
        assert_eq!((came_back.state.expose(), came_back.outcome.unwrap().expose()), ("s=", "a+b"));
        let refused = read("error=access_denied&error_description=No%0Away&state=s").unwrap();
        assert_eq!(refused.outcome.unwrap_err(), "access_denied, Noway");
    }

    #[test]
    fn a_page_shows_what_others_wrote_as_text() {
        assert_eq!(escaped("<b> & \""), "&lt;b&gt; &amp; &quot;");
    }
}
