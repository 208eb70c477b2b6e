//! `release`: users are handed back while the server runs, and their accounts stay as they are.

use std::time::Duration;

use http::Method;
use scim_bridge::sim::aha::Fault;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::{Installation, SECRETS, Server};
use crate::harness::{
    Answer, TOKEN, eventually,
    process::{Ended, Process},
    user,
};

const SAM: &str = "sam.doe@example.com";
const JANE: &str = "jane.roe@example.com";

async fn run(installation: &Installation, command: &str, arguments: &[&str]) -> Ended {
    let mut all = vec![command, "--config", "bridge.toml", "--app", "aha"];
    all.extend(arguments);
    let ended = Process::run(installation.folder(), &all, &[]).await;
    ended.keeps(&SECRETS);
    ended
}

/// Releases, which must go well, and answers what is printed.
async fn release(installation: &Installation, arguments: &[&str]) -> String {
    let ended = run(installation, "release", arguments).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.output
}

async fn list_accounts(installation: &Installation) -> Value {
    let ended = run(installation, "roster", &["--json"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.output).unwrap()
}

async fn create(server: &Server, email: &str) -> Answer {
    let created = server.send(Method::POST, "/Users", Some(&user(email))).await;
    assert_eq!(created.status, 201, "{created}");
    created
}

async fn set_active(server: &Server, path: &str, active: bool) -> Answer {
    let body = json!({ "Operations": [{ "op": "replace", "path": "active", "value": active }] });
    server.send(Method::PATCH, path, Some(&body)).await
}

/// `(ownership, due_at, held_at, resource)` of a user's row.
async fn row(installation: &Installation, id: &str) -> Option<(String, Option<i64>, Option<i64>, String)> {
    sqlx::any::install_default_drivers();
    let url = installation.database_url();
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    sqlx::query_as("SELECT ownership, due_at, held_at, resource FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut database)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_user_is_handed_back_without_a_call_and_reads_as_its_account() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let mut body = user(SAM);
    body["title"] = json!("Engineer");
    let created = server.send(Method::POST, "/Users", Some(&body)).await;
    let path = created.path();
    let group = json!({ "displayName": "Staff", "members": [{ "value": created.id() }] });
    let group = server.send(Method::POST, "/Groups", Some(&group)).await;
    assert_eq!(group.status, 201, "{group}");
    let before = server.get(&path).await;
    installation.aha.take_calls();

    let said = release(&installation, &[SAM]).await;
    assert!(said.contains("1 user handed back."), "{said}");
    assert!(said.contains("disconnect it first"), "{said}");
    assert!(installation.aha.take_calls().is_empty());
    let after = server.get(&path).await;
    assert_ne!(after.header("etag"), before.header("etag"));
    let mut shown = after.body.clone();
    shown
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !["id", "meta", "schemas", "groups"].contains(&name.as_str()));
    assert_eq!(
        shown,
        json!({
            "userName": SAM,
            "name": { "givenName": "sam", "familyName": "doe", "formatted": "sam doe" },
            "displayName": "sam doe",
            "emails": [{ "value": SAM, "type": "work", "primary": true }],
            "active": true,
        }),
        "nothing is left of what the identity provider sent"
    );
    assert_eq!(after.body["groups"][0]["value"], group.body["id"], "it stays in its groups");
    assert_eq!(row(&installation, &created.id()).await.unwrap().0, "unmanaged");

    // The account is nobody's business any more.
    installation.aha.disable(installation.aha.find_user_by_email(SAM).unwrap().id);
    let listed = list_accounts(&installation).await;
    assert_eq!(listed["findings"], json!([]));
    assert_eq!(listed["roster"]["by_ownership"]["unmanaged"], json!({ "enabled": 1, "disabled": 1 }));
    assert_eq!(server.get(&path).await.body["active"], false);

    // An identity provider that still writes takes it over again.
    assert_eq!(set_active(&server, &path, true).await.status, 200);
    assert_eq!(row(&installation, &created.id()).await.unwrap().0, "adopted");
    assert!(installation.aha.find_user_by_email(SAM).unwrap().enabled);
}

#[tokio::test]
async fn what_was_pending_or_held_is_dropped_and_never_sent() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    let paths = [create(&server, SAM).await.path(), create(&server, JANE).await.path()];
    server.wait_until_idle().await;
    installation.aha.fault(Fault::html(503).on("PUT /users/:id").always());
    for path in &paths {
        assert_eq!(set_active(&server, path, false).await.status, 200);
    }
    eventually("the attempts", || async { installation.aha.calls().to("PUT /users/:id").len() >= 2 }).await;
    let jane = paths[1].trim_start_matches("/Users/");
    let url = installation.database_url();
    sqlx::any::install_default_drivers();
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE users SET held_at = 1 WHERE id = $1")
        .bind(jane)
        .execute(&mut database)
        .await
        .unwrap();

    let said = release(&installation, &[SAM, JANE]).await;
    assert!(said.contains("2 users handed back."), "{said}");
    assert!(said.contains("What was not done yet was dropped for 2 of them."), "{said}");
    server.wait_until_idle().await;
    installation.aha.clear_faults();
    installation.aha.take_calls();
    list_accounts(&installation).await;
    assert_eq!(installation.aha.take_calls().writes().lines(), Vec::<String>::new());
    for path in &paths {
        assert_eq!(server.get(path).await.body["active"], true, "as it is at Aha!");
        let (ownership, due_at, held_at, _) =
            row(&installation, path.trim_start_matches("/Users/")).await.unwrap();
        assert_eq!((ownership.as_str(), due_at, held_at), ("unmanaged", None, None));
    }
}

