//! Asks the OAuth 2.0 token endpoint of a target for tokens (RFC 6749 §4.1.3, §6).

use std::{fmt, sync::Arc, time::Duration};

use http::{Method, StatusCode, header};
use reqwest::redirect;
use serde::Deserialize;
use url::form_urlencoded;

use crate::{clock::Clock, secret::Secret};

use super::{
    Begun, CallMeter, Called,
    client::{CONNECT_TIMEOUT, Response, SetupError, read},
};

/// The largest answer, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// How long one may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest token that is believed to be one, in bytes.
const LONGEST_TOKEN: usize = 16 * 1024;

/// So much of what the endpoint says about a refusal is shown.
const SHOWN_CHARACTERS: usize = 200;

/// What a call is counted as.
const ROUTE: &str = "/oauth/token";

/// The token endpoint of one target, and the client that we are there.
pub struct TokenEndpoint {
    http: reqwest::Client,
    meter: CallMeter,
    url: String,
    client_id: String,
    client_secret: Secret,
    clock: Arc<dyn Clock>,
}

/// What tokens are given for.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// The code of a login.
    Code {
        /// The code.
        code: &'a Secret,
        /// Where the target sent the person with it.
        redirect_uri: &'a str,
    },
    /// A refresh token.
    RefreshToken(&'a Secret),
}

/// Tokens that were given.
#[derive(Clone, Debug)]
pub struct Granted {
    /// What calls carry.
    pub access_token: Secret,
    /// What another one is given for; `None`: nothing.
    pub refresh_token: Option<Secret>,
    /// How long the access token is good, if that was said.
    pub expires_in: Option<Duration>,
}

/// No tokens were given.
#[derive(Debug, thiserror::Error)]
pub enum NotGranted {
    /// The endpoint says no.
    #[error("{0}")]
    Refused(String),
    /// There was no usable answer; another time there may be one.
    #[error("{0}")]
    Unavailable(String),
}

/// RFC 6749 §5.1, as far as it is needed. What exactly a target answers may not be documented, so nothing but the access token
/// must be there, and numbers may be text.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

/// RFC 6749 §5.2.
#[derive(Default, Deserialize)]
struct Refusal {
    error: Option<String>,
    error_description: Option<String>,
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

impl TokenEndpoint {
    /// The endpoint at `url`, for the target of the app of `meter`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        meter: CallMeter,
        url: String,
        (client_id, client_secret): (String, Secret),
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("scim-bridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A redirect would carry the secret elsewhere.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, meter, url, client_id, client_secret, clock })
    }

    /// Asks for tokens. Never asks twice: a code is good once, and a refresh token may be.
    ///
    /// # Errors
    /// When none are given.
    pub async fn ask(&self, grant: Grant<'_>) -> Result<Granted, NotGranted> {
        let begun = Begun::at(self.clock.now());
        let request = self
            .http
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(self.form(grant));
        let result = read(request, &self.url, MOST_BYTES).await;
        let told = result.as_ref().map(|response| response.status).map_err(|error| error as _);
        let called = Called { method: &Method::POST, route: ROUTE, path: ROUTE };
        self.meter.tell(begun, called, self.clock.now(), told);
        match result {
            Ok(response) => understand(&response),
            Err(error) => {
                Err(NotGranted::Unavailable(format!("the token endpoint could not be asked: {error}")))
            }
        }
    }

    /// The secret goes into the body: that is how the clients of Aha! that are known send it.
    fn form(&self, grant: Grant<'_>) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", &self.client_id);
        form.append_pair("client_secret", self.client_secret.expose());
        match grant {
            Grant::Code { code, redirect_uri } => form
                .append_pair("grant_type", "authorization_code")
                .append_pair("code", code.expose())
                .append_pair("redirect_uri", redirect_uri),
            Grant::RefreshToken(token) => {
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose())
            }
        };
        form.finish()
    }
}

