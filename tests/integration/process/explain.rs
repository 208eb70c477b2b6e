//! `explain`: one person's story, beside a running bridge and without one.

use std::time::Duration;

use http::Method;
use scim_bridge::sim::aha::{Fault, Person};
use serde_json::{Value, json};

use super::{API_KEY, Installation, SECRETS, Server};
use crate::harness::{
    eventually,
    process::{Ended, Process},
    user,
};

const SAM: &str = "sam.doe@example.com";
const EXPLAIN: [&str; 5] = ["explain", "--config", "bridge.toml", "--app", "aha"];

/// Runs `explain` with further arguments; no secret may be in what it says.
async fn explain(installation: &Installation, arguments: &[&str]) -> Ended {
    let arguments = [&EXPLAIN, arguments].concat();
    let ended = Process::run(installation.folder(), &arguments, &[]).await;
    ended.keeps(&SECRETS);
    ended
}

/// What is printed, with what differs from run to run replaced.
async fn told(installation: &Installation, arguments: &[&str]) -> Vec<String> {
    let ended = explain(installation, arguments).await;
    assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""), "{ended:?}");
    ended.output.lines().map(|line| redacted(installation, line)).collect()
}

/// Times, durations and ids replaced by what they are.
fn redacted(installation: &Installation, line: &str) -> String {
    let users = installation.aha.users();
    let word = |word: &str| {
        let core = word.trim_matches(|c: char| "();,.:".contains(c));
        let is_time = core.len() == 24 && core.ends_with('Z') && core.starts_with("20");
        let is_id = core.len() == 36 && core.matches('-').count() == 4;
        let is_account = users.iter().any(|user| user.id.to_string() == core);
        let name = match () {
            () if is_time => "TIME",
            () if is_id => "ID",
            () if is_account => "ACCOUNT",
            () => return word.to_owned(),
        };
        word.replace(core, name)
    };
    let line = line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    match line.rsplit_once(" (") {
        Some((said, took)) if took.ends_with(" ms)") => said.to_owned(),
        _ => line,
    }
}

async fn disable(server: &Server, id: &str) -> u16 {
    let body = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    server.send(Method::PATCH, &format!("/Users/{id}"), Some(&body)).await.status
}

#[tokio::test]
async fn a_life_is_told_from_its_first_request_to_its_last_beside_a_running_bridge_and_without_one() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    let group = json!({ "displayName": "Engineers", "members": [{ "value": id }] });
    assert_eq!(server.send(Method::POST, "/Groups", Some(&group)).await.status, 201);
    assert_eq!(disable(&server, &id).await, 200);
    let expected = [
        "sam.doe@example.com in app aha",
        "  id            ID",
        "  externalId    ext-sam.doe",
        "  wanted        no access, sam.doe@example.com, sam doe (version 2, since TIME)",
        "  at Aha!       account ACCOUNT, disabled, sam.doe@example.com, sam doe (seen at TIME)",
        "  the account   created: the bridge makes it, and manages it",
        "  groups        Engineers",
        "",
        "What happened:",
        "  TIME  idp asked to create the user (version 1): userName, externalId, name.givenName, name.familyName, emails, active; gives access",
        "  TIME  Aha! was asked to look for the account by its e-mail: there is none",
        "  TIME  Aha! was asked to create the account, which sends an invitation: account ACCOUNT, enabled",
        "  TIME  Aha! agrees (version 1)",
        "  TIME  idp made it a member of the group Engineers",
        "  TIME  idp asked to change it (version 2): active; takes access away",
        "  TIME  Aha! was asked to disable account ACCOUNT: account ACCOUNT, disabled",
        "  TIME  Aha! agrees (version 2)",
        "",
        "Verdict: in sync: Aha! agrees with version 2.",
    ];
    assert_eq!(told(&installation, &[SAM]).await, expected);
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));
    assert_eq!(told(&installation, &[SAM]).await, expected);
}

#[tokio::test]
async fn a_person_is_found_by_every_name_it_goes_by_also_when_it_was_deleted() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let mut body = user("sam");
    body["emails"][0]["value"] = json!(SAM);
    let id = server.send(Method::POST, "/Users", Some(&body)).await.id();
    let account = installation.aha.find_user_by_email(SAM).unwrap().id.to_string();
    for deleted in [false, true] {
        if deleted {
            assert_eq!(server.send(Method::DELETE, &format!("/Users/{id}"), None).await.status, 204);
        }
        for name in ["sam", "SAM", SAM, "Sam.Doe@EXAMPLE.com", "ext-sam", &account, &id] {
            let lines = told(&installation, &[name]).await;
            assert_eq!(lines[0].contains(", deleted at TIME"), deleted, "{name}: {lines:?}");
            assert_eq!(lines[1], "  id            ID", "{name}: {lines:?}");
        }
    }
    let lines = told(&installation, &["sam"]).await;
    assert_eq!(lines.last().unwrap(), "Verdict: in sync: it was deleted, and the account is disabled.");
    // An externalId is case-exact.
    assert_eq!(explain(&installation, &["EXT-sam"]).await.code, Some(1));
}