#[tokio::test]
async fn a_call_that_is_out_at_that_moment_ends_by_itself_and_its_outcome_is_seen() {
    let installation = Installation::with_keys("confirm_within = '0s'").await;
    let server = installation.serve().await;
    let created = create(&server, SAM).await;
    server.wait_until_idle().await;
    installation.aha.fault(Fault::delay(Duration::from_secs(2)).on("PUT /users/:id"));
    assert_eq!(set_active(&server, &created.path(), false).await.status, 200);
    eventually("the call", || async { !installation.aha.calls().to("PUT /users/:id").is_empty() }).await;
    release(&installation, &[SAM]).await;
    assert_eq!(server.get(&created.path()).await.body["active"], true, "so it was seen last");
    eventually("the outcome", || async { server.get(&created.path()).await.body["active"] == false }).await;
    assert_eq!(row(&installation, &created.id()).await.unwrap().0, "unmanaged");
    server.wait_until_idle().await;
    assert_eq!(installation.aha.calls().to("PUT /users/:id").len(), 1);
    assert_eq!(list_accounts(&installation).await["roster"]["by_ownership"]["unmanaged"]["disabled"], 1);
}

#[tokio::test]
async fn a_user_whose_create_was_not_sent_yet_is_gone_and_nobody_is_invited() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    installation.aha.fault(Fault::html(503).always());
    let created = create(&server, SAM).await;
    let said = release(&installation, &[SAM]).await;
    assert!(said.contains("1 user had no account at Aha!: nothing is left of them."), "{said}");
    installation.aha.clear_faults();
    server.wait_until_idle().await;
    server.get(&created.path()).await.error(404, "");
    list_accounts(&installation).await;
    assert!(installation.aha.invitations().is_empty());
}

/// What is dropped while its request waits is not answered as done.
#[tokio::test]
async fn a_write_whose_user_is_handed_back_while_it_waits_is_told_so() {
    let installation = Installation::with_keys("confirm_within = '3s'\nrequest_timeout = '1s'").await;
    let server = installation.serve().await;
    let jane = create(&server, JANE).await.path();
    installation.aha.fault(Fault::html(503).always());
    let disable = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    let creating = async { server.send(Method::POST, "/Users", Some(&user(SAM))).await };
    let disabling = async { server.send(Method::PATCH, &jane, Some(&disable)).await };
    let releasing = async {
        eventually("the create and the change", async || {
            server.get("/Users").await.body["totalResults"] == 3
                && server.get(&jane).await.body["active"] == false
        })
        .await;
        release(&installation, &[SAM, JANE]).await
    };
    let (created, disabled, said) = tokio::join!(creating, disabling, releasing);
    assert!(said.contains("1 user handed back.") && said.contains("1 user had no account"), "{said}");
    for answer in [created, disabled] {
        let detail = answer.error(503, "");
        assert!(detail.contains("handed back") && detail.contains("Nothing was changed"), "{detail}");
    }
    assert_eq!(server.get("/Users").await.body["totalResults"], 2);
    assert_eq!(server.get(&jane).await.body["active"], true);
}

