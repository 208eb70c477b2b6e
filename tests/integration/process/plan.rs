//! `plan`: what would be done, as it is printed.

use http::Method;
use serde_json::{Value, json};

use super::{API_KEY, Installation, SECRETS};
use crate::harness::{
    TOKEN,
    process::{Ended, Process},
    user,
};
use scim_bridge::sim::aha::Person;

async fn plan(installation: &Installation, arguments: &[&str]) -> Ended {
    let command = ["plan", "--config", "bridge.toml", "--app", "aha"];
    let ended = Process::run(installation.folder(), &[&command, arguments].concat(), &[]).await;
    ended.keeps(&SECRETS);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.log, "");
    ended
}

async fn planning(app_keys: &str) -> Installation {
    let keys = format!("mode = 'plan'\n{app_keys}");
    let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), &keys).await;
    installation.aha.seed(Person::new("kim", "lee", "kim.lee@example.com"));
    installation.aha.seed(Person::new("Pat", "Roe", "pat.roe@example.com"));
    installation
}

#[tokio::test]
async fn the_plan_is_printed_for_people_and_as_json_and_then_carried_out() {
    let installation = planning("invites_per_hour = 1\nbrake = { max_revocations = 1 }").await;
    let server = installation.serve().await;
    for email in ["sam.doe@example.com", "ann.poe@example.com", "kim.lee@example.com"] {
        let body = user(email);
        let answer = match email {
            "kim.lee@example.com" => {
                let found = server.get("/Users?filter=userName+eq+%22kim.lee@example.com%22").await;
                let path = format!("/Users/{}", found.body["Resources"][0]["id"].as_str().unwrap());
                server.send(Method::PUT, &path, Some(&body)).await
            }
            _ => server.send(Method::POST, "/Users", Some(&body)).await,
        };
        assert!(answer.status < 300, "{answer}");
    }
    let found = server.get("/Users?filter=userName+eq+%22pat.roe@example.com%22").await;
    let pat = format!("/Users/{}", found.body["Resources"][0]["id"].as_str().unwrap());
    assert_eq!(server.send(Method::DELETE, &pat, None).await.status, 204);

    let printed = plan(&installation, &[]).await.output;
    let (users, rest): (Vec<_>, Vec<_>) = printed.lines().partition(|line| line.contains('@'));
    assert_eq!(
        sorted(users),
        [
            "adopt    kim.lee@example.com",
            "create   ann.poe@example.com  (ann poe is invited as ann.poe@example.com)",
            "create   sam.doe@example.com  (sam doe is invited as sam.doe@example.com)",
            "disable  pat.roe@example.com  (deleted by the identity provider)",
        ]
    );
    assert_eq!(
        rest,
        [
            "Plan mode is on for app aha: nothing is changed at Aha!. With mode = \"apply\" this would be done:",
            "",
            "",
            "In all:",
            "  create          2",
            "  adopt           1",
            "  disable         1",
            "  invitations     2",
            "  calls           5",
            "That takes about 2s within the budget.",
            "The invitations take about 1h at 1 an hour.",
        ]
    );
    let json: Value = serde_json::from_str(&plan(&installation, &["--json"]).await.output).unwrap();
    assert_eq!(
        (&json["app"], &json["mode"], &json["accounts_listed"]),
        (&json!("aha"), &json!("plan"), &json!(true))
    );
    let users: Vec<_> = json["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| format!("{} {} {}", user["action"], user["deleted"], user["calls"]))
        .collect();
    assert_eq!(
        sorted(users),
        [
            r#""adopt" false []"#,
            r#""create" false ["find","create"]"#,
            r#""create" false ["find","create"]"#,
            r#""disable" true ["update"]"#,
        ]
    );
    assert_eq!(
        json["totals"],
        json!({
            "users": {
                "create": 2, "create_or_adopt": 0, "adopt": 1, "change": 0, "enable": 0, "disable": 1, "delete": 0, "refuse": 0, "nothing": 0,
            },
            "invitations": 2, "calls": 5, "duration_s": 2, "invitations_duration_s": 3600, "held": 0, "to_be_held": 0,
        })
    );
    // The same beside a server and without one.
    server.process.signal("TERM");
    let log = server.process.ended().await.log;
    assert_eq!(log.lines().filter(|line| line.contains("PLAN MODE is on")).count(), 1);
    assert_eq!(plan(&installation, &[]).await.output, printed);
    assert_eq!(installation.aha.take_calls().writes().lines(), Vec::<String>::new());

    let file = installation.folder().join("bridge.toml");
    let config = std::fs::read_to_string(&file).unwrap().replace("mode = 'plan'", "mode = 'apply'");
    std::fs::write(&file, config.replace("invites_per_hour = 1", "")).unwrap();
    let server = installation.serve().await;
    server.wait_until_idle().await;
    assert_eq!(installation.aha.take_calls().writes().len(), 3);
    assert_eq!(installation.aha.invitations().len(), 2);
    let printed = plan(&installation, &[]).await.output;
    assert_eq!(printed, "What is still to be done at Aha! for app aha:\n\nNothing.\n");
}

fn sorted<T: Ord>(mut lines: Vec<T>) -> Vec<T> {
    lines.sort();
    lines
}

#[tokio::test]
async fn before_the_first_listing_the_plan_says_that_it_cannot_tell() {
    let installation = planning("").await;
    let ended =
        Process::run(installation.folder(), &["plan", "--config", "bridge.toml", "--app", "aha"], &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    Process::run(installation.folder(), &["migrate", "--config", "bridge.toml"], &[]).await;
    let printed = plan(&installation, &[]).await.output;
    assert!(
        printed.contains("The accounts of Aha! were not listed yet, so nobody can tell who has one"),
        "{printed}"
    );
    let json: Value = serde_json::from_str(&plan(&installation, &["--json"]).await.output).unwrap();
    assert_eq!((&json["accounts_listed"], &json["users"]), (&json!(false), &json!([])));
}