#[tokio::test]
async fn who_is_unknown_or_one_of_several_is_said_with_exit_code_1() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let unknown = explain(&installation, &["nobody@example.com"]).await;
    assert_eq!((unknown.code, unknown.output.as_str()), (Some(1), ""), "{unknown:?}");
    assert!(
        unknown.log.starts_with("nothing is known of \"nobody@example.com\" in app aha: "),
        "{unknown:?}"
    );

    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let mut body = user(name);
        body["emails"].as_array_mut().unwrap().push(json!({ "value": "shared@example.com" }));
        body["emails"][0]["value"] = json!(format!("{name}@example.com"));
        ids.push(server.send(Method::POST, "/Users", Some(&body)).await.id());
    }
    let several = explain(&installation, &["shared@example.com"]).await;
    assert_eq!((several.code, several.output.as_str()), (Some(1), ""), "{several:?}");
    let lines: Vec<_> = several.log.lines().collect();
    assert_eq!(lines[0], "2 users go by \"shared@example.com\"; ask for one of them by its id:");
    for (line, (id, name)) in lines[1..].iter().zip(ids.iter().zip(["one", "two"])) {
        assert!(line.starts_with(&format!("  {id}  {name}, account ")), "{several:?}");
    }
    assert_eq!(explain(&installation, &[&ids[0]]).await.code, Some(0));

    let wrong_app = ["explain", "--config", "bridge.toml", "--app", "lab", SAM];
    let ended = Process::run(installation.folder(), &wrong_app, &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("bridge.toml has no app \"lab\"; it has: aha"), "{ended:?}");
}

#[tokio::test]
async fn without_a_database_it_says_what_is_missing() {
    let installation = Installation::new().await;
    let ended = explain(&installation, &[SAM]).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.log.contains("the database sqlite:bridge.db could not be opened"), "{ended:?}");
    assert!(!installation.folder().join("bridge.db").exists(), "to look makes no database");
}

#[tokio::test]
async fn a_create_that_was_refused_or_rejected_says_so_by_the_name_that_was_asked_for() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let mut body = user("pat");
    body["emails"][0]["value"] = json!("no-email");
    assert_eq!(server.send(Method::POST, "/Users", Some(&body)).await.status, 400);
    let lines = told(&installation, &["pat"]).await;
    assert_eq!(lines[0], "pat: there is no such user in app aha");
    assert!(
        lines.iter().any(|line| line.contains("idp asked to create the user (version 1): ")),
        "{lines:?}"
    );
    let verdict = lines.last().unwrap();
    assert!(verdict.starts_with("Verdict: failed because there is no such user: Aha! says: "), "{verdict}");
    assert!(
        verdict.contains("Email is invalid") && verdict.contains(" Do: correct what the reason names"),
        "{verdict}"
    );

    let body = json!({ "userName": "bob@example.com", "emails": "none" });
    assert_eq!(server.send(Method::POST, "/Users", Some(&body)).await.status, 400);
    let lines = told(&installation, &["Bob@example.com"]).await;
    assert!(
        lines[3].contains("idp asked to create the user, and was refused: `emails` must be "),
        "{lines:?}"
    );
    assert!(
        lines.last().unwrap().starts_with("Verdict: failed because there is no such user: "),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_target_that_is_down_a_refused_key_and_a_rejected_promise_are_told_apart() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    let verdict = async |name: &str| told(&installation, &[name]).await.pop().unwrap();
    let leaver = server.send(Method::POST, "/Users", Some(&user("leaver@example.com"))).await.id();
    server.wait_until_idle().await;

    installation.aha.change(|switches| switches.seats.limit = Some(1));
    server.send(Method::POST, "/Users", Some(&user("no.seat@example.com"))).await;
    eventually("the no", || async { installation.aha.calls().answered(400).len() == 1 }).await;
    eventually("its record", || async {
        verdict("no.seat@example.com").await.contains("failed because Aha! says: ")
    })
    .await;
    let said = verdict("no.seat@example.com").await;
    assert!(
        said.contains("No paid seats are available")
            && said.contains("(the first attempt; the next one is due at TIME)"),
        "{said}"
    );
    assert!(said.ends_with("Do: correct what the reason names, at the identity provider or at the target; it is tried again by itself."), "{said}");

    installation.aha.fault(Fault::html(503).always());
    server.send(Method::POST, "/Users", Some(&user(SAM))).await;
    eventually("an attempt", || async { verdict(SAM).await.contains("attempt") }).await;
    let said = verdict(SAM).await;
    assert!(
        said.starts_with("Verdict: waiting because ")
            && said.contains("failed: Aha! answered 503; the next one is due at TIME."),
        "{said}"
    );

    installation.aha.clear_faults();
    installation.aha.revoke_api_key(API_KEY);
    let refused = || async {
        disable(&server, &leaver).await;
        verdict(&leaver).await.contains("Aha! does not accept the API key (401)")
    };
    eventually("the refusal", refused).await;
    let said = verdict(&leaver).await;
    assert!(said.starts_with("Verdict: waiting because ") && said.contains("Make a new key"), "{said}");
    assert!(
        said.contains("Nothing is sent until Aha! accepts the credentials; then it goes on by itself."),
        "{said}"
    );
}

