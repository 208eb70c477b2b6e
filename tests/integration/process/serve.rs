//! `serve`: what is promised survives restarts, signals and the worst.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use scim_bridge::sim::aha::{Fault, SimulatedAha};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{API_KEY, Installation, SECRETS, Server};
use crate::harness::{TOKEN, eventually, process::Process, user};

const SAM: &str = "sam.doe@example.com";
const CREATE: &str = "POST /products/:id/users";

#[tokio::test]
async fn what_was_written_is_there_after_a_restart_and_costs_no_call() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let created = server.send(Method::POST, "/Users", Some(&user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    let before = server.get(&format!("/Users/{}", created.id())).await;
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.keeps(&SECRETS);

    let server = installation.serve().await;
    installation.aha.take_calls();
    let after = server.get(&format!("/Users/{}", created.id())).await;
    let without_location = |mut body: Value| {
        body["meta"]["location"].take();
        body
    };
    assert_eq!(without_location(after.body), without_location(before.body));
    let disable = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    let disabled = server.send(Method::PATCH, &format!("/Users/{}", created.id()), Some(&disable)).await;
    assert_eq!(disabled.status, 200, "{disabled}");
    assert_eq!(installation.aha.take_calls().writes().len(), 1);
    server.process.signal("INT");
    assert_eq!(server.process.ended().await.keeps(&SECRETS).code, Some(0));
}

#[rstest]
#[case::from_the_environment("{ env = 'KEY' }", "{ env = 'TOKEN' }")]
#[case::from_files("{ file = 'key' }", "{ file = 'token' }")]
#[tokio::test]
async fn secrets_come_from_the_environment_and_from_files_and_are_shown_nowhere(
    #[case] api_key: &str,
    #[case] token: &str,
) {
    let installation = Installation::with(api_key, token, "").await;
    std::fs::write(installation.folder().join("key"), format!("{API_KEY}\n")).unwrap();
    std::fs::write(installation.folder().join("token"), TOKEN).unwrap();
    let server = installation.serve_with(&[("KEY", API_KEY), ("TOKEN", TOKEN)]).await;
    let created = server.send(Method::POST, "/Users", Some(&user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    // What goes wrong is where secrets slip out.
    installation.aha.revoke_api_key(API_KEY);
    server.send(Method::POST, "/Users", Some(&user("pat.roe@example.com"))).await.error(503, "");
    server.send(Method::POST, "/Users", Some(&json!({ "userName": {} }))).await.error(400, "invalidValue");
    let refused = server.request(Method::GET, "/Users", None).bearer_auth(format!("{TOKEN}x"));
    crate::harness::Answer::of(refused).await.error(401, "");
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    ended.keeps(&SECRETS);
    assert_eq!(ended.code, Some(0));
    for line in ended.log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("every line is JSON: {line}"));
    }
    let entries = std::fs::read_dir(installation.folder()).unwrap().map(|entry| entry.unwrap().path());
    for database in entries.filter(|path| path.to_str().unwrap().contains("bridge.db")) {
        let bytes = std::fs::read(&database).unwrap();
        for secret in SECRETS {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "a secret is in {}", database.display());
        }
    }
}

#[tokio::test]
async fn sigterm_while_a_write_is_in_flight_lets_it_be_answered_and_accepts_nothing_new() {
    let installation = Installation::new().await;
    let slow = Fault::delay(Duration::from_secs(2)).on(CREATE);
    installation.aha.fault(slow);
    let server = installation.serve().await;
    let writing = tokio::spawn(server.request(Method::POST, "/Users", Some(&user(SAM))).send());
    eventually("a call to Aha!", || async { !installation.aha.calls().to(CREATE).is_empty() }).await;
    server.process.signal("TERM");
    let address = server.root.trim_start_matches("http://").to_owned();
    eventually("no new connection", || async { TcpStream::connect(&address).await.is_err() }).await;
    assert!(!writing.is_finished(), "the write is still in flight");
    let answered = writing.await.unwrap().unwrap();
    assert_eq!(answered.status(), 201);
    let ended = server.process.ended().await;
    assert_eq!(ended.keeps(&SECRETS).code, Some(0), "{ended:?}");
    assert_eq!(installation.aha.invitations().len(), 1);
}

