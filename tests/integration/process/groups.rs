//! What commands say of groups: `explain`, `doctor` and `plan`.

use http::Method;
use scim_bridge::sim::aha::Fault;
use serde_json::json;

use super::{Installation, Server};
use crate::harness::{eventually, process::Process, user};

const SAM: &str = "sam.doe@example.com";

async fn run(installation: &Installation, command: &str, more: &[&str]) -> String {
    let arguments = [&[command, "--config", "bridge.toml"], more].concat();
    let ended = Process::run(installation.folder(), &arguments, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.output
}

async fn push(server: &Server, name: &str, member: &str) {
    let group = json!({ "displayName": name, "members": [{ "value": member }] });
    assert_eq!(server.send(Method::POST, "/Groups", Some(&group)).await.status, 201);
}

#[tokio::test]
async fn a_group_is_explained_and_the_doctor_names_those_that_give_nothing() {
    let rules = "groups = [{ name = 'Lost', grants = [{ workspace = 'PRJ9', role = 'viewer' }] }]";
    let installation = Installation::with_keys(rules).await;
    let server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    for name in ["PRJ1: contributor", "Staff", "Lost"] {
        push(&server, name, &id).await;
    }
    let explained = async |name: &str| run(&installation, "explain", &["--app", "aha", name]).await;
    eventually("the role", || async { explained("prj1: contributor").await.contains("Verdict: in sync") })
        .await;
    let said = explained("PRJ1: contributor").await;
    assert!(said.starts_with("the group PRJ1: contributor in app aha\n"), "{said}");
    assert!(said.contains("gives         contributor in PRJ1\n"), "{said}");
    assert!(said.contains("users         1\n"), "{said}");
    assert!(explained("Staff").await.contains("nothing at Aha!"));
    assert!(explained("Lost").await.contains("there is no workspace \"PRJ9\""));
    let offered = explained("PRJ1: owner").await;
    assert!(offered.contains("offered") && offered.contains("users         0"), "{offered}");
    let json = run(&installation, "explain", &["--app", "aha", "--json", "Staff"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["gives"], &json["users"], &json["waiting"]), (&json!([]), &json!(1), &json!(0)));

    let said = run(&installation, "doctor", &[]).await;
    assert!(said.contains("warning  app aha: the group \"Lost\" cannot give all that it should"), "{said}");
    assert!(said.contains("2 of its groups give something; 1 grant nothing: \"Staff\""), "{said}");
}

/// A group that means nothing is the admin's business, and no error for the identity provider.
#[tokio::test]
async fn the_log_says_what_a_group_gives_and_that_it_gives_nothing() {
    let installation = Installation::with_keys("").await;
    let mut server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    for (name, said) in [
        ("Staff", "\"message\":\"the group gives nothing at the target\""),
        ("PRJ1: contributor", "\"group.gives\":\"contributor in PRJ1\""),
    ] {
        push(&server, name, &id).await;
        let line = |log: &str| {
            log.lines().find(|line| line.contains(said)).is_some_and(|line| line.contains(name)).then_some(())
        };
        server.process.poll(said, |process| line(&process.said())).await;
    }
}

#[tokio::test]
async fn a_group_and_its_members_are_explained_while_aha_does_not_give_the_role() {
    let installation = Installation::with_keys("").await;
    let server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    let outage = Fault::json(503, &json!({ "error": "Maintenance" }));
    installation.aha.fault(outage.on("POST /users/:id/product_roles").always());
    push(&server, "PRJ1: contributor", &id).await;
    let explained = async |name: &str| run(&installation, "explain", &["--app", "aha", name]).await;
    let failing = format!("failing       {SAM}: Aha! answered 503: Maintenance\n");
    eventually("an attempt", || async { explained("PRJ1: contributor").await.contains(&failing) }).await;
    let said = explained("PRJ1: contributor").await;
    assert!(said.contains("Verdict: waiting: something is still to be done for one of them."), "{said}");
    let said = explained(SAM).await;
    assert!(said.contains("PRJ1: contributor") && said.contains("Maintenance"), "{said}");
    assert!(said.contains("the role contributor in workspace"), "{said}");
    installation.aha.clear_faults();
    eventually("the role", || async { explained("PRJ1: contributor").await.contains("Verdict: in sync") })
        .await;
}

#[tokio::test]
async fn plan_prints_rights_and_gives_none() {
    let installation = Installation::with_keys("mode = 'plan'\ndefault_role = 'none'").await;
    let server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user(SAM))).await.id();
    push(&server, "PRJ1: contributor", &id).await;
    let said = run(&installation, "plan", &["--app", "aha"]).await;
    assert!(said.contains("create") && said.contains(SAM), "{said}");
    assert!(installation.aha.find_user_by_email(SAM).is_none());
}
