//! `roster`: beside a server and without one.

use std::time::Duration;

use http::Method;
use scim_bridge::sim::aha::{AdministratorRoles, Fault, Person};
use serde_json::{Value, json};

use super::{Installation, SECRETS, Server};
use crate::harness::{
    eventually,
    process::{Ended, Process},
    user,
};

const SAM: &str = "sam.doe@example.com";

/// Runs `roster` with these arguments.
async fn roster(installation: &Installation, arguments: &[&str]) -> Ended {
    let mut all = vec!["roster", "--config", "bridge.toml", "--app", "aha"];
    all.extend(arguments);
    let ended = Process::run(installation.folder(), &all, &[]).await;
    ended.keeps(&SECRETS);
    ended
}

async fn report(installation: &Installation, arguments: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let ended = roster(installation, &all).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.output).unwrap()
}

async fn create_sam(server: &Server) -> String {
    let created = server.send(Method::POST, "/Users", Some(&user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    created.id()
}

#[tokio::test]
async fn beside_a_server_it_lists_now_and_says_what_to_do() {
    let installation = Installation::new().await;
    installation.aha.seed(Person::new("Old", "Timer", "old@example.com"));
    let server = installation.serve().await;
    let id = create_sam(&server).await;
    let sam = installation.aha.find_user_by_email(SAM).unwrap().id;
    installation.aha.disable(sam);
    installation.aha.take_calls();

    let ended = roster(&installation, &[]).await;
    assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""), "{ended:?}");
    // A command does not know whose key it works with.
    assert_eq!(installation.aha.take_calls().lines(), ["GET /me", "GET /users?page=1&per_page=200"]);
    for said in [
        "Aha!: 3 accounts, listed ",
        "with 2 calls",
        "created: made for the identity provider               0        1",
        "unmanaged: the identity provider never wrote          2        0",
        "1 finding:",
        "- sam.doe@example.com: the account was disabled at Aha! itself, while the identity provider says active (found ",
        "Deactivate the user in the identity provider, or enable the account at Aha!.",
    ] {
        assert!(ended.output.contains(said), "{said:?} in\n{}", ended.output);
    }
    assert_eq!(
        server.get(&format!("/Users/{id}")).await.body["active"],
        false,
        "the server shows it at once"
    );

    let last = report(&installation, &["--last"]).await;
    assert_eq!(installation.aha.take_calls().lines(), Vec::<String>::new());
    assert_eq!(
        (&last["app"], &last["target"], &last["failure"]),
        (&json!("aha"), &json!("Aha!"), &json!(null))
    );
    assert_eq!((&last["roster"]["accounts"], &last["roster"]["calls"]), (&json!(3), &json!(2)));
    assert_eq!(last["roster"]["by_ownership"]["created"], json!({ "enabled": 0, "disabled": 1 }));
    let [finding] = last["findings"].as_array().unwrap().as_slice() else { panic!("{last:#}") };
    assert_eq!(
        (&finding["kind"], &finding["user_id"], &finding["account_id"]),
        (&json!("disabled"), &json!(id), &json!(sam.to_string()))
    );

    installation.aha.enable(sam);
    let ended = roster(&installation, &[]).await;
    assert!(ended.output.contains("Everything is as the identity provider asserts."), "{ended:?}");
}

#[tokio::test]
async fn what_is_to_be_changed_back_the_server_does_within_seconds() {
    let installation = Installation::with_keys("drift = 'enforce'").await;
    let server = installation.serve().await;
    create_sam(&server).await;
    let sam = installation.aha.find_user_by_email(SAM).unwrap().id;
    installation.aha.disable(sam);
    let found = report(&installation, &[]).await;
    assert_eq!(found["findings"][0]["kind"], "disabled", "{found:#}");
    assert_eq!(found["findings"][0]["advice"], "It is being changed back.", "{found:#}");
    eventually("the change back", || async { installation.aha.find_user(sam).unwrap().enabled }).await;
    server.wait_until_idle().await;
    assert_eq!(report(&installation, &["--last"]).await["findings"], json!([]));
}

#[tokio::test]
async fn it_waits_for_the_pass_that_is_under_way_and_reports_that_one() {
    let installation = Installation::new().await;
    let slow = Fault::delay(Duration::from_secs(3)).on("GET /users");
    installation.aha.fault(slow);
    let mut process = Process::serve(installation.folder(), "bridge.toml", &[]);
    process.root().await;
    eventually("the first pass", || async { !installation.aha.calls().to("GET /users").is_empty() }).await;
    let found = report(&installation, &[]).await;
    assert_eq!(found["roster"]["accounts"], 1, "{found:#}");
    assert_eq!(installation.aha.calls().to("GET /users").len(), 1, "nobody listed a second time");
}

