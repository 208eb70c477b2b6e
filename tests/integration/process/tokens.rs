//! `token`: made, listed and revoked while the server runs.

use rstest::rstest;

use super::{Installation, SECRETS, Server};
use crate::harness::{
    Answer, TOKEN, eventually,
    process::{Ended, Process},
};

const OAUTH: &str = "auth = { oauth = { clients = [{ id = 'entra' }] } }";

async fn token(installation: &Installation, arguments: &[&str]) -> Ended {
    let (command, rest) = arguments.split_first().unwrap();
    let all = [&["token", command, "--config", "bridge.toml", "--app", "aha"], rest].concat();
    let ended = Process::run(installation.folder(), &all, &[]).await;
    ended.keeps(&SECRETS);
    ended
}

/// Makes a token and answers it: all that is printed on standard output.
async fn make(installation: &Installation, arguments: &[&str]) -> String {
    let ended = token(installation, &[&["create"], arguments].concat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.output.lines().count(), 1, "{ended:?}");
    assert!(ended.log.contains("It is shown this once"), "{ended:?}");
    ended.output.trim_end().to_owned()
}

async fn status(server: &Server, token: &str) -> u16 {
    let url = format!("{}/aha/scim/v2/Users", server.root);
    let request = server.http.get(url).bearer_auth(token).header("user-agent", "azure-sync");
    Answer::of(request).await.status
}

/// The line of the list that begins with this name.
async fn listed(installation: &Installation, name: &str) -> String {
    let ended = token(installation, &["list"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = ended.output.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name} is not there: {ended:?}")).to_owned()
}

#[tokio::test]
async fn a_token_is_made_used_listed_and_revoked_while_the_server_runs() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let made = make(&installation, &["--name", "okta", "--expires", "90d"]).await;
    assert!(made.starts_with("scimb_") && made.len() == 70, "{made}");
    assert!(listed(&installation, "okta").await.contains("never"), "it was not used");
    eventually("the token opens", || async { status(&server, &made).await == 200 }).await;
    eventually("its use is listed", || async {
        let line = listed(&installation, "okta").await;
        line.contains("expires 20") && line.contains("127.0.0.1") && line.ends_with("azure-sync")
    })
    .await;
    assert!(listed(&installation, "idp").await.contains("configured"));

    let ended = token(&installation, &["revoke", "--name", "okta"]).await;
    assert_eq!(
        (ended.code, ended.output.as_str()),
        (Some(0), "\"okta\" is revoked. Whoever sends it is refused within seconds.\n")
    );
    eventually("the token opens nothing", || async { status(&server, &made).await == 401 }).await;
    assert_eq!(status(&server, TOKEN).await, 200);
    assert!(listed(&installation, "okta").await.contains("revoked 20"));

    server.process.signal("TERM");
    let ended = server.process.ended().await;
    ended.keeps(&SECRETS).keeps(&[&made]);
    expect_not_in_the_database(&installation, &made);
}

