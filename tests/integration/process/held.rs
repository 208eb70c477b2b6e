//! `held`: what a person sees of the brake and decides, beside a running server and without one.

use http::Method;
use serde_json::{Value, json};

use super::{API_KEY, Installation, SECRETS, Server};
use crate::harness::{
    TOKEN, eventually,
    process::{Ended, Process},
    user,
};

/// An installation with so many users of whom two may be disabled in an hour, the server beside it, and their ids.
async fn start(users: usize) -> (Installation, Server, Vec<String>) {
    let keys = "brake = { max_revocations = 2 }";
    let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), keys).await;
    let server = installation.serve().await;
    let mut ids = Vec::new();
    for number in 0..users {
        let created = server.send(Method::POST, "/Users", Some(&user(&email(number)))).await;
        assert_eq!(created.status, 201, "{created}");
        ids.push(created.id());
    }
    (installation, server, ids)
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

async fn deactivate(server: &Server, id: &str) {
    let body = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    let answer = server.send(Method::PATCH, &format!("/Users/{id}"), Some(&body)).await;
    assert_eq!(answer.status, 200, "{answer}");
}

async fn held(installation: &Installation, arguments: &[&str]) -> Ended {
    let command = ["held", "--config", "bridge.toml", "--app", "aha"];
    let ended = Process::run(installation.folder(), &[&command, arguments].concat(), &[]).await;
    ended.keeps(&SECRETS);
    ended
}

fn disabled(installation: &Installation) -> usize {
    installation.aha.users().iter().filter(|user| !user.enabled).count()
}

#[tokio::test]
async fn list_says_who_is_held_since_when_on_whose_word_and_why() {
    let (installation, server, ids) = start(4).await;
    let ended = held(&installation, &["list"]).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "Nothing is held for app aha.\n"), "{ended:?}");
    for id in &ids[..3] {
        deactivate(&server, id).await;
    }
    assert_eq!(server.send(Method::DELETE, &format!("/Users/{}", ids[3]), None).await.status, 204);
    let ended = held(&installation, &["list"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<_> = ended.output.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    for (line, id, email, wanted) in
        [(lines[0], &ids[2], email(2), "deactivation"), (lines[1], &ids[3], email(3), "deletion")]
    {
        let parts = [
            id,
            email.as_str(),
            wanted,
            "held since 2",
            "asked for by idp",
            "2 accounts were disabled within 1h",
        ];
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert!(lines[2].starts_with("2 held for app aha."), "{}", lines[2]);
    assert_eq!(ended.log, "");

    server.process.signal("TERM");
    let log = server.process.ended().await.log;
    let alerts: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let on: Vec<_> =
        alerts.iter().filter(|line| line["message"].to_string().contains("the brake is on")).collect();
    assert_eq!(on.len(), 1, "{on:?}");
    assert_eq!((&on[0]["level"], &on[0]["brake.max_revocations"]), (&json!("ERROR"), &json!(2)));
    let each: Vec<_> = alerts.iter().filter(|line| line["message"] == "a revocation is held").collect();
    assert_eq!(
        each.iter().map(|line| &line["user.id"]).collect::<Vec<_>>(),
        [&json!(ids[2]), &json!(ids[3])]
    );
}

#[tokio::test]
async fn who_is_released_is_disabled_by_the_running_server() {
    let (installation, server, ids) = start(6).await;
    for id in &ids {
        deactivate(&server, id).await;
    }
    assert_eq!(disabled(&installation), 2);
    let ended = held(&installation, &["release", "PERSON2@example.com", &ids[3]]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.output.starts_with("2 released"), "{ended:?}");
    eventually("the deactivations", async || disabled(&installation) == 4).await;
    let ended = held(&installation, &["release", "--all"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    eventually("the deactivations", async || disabled(&installation) == 6).await;
    server.wait_until_idle().await;
    let ended = held(&installation, &["release", "--all"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(
        (ended.output.as_str(), ended.log.as_str()),
        ("", "nothing is held for app aha, so nothing was changed\n")
    );
}

#[tokio::test]
async fn decisions_are_taken_without_a_server_and_carried_out_by_the_next_one() {
    let (installation, server, ids) = start(5).await;
    for id in &ids {
        deactivate(&server, id).await;
    }
    server.process.kill();
    assert_eq!(held(&installation, &["release", "ext-person2"]).await.code, Some(0));
    let ended = held(&installation, &["drop", "--all"]).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "2 dropped: the accounts stay as they are.\n"));
    let server = installation.serve().await;
    eventually("the deactivation", async || disabled(&installation) == 3).await;
    for (id, active) in [(&ids[2], false), (&ids[3], true), (&ids[4], true)] {
        assert_eq!(server.get(&format!("/Users/{id}")).await.body["active"], active);
    }
    server.wait_until_idle().await;
    assert_eq!(disabled(&installation), 3);
}

#[tokio::test]
async fn if_one_is_not_held_nothing_is_done_about_any() {
    let (installation, server, ids) = start(4).await;
    for id in &ids {
        deactivate(&server, id).await;
    }
    for decision in ["release", "drop"] {
        let ended = held(&installation, &[decision, &email(2), "nobody@example.com"]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.log.contains("no user that is held is called nobody@example.com"), "{ended:?}");
        // Disabled, and so not held.
        let ended = held(&installation, &[decision, &email(0)]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
    assert!(held(&installation, &["list"]).await.output.contains("2 held"));
    assert_eq!(disabled(&installation), 2);
}

#[tokio::test]
async fn what_is_meant_must_be_said() {
    let (installation, _server, _) = start(0).await;
    for arguments in [&[][..], &["release"], &["drop"], &["release", "--all", "somebody"], &["explode"]] {
        let ended = held(&installation, arguments).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
    }
    let no_app = ["held", "--config", "bridge.toml", "--app", "other", "list"];
    let ended = Process::run(installation.folder(), &no_app, &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("no app \"other\""), "{ended:?}");
}
