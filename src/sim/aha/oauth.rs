//! `/oauth/authorize` and `/oauth/token`: people who log in for an application (RFC 6749 §4.1).
//!
//! Documented are the two addresses, their parameters, and that the token has all the rights of the person. Whether a token
//! ends, whether it can be renewed, and what exactly the endpoint answers is not; each is a switch.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;
use url::{Url, form_urlencoded};

use super::{
    SimulatedAha, Simulation, answer,
    extract::Query,
    ids::UserId,
    switches::{OAuthRules, RefreshTokens, StateParameter, TokenAnswer},
};
use crate::clock::Time;

/// An application that people may log in for.
#[derive(Clone, Debug)]
pub(super) struct Application {
    secret: String,
    redirect_uri: String,
}

/// The applications, who is logged in in the browser, and what was given to whom.
#[derive(Debug, Default)]
pub(super) struct OAuth {
    applications: HashMap<String, Application>,
    /// Who sits in front of the browser; `None`: somebody who refuses.
    person: Option<UserId>,
    codes: HashMap<String, Given>,
    access_tokens: HashMap<String, (UserId, Option<Time>)>,
    refresh_tokens: HashMap<String, Given>,
    /// How many secrets were made, so that each is another one.
    made: u64,
}

#[derive(Clone, Debug)]
struct Given {
    to: String,
    person: UserId,
}

impl OAuth {
    /// Whose access token it is, if it is good at `now`.
    pub(super) fn find_owner(&self, token: &str, now: Time) -> Option<UserId> {
        let (owner, expires_at) = self.access_tokens.get(token)?;
        expires_at.is_none_or(|end| now < end).then_some(*owner)
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("sim-{kind}-{}-0123456789abcdef", self.made)
    }
}

/// The control surface: what an administrator of the account does by hand.
impl SimulatedAha {
    /// Registers an application that people may log in for.
    pub fn add_application(&self, client_id: &str, secret: &str, redirect_uri: &str) {
        let application = Application { secret: secret.to_owned(), redirect_uri: redirect_uri.to_owned() };
        self.lock().oauth.applications.insert(client_id.to_owned(), application);
    }

    /// Who sits in front of the browser and allows whatever is asked; with `None` somebody who refuses.
    pub fn sit_down(&self, person: Option<UserId>) {
        self.lock().oauth.person = person;
    }

    /// Takes all tokens away: the person has revoked the application.
    pub fn revoke_application(&self) {
        let mut simulation = self.lock();
        simulation.oauth.access_tokens.clear();
        simulation.oauth.refresh_tokens.clear();
    }

    /// Takes all access tokens away, as if each had ended.
    pub fn end_access_tokens(&self) {
        self.lock().oauth.access_tokens.clear();
    }

    /// All that was given out and is a secret.
    pub fn given_tokens(&self) -> Vec<String> {
        let simulation = self.lock();
        let oauth = &simulation.oauth;
        oauth
            .access_tokens
            .keys()
            .chain(oauth.refresh_tokens.keys())
            .chain(oauth.codes.keys())
            .cloned()
            .collect()
    }
}

/// `GET /oauth/authorize`: the person in front of the browser allows it at once, and is sent back.
pub(super) async fn authorize(State(aha): State<SimulatedAha>, query: Query) -> Response {
    let mut simulation = aha.lock();
    let Simulation { oauth, switches, .. } = &mut *simulation;
    let client_id = query.find("client_id").unwrap_or_default();
    let application = oauth.applications.get(client_id).cloned();
    // Where these do not fit, nobody is sent anywhere (RFC 6749 §4.1.2.1).
    let Some(application) = application.filter(|one| query.find("redirect_uri") == Some(&one.redirect_uri))
    else {
        return answer::text(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", "no such application\n");
    };
    let Ok(mut back) = Url::parse(&application.redirect_uri) else {
        return answer::text(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", "no such address\n");
    };
    match (oauth.person, query.find("response_type")) {
        (Some(person), Some("code")) => {
            let code = oauth.fresh("code");
            oauth.codes.insert(code.clone(), Given { to: client_id.to_owned(), person });
            back.query_pairs_mut().append_pair("code", &code);
        }
        (Some(_), _) => {
            back.query_pairs_mut().append_pair("error", "unsupported_response_type");
        }
        (None, _) => {
            back.query_pairs_mut().append_pair("error", "access_denied");
        }
    }
    if let Some(state) = query.find("state").filter(|_| switches.oauth.state == StateParameter::SentBack) {
        back.query_pairs_mut().append_pair("state", state);
    }
    let mut response = answer::text(StatusCode::FOUND, "text/html; charset=utf-8", "");
    if let Ok(location) = HeaderValue::from_str(back.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `POST /oauth/token`.
pub(super) async fn token(State(aha): State<SimulatedAha>, body: Bytes) -> Response {
    let now = aha.clock.now();
    let mut simulation = aha.lock();
    let Simulation { oauth, switches, .. } = &mut *simulation;
    let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let rules = &switches.oauth;
    let refuse = |error: &str| {
        let status = StatusCode::from_u16(rules.refusal_status).unwrap_or(StatusCode::BAD_REQUEST);
        answer::json(status, &json!({ "error": error, "error_description": "The request is not allowed." }))
    };
    let application = oauth.applications.get(field("client_id"));
    let Some(application) = application.filter(|one| one.secret == field("client_secret")) else {
        return refuse("invalid_client");
    };
    let given = match field("grant_type") {
        "authorization_code" if field("redirect_uri") == application.redirect_uri => {
            oauth.codes.remove(field("code"))
        }
        "refresh_token" if rules.refresh_tokens == RefreshTokens::Rotated => {
            oauth.refresh_tokens.remove(field("refresh_token"))
        }
        "refresh_token" => oauth.refresh_tokens.get(field("refresh_token")).cloned(),
        _ => None,
    };
    match given.filter(|given| given.to == field("client_id")) {
        None => refuse("invalid_grant"),
        Some(given) => give(oauth, rules, given, field("grant_type"), now),
    }
}

fn give(oauth: &mut OAuth, rules: &OAuthRules, given: Given, grant_type: &str, now: Time) -> Response {
    let access_token = oauth.fresh("access");
    let expires_at = rules.lifetime.map(|lifetime| now + lifetime);
    oauth.access_tokens.insert(access_token.clone(), (given.person, expires_at));
    let mut body = json!({ "access_token": access_token, "token_type": "Bearer" });
    if let Some(lifetime) = rules.lifetime.filter(|_| rules.tells_lifetime) {
        body["expires_in"] = lifetime.as_secs().into();
    }
    let gives_refresh_token = match rules.refresh_tokens {
        RefreshTokens::None => false,
        RefreshTokens::Kept => grant_type == "authorization_code",
        RefreshTokens::Rotated => true,
    };
    if gives_refresh_token {
        let refresh_token = oauth.fresh("refresh");
        oauth.refresh_tokens.insert(refresh_token.clone(), given);
        body["refresh_token"] = refresh_token.into();
    }
    match rules.answer {
        TokenAnswer::Json => answer::json(StatusCode::OK, &body),
        TokenAnswer::Form => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in body.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                form.append_pair(name, &text);
            }
            answer::text(StatusCode::OK, "application/x-www-form-urlencoded", form.finish())
        }
    }
}