#[tokio::test]
async fn a_user_whose_create_is_out_at_that_moment_is_handed_back_once_it_is_answered() {
    let installation = Installation::with_keys("confirm_within = '0s'").await;
    let server = installation.serve().await;
    installation
        .aha
        .fault(Fault::delay(Duration::from_secs(2)).after_applying().on("POST /products/:id/users"));
    create(&server, SAM).await;
    eventually("the invitation", || async { installation.aha.invitations().len() == 1 }).await;
    // Who is forgotten now would be invited again by the next create.
    let said = release(&installation, &[SAM]).await;
    assert!(said.contains("1 user may be getting an account just now"), "{said}");
    server.wait_until_idle().await;
    let said = release(&installation, &[SAM]).await;
    assert!(said.contains("1 user handed back."), "{said}");
    list_accounts(&installation).await;
    let found = server.get("/Users?filter=userName%20eq%20%22sam.doe@example.com%22").await;
    let id = found.body["Resources"][0]["id"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned();
    assert_eq!(row(&installation, &id).await.unwrap().0, "unmanaged");
    assert_eq!((&found.body["totalResults"], installation.aha.invitations().len()), (&json!(1), 1));
}

#[tokio::test]
async fn the_account_of_a_deleted_user_that_was_not_disabled_yet_shows_again_with_the_next_listing() {
    let installation = Installation::promising_at_once().await;
    let server = installation.serve().await;
    let created = create(&server, SAM).await;
    server.wait_until_idle().await;
    installation.aha.fault(Fault::html(503).on("PUT /users/:id").always());
    assert_eq!(server.send(Method::DELETE, &created.path(), None).await.status, 204);
    let said = release(&installation, &["--all", "--yes"]).await;
    assert!(said.contains("1 account of deleted users stay as they are"), "{said}");
    installation.aha.clear_faults();
    server.wait_until_idle().await;
    assert!(installation.aha.find_user_by_email(SAM).unwrap().enabled);
    let listed = list_accounts(&installation).await;
    assert_eq!(listed["roster"]["by_ownership"]["unmanaged"]["enabled"], 2, "{listed:#}");
    let found = server.get("/Users?filter=userName%20eq%20%22sam.doe@example.com%22").await;
    assert_eq!(found.body["Resources"][0]["active"], true, "{found}");
}

#[tokio::test]
async fn all_of_them_need_a_yes() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let ids = [create(&server, SAM).await.id(), create(&server, JANE).await.id()];
    let ended = run(&installation, "release", &["--all"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.output.starts_with("2 users of app aha are handed back"), "{ended:?}");
    assert!(ended.log.contains("nothing was released: add --yes to go ahead"), "{ended:?}");
    for id in &ids {
        assert_eq!(row(&installation, id).await.unwrap().0, "created");
    }
    installation.aha.take_calls();
    let said = release(&installation, &["--all", "--yes"]).await;
    assert!(said.contains("2 users handed back."), "{said}");
    assert!(installation.aha.take_calls().is_empty());
    for id in &ids {
        assert_eq!(row(&installation, id).await.unwrap().0, "unmanaged");
    }
    let ended = run(&installation, "release", &["--all", "--yes"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("there is nothing to release"), "{ended:?}");
}

/// On a terminal it asks.
#[tokio::test]
async fn on_a_terminal_all_of_them_are_asked_about() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let id = create(&server, SAM).await.id();
    for (answer, code, ownership) in [("no", 1, "created"), ("", 1, "created"), ("yes", 0, "unmanaged")] {
        let command = ["release", "--config", "bridge.toml", "--app", "aha", "--all"];
        let ended = Process::on_a_terminal(installation.folder(), &command, answer).await;
        assert!(ended.output.contains("1 user of app aha are handed back"), "{ended:?}");
        assert!(ended.output.contains("Go ahead? Type yes: "), "{ended:?}");
        assert_eq!(ended.code, Some(code), "{answer:?}: {ended:?}");
        assert_eq!(ended.output.contains("nothing was released"), code == 1, "{ended:?}");
        assert_eq!(row(&installation, &id).await.unwrap().0, ownership, "{answer:?}");
    }
}

#[tokio::test]
async fn whom_it_cannot_tell_it_leaves_alone_and_says_how_to_name_them() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let sam = create(&server, SAM).await.id();
    // Another user with Sam's address as a second one.
    let mut body = user(JANE);
    body["emails"].as_array_mut().unwrap().push(json!({ "type": "home", "value": SAM }));
    let jane = server.send(Method::POST, "/Users", Some(&body)).await.id();

    let ended = run(&installation, "release", &["nobody@example.com"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.log.contains("app aha has no user \"nobody@example.com\"; nothing was released"),
        "{ended:?}"
    );
    let ended = run(&installation, "release", &[JANE, SAM]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains(&sam) && ended.log.contains(&jane), "{ended:?}");
    assert_eq!(row(&installation, &jane).await.unwrap().0, "created", "nobody was released");

    for name in [sam.as_str(), "ext-jane.roe"] {
        release(&installation, &[name]).await;
    }
    for id in [&sam, &jane] {
        assert_eq!(row(&installation, id).await.unwrap().0, "unmanaged");
    }
    let said = release(&installation, &[&sam]).await;
    assert!(said.contains("0 users handed back.\n1 user had been managed by nobody."), "{said}");
    let ended = run(&installation, "release", &[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[tokio::test]
async fn without_a_server_it_hands_back_as_well() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    let id = create(&server, SAM).await.id();
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(0));
    installation.aha.take_calls();
    release(&installation, &["--all", "--yes"]).await;
    assert_eq!(row(&installation, &id).await.unwrap().0, "unmanaged");
    assert!(installation.aha.take_calls().is_empty());
}

#[tokio::test]
async fn a_user_of_a_target_whose_accounts_cannot_be_listed_reads_as_before() {
    let installation = Installation::new().await;
    let config = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[log]\nformat = 'json'\n[database]\nurl = 'sqlite:bridge.db'\n\
         [apps.aha]\nconnector = 'memory'\ntokens = [{{ name = 'idp', token = '{TOKEN}' }}]\n"
    );
    std::fs::write(installation.folder().join("bridge.toml"), config).unwrap();
    let server = installation.serve().await;
    let created = create(&server, SAM).await;
    let asserted = |answer: &Answer| {
        let mut body = answer.body.clone();
        body.as_object_mut().unwrap().remove("meta");
        body
    };
    let before = asserted(&server.get(&created.path()).await);
    release(&installation, &["--all", "--yes"]).await;
    assert_eq!(asserted(&server.get(&created.path()).await), before);
    assert_eq!(row(&installation, &created.id()).await.unwrap().0, "unmanaged");
}

#[tokio::test]
async fn a_user_whose_email_is_the_user_name_of_another_keeps_its_own_until_the_next_listing() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    // Sam's account has Jane's userName as e-mail.
    let mut body = user(SAM);
    body["emails"][0]["value"] = json!("shared@example.com");
    let sam = server.send(Method::POST, "/Users", Some(&body)).await;
    assert_eq!(sam.status, 201, "{sam}");
    let mut body = user("shared@example.com");
    body["emails"][0]["value"] = json!(JANE);
    assert_eq!(server.send(Method::POST, "/Users", Some(&body)).await.status, 201);
    release(&installation, &[&sam.id()]).await;
    let after = server.get(&sam.path()).await;
    assert_eq!((&after.body["userName"], after.status), (&json!(SAM), 200), "{after}");
    let listed = list_accounts(&installation).await;
    assert_eq!(listed["findings"][0]["kind"], "user_name_taken", "{listed:#}");
    server.get(&sam.path()).await.error(404, "");
}
