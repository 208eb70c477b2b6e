//! No secret is in anything that the program writes: not in the log at its most talkative, not in an answer, not in the database.
//! Every way in is tried, rightly and wrongly, with secrets that are planted for it.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::Method;
use scim_bridge::{
    secret::{Sealer, Secret},
    store::{Store, own_keys},
};
use serde_json::{Value, json};

use super::{API_KEY, Installation, Server};
use crate::harness::{
    TOKEN, eventually,
    issuer::{Issuer, Key},
    process::Process,
};

const SECRET_KEY: &str = "planted-secret-key-0123456789abcdef";
const CLIENT_SECRET: &str = "planted-client-secret-0123456789";
const WRONG: &str = "planted-wrong-token-0123456789";

/// What was sent and answered.
struct Conversation<'s> {
    server: &'s Server,
    answers: String,
}

impl Conversation<'_> {
    async fn say(&mut self, method: Method, path: &str, authorization: &str, body: &str) -> (u16, Value) {
        let form = "application/x-www-form-urlencoded";
        let media_type = if path.ends_with("/token") { form } else { "application/scim+json" };
        let mut request = self.server.http.request(method, format!("{}{path}", self.server.root));
        request = request.header("content-type", media_type).body(body.to_owned());
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = format!("{:?}", answer.headers());
        let text = answer.text().await.unwrap();
        // The one answer that is meant to hold one.
        if !text.contains("access_token") {
            self.answers.push_str(&headers);
            self.answers.push_str(&text);
        }
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log_in_an_answer_or_in_the_database() {
    let issuer = Issuer::start().await;
    let auth = format!(
        "auth = {{ raw_token = true, basic = true, \
         jwt = [{{ name = 'corp', issuer = '{0}', audience = 'bridge', claims = {{ sub = 'corp' }} }}], \
         oauth = {{ clients = [{{ id = 'entra', secrets = [{{ name = '1', secret = '{CLIENT_SECRET}' }}] }}], \
         federated = [{{ id = 'wif', issuer = '{0}', audience = 'wif', subject = 'wif' }}] }} }}",
        issuer.url()
    );
    let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), &auth).await;
    installation.edit("[server]", &format!("[server]\nsecret_key = '{SECRET_KEY}'"));
    let server = installation.serve().await;
    let mut secrets: Vec<String> = [API_KEY, TOKEN, SECRET_KEY, CLIENT_SECRET, WRONG]
        .iter()
        .map(|secret| (*secret).to_owned())
        .collect();

    let arguments = ["token", "create", "--config", "bridge.toml", "--app", "aha", "--name", "made"];
    let made = Process::run(installation.folder(), &arguments, &[]).await.output.trim_end().to_owned();
    let bearer = format!("Bearer {made}");
    let users = "/aha/scim/v2/Users";
    let mut conversation = Conversation { server: &server, answers: String::new() };
    eventually("the made token opens", || async {
        let url = format!("{}{users}", server.root);
        server.http.get(url).header("authorization", &bearer).send().await.unwrap().status() == 200
    })
    .await;

    let expires = now() + 600;
    let claims = |audience: &str, subject: &str| json!({ "iss": issuer.url(), "aud": audience, "sub": subject, "exp": expires });
    let right = issuer.sign(&claims("bridge", "corp"));
    let wrong = issuer.sign(&claims("bridge", "somebody"));
    let foreign = Key::foreign().sign(&Key::foreign().header(), &claims("bridge", "corp"));
    let assertion = issuer.sign(&claims("wif", "wif"));
    let basic =
        |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));

    let granted = "grant_type=client_credentials";
    let in_body = format!("{granted}&client_id=entra&client_secret={CLIENT_SECRET}");
    let asserted = format!(
        "{granted}&client_id=wif&client_assertion={assertion}\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    );
    let endpoint = "/aha/oauth/token";
    let mut access_tokens = Vec::new();
    for (authorization, body, expected) in [
        (String::new(), in_body.clone(), 200),
        (basic("entra", CLIENT_SECRET), granted.to_owned(), 200),
        (String::new(), asserted.clone(), 200),
        (String::new(), asserted, 401),
        (basic("entra", WRONG), granted.to_owned(), 401),
        (basic("entra", CLIENT_SECRET), format!("{granted}&client_id=entra&client_secret={WRONG}"), 401),
        (String::new(), in_body.replace("entra", "nobody"), 401),
        (String::new(), in_body.replace("client_credentials", "password"), 400),
        (String::new(), format!("{in_body}&client_secret={WRONG}"), 400),
        (String::new(), format!("{{\"client_secret\":\"{CLIENT_SECRET}\"}}"), 400),
    ] {
        let (status, answer) = conversation.say(Method::POST, endpoint, &authorization, &body).await;
        assert_eq!(status, expected, "{answer}");
        access_tokens.extend(answer["access_token"].as_str().map(str::to_owned));
    }
    assert_eq!(access_tokens.len(), 3);
    for (authorization, expected) in [
        (format!("Bearer {TOKEN}"), 200),
        (TOKEN.to_owned(), 200),
        (basic("okta", TOKEN), 200),
        (bearer.clone(), 200),
        (format!("Bearer {right}"), 200),
        (format!("Bearer {}", access_tokens[0]), 200),
        (format!("Bearer {}x", access_tokens[0]), 401),
        (format!("Bearer {WRONG}"), 401),
        (WRONG.to_owned(), 401),
        (format!("Token {TOKEN}"), 401),
        (basic("okta", WRONG), 401),
        (basic(TOKEN, "x"), 401),
        (format!("Bearer {wrong}"), 401),
        (format!("Bearer {foreign}"), 401),
        (format!("Bearer {assertion}"), 401),
        (format!("Bearer {CLIENT_SECRET}"), 401),
        (format!("Bearer {made}x"), 401),
    ] {
        let (status, answer) = conversation.say(Method::GET, users, &authorization, "").await;
        assert_eq!(status, expected, "{authorization}: {answer}");
        conversation.say(Method::POST, users, &authorization, "{ \"userName\": {} }").await;
        conversation.say(Method::GET, "/aha/nothing", &authorization, "").await;
        conversation.say(Method::GET, "/status", &authorization, "").await;
    }
    secrets.extend([made, right, wrong, foreign, assertion]);
    secrets.extend(access_tokens);
    secrets.push(STANDARD.encode(format!("entra:{CLIENT_SECRET}")));
    secrets.push(STANDARD.encode(format!("okta:{TOKEN}")));

    let answers = conversation.answers;
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    ended.keeps(&secrets);
    assert!(ended.log.contains("a JWT was refused") && ended.log.contains("an assertion was refused"));
    for secret in &secrets {
        assert!(!answers.contains(secret), "{secret} is answered");
    }
    let signing_key = signing_key(&installation).await;
    let in_files = secrets.iter().map(|secret| secret.as_bytes().to_vec()).chain(forms_of(&signing_key));
    let in_files: Vec<_> = in_files.collect();
    for entry in std::fs::read_dir(installation.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains("bridge.db") {
            let bytes = std::fs::read(&path).unwrap();
            for secret in &in_files {
                let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_slice());
                assert!(!is_there, "{} is in {}", String::from_utf8_lossy(secret), path.display());
            }
        }
    }
}

/// The key that signs access tokens, which is sealed with the one of the configuration.
async fn signing_key(installation: &Installation) -> Vec<u8> {
    let url = format!("sqlite:{}", installation.folder().join("bridge.db").display());
    let store = Store::open_beside(&url).await.unwrap();
    let [key] = own_keys::list(&store, "access tokens").await.unwrap().try_into().unwrap();
    let sealer = Sealer::new(&Secret::new(SECRET_KEY));
    let opened = sealer.open(&format!("access tokens/{}", key.id), &key.material).unwrap();
    assert_eq!(opened.len(), 32);
    opened
}

/// How a key could be written.
fn forms_of(key: &[u8]) -> [Vec<u8>; 4] {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        key.to_vec(),
        STANDARD.encode(key).into_bytes(),
        URL_SAFE_NO_PAD.encode(key).into_bytes(),
        hex.into_bytes(),
    ]
}

/// Now, in seconds.
fn now() -> i64 {
    use scim_bridge::clock::{Clock, SystemClock};
    SystemClock.now().as_micros() / 1_000_000
}