fn understand(response: &Response) -> Result<Granted, NotGranted> {
    let status = response.status;
    if status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
    {
        return Err(NotGranted::Unavailable(format!("the token endpoint answered {}", status.as_u16())));
    }
    if !status.is_success() {
        let refusal: Refusal = parse(&response.body).unwrap_or_default();
        let said = [refusal.error, refusal.error_description].into_iter().flatten();
        let said: Vec<_> = said.map(|text| shown(&text)).filter(|text| !text.is_empty()).collect();
        let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
        return Err(NotGranted::Refused(format!("the token endpoint answered {}{said}", status.as_u16())));
    }
    let unreadable = || {
        NotGranted::Refused(format!(
            "the token endpoint answered {} without a token that could be used; check base_url",
            status.as_u16()
        ))
    };
    let answer: Answer = parse(&response.body).ok_or_else(unreadable)?;
    let token = |text: String| {
        let is_one =
            (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_one.then(|| Secret::new(text))
    };
    Ok(Granted {
        access_token: token(answer.access_token).ok_or_else(unreadable)?,
        refresh_token: answer.refresh_token.and_then(token),
        expires_in: answer.expires_in.and_then(|seconds| seconds.duration()),
    })
}

/// JSON, as RFC 6749 has it, or the form that endpoints answered with before there was that.
fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok().or_else(|| {
        let pairs: serde_json::Map<String, serde_json::Value> = form_urlencoded::parse(body)
            .map(|(name, value)| (name.into(), value.into_owned().into()))
            .collect();
        serde_json::from_value(pairs.into()).ok()
    })
}

/// What somebody else wrote, without what could disturb a log line.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(SHOWN_CHARACTERS).collect()
}

impl Seconds {
    /// `None` for what is no time to come.
    fn duration(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use rstest::rstest;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<Granted, NotGranted> {
        let status = StatusCode::from_u16(status).unwrap();
        understand(&Response { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    #[rstest]
    #[case::the_token_alone(r#"{"access_token":"t"}"#, None, None)]
    #[case::all(
        r#"{"access_token":"t","token_type":"Bearer","expires_in":7200,"refresh_token":"r","scope":""}"#,
        Some("r"),
        Some(7200)
    )]
    #[case::seconds_as_text(r#"{"access_token":"t","expires_in":"3600"}"#, None, Some(3600))]
    #[case::null(r#"{"access_token":"t","expires_in":null,"refresh_token":null}"#, None, None)]
    #[case::no_time_to_come(r#"{"access_token":"t","expires_in":0}"#, None, None)]
    #[case::a_form("access_token=t&expires_in=60&refresh_token=r", Some("r"), Some(60))]
    fn whatever_form_an_answer_has_its_tokens_are_found(
        #[case] body: &str,
        #[case] refresh: Option<&str>,
        #[case] seconds: Option<u64>,
    ) {
        let granted = answer(200, body).unwrap();
        assert_eq!(granted.access_token.expose(), "t");
        assert_eq!(granted.refresh_token.as_ref().map(Secret::expose), refresh);
        assert_eq!(granted.expires_in, seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case(200, "")]
    #[case(200, "<html>")]
    #[case(200, r#"{"access_token":""}"#)]
    #[case(200, r#"{"access_token":"a b"}"#)]
    #[case(200, r#"{"access_token":7}"#)]
    #[case(302, r#"{"access_token":"t"}"#)]
    #[case(400, r#"{"error":"invalid_grant"}"#)]
    #[case(401, "<html>")]
    fn what_holds_no_token_is_a_no(#[case] status: u16, #[case] body: &str) {
        assert!(matches!(answer(status, body), Err(NotGranted::Refused(_))));
    }

    #[rstest]
    #[case(429)]
    #[case(503)]
    fn an_endpoint_that_is_down_says_nothing_about_the_token(#[case] status: u16) {
        assert!(matches!(answer(status, ""), Err(NotGranted::Unavailable(_))));
    }

    #[test]
    fn what_the_endpoint_says_is_shown_and_cut() {
        let body = format!(r#"{{"error":"invalid_grant","error_description":"a\nb{}"}}"#, "x".repeat(1000));
        let said = answer(400, &body).unwrap_err().to_string();
        assert!(
            said.starts_with("the token endpoint answered 400: invalid_grant, abx") && said.len() < 300,
            "{said}"
        );
    }
}
