//! Looks whether a target is what its configuration says, and says in words what is not.
//!
//! Little is known about such endpoints, so a finding tells what was seen, and what that usually means.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use serde_json::Value;

use crate::{
    clock::{Clock, until},
    config::ScimConfig,
    upstream::{Relay, SetupError},
};

use super::{
    app::{bearer, relay},
    coding,
    key_usage::Key,
};

/// The largest answer that is looked at.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Something that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is, and what to do about it.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// It works, and should be looked at.
    Warning,
    /// It does not work.
    Problem,
}

impl Finding {
    /// All is well.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { level: Level::Ok, text: text.into() }
    }

    /// To be looked at.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { level: Level::Warning, text: text.into() }
    }

    /// To be mended.
    pub fn problem(text: impl Into<String>) -> Self {
        Self { level: Level::Problem, text: text.into() }
    }
}

/// Asks questions of one target. Changes nothing.
#[derive(Debug)]
pub struct Probe<'a> {
    config: &'a ScimConfig,
    relay: Relay,
    target: &'a str,
    authorization: HeaderValue,
    clock: Arc<dyn Clock>,
}

impl<'a> Probe<'a> {
    /// A probe of the target of `config`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(config: &'a ScimConfig, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let (relay, authorization) = (relay(config, &clock)?, bearer(&config.token)?);
        Ok(Self { config, relay, target: config.base_url.as_str(), authorization, clock })
    }

    /// Asks for the ServiceProviderConfig and for one user; and the target's other API, if there is a key for it, when that
    /// ends.
    pub async fn run(&self) -> Vec<Finding> {
        let mut findings = vec![of_service(self).await, of_users(self).await];
        // One cause is one finding.
        findings.dedup();
        if findings.iter().any(|finding| finding.level == Level::Problem)
            && let Some(finding) = of_other_base(self).await
        {
            findings.insert(0, finding);
        }
        if let Some(finding) = of_key(self).await {
            findings.push(finding);
        }
        findings
    }
}

/// What a target answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    is_page: bool,
}