#[tokio::test]
async fn two_at_a_time_are_one_listing() {
    let installation = Installation::new().await;
    migrate(&installation).await;
    installation.aha.fault(Fault::delay(Duration::from_secs(3)).on("GET /users"));
    let (one, two) = tokio::join!(report(&installation, &[]), report(&installation, &[]));
    assert_eq!(one, two);
    assert_eq!(installation.aha.calls().to("GET /users").len(), 1);
}

async fn migrate(installation: &Installation) {
    let ended = Process::run(installation.folder(), &["migrate", "--config", "bridge.toml"], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn without_a_server_it_lists_as_well() {
    let installation = Installation::new().await;
    migrate(&installation).await;
    let ended = roster(&installation, &["--last"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("the accounts of Aha! were never listed from first to last"), "{ended:?}");
    assert_eq!(report(&installation, &[]).await["roster"]["accounts"], 1);
    assert_eq!(report(&installation, &["--last"]).await["roster"]["accounts"], 1);
}

#[tokio::test]
async fn a_listing_that_fails_exits_with_1_says_why_and_prints_the_last_one() {
    let installation = Installation::new().await;
    migrate(&installation).await;
    let before = report(&installation, &[]).await;
    installation.aha.fault(Fault::html(502).on("GET /users").always());
    let ended = roster(&installation, &["--json"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.log.contains("the accounts of Aha! could not be listed now: Aha! answered 502"),
        "{ended:?}"
    );
    let kept: Value = serde_json::from_str(&ended.output).unwrap();
    assert_eq!((&kept["roster"], &kept["failure"]), (&before["roster"], &json!("Aha! answered 502")));

    installation.aha.clear_faults();
    installation.aha.revoke_api_key(super::API_KEY);
    let ended = roster(&installation, &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("does not accept the API key (401)"), "{ended:?}");
    assert!(ended.output.contains("The latest listing failed: "), "{ended:?}");
}

#[tokio::test]
async fn a_server_that_was_killed_in_the_middle_of_a_pass_keeps_nobody_from_the_next() {
    let installation = Installation::new().await;
    installation.aha.fault(Fault::delay(Duration::from_secs(60)).on("GET /users"));
    let mut process = Process::serve(installation.folder(), "bridge.toml", &[]);
    process.root().await;
    eventually("the first pass", || async { !installation.aha.calls().to("GET /users").is_empty() }).await;
    process.kill();
    // Half a minute is what it would take until the dead one counted as gone.
    let started = tokio::time::timeout(Duration::from_secs(20), installation.serve());
    started.await.expect("the next server lists at once");
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_of_a_pass_leaves_it_to_the_command_that_waits() {
    let installation = Installation::new().await;
    installation.aha.fault(Fault::delay(Duration::from_secs(60)).on("GET /users"));
    let mut process = Process::serve(installation.folder(), "bridge.toml", &[]);
    process.root().await;
    eventually("the first pass", || async { !installation.aha.calls().to("GET /users").is_empty() }).await;
    let stop = async {
        process.signal("TERM");
        process.ended().await
    };
    let (found, ended) = tokio::join!(report(&installation, &[]), stop);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(found["roster"]["accounts"], 1, "{found:#}");
}

#[tokio::test]
async fn a_change_that_is_meant_can_be_accepted() {
    let installation = Installation::new().await;
    let server = installation.serve().await;
    create_sam(&server).await;
    report(&installation, &[]).await;
    let sam = installation.aha.find_user_by_email(SAM).unwrap().id;
    installation.aha.set_administrator_roles(sam, AdministratorRoles::all(true));
    let ended = roster(&installation, &[]).await;
    let command = format!("scim-bridge roster --accept {sam}");
    assert!(ended.output.contains(&command), "{ended:?}");
    assert_eq!(report(&installation, &["--accept", &sam.to_string()]).await["findings"], json!([]));
    assert_eq!(report(&installation, &[]).await["findings"], json!([]), "and it stays accepted");
    let ended = roster(&installation, &["--accept", &sam.to_string()]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("is open"), "{ended:?}");
}

#[tokio::test]
async fn an_app_whose_accounts_cannot_be_listed_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[database]\nurl = 'sqlite:bridge.db'\n[apps.lab]\nconnector = 'memory'\n";
    std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
    let run = async |arguments: &[&str]| Process::run(folder.path(), arguments, &[]).await;
    let on_lab = ["roster", "--config", "bridge.toml", "--app", "lab"];
    let ended = run(&on_lab).await;
    assert_eq!(ended.code, Some(1), "without a database: {ended:?}");
    assert_eq!(run(&["migrate", "--config", "bridge.toml"]).await.code, Some(0));
    let ended = run(&on_lab).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("no accounts that could be listed"), "{ended:?}");
    let ended = run(&["roster", "--config", "bridge.toml", "--app", "nowhere"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("has no app \"nowhere\"; it has: lab"), "{ended:?}");
}