#[tokio::test]
async fn clients_that_stay_connected_do_not_keep_it_from_ending() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let address = server.root.trim_start_matches("http://").to_owned();
    let _silent = TcpStream::connect(&address).await.unwrap();
    assert_eq!(server.get("/Users").await.status, 200);
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up_when_the_grace_is_over() {
    let installation = Installation::new().await;
    let config = installation.folder().join("bridge.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, text.replace("[server]", "[server]\nshutdown_grace = '1s'")).unwrap();
    let server = installation.serve().await;
    let mut stuck = TcpStream::connect(server.root.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /aha/scim/v2/Users HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n{{"
    );
    tokio::io::AsyncWriteExt::write_all(&mut stuck, head.as_bytes()).await.unwrap();
    assert_eq!(server.get("/Users").await.status, 200);
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.log.contains("requests were still in flight at the end of the grace period"), "{ended:?}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let mut stuck = TcpStream::connect(server.root.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /aha/scim/v2/Users HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n{{"
    );
    tokio::io::AsyncWriteExt::write_all(&mut stuck, head.as_bytes()).await.unwrap();
    assert_eq!(server.get("/Users").await.status, 200);
    server.process.signal("TERM");
    let address = server.root.trim_start_matches("http://").to_owned();
    eventually("no new connection", || async { TcpStream::connect(&address).await.is_err() }).await;
    server.process.signal("INT");
    assert_eq!(server.process.ended().await.code, Some(130));
}

/// When the power fails: before Aha! was asked, while it works on the create, or once it has done it and not answered yet.
#[rstest]
#[case::before_aha_is_asked(Fault::html(503), |_: &SimulatedAha| true)]
#[case::while_aha_works(
    Fault::delay(Duration::from_millis(600)).on(CREATE),
    |aha: &SimulatedAha| !aha.calls().to(CREATE).is_empty()
)]
#[case::before_aha_answers(
    Fault::delay(Duration::from_secs(60)).after_applying().on(CREATE),
    |aha: &SimulatedAha| !aha.invitations().is_empty()
)]
#[tokio::test]
async fn a_user_that_was_promised_survives_kill_9_and_is_invited_exactly_once(
    #[case] fault: Fault,
    #[case] has_come_to: fn(&SimulatedAha) -> bool,
) {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    installation.aha.fault(fault);
    let created = server.send(Method::POST, "/Users", Some(&user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    eventually("the moment to die", || async { has_come_to(&installation.aha) }).await;
    assert_eq!(server.process.kill().keeps(&SECRETS).code, None);
    installation.aha.clear_faults();

    let server = installation.serve().await;
    let found = server.get(&format!("/Users/{}", created.id())).await;
    assert_eq!((found.status, &found.body["userName"]), (200, &json!(SAM)), "{found}");
    server.wait_until_idle().await;
    let invitations: Vec<_> = installation.aha.invitations().into_iter().map(|one| one.email).collect();
    assert_eq!(invitations, [SAM], "{}", installation.aha.calls());
    assert_eq!(server.get(&format!("/Users/{}", created.id())).await.body["active"], true);
}

#[tokio::test]
async fn a_deactivation_that_was_answered_survives_kill_9() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    server.wait_until_idle().await;
    installation.aha.fault(Fault::html(503).on("PUT /users/:id").always());
    assert_eq!(server.send(Method::DELETE, &format!("/Users/{id}"), None).await.status, 204);
    server.process.kill();
    installation.aha.clear_faults();
    let server = installation.serve().await;
    server.get(&format!("/Users/{id}")).await.error(404, "");
    eventually("the deactivation", || async { !installation.aha.find_user_by_email(SAM).unwrap().enabled })
        .await;
}

#[tokio::test]
async fn writes_that_were_answered_survive_kill_9_in_the_middle_of_many() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    let (answered, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (http, root, answered) = (server.http.clone(), server.root.clone(), answered.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let name = format!("person.{client}-{number}@example.com");
                    let url = format!("{root}/aha/scim/v2/Users");
                    let request = http.post(url).bearer_auth(TOKEN).body(user(&name).to_string());
                    match request.send().await {
                        Ok(response) if response.status() == 201 => answered.send(name).unwrap(),
                        Ok(response) => panic!("{}", response.status()),
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    drop(answered);
    let mut promised = Vec::new();
    while promised.len() < 40 {
        promised.push(hears.recv().await.unwrap());
    }
    server.process.kill();
    for client in clients {
        client.await.unwrap();
    }
    while let Some(name) = hears.recv().await {
        promised.push(name);
    }
    let server = installation.serve().await;
    server.wait_until_idle().await;
    for name in &promised {
        let filter = format!("/Users?filter=userName%20eq%20%22{name}%22");
        assert_eq!(server.get(&filter).await.body["totalResults"], 1, "{name} is lost");
    }
    let mut invited: Vec<_> = installation.aha.invitations().into_iter().map(|one| one.email).collect();
    invited.sort();
    let all = invited.len();
    invited.dedup();
    assert_eq!(invited.len(), all, "nobody is invited twice");
    assert!(promised.iter().all(|name| invited.contains(name)));
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_with_the_address() {
    let installation = Installation::new().await;
    let server: Server = installation.serve().await;
    let address = server.root.trim_start_matches("http://");
    let text = std::fs::read_to_string(installation.folder().join("bridge.toml")).unwrap();
    let text = text.replace("127.0.0.1:0", address).replace("bridge.db", "other.db");
    std::fs::write(installation.folder().join("other.toml"), text).unwrap();
    let ended = Process::run(installation.folder(), &["serve", "--config", "other.toml"], &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains(&format!("cannot listen on {address}: Address already in use")), "{ended:?}");
    ended.keeps(&SECRETS);
    assert!(!installation.folder().join("other.db").exists(), "nothing was made");
}

#[tokio::test]
async fn a_database_that_another_process_has_is_left_to_it() {
    let installation = Installation::new().await;
    let _first = installation.serve().await;
    for command in ["serve", "migrate"] {
        let ended = Process::run(installation.folder(), &[command, "--config", "bridge.toml"], &[]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.log.contains("in use by another scim-bridge"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_said() {
    let installation = Installation::new().await;
    let text = std::fs::read_to_string(installation.folder().join("bridge.toml")).unwrap();
    std::fs::write(installation.folder().join("bridge.toml"), text.replace("bridge.db", "nothing/here.db"))
        .unwrap();
    for command in ["serve", "migrate"] {
        let ended = Process::run(installation.folder(), &[command, "--config", "bridge.toml"], &[]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.log.contains("the database sqlite:nothing/here.db could not be opened"), "{ended:?}");
        assert!(ended.log.contains("No such file or directory"), "{ended:?}");
        ended.keeps(&SECRETS);
    }
}