impl Answer {
    /// What the target says for people, in its own words.
    pub(super) fn words(&self) -> String {
        let said = self.body.as_ref().and_then(|body| {
            let texts = ["detail", "message", "error", "title"];
            texts.iter().find_map(|name| body.get(name)?.as_str())
        });
        said.map(|said| format!("; it says: {}", said.chars().take(200).collect::<String>()))
            .unwrap_or_default()
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

async fn of_service(probe: &Probe<'_>) -> Finding {
    match ask(probe, "/ServiceProviderConfig").await {
        Err(finding) => finding,
        Ok(answer) if answer.is_success() && answer.body.as_ref().is_some_and(Value::is_object) => {
            Finding::ok(format!("{} tells what it supports (ServiceProviderConfig)", probe.target))
        }
        // Not all have it, and identity providers do not ask for it.
        Ok(answer) if answer.status == 404 && !answer.is_page => Finding::warning(format!(
            "{} has no ServiceProviderConfig, which the standard asks for; Okta and Entra ID do without it",
            probe.target
        )),
        Ok(answer) => refused(probe, &answer),
    }
}

async fn of_users(probe: &Probe<'_>) -> Finding {
    match ask(probe, "/Users?startIndex=1&count=1").await {
        Err(finding) => finding,
        Ok(answer) if answer.is_success() => {
            match answer.body.as_ref().and_then(|body| body["totalResults"].as_u64()) {
                Some(total) => {
                    Finding::ok(format!("{} takes the token and lists its users: {total}", probe.target))
                }
                None => Finding::problem(format!(
                    "{} answers /Users with something else than a list of SCIM; check base_url",
                    probe.target
                )),
            }
        }
        Ok(answer) => refused(probe, &answer),
    }
}

/// What an answer means that is none that one wants.
fn refused(probe: &Probe<'_>, answer: &Answer) -> Finding {
    let (target, status, words) = (probe.target, answer.status, answer.words());
    let about_saml = words.to_ascii_lowercase();
    Finding::problem(match status {
        _ if answer.is_page => format!(
            "{target} answers {status} with a web page: base_url leads to the website, or to a login, instead of the SCIM endpoint"
        ),
        401 => format!(
            "{target} refuses the token ({status}{words}): check `token`; if it is as it was issued, ask the target's support for another one"
        ),
        403 if about_saml.contains("saml") || about_saml.contains("sso") => format!(
            "{target} takes the token and refuses the request (403{words}): configure SAML single sign-on at the target first"
        ),
        402 | 403 => format!(
            "{target} takes the token and refuses the request ({status}{words}): SCIM may not be part of the plan (Ahrefs: Enterprise \
             only), may not be enabled by the target's support yet, or wants SAML single sign-on to be configured first"
        ),
        404 => format!(
            "{target} has nothing there (404{words}): the target's support has not enabled SCIM yet (Ahrefs does it on request), or \
             base_url is wrong"
        ),
        429 => format!("{target} is asked too often for now (429{words}); try again in a few minutes"),
        500.. => format!(
            "{target} fails ({status}{words}); try again later, and ask the target's support if it stays so"
        ),
        _ => format!("{target} answers {status}{words}; check base_url, and ask the target's support"),
    })
}

/// Where the endpoint is, if it is not at the base URL but with `/v2` added or taken away, the most frequent mistake.
async fn of_other_base(probe: &Probe<'_>) -> Option<Finding> {
    let other = match probe.target.strip_suffix("/v2") {
        Some(shorter) => shorter.to_owned(),
        None => format!("{}/v2", probe.target),
    };
    let uri: Uri = format!("{other}/Users?startIndex=1&count=1").parse().ok()?;
    let answer = fetch(&probe.relay, &*probe.clock, uri, &probe.authorization).await.ok()?;
    let is_list = answer.body.as_ref().is_some_and(|body| body["totalResults"].is_u64());
    is_list.then(|| Finding::problem(format!("the SCIM endpoint is at {other}: write base_url = {other:?}")))
}

async fn of_key(probe: &Probe<'_>) -> Option<Finding> {
    match Key::of(probe.config) {
        Ok(key) => Some(key?.ask(&probe.relay, &*probe.clock).await),
        Err(error) => Some(Finding::problem(error.to_string())),
    }
}

async fn ask(probe: &Probe<'_>, below: &str) -> Result<Answer, Finding> {
    let uri = format!("{}{below}", probe.target);
    let uri = uri.parse().map_err(|_| Finding::problem(format!("{uri} is no URL; check base_url")))?;
    fetch(&probe.relay, &*probe.clock, uri, &probe.authorization)
        .await
        .map_err(|reason| Finding::problem(format!("{} cannot be asked: {reason}", probe.target)))
}

/// Asks a question of one of the target's APIs.
///
/// # Errors
/// When there is no answer, with the reason.
pub(super) async fn fetch(
    relay: &Relay,
    clock: &dyn Clock,
    uri: Uri,
    authorization: &HeaderValue,
) -> Result<Answer, String> {
    let mut request = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
    let accept = HeaderValue::from_static("application/scim+json, application/json");
    request.headers_mut().insert(header::ACCEPT, accept);
    let user_agent = HeaderValue::from_static(concat!("scim-bridge/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, user_agent);
    let exchange = async {
        let response = relay.send(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let media_type =
            parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_page = media_type.to_ascii_lowercase().starts_with(b"text/html");
        let body = Limited::new(body, MOST_BYTES).collect().await.map_err(|error| error.to_string())?;
        // Nobody asked for a coding, and some send one all the same.
        let plain = match coding::of(&parts.headers) {
            Ok(codings) => coding::whole(&body.to_bytes(), &codings, MOST_BYTES).await,
            Err(_) => None,
        };
        let body = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        Ok(Answer { status: parts.status.as_u16(), body, is_page })
    };
    match until(clock, clock.now() + TIMEOUT, exchange).await {
        Some(answer) => answer,
        None => Err(format!("no answer within {} seconds", TIMEOUT.as_secs())),
    }
}
