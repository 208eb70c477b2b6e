//! `scim-bridge doctor`: what it finds at targets, in words.

use std::{path::Path, sync::Arc};

use rstest::rstest;
use scim_bridge::{
    clock::SystemClock,
    sim::scim::{Enabled, Page, SimulatedScim, Switches},
};
use serde_json::json;

use super::{
    IDP_TOKEN, TARGET_TOKEN, app,
    wire::{Reply, Target},
};
use crate::harness::process::{Ended, Process};

const API_KEY: &str = "ahrefs-key-0123456789abcdef";

async fn doctor(folder: &Path, sections: &str) -> Ended {
    let config = format!("[database]\nurl = 'sqlite:bridge.db'\n{sections}");
    std::fs::write(folder.join("bridge.toml"), config).unwrap();
    let ended = Process::run(folder, &["doctor", "--config", "bridge.toml"], &[]).await;
    ended.keeps(&[IDP_TOKEN, TARGET_TOKEN, API_KEY]);
    ended
}

#[tokio::test]
async fn where_all_is_well_every_line_says_ok() {
    let folder = tempfile::tempdir().unwrap();
    let target = SimulatedScim::new(Switches::default(), TARGET_TOKEN, Arc::new(SystemClock));
    target.add_person("Ada", "Lovelace");
    let running = target.start().await.unwrap();
    let base_url = running.base_url();
    doctor(folder.path(), &app(base_url, "")).await;
    let migrated = Process::run(folder.path(), &["migrate", "--config", "bridge.toml"], &[]).await;
    assert_eq!(migrated.code, Some(0));
    let ended = doctor(folder.path(), &app(base_url, "")).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // But for the URL, which nobody outside knows.
    let lines: Vec<_> = ended.output.lines().filter(|line| !line.contains("public_url")).collect();
    assert_eq!(
        lines,
        [
            "ok       database: sqlite:bridge.db is there and up to date",
            "ok       migrations: all that this version knows are applied",
            &format!("ok       app passed: {base_url} tells what it supports (ServiceProviderConfig)"),
            &format!("ok       app passed: {base_url} takes the token and lists its users: 1"),
            &format!("ok       app passed: this machine's clock is that of {base_url}"),
            "ok       app passed: one token opens it, and does not end within 30 days",
        ]
    );
}

/// Nobody asked for a coding, and some targets send one all the same.
#[tokio::test]
async fn a_target_that_compresses_unasked_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let switches = Switches { compresses: true, ..Switches::default() };
    let target = SimulatedScim::new(switches, TARGET_TOKEN, Arc::new(SystemClock));
    let running = target.start().await.unwrap();
    let ended = doctor(folder.path(), &app(running.base_url(), "")).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.output.contains("takes the token and lists its users: 0"), "{ended:?}");
}

#[tokio::test]
async fn a_target_that_wants_another_plan_is_told() {
    for status in ["402 Payment Required", "403 Forbidden"] {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::start().await;
        let body = br#"{"detail":"SCIM comes with Enterprise."}"#;
        for _ in 0..3 {
            target.reply(Reply::new(&format!("{status}\r\ncontent-type: application/json"), body));
        }
        let ended = doctor(folder.path(), &app(&target.base_url(), "")).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let line = ended.output.lines().find(|line| line.starts_with("problem")).unwrap();
        assert!(line.contains("SCIM comes with Enterprise."), "{line}");
        assert!(line.contains("may not be part of the plan"), "{line}");
    }
}

#[rstest]
#[case::not_enabled(Switches { enabled: Enabled::NotYet, ..Switches::default() }, "has nothing there (404; it says: There is no such thing here.): the target's support has not enabled SCIM yet")]
#[case::saml_first(Switches { enabled: Enabled::SamlFirst, ..Switches::default() }, "configure SAML single sign-on at the target first")]
#[case::the_website(Switches { page: Some(Page { status: 200, retry_after: None }), ..Switches::default() }, "answers 200 with a web page: base_url leads to the website, or to a login")]
#[tokio::test]
async fn what_is_wrong_is_said_in_words(#[case] switches: Switches, #[case] text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let target = SimulatedScim::new(switches, TARGET_TOKEN, Arc::new(SystemClock));
    let running = target.start().await.unwrap();
    let ended = doctor(folder.path(), &app(running.base_url(), "")).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.output.contains(text), "{}", ended.output);
    assert!(
        ended.output.contains("warning  database: sqlite:bridge.db cannot be opened"),
        "{}",
        ended.output
    );
    assert_eq!(
        ended.log,
        "something does not work; each line that begins with \"problem\" says what to do\n"
    );
}

#[tokio::test]
async fn a_wrong_token_and_a_url_without_its_end_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let target = SimulatedScim::new(Switches::default(), "another-token", Arc::new(SystemClock));
    let running = target.start().await.unwrap();
    let ended = doctor(folder.path(), &app(running.base_url(), "")).await;
    assert!(
        ended
            .output
            .contains("refuses the token (401; it says: The token is not known here.): check `token`"),
        "{}",
        ended.output
    );

    let target = SimulatedScim::new(Switches::default(), TARGET_TOKEN, Arc::new(SystemClock));
    let running = target.start().await.unwrap();
    for base_url in
        [running.base_url().trim_end_matches("/v2").to_owned(), format!("{}/v2", running.base_url())]
    {
        let ended = doctor(folder.path(), &app(&base_url, "")).await;
        let text = format!("the SCIM endpoint is at {0}: write base_url = \"{0}\"", running.base_url());
        assert!(ended.output.contains(&text), "{}", ended.output);
        assert_eq!(ended.code, Some(1));
    }
}

#[tokio::test]
async fn a_target_that_is_down_is_told_with_the_step_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let ended = doctor(folder.path(), &app("https://target.invalid/scim/v2", "")).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("problem  app passed: https://target.invalid/scim/v2 cannot be asked: the name target.invalid cannot be resolved"), "{}", ended.output);
}

#[tokio::test]
async fn a_key_of_the_other_api_that_ends_soon_or_is_refused_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let target = SimulatedScim::new(Switches::default(), TARGET_TOKEN, Arc::new(SystemClock));
    let running = target.start().await.unwrap();
    let api = Target::start().await;
    let keys = format!("api_key = '{API_KEY}'\nusage_url = 'http://{}/v3/limits'", api.address());
    let usage = json!({ "limits_and_usage": { "subscription": "Enterprise", "units_usage_workspace": 5, "api_key_expiration_date": "2020-01-01T00:00:00Z" } });
    api.reply(Reply::json(&usage.to_string()));
    let ended = doctor(folder.path(), &app(running.base_url(), &keys)).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .output
            .contains("problem  app passed: the API key ended on 2020-01-01T00:00:00Z; make another one"),
        "{}",
        ended.output
    );
    let seen = &api.seen()[0];
    assert_eq!(seen.line, "GET /v3/limits HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {API_KEY}")));
    api.reply(Reply::new(
        "403 Forbidden\r\ncontent-type: application/json",
        br#"{"error":"API key is disabled"}"#,
    ));
    let ended = doctor(folder.path(), &app(running.base_url(), &keys)).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .output
            .contains("refuses the API key (403; it says: API key is disabled): a key ends a year after"),
        "{}",
        ended.output
    );
}
