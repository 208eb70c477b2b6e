//! What Aha! is called with, as admins meet it: `login`, SIGHUP, and what `doctor` says.

use http::Method;
use scim_bridge::sim::aha::{
    Person,
    switches::{OAuthRules, RefreshTokens},
};
use serde_json::{Value, json};

use super::{API_KEY, Installation, Server};
use crate::harness::{ADMINISTRATOR, TOKEN, eventually, process::Process, user};

const CLIENT_SECRET: &str = "planted-oauth-secret-0123456789";
const NEW_KEY: &str = "planted-new-key-0123456789";
const LOGIN: [&str; 5] = ["login", "--config", "bridge.toml", "--app", "aha"];
const DOCTOR: [&str; 3] = ["doctor", "--config", "bridge.toml"];

/// An installation that calls with a login, and listens on a port that is known beforehand, which redirects need.
async fn installation(rules: OAuthRules) -> Installation {
    let installation = Installation::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    installation.edit("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    installation.edit("[server]", "[server]\nsecret_key = 'planted-secret-key-0123456789abcdef'");
    let login = format!("login = {{ client_id = 'bridge', client_secret = '{CLIENT_SECRET}' }}");
    installation.edit(&format!("api_key = '{API_KEY}'"), &login);
    let aha = &installation.aha;
    aha.add_application("bridge", CLIENT_SECRET, &format!("http://127.0.0.1:{port}/aha/oauth/callback"));
    aha.sit_down(Some(aha.find_user_by_email(ADMINISTRATOR).unwrap().id));
    aha.change(|switches| switches.oauth = rules);
    installation
}

async fn state(server: &Server) -> String {
    let url = format!("{}/status", server.root);
    let answer: Value = server.http.get(url).bearer_auth(TOKEN).send().await.unwrap().json().await.unwrap();
    answer["apps"]["aha"]["target"]["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn login_prints_a_url_and_says_whose_login_it_is_once_somebody_has_opened_it() {
    let rules = OAuthRules { refresh_tokens: RefreshTokens::Rotated, ..OAuthRules::default() };
    let installation = installation(rules).await;
    let server = installation.serve().await;
    let doctor = Process::run(installation.folder(), &DOCTOR, &[]).await;
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.output.contains("nobody has logged in at Aha!"), "{doctor:?}");

    let mut login = Process::start(installation.folder(), &LOGIN, &[]);
    let url = login.output_line(|line| line.starts_with("http")).await;
    let page = server.http.get(&url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let ended = login.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.log.contains("Logged in."), "{ended:?}");
    assert!(ended.output.contains(&format!("that of {ADMINISTRATOR}")), "{ended:?}");
    assert!(ended.output.contains("renewed by itself"), "{ended:?}");
    eventually("it works", async || state(&server).await == "working").await;
    let created = server.send(Method::POST, "/Users", Some(&user("ann.lee@example.com"))).await;
    assert_eq!(created.status, 201, "{created}");

    let tokens = installation.aha.given_tokens();
    assert!(tokens.len() >= 2, "{tokens:?}");
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    ended.keeps(&tokens.iter().map(String::as_str).collect::<Vec<_>>());
    let state = url.split("state=").nth(1).unwrap();
    ended.keeps(&[state]);
}

#[tokio::test]
async fn login_ends_with_the_reason_when_the_person_refuses() {
    let installation = installation(OAuthRules::default()).await;
    installation.aha.sit_down(None);
    let server = installation.serve().await;
    let mut login = Process::start(installation.folder(), &LOGIN, &[]);
    let url = login.output_line(|line| line.starts_with("http")).await;
    assert_eq!(server.http.get(&url).send().await.unwrap().status(), 403);
    let ended = login.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("access_denied"), "{ended:?}");
}

#[tokio::test]
async fn login_for_an_app_with_an_api_key_says_what_to_write() {
    let installation = Installation::new().await;
    Process::run(installation.folder(), &["migrate", "--config", "bridge.toml"], &[]).await;
    let ended = Process::run(installation.folder(), &LOGIN, &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.log.contains("apps.aha has no login: write login ="), "{ended:?}");
}

#[tokio::test]
async fn a_login_needs_a_key_to_seal_it_with_and_no_api_key_beside_it() {
    let installation = installation(OAuthRules::default()).await;
    installation.edit("secret_key = 'planted-secret-key-0123456789abcdef'", "");
    installation.edit("login = {", &format!("api_key = '{API_KEY}'\nlogin = {{"));
    let ended = Process::run(installation.folder(), &["check", "--config", "bridge.toml"], &[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.log.contains("needs server.secret_key"), "{ended:?}");
    installation.edit("[server]", "[server]\nsecret_key = 'planted-secret-key-0123456789abcdef'");
    let ended = Process::run(installation.folder(), &["check", "--config", "bridge.toml"], &[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.log.contains("keep one of the two"), "{ended:?}");
}

#[tokio::test]
async fn sighup_has_a_key_read_again_at_once_and_does_not_end_the_server() {
    let installation = Installation::with("{ file = 'key' }", &format!("'{TOKEN}'"), "").await;
    std::fs::write(installation.folder().join("key"), API_KEY).unwrap();
    let server = installation.serve().await;
    let aha = &installation.aha;
    aha.add_api_key(NEW_KEY, aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    std::fs::write(installation.folder().join("key"), NEW_KEY).unwrap();
    for _ in 0..3 {
        server.process.signal("HUP");
    }
    eventually("the new key is in use", async || server.process.said().contains("a new API key is in use"))
        .await;
    aha.revoke_api_key(API_KEY);
    aha.take_calls();
    let created = server.send(Method::POST, "/Users", Some(&user("ann.lee@example.com"))).await;
    assert_eq!(created.status, 201, "{created}");
    assert!(aha.take_calls().answered(401).is_empty());
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));
}

#[tokio::test]
async fn doctor_says_whose_the_key_is_and_whether_that_person_is_an_administrator_and_managed() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let doctor = async || Process::run(installation.folder(), &DOCTOR, &[]).await;
    let said = doctor().await;
    let expected =
        format!("ok       app aha: Aha! takes the API key, which is that of {ADMINISTRATOR} (account ");
    assert!(said.output.contains(&expected) && said.output.contains("), an administrator;"), "{said:?}");
    assert!(!said.output.contains("manages"), "{said:?}");
    assert_eq!(said.code, Some(0));

    // The identity provider writes to that person.
    let filter = format!("/Users?filter=userName%20eq%20%22{}%22", ADMINISTRATOR.replace('@', "%40"));
    let found = server.get(&filter).await.body["Resources"][0]["id"].as_str().unwrap().to_owned();
    let title = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "Owner of keys" }] });
    let changed = server.send(Method::PATCH, &format!("/Users/{found}"), Some(&title)).await;
    assert_eq!(changed.status, 200, "{changed}");
    let said = doctor().await;
    let warning = format!("warning  app aha: the identity provider manages {ADMINISTRATOR}");
    assert!(said.output.contains(&warning), "{said:?}");
    assert_eq!(said.code, Some(0));

    let aha = &installation.aha;
    let nobody = aha.seed(Person::new("No", "Body", "nobody@example.com"));
    aha.add_api_key(API_KEY, nobody);
    let said = doctor().await;
    assert!(
        said.output.contains("problem  app aha: Aha! takes the API key, which is that of nobody@example.com"),
        "{said:?}"
    );
    assert!(said.output.contains("is not an administrator"), "{said:?}");
    assert_eq!(said.code, Some(1));
}
