//! What commands say of groups: `explain`, `doctor` and `plan`.

use http::Method;
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