fn expect_not_in_the_database(installation: &Installation, secret: &str) {
    for entry in std::fs::read_dir(installation.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("bridge.toml") {
            let bytes = std::fs::read(&path).unwrap();
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "the token is in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_secret_of_a_client_is_made_for_clients_that_are_configured() {
    let installation = Installation::with(&format!("'{}'", SECRETS[0]), &format!("'{TOKEN}'"), OAUTH).await;
    installation.edit("[server]", "[server]\nsecret_key = '0123456789abcdef0123456789abcdef'");
    let server = installation.serve().await;
    let secret = make(&installation, &["--name", "2027", "--client", "entra"]).await;
    assert!(secret.starts_with("scimbcs_"), "{secret}");
    let grant = async || {
        let url = format!("{}/aha/oauth/token", server.root);
        let body = format!("grant_type=client_credentials&client_id=entra&client_secret={secret}");
        let request = server.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(body)).await
    };
    eventually("the secret counts", || async { grant().await.status == 200 }).await;
    let access_token = grant().await.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(status(&server, &access_token).await, 200);
    assert_eq!(status(&server, &secret).await, 401, "it is no bearer token");
    assert!(listed(&installation, "2027").await.contains("secret of entra"));

    let ended = token(&installation, &["create", "--name", "x", "--client", "okta"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("has no client \"okta\"; it has: entra"), "{ended:?}");
}

#[rstest]
#[case::a_name_that_is_taken(&["create", "--name", "okta"], "there is a token \"okta\" already")]
#[case::a_name_of_the_configuration(&["create", "--name", "idp"], "the configuration has a token \"idp\" already")]
#[case::a_name_with_a_line_break(&["create", "--name", "a\nb"], "a name has from 1 to 64 characters")]
#[case::no_name(&["create", "--name", ""], "a name has from 1 to 64 characters")]
#[case::no_time(&["create", "--name", "a", "--expires", "soon"], "\"soon\" is neither a time")]
#[case::a_time_gone_by(&["create", "--name", "a", "--expires", "2020-01-01"], "\"2020-01-01\" is over already")]
#[case::a_client_of_none(&["create", "--name", "a", "--client", "b"], "has no client \"b\"; it has: none")]
#[case::a_token_that_is_not_there(&["revoke", "--name", "nobody"], "aha has no token \"nobody\"")]
#[case::a_token_of_the_configuration(&["revoke", "--name", "idp"], "stands in the configuration file")]
#[tokio::test]
async fn what_cannot_be_done_is_said_and_changes_nothing(#[case] arguments: &[&str], #[case] said: &str) {
    let installation = Installation::new().await;
    Process::run(installation.folder(), &["migrate", "--config", "bridge.toml"], &[]).await;
    make(&installation, &["--name", "okta"]).await;
    let before = token(&installation, &["list"]).await.output;
    let ended = token(&installation, arguments).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains(said), "{ended:?}");
    assert_eq!(ended.output, "");
    assert_eq!(token(&installation, &["list"]).await.output, before);
}

#[tokio::test]
async fn without_a_database_or_an_app_it_says_what_to_do() {
    let installation = Installation::new().await;
    let ended = token(&installation, &["list"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("scim-bridge migrate --config bridge.toml"), "{ended:?}");
    assert!(!installation.folder().join("bridge.db").exists(), "nothing is made");
    let arguments = ["token", "list", "--config", "bridge.toml", "--app", "other"];
    let ended = Process::run(installation.folder(), &arguments, &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("has no app \"other\"; it has: aha"), "{ended:?}");
}

#[tokio::test]
async fn check_says_that_nobody_is_let_in_to_an_app_without_tokens() {
    let installation = Installation::new().await;
    installation.edit("[log]", "[apps.lab]\nconnector = 'memory'\n[log]");
    let ended = Process::run(installation.folder(), &["check", "--config", "bridge.toml"], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.output,
        "bridge.toml is right. Apps: aha, lab.\nNobody is let in to lab yet, unless tokens were made for it with: \
         scim-bridge token create --app lab --name NAME\n"
    );
}

#[tokio::test]
async fn a_token_that_is_near_its_end_is_told_in_the_log() {
    use scim_bridge::clock::{Clock, SystemClock};
    let tomorrow = SystemClock.now() + std::time::Duration::from_secs(20 * 3600);
    let installation = Installation::new().await;
    installation.edit("name = 'idp',", &format!("name = 'idp', expires = '{tomorrow}',"));
    let server = installation.serve().await;
    server.process.signal("TERM");
    let log = server.process.ended().await.log;
    let line =
        log.lines().find(|line| line.contains("a token expires soon")).unwrap_or_else(|| panic!("{log}"));
    for said in ["\"level\":\"WARN\"", "\"app\":\"aha\"", "\"token\":\"idp\"", "\"days_left\":1"] {
        assert!(line.contains(said), "{said}: {line}");
    }
}