#[tokio::test]
async fn json_says_the_same_and_all_tells_what_is_too_long_ago_for_a_screen() {
    let installation = Installation::new().await;
    installation.aha.seed(Person::new("Ann", "Lee", "ann.lee@example.com"));
    let server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    for number in 0..50 {
        let body =
            json!({ "Operations": [{ "op": "replace", "path": "title", "value": number.to_string() }] });
        server.send(Method::PATCH, &format!("/Users/{id}"), Some(&body)).await;
    }
    let json = async |arguments: &[&str]| -> Value {
        let ended = explain(&installation, &[arguments, &["--json", SAM]].concat()).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str(&ended.output).unwrap()
    };
    let (lately, all) = (json(&[]).await, json(&["--all"]).await);
    assert_eq!(
        (lately["events"].as_array().unwrap().len(), &lately["has_earlier_events"]),
        (40, &json!(true))
    );
    assert_eq!((all["events"].as_array().unwrap().len(), &all["has_earlier_events"]), (54, &json!(false)));
    assert_eq!(
        all["verdict"],
        json!({ "state": "in_sync", "because": "Aha! agrees with version 51", "advice": null })
    );
    assert_eq!(all["events"][0]["kind"], "created");
    assert_eq!(all["events"][0]["actor"], "idp");
    assert_eq!(all["user"]["id"], id);
    assert_eq!(all["user"]["ownership"], "created");
    assert_eq!(all["user"]["seen"]["account"]["enabled"], true);
    let lines = told(&installation, &[SAM]).await;
    assert!(lines.contains(&"What happened lately (all of it: --all):".to_owned()), "{lines:?}");
    let unmanaged = told(&installation, &["ann.lee@example.com"]).await;
    assert!(
        unmanaged
            .last()
            .unwrap()
            .starts_with("Verdict: in sync: no identity provider has written to this user"),
        "{unmanaged:?}"
    );
    tokio::time::timeout(Duration::from_secs(5), server.wait_until_idle()).await.unwrap();
}

#[tokio::test]
async fn who_left_and_came_back_has_one_story_by_every_id() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let first = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    assert_eq!(server.send(Method::DELETE, &format!("/Users/{first}"), None).await.status, 204);
    let second = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    assert_ne!(first, second);
    let told_by = async |name: &str| told(&installation, &[name]).await;
    let lines = told_by(SAM).await;
    let position = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {lines:?}"))
    };
    assert!(
        position("idp asked to create the user (version 1)") < position("idp asked to delete it (version 2)")
    );
    assert!(
        position("idp asked to delete it (version 2)") < position("what is told of the id ID belongs here")
    );
    assert!(
        position("what is told of the id ID belongs here") < position("was asked to enable account ACCOUNT")
    );
    assert!(lines.contains(
        &"  the account   adopted: it was at Aha! before; the identity provider manages it now".to_owned()
    ));
    assert_eq!(lines.last().unwrap(), "Verdict: in sync: Aha! agrees with version 1.");
    assert_eq!(told_by(&second).await, lines);
    let before = told_by(&first).await;
    assert_eq!(before[0], "ID: there is no such user in app aha");
    assert_eq!(before.last().unwrap(), "Verdict: in sync: there is no such user any more.");
}
